"""Calls that training never held: what an open vocabulary gives, and what it must not give away.

    python benchmarks/open_vocabulary.py

takes about twenty minutes; what was measured of this version before is kept.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import torch
from common import WORK, write_page
from kept import LEARNS, Row, code_of, kept, version_of, work_of
from limits_data import SEED, adfa, alarmless, dev, fitted, scores_of
from numpy.typing import NDArray
from open_vocabulary_page import (
    BORROWERS,
    DETECTORS,
    HOW_MANY,
    N_DRAWS,
    NETWORKS,
    RATE,
    SLOW,
    lines_of,
)

from habitus import Label, TraceSet, get_detector
from habitus.detectors.base import SequenceDetector
from habitus.detectors.whole import TraceDetector
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol
from habitus.syscalls import dangerous_calls
from habitus.traces.vocabulary import Vocabulary

FOLDER = WORK / "open_vocabulary"
RAREST, COMMONEST = 0.002, 0.2
"""Calls are cut out that stand in such a share of the training traces: enough to be of weight,
and not so many that nothing is left to learn from."""
N_PLANTED = 100
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Half:
    """What is learned and what is judged.

    Attributes:
        learned: distinct training traces.
    """

    learned: TraceSet
    judged: TraceSet

    @property
    def attack(self) -> Mask:
        """(n_judged,) which are attacks."""
        return np.asarray(self.judged.labels == Label.ATTACK)


@cache
def half_of(protocol: str) -> Half:
    """A protocol's parts; of equal training traces one."""
    if protocol == "adfa-ld/dev":
        return Half(dev().training, dev().judged)
    chosen = get_protocol(protocol)
    training = adfa().select(chosen.training(adfa()))
    first = np.sort(np.unique(training.sequence_ids(), return_index=True)[1])
    return Half(training.select(first), adfa().select(chosen.test(adfa())))


def opened_and_closed(name: str, learned: TraceSet) -> dict[str, SequenceDetector]:
    """A fitted detector, and the same with its vocabulary closed, by what the page calls them."""
    detector = fitted(name, {}, learned)
    if name not in BORROWERS:
        return {"closed": detector}
    closed: SequenceDetector = get_detector(name).with_settings({"kin_share": 0})
    closed.vocabulary = Vocabulary(detector.vocabulary.names)
    closed.restore(detector.state())
    return {"closed": closed, "open": detector}


@cache
def of_all(name: str) -> dict[str, SequenceDetector]:
    """What is fitted on all of ADFA-LD's training traces."""
    return opened_and_closed(name, dev().training)


def holding(traces: TraceSet, calls: Mask) -> Mask:
    """(n_traces,) which hold any of some calls, given as (n_alphabet,)."""
    held = np.concatenate([[0], np.cumsum(calls[traces.calls])])
    return np.asarray(np.diff(held[traces.offsets]) > 0)


def unseen(learned: TraceSet, traces: TraceSet) -> Mask:
    """(n_alphabet,) of which calls of ``traces`` nothing was learned."""
    known = Vocabulary.of(learned)
    return np.array([name not in known for name in traces.alphabet])


def threshold_of(scores: Floats, normals: Mask) -> float:
    """Above which are 5 % of the normals, whatever calls they hold."""
    return float(np.quantile(alarmless(scores)[normals], 1 - RATE))


def counted(scores: Floats, threshold: float, which: Mask) -> list[int]:
    """How many of some traces are alarms, and how many there are."""
    return [int((alarmless(scores)[which] > threshold).sum()), int(which.sum())]


def without_calls(detector: SequenceDetector, traces: TraceSet, calls: Mask) -> Floats:
    """(n_traces,) a trace's mean surprise, some of its calls left out of the mean."""
    surprise = detector.surprise(traces).astype(np.float64)
    left = ~calls[traces.calls] & np.isfinite(surprise)
    sums = np.concatenate([[0.0], np.cumsum(np.where(left, surprise, 0.0))])
    counts = np.concatenate([[0], np.cumsum(left)])
    with np.errstate(invalid="ignore"):
        means: Floats = np.diff(sums[traces.offsets]) / np.diff(counts[traces.offsets])
    return means


