"""Which kinds of process make the false alarms, and which attacks pass for normal.

Kinds are found among normals alone, by k-means over the shares of their calls; an attack is of the
kind that it lies nearest to.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
from common import WORK
from kept import LEARNS, Row, code_of, kept, version_of, work_of
from limits_data import SEED, Floats, Mask, alarmless, dev, fitted, scores_of

from habitus import TraceSet, get_detector
from habitus.traces.traceset import join

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = WORK / "limits" / "scores"
# Whose alarms are looked at; a detector is added by a line. The first is looked at in more detail.
DETECTORS: dict[str, tuple[str, Mapping[str, object]]] = {
    "ngram": ("ngram", {}),
    "stide": ("stide", {}),
    "neighbours": ("neighbours", {}),
    "outlier estimator=one-class-svm": ("outlier", {"estimator": "one-class-svm"}),
}
N_KINDS = 10
ALARM_RATE = 0.05
"""Of the distinct normals: the threshold whose alarms are looked at."""
N_NAMED = 4


def shares(traces: TraceSet) -> Floats:
    """(n_traces, n_names) float64: what share of a trace's calls each call is."""
    n_names = len(traces.alphabet)
    rows = np.repeat(np.arange(traces.n_traces), traces.lengths)
    counts = np.bincount(rows * n_names + traces.calls, minlength=traces.n_traces * n_names)
    return np.asarray(counts.reshape(-1, n_names) / np.maximum(traces.lengths, 1)[:, None])


@dataclass(frozen=True, eq=False)
class Kinds:
    """Kinds of process, the one with the most training traces first.

    Attributes:
        names: the commonest calls of each.
        training: (n_training,) int64, the kind of each distinct training trace.
        judged: (n_judged,) int64, of each trace of `adfa-ld/dev`.
    """

    names: tuple[str, ...]
    training: NDArray[np.int64]
    judged: NDArray[np.int64]


@cache
def kinds() -> Kinds:
    """Found among the distinct normals, learned and judged, by what shares their calls have."""
    from sklearn.cluster import KMeans

    normals = dev().judged.select(dev().distinct)
    both = join([dev().training, normals, dev().judged])  # one alphabet for all
    # Of roots of shares the distance is Hellinger's: a call of all others does not decide alone.
    roots = np.sqrt(shares(both))
    n_training, n_normals = dev().training.n_traces, normals.n_traces
    found = KMeans(N_KINDS, n_init=20, random_state=SEED).fit(roots[: n_training + n_normals])
    labels = found.predict(roots)
    training, judged = labels[:n_training], labels[n_training + n_normals :]
    order = np.argsort(-np.bincount(training, minlength=N_KINDS), kind="stable")
    number = np.argsort(order)
    names = []
    for kind in order:
        own = roots[: n_training + n_normals][labels[: n_training + n_normals] == kind] ** 2
        mean = own.mean(axis=0)
        top = np.argsort(-mean, kind="stable")[:N_NAMED]
        names.append(", ".join(f"{both.alphabet[call]} {mean[call]:.0%}" for call in top))
    return Kinds(tuple(names), number[training], number[judged])


def measured(name: str) -> Row:
    """The scores of all that `adfa-ld/dev` judges."""
    detector = fitted(*DETECTORS[name], dev().training)
    return {"scores": alarmless(scores_of(detector, dev().judged)).tolist()}


CODE = {
    name: code_of(
        get_detector(kind).__module__, "limits_data",
        within=(*LEARNS, "habitus.decisions", "habitus.detectors", "limits_data"),
    ) + work_of(measured)
    for name, (kind, _) in DETECTORS.items()
}  # fmt: skip


def scores(name: str) -> Floats:
    """(n_judged,) float64: each trace's score by a detector that learned all training traces."""
    version = version_of(CODE[name], dev().training, dev().judged, settings=DETECTORS[name][1])
    row = kept(ROWS / f"{name}.json", version, partial(measured, name))
    return np.array(row["scores"])


def threshold(values: Floats) -> float:
    """The strictest score at which no more than `ALARM_RATE` of the distinct normals alarm."""
    curve = dev().roc(values, dev().distinct)
    point = int(np.searchsorted(curve.fpr, ALARM_RATE + 1e-12, side="right")) - 1
    return float(curve.thresholds[point])


def rank_among_normals(values: Floats) -> Floats:
    """(n_judged,) the share of the distinct normals that score lower, ties half."""
    normals = np.sort(values[dev().distinct])
    left, right = (np.searchsorted(normals, values, side=side) for side in ("left", "right"))
    return np.asarray((left + right) / 2 / len(normals))


def holds(traces: TraceSet, call: str) -> Mask:
    """(n_traces,) which of them make a call."""
    if call not in traces.alphabet:
        return np.zeros(traces.n_traces, dtype=bool)
    places = np.flatnonzero(traces.calls == traces.alphabet.index(call))
    found = np.zeros(traces.n_traces, dtype=bool)
    found[np.searchsorted(traces.offsets, places, side="right") - 1] = True
    return found


def different_calls(traces: TraceSet) -> NDArray[np.int64]:
    """(n_traces,) int64: how many different calls each makes."""
    return np.asarray(np.count_nonzero(shares(traces), axis=1), dtype=np.int64)


def within_kinds(values: Floats) -> tuple[float, float, float]:
    """The area of pairs of one kind, that of pairs of two, and the share of the former.

    A pair is an attack and a distinct normal. The area of all pairs is the mean of the two by
    their shares.
    """
    normal, attack = np.flatnonzero(dev().distinct), np.flatnonzero(dev().attack)
    higher = values[attack][:, None] - values[normal][None, :]
    wins = np.where(higher > 0, 1.0, np.where(higher == 0, 0.5, 0.0))
    same = kinds().judged[attack][:, None] == kinds().judged[normal][None, :]
    return float(wins[same].mean()), float(wins[~same].mean()), float(same.mean())
