"""How areas grow with the number of different normal traces that are learned."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
from common import WORK
from kept import LEARNS, Row, code_of, kept, version_of, work_of
from limits_data import Floats, Mask, alarmless, dev, fitted, scores_of

from habitus import TraceSet, get_detector
from habitus.evaluation.comparing.paired import Sample, paired_bootstrap
from habitus.traces.traceset import join

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = WORK / "limits" / "coverage"
# What learns the curve; a detector is added by a line. How often traces are drawn stands last.
DETECTORS: dict[str, tuple[str, Mapping[str, object], int]] = {
    "stide": ("stide", {}, 5),
    "markov order=3": ("markov", {"order": 3}, 5),
    "ngram": ("ngram", {}, 5),
    "neighbours": ("neighbours", {}, 5),
    "outlier estimator=one-class-svm": ("outlier", {"estimator": "one-class-svm"}, 5),
}
SIZES = (25, 50, 100, 200, 400)
TRAINING, VALIDATION, BOTH = "training", "validation", "both"
"""What is learned: training normals, validation normals, or all of the former and the latter."""


@dataclass(frozen=True)
class Point:
    """One training.

    Attributes:
        curve: from where the normals that are counted come.
        size: how many of them; all there are if fewer.
        draw: which order they are taken in, and which half of the validation normals is judged.
    """

    name: str
    curve: str
    size: int
    draw: int


@cache
def halves(draw: int) -> tuple[NDArray[np.int64], Mask]:
    """The validation normals that may be learned, in random order, and those that are judged.

    Both are distinct and no training trace, of `adfa-ld/dev`; neither holds one of the other's.
    """
    places = np.flatnonzero(dev().distinct)
    shuffled = np.random.default_rng([2, draw]).permutation(places)
    judged = np.zeros(dev().judged.n_traces, dtype=bool)
    judged[shuffled[len(shuffled) // 2 :]] = True
    return shuffled[: len(shuffled) // 2], judged


def learned_of(point: Point) -> TraceSet:
    """What a training learns; a longer list begins with the shorter one of its draw."""
    training = dev().training
    order = np.random.default_rng([1, point.draw]).permutation(training.n_traces)
    if point.curve == TRAINING:
        return training.select(np.sort(order[: point.size]))
    validation = dev().judged.select(np.sort(halves(point.draw)[0][: point.size]))
    return validation if point.curve == VALIDATION else join([training, validation])


def points_of(name: str) -> Iterator[Point]:
    """All trainings of a detector."""
    draws = DETECTORS[name][2]
    n_training, n_half = dev().training.n_traces, len(halves(0)[0])
    for draw in range(draws):
        yield from (Point(name, TRAINING, size, draw) for size in SIZES)
        yield from (Point(name, VALIDATION, size, draw) for size in (*SIZES, n_half))
        yield from (Point(name, BOTH, size, draw) for size in (*SIZES[2:], n_half))
    yield Point(name, TRAINING, n_training, 0)  # in whatever order, it is the same


def scores(point: Point) -> tuple[Floats, float, TraceSet]:
    """Of all that is judged, the seconds of training, and what was learned."""
    kind, settings, _ = DETECTORS[point.name]
    learned = learned_of(point)
    started = time.process_time()
    detector = fitted(kind, settings, learned)
    seconds = time.process_time() - started
    return alarmless(scores_of(detector, dev().judged)), seconds, learned


def measured(point: Point) -> Row:
    """The areas of one training: on `adfa-ld/dev`, its distinct normals, and each half of them."""
    values, seconds, learned = scores(point)
    row: Row = {
        "learned": learned.n_traces, "calls": learned.n_calls, "seconds": seconds,
        "halves": [dev().roc(values, halves(d)[1]).auc for d in range(DETECTORS[point.name][2])],
    }  # fmt: skip
    if point.curve == TRAINING:
        curve = dev().roc(values, dev().distinct)
        row["dev"] = dev().roc(values, ~dev().attack).auc
        row["distinct"] = curve.auc
        row["detection"] = [curve.detection_at(rate)[0] for rate in (0.01, 0.05)]
        if point.size == dev().training.n_traces:
            row["dev_interval"] = list(dev().interval(values, ~dev().attack))
            row["distinct_interval"] = list(dev().interval(values, dev().distinct))
    return row


def gain(name: str, curve: str, draw: int) -> Row:
    """What learning half of the validation normals adds to the area, or takes, with its interval.

    Against all training traces alone; judged are the other half and all attacks, the same by both.
    """
    every = scores(Point(name, TRAINING, dev().training.n_traces, 0))[0]
    more = scores(Point(name, curve, len(halves(draw)[0]), draw))[0]
    normal, attack = (
        Sample.of(every, more, dev().clusters, chosen) for chosen in (halves(draw)[1], dev().attack)
    )
    interval = paired_bootstrap(normal, attack, (), seed=1)
    areas = [dev().roc(values, halves(draw)[1]).auc for values in (every, more)]
    sides = {"normal": halves(draw)[1], "attack": dev().attack}
    return {
        "gain": areas[1] - areas[0], "interval": interval and list(interval.auc),
        **{side: [float(np.median(v[chosen])) for v in (every, more)]
           for side, chosen in sides.items()},
    }  # fmt: skip


# Now, as it is imported: an edit in the midst of a run must not stand for what runs.
_WITHIN = (
    *LEARNS, "habitus.decisions", "habitus.detectors", "habitus.evaluation", "limits_data",
)  # fmt: skip
_DONE = work_of(measured, scores, learned_of, halves.__wrapped__)
_GAINED = work_of(gain)
CODE = {
    name: code_of(
        get_detector(kind).__module__, "habitus.evaluation.metrics", "limits_data", within=_WITHIN
    )
    for name, (kind, _, _) in DETECTORS.items()
}


def coverage(name: str) -> list[tuple[Point, Row]]:
    """All rows of a detector, those that are missing made now."""
    settings = DETECTORS[name][1]
    found = []
    for point in points_of(name):
        version = version_of(
            CODE[name] + _DONE, learned_of(point), dev().judged, settings=settings,
            draws=DETECTORS[name][2],
        )  # fmt: skip
        path = ROWS / name / f"{point.curve}-{point.size}-{point.draw}.json"
        found.append((point, kept(path, version, partial(measured, point))))
    return found


def gains(name: str, curve: str) -> list[Row]:
    """Of each draw, what the other population's normals add."""
    found = []
    for draw in range(DETECTORS[name][2]):
        learned = learned_of(Point(name, curve, len(halves(draw)[0]), draw))
        version = version_of(
            CODE[name] + _DONE + _GAINED, dev().training, learned, dev().judged,
            settings=DETECTORS[name][1],
        )  # fmt: skip
        path = ROWS / name / f"gain-{curve}-{draw}.json"
        found.append(kept(path, version, partial(gain, name, curve, draw)))
    return found


if __name__ == "__main__":
    for one in DETECTORS:
        for point, row in coverage(one):
            print(point, row)
        print(gains(one, BOTH), gains(one, VALIDATION))
