"""What limits detection on ADFA-LD: coverage, kinds of process, attacks that look normal.

    python benchmarks/limits.py [PART ...]

Parts: coverage, kinds, duplicates, bound; by default all of them, and then the page. Every row is
kept as soon as it is made.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import limits_bound
import limits_coverage
import limits_duplicates
import limits_kinds
from common import ROOT, write_page
from limits_page import lines_of
from limits_pictures import attacks_picture, coverage_picture, line_of, populations

IMAGES = ROOT / "docs" / "images"
PARTS: dict[str, Callable[[], Any]] = {
    "coverage": lambda: {
        name: limits_coverage.coverage(name) for name in limits_coverage.DETECTORS
    },
    "gains": lambda: {
        name: {curve: limits_coverage.gains(name, curve)
               for curve in (limits_coverage.VALIDATION, limits_coverage.BOTH)}
        for name in limits_coverage.DETECTORS
    },
    "kinds": lambda: {name: limits_kinds.scores(name) for name in limits_kinds.DETECTORS},
    "duplicates": lambda: {
        name: limits_duplicates.duplicates(name) for name in limits_kinds.DETECTORS
    },
    "bound": lambda: {
        by: {name: limits_bound.bound(by, name) for name in limits_bound.CLASSIFIERS}
        for by in (*limits_bound.FOLDS, "")
    },
}  # fmt: skip


def main() -> None:
    """Measure what is not yet; of all parts write the page."""
    parser = argparse.ArgumentParser(description="What limits detection on ADFA-LD.")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all")
    asked = parser.parse_args().parts
    if unknown := set(asked) - set(PARTS):
        parser.error(
            f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}"
        )
    found = {part: PARTS[part]() for part in asked or PARTS}
    if asked:
        return
    looked_at = next(iter(limits_kinds.DETECTORS))
    values = found["kinds"][looked_at]
    coverage_picture(
        {
            name.removeprefix("outlier estimator="): line_of(
                rows, limits_coverage.TRAINING, "distinct"
            )
            for name, rows in found["coverage"].items()
        },
        "Coverage: what more training normals bring",
        "AUC, distinct normals of adfa-ld/dev",
    ).save(IMAGES / "limits-coverage.svg")
    coverage_picture(
        populations(found["coverage"][looked_at]),
        f"Whose normals were learned ({looked_at})",
        "AUC, half of the distinct normals",
    ).save(IMAGES / "limits-populations.svg")
    attacks_picture(
        limits_kinds.rank_among_normals(values), looked_at, 1 - limits_kinds.ALARM_RATE
    ).save(IMAGES / "limits-attacks.svg")
    write_page("limits", list(lines_of(found)), "limits.py")


if __name__ == "__main__":
    main()
