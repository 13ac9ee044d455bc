"""Attention or convolutions: what was tried on `adfa-ld/dev` for the detector `transformer`.

Every training is kept as soon as it is made; it takes minutes. Several may run side by side, each
with other names; the page is written once all of them are there:

    python benchmarks/tried.py "tcn layers=6" tcn
    python benchmarks/tried.py
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from common import WORK, machine, table, test_data, write_page
from kept import JUDGED_BY, JUDGES, Row, code_of, held, kept, version_of, work_of
from tried_tcn import Tcn

from habitus import Label, TraceSet
from habitus.datasets.source import find_source
from habitus.decisions.aggregation import Aggregation
from habitus.detectors.neural.reader import Reader
from habitus.detectors.neural.transformer import Transformer
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from habitus.detectors.neural.language_model import LanguageModel

FOLDER = WORK / "tried"
EPOCHS = 20
SPEED_EVERY = 20
"""Of so many judged traces one is enough to tell how fast they are scored."""


@dataclass(frozen=True)
class Try:
    """One configuration: what is not named stands at its default, but for `EPOCHS`."""

    name: str
    kind: type[LanguageModel]
    settings: dict[str, object]
    seeds: tuple[int, ...] = (1,)

    def detector(self) -> LanguageModel:
        """One to be fitted."""
        return self.kind.with_settings({"epochs": EPOCHS, **self.settings})

    def path(self, seed: int, kind: str) -> Path:
        """Where a training is kept; seed 0 stands for what no training tells."""
        return FOLDER / f"{self.name.replace(' ', '.')}.{EPOCHS}.{seed}.{kind}"


SIZES: dict[type[LanguageModel], dict[str, object]] = {
    Tcn: {"layers": 3, "kernel": 3, "channels": 128, "dropout": 0.3},
    Transformer: {"layers": 2, "width": 64, "window": 32, "dropout": 0.2},
}


def _tried(kind: type[LanguageModel], what: str, *seeds: int, **settings: object) -> Try:
    return Try(f"{kind.name}{what}", kind, {**SIZES[kind], **settings}, seeds or (1,))


# Ways to make each of the two better, one change at a time.
TRIES = (
    _tried(Tcn, "", 1, 2),
    _tried(Transformer, "", 1, 2),
    _tried(Tcn, " layers=6", layers=6),
    _tried(Transformer, " window=64 width=96", window=64, width=96),
)


@cache
def adfa() -> tuple[TraceSet, TraceSet, NDArray[np.bool_]]:
    """What is learned, what is judged, and which of that is distinct and not in training."""
    traces = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read()
    dev, distinct = get_protocol("adfa-ld/dev"), get_protocol("adfa-ld/distinct")
    judged = dev.test(traces)
    is_distinct = distinct.test(traces)[judged]
    return traces.select(dev.training(traces)), traces.select(judged), is_distinct


def areas(surprise: NDArray[np.float32]) -> list[float]:
    """The area by mean surprise: of all that is judged, and of distinct normals only."""
    _, judged, is_distinct = adfa()
    scores = Aggregation.parse("mean").scores(surprise, judged.offsets)
    attack = judged.labels == Label.ATTACK
    everything = np.ones(judged.n_traces, dtype=bool)
    return [
        roc(scores[part & ~attack], scores[part & attack]).auc for part in (everything, is_distinct)
    ]


def trained(one: Try, seed: int) -> Row:
    """Train, keep the weights, score with the baseline and without."""
    detector = one.detector()
    detector.fit(adfa()[0], seed=seed)
    arrays: dict[str, Any] = {**detector.state()}
    np.savez(one.path(seed, "npz"), **arrays)
    with_baseline = areas(detector.surprise(adfa()[1]))
    detector.reader = Reader(detector.network, detector.settings.floor, 1)
    return {
        "areas": areas(detector.surprise(adfa()[1])),
        "with_baseline": with_baseline,
        "held_out_loss": detector.history.kept.held_out_loss,
        "epoch": detector.history.kept.epoch,
        "parameters": detector.history.n_parameters,
    }


def calls_per_second(one: Try) -> Row:
    """Of scoring on one thread, nothing shared, by the processor's time; weights do not matter."""
    learned, judged, _ = adfa()
    detector = one.detector()
    vocabulary = Vocabulary.of(learned)
    network = detector._new_network(len(vocabulary)).eval().requires_grad_(False)
    reader = Reader(network, detector.settings.floor, 1)
    some = judged.select(np.arange(0, judged.n_traces, SPEED_EVERY))
    calls = reader.symbols(vocabulary.encode(some))
    taken = []
    for _ in range(3):
        started = time.process_time()
        reader.score(calls, some.offsets, share=False)
        taken.append(time.process_time() - started)
    return {"rate": some.n_calls / min(taken)}


