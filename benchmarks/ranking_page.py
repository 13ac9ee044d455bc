"""The page of `ranking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from common import table
from scipy.stats import spearmanr

from habitus.search.anomalies import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kept import Row

REPLICATES = 2000
NAMES = {
    "ngram-grid": "n-gram models",
    "stide-grid": "windows of STIDE",
    "autoencoder-grid": "autoencoders of the source's grid",
}


def rank_correlation(values: Sequence[float], areas: Sequence[float]) -> tuple[float, float, float]:
    """Spearman's, and its 95 % interval over configurations drawn anew."""
    x, y = np.array(values), np.array(areas)
    random = np.random.default_rng(1)
    drawn = []
    for _ in range(REPLICATES):
        rows = random.integers(len(x), size=len(x))
        if len(set(x[rows])) > 1 and len(set(y[rows])) > 1:
            drawn.append(spearmanr(x[rows], y[rows]).statistic)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(spearmanr(x, y).statistic), float(low), float(high)


def lines_of(
    every: Mapping[str, Sequence[Row]], points: Mapping[str, int], epochs: int
) -> Iterator[str]:
    """The page, line by line."""
    yield from ("# What objectives rank first", "")
    yield (
        "`habitus search` ranks configurations without looking at attacks: by nats of held-out "
        "normals (`nll`) or by synthetic anomalies (`synthetic-auc`). Here every configuration of "
        "three shipped grids is judged by attacks, too, which choose nothing: the AUC on "
        f"`adfa-ld/dev` of the very models that were ranked (the autoencoders with at most {epochs}"
        " epochs). Spearman's correlation of the two, 1 if an objective ranks as attacks would; in "
        "brackets 95 % over configurations drawn anew."
    )
    yield ""
    body = [
        row
        for name, rows in every.items()
        if len(rows) == points[name]
        for objective in ("nll", "synthetic-auc")
        if (row := _row(name, objective, rows))
    ]
    yield from table(("", "by", "Spearman", "", "AUC of its first", "best", "median of all"), body)
    yield ""
    for name, rows in every.items():
        if len(rows) < points[name]:
            yield (
                f"Of `{name}` {len(rows)} of {points[name]} configurations are measured yet: "
                f"`python benchmarks/ranking.py {name}` goes on with it."
            )
            yield ""
    if len(every["stide-grid"]) == points["stide-grid"]:
        yield from _why(every["stide-grid"])
    for name, rows in every.items():
        if len(rows) == points[name]:
            yield from _every(name, rows)


def _row(name: str, objective: str, rows: Sequence[Row]) -> tuple[str, ...] | None:
    if any(row[objective] is None for row in rows):
        return None
    sign = -1.0 if objective == "nll" else 1.0
    values, areas = [sign * row[objective] for row in rows], [row["true"] for row in rows]
    rho, low, high = rank_correlation(values, areas)
    first = areas[int(np.argmax(values))]
    return (
        f"{len(rows)} {NAMES[name]}", f"`{objective}`", f"{rho:.2f}", f"({low:.2f} to {high:.2f})",
        f"{first:.3f}", f"{max(areas):.3f}", f"{np.median(areas):.3f}",
    )  # fmt: skip


def _why(rows: Sequence[Row]) -> Iterator[str]:
    yield from ("## Why STIDE's windows come rather the other way round", "")
    yield (
        "By length of the windows: the area of held-out normals against each kind of synthetic "
        "anomaly; of the same normals, and of the test's, against the attacks; and the share of "
        "windows never seen in the trace in the middle of all."
    )
    yield ""
    every = ("normals", *KINDS, "attacks")
    yield from table(
        ("n", *(f"AUC {kind}" for kind in KINDS), "attacks, same normals",
         "attacks, the test's normals", *(f"unseen, {name}" for name in every)),
        [
            (
                str(row["settings"]["n"]), *(f"{row[f'auc_{kind}']:.3f}" for kind in KINDS),
                f"{row['true_of_judged']:.3f}", f"{row['true']:.3f}",
                *(f"{row[f'median_{name}']:.1%}" for name in every),
            )
            for row in rows
        ],
    )  # fmt: skip
    short, long = rows[0], rows[-1]
    first, last = short["settings"]["n"], long["settings"]["n"]
    middle = next(row for row in rows if row["settings"]["n"] == 8)
    yield ""
    yield (
        "**The anomalies are broken in the small, attacks in the large.** Replaced calls betray "
        f"themselves in windows of {first} already: of the traces of foreign and of swapped calls "
        f"{short['none_foreign']:.0%} and {short['none_swapped']:.0%} have none that was never "
        f"seen, of the attacks {short['none_attacks']:.0%}, of honest traces "
        f"{short['none_normals']:.0%}. Longer windows add to an anomaly little more than to the "
        "honest trace that the rest of it is: in the middle of all, normals rise from "
        f"{short['median_normals']:.0%} at {first} to {long['median_normals']:.0%} at {last}, and "
        "the area falls. Attacks are made of familiar short windows in an order that is not, from "
        f"end to end: {short['median_attacks']:.0%} unseen at {first}, "
        f"{middle['median_attacks']:.0%} at 8, where foreign calls are at "
        f"{middle['median_foreign']:.0%}. It is not the normals: against the very same ones the "
        f"area of attacks rises from {short['true_of_judged']:.2f} to "
        f"{middle['true_of_judged']:.2f}. Nor is it one kind of anomaly: from 5 on all four fall. "
        "`spliced`, whose stretches are normal in themselves and wrong at their ends alone, is "
        "all but normal to STIDE at any length. So `synthetic-auc` takes the shortest memory that "
        "sees a disturbance; how long a window has to be it cannot tell."
    )
    yield ""


def _every(name: str, rows: Sequence[Row]) -> Iterator[str]:
    yield from (f"## All {NAMES[name]}", "")
    settings = list(rows[0]["settings"])
    by = [objective for objective in ("nll", "synthetic-auc") if rows[0][objective] is not None]
    yield from table(
        (" ".join(settings), *(f"`{objective}`" for objective in by), "AUC on `adfa-ld/dev`"),
        [
            (
                " ".join(f"`{row['settings'][key]}`" for key in settings),
                *(f"{row[objective]:.4f}" for objective in by),
                f"{row['true']:.4f}",
            )
            for row in sorted(rows, key=lambda row: -row["true"])
        ],
    )
    yield ""