def by_themselves(name: str, protocol: str) -> Row:
    """Normals that hold a call which training lacks, beside the others."""
    half = half_of(protocol)
    novel = unseen(half.learned, half.judged)
    normals, holds = ~half.attack, holding(half.judged, novel)
    row: Row = {}
    for which, detector in of_all(name).items():
        scored = {which: scores_of(detector, half.judged)}
        if which == "closed" and not isinstance(detector, TraceDetector):
            scored["not counted"] = without_calls(detector, half.judged, novel)
        for told, scores in scored.items():
            threshold = threshold_of(scores, normals)
            row[told] = {
                "with": counted(scores, threshold, normals & holds),
                "others": counted(scores, threshold, normals & ~holds),
                "attacks": counted(scores, threshold, half.attack),
                "area": roc(alarmless(scores)[normals], alarmless(scores)[half.attack]).auc,
            }
    return row


def drawn(k: int, draw: int) -> list[str]:
    """Names of so many calls that are to be cut out of training."""
    learned, judged = half_of("adfa-ld/dev").learned, half_of("adfa-ld/dev").judged
    stands = [
        float(holding(learned, np.arange(len(learned.alphabet)) == i).mean())
        for i in range(len(learned.alphabet))
    ]
    met = {judged.alphabet[i] for i in np.unique(judged.calls)}
    fits = [
        name
        for name, share in zip(learned.alphabet, stands, strict=True)
        if RAREST <= share <= COMMONEST and name in met
    ]
    random = np.random.default_rng((SEED, k, draw))
    return sorted(random.choice(fits, size=k, replace=False).tolist())


def cut(name: str, k: int, draw: int) -> Row:
    """Training without the traces that hold some calls, at the threshold of each that comes of it.

    The threshold is set anew: one can always be set on what is at hand.
    """
    half, names = half_of("adfa-ld/dev"), drawn(k, draw)
    normals = ~half.attack
    lost = holding(half.learned, np.isin(half.learned.alphabet, names))
    left = half.learned.select(np.flatnonzero(~lost))
    holds = holding(half.judged, np.isin(half.judged.alphabet, names))
    row: Row = {"calls": names, "lost": int(lost.sum()), "learned": half.learned.n_traces}
    learned, cut_off = of_all(name), opened_and_closed(name, left)
    for which, detector in learned.items():
        before = scores_of(detector, half.judged)
        after = scores_of(cut_off[which], half.judged)
        at, then = threshold_of(before, normals), threshold_of(after, normals)
        row[which] = {
            "with": counted(after, then, normals & holds),
            "others": counted(after, then, normals & ~holds),
            "with, learned": counted(before, at, normals & holds),
            "found": counted(after, then, half.attack),
            "found, learned": counted(before, at, half.attack),
        }
    return row


def renamed(name: str, k: int, draw: int) -> Row:
    """The calls of judged traces under the names of their kin, as after an update of a library.

    Drawn of the calls that kin may stand for, however often they are made; training is as it was.
    """
    half = half_of("adfa-ld/dev")
    met = {half.judged.alphabet[i] for i in np.unique(half.judged.calls)}
    names: dict[str, str] = {}
    for novel, known in sorted(Vocabulary.of(half.learned, is_open=True).kin):
        if known in met and novel not in met:
            names.setdefault(known, novel)
    random = np.random.default_rng((SEED, k, draw))
    chosen = sorted(random.choice(sorted(names), size=min(k, len(names)), replace=False).tolist())
    alphabet = tuple(names[name] if name in chosen else name for name in half.judged.alphabet)
    traces = replace(half.judged, alphabet=alphabet)
    normals = ~half.attack
    holds = holding(half.judged, np.isin(half.judged.alphabet, chosen))
    row: Row = {"calls": [f"{name} as {names[name]}" for name in chosen]}
    for which, detector in of_all(name).items():
        before, after = scores_of(detector, half.judged), scores_of(detector, traces)
        at = threshold_of(before, normals)  # what stood before the update
        row[which] = {
            "with": counted(after, at, normals & holds),
            "others": counted(after, at, normals & ~holds),
            "with, learned": counted(before, at, normals & holds),
            "found": counted(after, at, half.attack),
            "found, learned": counted(before, at, half.attack),
        }
    return row