# Now, as it is imported: an edit in the midst of a run must not stand for what runs.
CODE = {
    kind: code_of(kind.__module__, *JUDGED_BY, within=JUDGES) + work_of(trained, areas)
    for kind in SIZES
}
SPEED_CODE = {kind: CODE[kind] + work_of(calls_per_second) for kind in SIZES}


def version(one: Try, seed: int) -> dict[str, object]:
    """What a training depends on."""
    learned, judged, is_distinct = adfa()
    settings = one.detector().settings.model_dump(mode="json")
    return version_of(
        CODE[one.kind], learned, judged, judged.select(is_distinct), settings=settings, seed=seed
    )


def speed(one: Try) -> Row:
    """How fast it scores: measured before on such a machine, or now."""
    settings = one.detector().settings.model_dump(mode="json")
    version = version_of(
        SPEED_CODE[one.kind], *adfa()[:2], settings=settings, every=SPEED_EVERY, machine=machine()
    )
    return kept(one.path(0, "json"), version, partial(calls_per_second, one))


def line_of(one: Try, seed: int, row: Row) -> tuple[str, ...]:
    """A line of the table."""
    return (
        f"`{one.name}`", str(seed), *(f"{area:.3f}" for area in row["areas"]),
        *(f"{area:.3f}" for area in row["with_baseline"]), f"{row['held_out_loss']:.3f}",
        f"{row['parameters'] / 1000:.0f}", f"{speed(one)['rate'] / 1000:.0f}",
    )  # fmt: skip


def write() -> None:
    """Write the page, if all of it was trained."""
    rows = [
        (one, seed, held(one.path(seed, "json"), version(one, seed)))
        for one in TRIES
        for seed in one.seeds
    ]
    missing = [f"{one.name}, seed {seed}" for one, seed, row in rows if row is None]
    if missing:
        print(f"the page is not written: {'; '.join(missing)} not trained yet")
        return
    told = [
        f"`{kind.name}`: " + ", ".join(f"{name} {value}" for name, value in sizes.items())
        for kind, sizes in SIZES.items()
    ]
    lines = [
        "# Attention or convolutions",
        "",
        "Two networks that read a trace without a recurrent state: the transformer that became "
        "[a detector](../detectors/transformer.md), and dilated causal convolutions "
        "(`benchmarks/tried_tcn.py`). Sizes, but for what a line names: "
        f"{'; '.join(told)}. {EPOCHS} epochs unless it is named, all else by default. Areas under "
        "the curve by mean surprise on `adfa-ld/dev`, of all normals and of distinct ones that are "
        "not in training; minus the log of the chance, and with the default baseline taken off. "
        "Held-out loss in nats; thousands of weights; thousands of calls scored a second of one "
        "core. What two seeds of one line differ by tells how much of a difference between lines "
        "is chance.",
        "",
        *table(
            (
                "tried", "seed", "AUC", "distinct", "AUC, baseline", "distinct, baseline",
                "held-out loss", "k weights", "k calls/s",
            ),
            [line_of(one, seed, row) for one, seed, row in rows if row is not None],
        ),
    ]  # fmt: skip
    write_page("tried", lines, "tried.py")


def main() -> None:
    """Train what is not there yet, and write the page once everything is."""
    parser = argparse.ArgumentParser(description="Networks that were tried.")
    parser.add_argument("names", nargs="*", help="train these; by default all")
    parser.add_argument("--page", action="store_true", help="train nothing")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for one in TRIES if not arguments.page else ():
        for seed in one.seeds:
            if not arguments.names or one.name in arguments.names:
                kept(one.path(seed, "json"), version(one, seed), partial(trained, one, seed))
    write()


if __name__ == "__main__":
    main()
