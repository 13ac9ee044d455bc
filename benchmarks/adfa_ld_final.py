"""How well the defaults do on the half of ADFA-LD that chose nothing: once a release.

    python benchmarks/adfa_ld_final.py            once: what the page holds is not made again
    python benchmarks/adfa_ld_final.py --train    only trains, which takes most of the time

No default may be changed because of what it prints. Another release, or `--again` with a reason
that the page then tells, makes another run; the page counts them.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from adfa_ld import HEAD, fitted, row
from common import RESULTS, machine, table, write_page
from neural_models import trained

from habitus import Model, fit_model
from habitus.evaluation.evaluate import evaluate_models
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.models.recipes import RECIPES, Recipe
from habitus.version import __version__

if TYPE_CHECKING:
    from habitus.datasets.source import Source
    from habitus.traces.traceset import TraceSet

PROTOCOL = "adfa-ld/final"
PAGE = "adfa_ld_final"
# With the settings that a user gets who asks for none.
CLASSICAL = (
    "stide", "tstide", "markov", "hmm", "ngram", "adaptive", "disorder", "redundancy",
)  # fmt: skip
NETWORKS = ("lstm",)


def models() -> tuple[Source, TraceSet, dict[str, Model]]:
    """The data, and every default fitted on the training traces of ADFA-LD."""
    source, traces, _ = fitted([])
    normal, part = training_part(traces, get_protocol("adfa-ld"))
    asked = {name: Recipe("", name) for name in CLASSICAL} | dict(RECIPES)
    made: dict[str, Model] = {}
    for name, recipe in asked.items():
        print(f"fitting {name}", flush=True)
        made[name] = fit_model(
            recipe.detector,
            normal,
            settings=recipe.settings,
            data="adfa-ld",
            data_sha256=source.sha256,
            part=part,
        )
    for name in NETWORKS:
        made[name] = trained(
            name, name, {}, normal, seed=1, data="adfa-ld", part=part, data_sha256=source.sha256
        )
    return source, traces, made


def main() -> None:
    """Score once, and write the page."""
    parser = argparse.ArgumentParser(description="The defaults on the unseen half of ADFA-LD.")
    parser.add_argument("--train", action="store_true", help="train only, and score nothing")
    parser.add_argument("--again", metavar="WHY", help="score a second time; the page says why")
    asked = parser.parse_args()
    page = RESULTS / f"{PAGE}.md"
    held = page.read_text() if page.exists() else ""
    is_held = f"version {__version__}" in held
    if is_held and not asked.again and not asked.train:
        sys.exit(f"{page} holds the run of version {__version__}: it is for once a release")
    source, traces, made = models()
    if asked.train:
        return
    evaluated = evaluate_models(made, traces, source, get_protocol(PROTOCOL))
    first = evaluated.results[0]
    rows = [row(result.model, result) for result in evaluated.results]
    rows += [
        (f"*trivial: {b.stranger} {b.name}*", f"{b.auc:.4f}", *[""] * 6) for b in first.baselines
    ]
    runs = [line for line in held.splitlines() if line.startswith("- Scored ")]
    at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    why = f", again because {asked.again}" if asked.again else ""
    runs.append(f"- Scored {at} with version {__version__} on {machine()}{why}.")
    lines = [
        "# ADFA-LD, the half that chose nothing",
        "",
        "Attack folders 6 to 10 and the half of the different normals that `adfa-ld/dev` does not "
        "hold. Defaults and the recipe [`best`](../how-to/train-the-best.md) were chosen on "
        "`adfa-ld/dev`, of the campaigns in [what was tried](tried.md), "
        "[of scores](tried_scores.md) and [of ensembles](tried_ensembles.md); this half is scored "
        "once a release, and no default changes because of it. What is printed here is what a "
        "reader should believe of them. `hmm`, `best` and `lstm` stand with seed 1; the others "
        "give the same numbers with every seed.",
        "",
        *runs,
        "",
        f"{first.n_normal:,} normal traces ({first.n_distinct_normals:,} distinct, "
        f"{first.n_known_normals} equal to a training trace, {first.n_with_novel_normal} with a "
        f"call unseen in training), {first.n_attack} attacks ({first.n_with_novel_attack} with "
        "one).",
        "",
        *table(HEAD, rows),
    ]  # fmt: skip
    write_page(PAGE, lines, "adfa_ld_final.py")


if __name__ == "__main__":
    main()