def planted(name: str) -> Row:
    """Dangerous calls that training lacks, one in each of some normals: open against closed."""
    half = half_of("adfa-ld/dev")
    familiar = ~half.attack & ~holding(half.judged, unseen(half.learned, half.judged))
    random = np.random.default_rng(SEED)
    long_enough = np.flatnonzero(familiar & (half.judged.lengths > 1))
    chosen = half.judged.select(np.sort(random.permutation(long_enough)[:N_PLANTED]))
    places = chosen.offsets[:-1] + random.integers(0, chosen.lengths)
    known = Vocabulary.of(half.learned)
    models = of_all(name)
    unchanged = {which: scores_of(model, chosen) for which, model in models.items()}
    row: Row = {"calls": 0, "traces": 0, "below closed": 0, "below unplanted": 0}
    for call in dangerous_calls():
        if call in known:
            continue
        calls = chosen.calls.copy()
        calls[places] = len(chosen.alphabet)
        traces = replace(chosen, calls=calls, alphabet=(*chosen.alphabet, call))
        scores = {which: scores_of(model, traces) for which, model in models.items()}
        row["calls"] += 1
        row["traces"] += chosen.n_traces
        row["below closed"] += int((scores["open"] < scores["closed"] - 1e-6).sum())
        row["below unplanted"] += int((scores["open"] < unchanged["open"]).sum())
    return row


# Now, as it is imported: an edit in the midst of a run must not stand for what runs.
CODE = work_of(
    opened_and_closed,
    by_themselves,
    cut,
    drawn,
    renamed,
    planted,
    without_calls,
    counted,
    threshold_of,
)


def measured() -> dict[str, Row]:
    """Every row, by its name; what was measured of this version before is kept."""
    threads = torch.get_num_threads()
    version = version_of(
        CODE, dev().training, dev().judged, sources=_sources(), seed=SEED,
        shares=[RAREST, COMMONEST], rate=RATE,
        threads=threads,
    )  # fmt: skip
    rows = {}
    for name in DETECTORS:
        draws = {
            f"{task}{k}-{n}": partial(make, name, k, n)
            for task, make in (("", cut), ("renamed-", renamed))
            for k in HOW_MANY
            for n in range(N_DRAWS)
        }
        tasks = {
            "dev": partial(by_themselves, name, "adfa-ld/dev"),
            "all": partial(by_themselves, name, "adfa-ld"),
            **({} if name in SLOW else draws),
            **({"planted": partial(planted, name)} if name in BORROWERS else {}),
        }
        for task, make in tasks.items():
            key = f"{name}-{task}"
            rows[key] = kept(FOLDER / f"{key}.json", version, make)
    return rows


def _sources() -> str:
    """Of what fits and scores, so that rows of other code are made anew."""
    names = (name for name in DETECTORS if name not in NETWORKS)
    modules = [f"habitus.detectors.{name}" for name in (*names, "borrowing", "backoff")]
    modules += [f"habitus.detectors.neural.{name}" for name in NETWORKS]
    return code_of(*modules, within=("habitus.detectors", "habitus.traces.vocabulary", *LEARNS))


def main() -> None:
    """Measure what is not yet, and write the page."""
    argparse.ArgumentParser(description="What an open vocabulary gives.").parse_args()
    write_page("open_vocabulary", list(lines_of(measured())), "open_vocabulary.py")


if __name__ == "__main__":
    main()
