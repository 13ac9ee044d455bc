"""From the corpus to the models that ship with Habitus.

    python -m corpus.base_models            # all of them, into src/habitus/base
    python -m corpus.base_models base -o /tmp/models --corpus corpus/sample

The same corpus, versions and machine give the same bytes.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.packing import CORPUS, MANIFEST
from habitus import TraceSet, read_traces
from habitus.decisions.budget import Budget
from habitus.decisions.decision import decide
from habitus.decisions.scores import rules_of
from habitus.detectors import get_detector
from habitus.models.calibrating import held_out_population, population_of
from habitus.models.files import save_model
from habitus.models.memory import Memory
from habitus.models.model import Model, Provenance
from habitus.models.observing import Observation
from habitus.models.versions import versions_with
from habitus.syscalls.kin import nearness
from habitus.traces.grouping import joined_by

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.decisions.population import Population
    from habitus.decisions.rule import Rule
    from habitus.detectors.base import SequenceDetector

ROOT = Path(__file__).resolve().parents[1]
RECORDED = ROOT / "benchmarks" / ".work" / "corpus"
SHIPPED = ROOT / "src" / "habitus" / "base"
SEED = 1
FOLDS = 5
FALSE_ALARMS = "1%"
REMEMBERED_CALLS = 300
"""Of each program one trace of at most so many calls is remembered, to say what is near."""
RECORDED_SHA256 = "8c0f7e19b5fff2937d14639a6b2da374725813adfbe218fb16bf4aa3b63a898c"
"""Of the recordings that the shipped models are made of."""
MADE = "2026-11-23T00:00:00+00:00"
"""Of all models, whenever they are made: a date of the day would make other bytes."""


@dataclass(frozen=True)
class Recipe:
    """How a shipped model is made.

    Attributes:
        detector, settings: its kind.
        most_calls: of one program, about; so that no program is all that is learned.
        one_name: whether calls that do the same under several names are learned as one: `open` as
            `openat`. A host that makes another of them has it read as its kin.
    """

    detector: str
    settings: Mapping[str, object] = field(default_factory=dict)
    most_calls: int = 10_000
    one_name: bool = False


RECIPES: Mapping[str, Recipe] = {
    # benchmarks/base_models.py: order and pruning by held-out programs, within the size.
    # What a host calls it is no habit: even odds that a call has the corpus's name, or another.
    "base": Recipe(
        "ngram", {"order": 8, "seen": 5, "smoothing": "kneser-ney", "kin_share": 0.5}, one_name=True
    ),
    "base-lstm": Recipe("lstm", {"calls": 6_000_000, "epochs": 12}, most_calls=3_000),
}


def program_of(name: str) -> str:
    """The program that a trace of the corpus is of."""
    return name.rpartition("/")[2].partition("-")[2]


def evenly(traces: TraceSet, most: int) -> TraceSet:
    """Distinct traces, of each program as many as make so many calls, drawn by chance."""
    left = traces.select(np.unique(traces.sequence_ids(), return_index=True)[1])
    taken: dict[str, int] = {}
    chosen = []
    for trace in np.random.default_rng(SEED).permutation(left.n_traces).tolist():
        program = program_of(left.names[trace])
        if taken.get(program, 0) < most:
            taken[program] = taken.get(program, 0) + int(left.lengths[trace])
            chosen.append(trace)
    return left.select(np.sort(chosen))


def one_named(traces: TraceSet) -> TraceSet:
    """The same traces; of the names that are the same call, the most frequent for all of them."""
    counts = np.bincount(traces.calls, minlength=len(traces.alphabet)).tolist()
    often = dict(zip(traces.alphabet, counts, strict=True))
    index: dict[str, int] = {}
    lookup = np.array(
        [
            index.setdefault(
                max(
                    (kin for kin in often if kin == name or nearness(name, kin) == "same"),
                    key=lambda kin: (often[kin], kin),
                ),
                len(index),
            )
            for name in traces.alphabet
        ],
        dtype=np.uint16,
    )
    return replace(traces, calls=lookup[traces.calls], alphabet=tuple(index))


def learned_by(recipe: Recipe, corpus: TraceSet) -> TraceSet:
    """What of the corpus a recipe is about."""
    traces = evenly(corpus, recipe.most_calls)
    return one_named(traces) if recipe.one_name else traces


def folds_of(traces: TraceSet, n_folds: int = FOLDS) -> NDArray[np.int64]:
    """(n_traces,) int64: the fold of each; a program is never divided, nor a sequence."""
    joined = joined_by(list(map(program_of, traces.names)), traces.sequence_ids().tolist())
    parts = np.unique(joined, return_inverse=True)[1]
    order = np.random.default_rng(SEED).permutation(int(parts.max()) + 1)
    folds: NDArray[np.int64] = (order % n_folds)[parts]
    return folds


def made(recipe: Recipe, corpus: TraceSet, sha256: str) -> Model:
    """The model that a recipe makes of a corpus."""
    traces = learned_by(recipe, corpus)
    detector = get_detector(recipe.detector).with_settings(recipe.settings)
    rules = rules_of(detector, None, ())
    folds = folds_of(traces)
    budget = Budget.parse(FALSE_ALARMS)
    if detector.is_quick:
        learned = traces
        detector.fit(learned, seed=SEED)
        population = _cross_fitted(detector, traces, folds, rules, budget.merge_seconds, sha256)
    else:
        # A fifth of the programs sets the threshold alone: to train it five times takes too long.
        learned = traces.select(folds > 0)
        detector.fit(learned, seed=SEED)
        population = held_out_population(
            detector, learned, traces.select(folds == 0), rules, budget.merge_seconds,
            method="other programs", data_sha256=sha256,
        )  # fmt: skip
    decisions = tuple(
        decide(population, row, budget, seed=SEED, margin=detector.stream_error)
        for row in range(len(rules))
    )
    provenance = Provenance(
        created=MADE, versions=versions_with(*([] if detector.is_quick else ["torch"])), seed=SEED,
        data="the corpus of Habitus", data_sha256=sha256,
        part=f"about {recipe.most_calls:,} calls of a program", n_traces=learned.n_traces,
        n_calls=learned.n_calls, n_sequences=len(np.unique(learned.sequence_ids())),
        train_seconds=0, calibrate_seconds=0,
    )  # fmt: skip
    return Model(detector, decisions, provenance, _memory(learned, detector), population)


def _cross_fitted(
    detector: SequenceDetector, traces: TraceSet, folds: NDArray[np.int64],
    rules: tuple[Rule, ...], merge_seconds: float, sha256: str,
) -> Population:  # fmt: skip
    """What detectors make of the programs that they have not learned."""
    observed = Observation.of(traces, rules)
    for fold in range(FOLDS):
        judged = folds == fold
        if not judged.any():
            continue
        one, learned = detector.unfitted(), traces.select(~judged)
        one.fit(learned, seed=SEED)
        observed.observe(one, learned, judged)
    return population_of(observed, "other programs", merge_seconds, folds=FOLDS, data_sha256=sha256)


def _memory(traces: TraceSet, detector: SequenceDetector) -> Memory:
    """A trace of each program, and the digests of all."""
    shown: dict[str, int] = {}
    for trace in np.argsort(-traces.lengths, kind="stable").tolist():
        if traces.lengths[trace] <= REMEMBERED_CALLS:
            shown.setdefault(program_of(traces.names[trace]), trace)
    some = Memory.of(traces.select(np.sort(list(shown.values()))), detector)
    return replace(some, digests=np.unique(traces.sequence_digests()))


def main() -> None:
    """Make the models that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", default=list(RECIPES), metavar="NAME")
    parser.add_argument("--corpus", type=Path, default=RECORDED, help="what `make corpus` wrote")
    parser.add_argument("-o", "--output", type=Path, default=SHIPPED)
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(RECIPES):
        parser.error(f"no recipe is named {', '.join(sorted(unknown))}; there are {list(RECIPES)}")
    if not (asked.corpus / CORPUS).exists():
        parser.error(f"there is no corpus in {asked.corpus}; make corpus")
    sha256 = json.loads((asked.corpus / MANIFEST).read_text(encoding="utf-8"))["sha256"]
    if sha256 != RECORDED_SHA256:
        print(f"another corpus ({sha256}) than the shipped models are made of", file=sys.stderr)
    corpus = read_traces(asked.corpus / CORPUS)
    for name in asked.names:
        # In full: a bare `base` is the name of the shipped one.
        saved = save_model(made(RECIPES[name], corpus, sha256), (asked.output / name).absolute())
        size = sum(file.stat().st_size for file in (asked.output / name).iterdir())
        print(f"{saved.digest}  {name}  {size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
