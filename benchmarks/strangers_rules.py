"""Thresholds for programs that nobody recorded, and how often each rule alarms at them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from zero_shot_data import families_of, programs_of

from habitus import TraceSet

NOMINAL = ("1%", "5%")
LENGTHS = (40, 80, 160, 320, 640, 1280)
"""Between lengths for which there are thresholds of their own, in calls."""
Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def unseen_shares(learned: TraceSet, judged: TraceSet) -> tuple[Floats, Floats]:
    """Of each trace judged: the share of calls, and of pairs of calls, that were never learned."""
    names = {name: i for i, name in enumerate(sorted({*learned.alphabet, *judged.alphabet}))}

    def numbers(traces: TraceSet) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        calls = np.array([names[name] for name in traces.alphabet], dtype=np.int64)[traces.calls]
        pairs = np.full(len(calls), -1)
        pairs[1:] = calls[:-1] * len(names) + calls[1:]
        pairs[traces.offsets[:-1]] = -1  # the first call of a trace ends no pair
        return calls, pairs

    shares = [
        np.add.reduceat(~np.isin(mine, theirs), judged.offsets[:-1]) / judged.lengths
        for mine, theirs in zip(numbers(judged), numbers(learned), strict=True)
    ]
    return shares[0], shares[1]


def starts(traces: TraceSet) -> Mask:
    """(n_traces,) whether a trace starts a program: threads and workers go on with one."""
    if "execve" not in traces.alphabet:
        return np.zeros(traces.n_traces, dtype=bool)
    made = traces.calls == traces.alphabet.index("execve")
    return np.asarray(np.add.reduceat(made.astype(np.int64), traces.offsets[:-1]) > 0)


def quantile(scores: Floats, weights: Floats, share: float) -> float:
    """The lowest threshold that no more than a share of the weight lies above."""
    order = np.argsort(scores, kind="stable")
    above = 1.0 - np.cumsum(weights[order]) / weights.sum()
    return float(scores[order][int(np.argmax(above <= share + 1e-12))])


def even_weights(programs: NDArray[np.str_]) -> Floats:
    """(n_traces,) such that all programs weigh the same, however many traces they have."""
    which, counts = np.unique(programs, return_inverse=True, return_counts=True)[1:]
    return np.asarray(1.0 / counts[which])


def mean_of_programs(alarms: Mask, programs: NDArray[np.str_]) -> float:
    """The false-alarm rate of a program, the mean of all."""
    return float(np.average(alarms, weights=even_weights(programs)))


@dataclass(frozen=True, eq=False)
class Judged:
    """Traces that a model judged without having learned them.

    Attributes:
        programs, families: (n_traces,) of each.
        lengths: (n_traces,) int64, calls; ``starting`` (n_traces,), whether it starts a program.
        parts: (n_traces,) int64, what was left out of learning together.
        scores: by the way a trace's score is made, (n_traces,) float64.
        unseen_names, unseen_pairs: (n_traces,) shares of what was never learned.
    """

    programs: NDArray[np.str_]
    families: NDArray[np.str_]
    lengths: NDArray[np.int64]
    starting: Mask
    parts: NDArray[np.int64]
    scores: Mapping[str, Floats]
    unseen_names: Floats
    unseen_pairs: Floats

    @classmethod
    def of(
        cls, traces: TraceSet, parts: NDArray[np.int64], rows: Sequence[Mapping[str, Any]]
    ) -> Judged:
        """The rows of `base_strangers.judged_apart`, one of each part, in the order of traces."""

        def spread(values: Sequence[Any]) -> Floats:
            made = np.empty(traces.n_traces)
            for part, some in enumerate(values):
                made[parts == part] = some
            return made

        return cls(
            programs_of(traces), families_of(traces), traces.lengths, starts(traces), parts,
            {way: spread([row["scores"][way] for row in rows]) for way in rows[0]["scores"]},
            spread([row["unseen names"] for row in rows]),
            spread([row["unseen pairs"] for row in rows]),
        )  # fmt: skip

    def select(self, mask: Mask) -> Judged:
        """Some of the traces."""
        return Judged(
            self.programs[mask], self.families[mask], self.lengths[mask], self.starting[mask],
            self.parts[mask],
            {way: scores[mask] for way, scores in self.scores.items()},
            self.unseen_names[mask], self.unseen_pairs[mask],
        )  # fmt: skip

    @property
    def default(self) -> str:
        """The way a trace's score is made if nobody asks for another."""
        return next(iter(self.scores))


@dataclass(frozen=True)
class Crossed:
    """All traces, judged twice by models that had not learned them.

    Attributes:
        scenarios: by models of other scenarios, as thresholds are set by default.
        programs: by models of other programs.
    """

    scenarios: Judged
    programs: Judged

    def select(self, mask: Mask) -> Crossed:
        """Some of the traces."""
        return Crossed(self.scenarios.select(mask), self.programs.select(mask))


@dataclass(frozen=True)
class Rule:
    """How a threshold for programs never seen is set.

    Attributes:
        on: whether on traces of scenarios, or of programs, that the model had not learned.
        way: how a trace's score is made; the default if empty.
        even: whether programs weigh the same, or traces do.
        by_length: whether traces of other lengths have other thresholds.
        by_start: whether traces that start a program and others, threads and workers, have.
    """

    on: Literal["scenarios", "programs"] = "programs"
    way: str = ""
    even: bool = False
    by_length: bool = False
    by_start: bool = False

    def thresholds(
        self, crossed: Crossed, lengths: NDArray[np.int64], starting: Mask, share: float
    ) -> Floats:
        """(n,) float64: each above no more than a share of traces of its kind.

        Args:
            crossed: what thresholds are set on.
            lengths, starting: (n,) of the traces that are judged by them.
        """
        known = crossed.scenarios if self.on == "scenarios" else crossed.programs
        scores = known.scores[self.way or known.default]
        weights = even_weights(known.programs) if self.even else np.ones(len(scores))
        theirs, ours = self._kinds(known.lengths, known.starting), self._kinds(lengths, starting)
        made = np.full(len(lengths), np.inf)  # of what kind nothing is known, nothing alarms
        for kind in np.intersect1d(theirs, ours):
            of = theirs == kind
            made[ours == kind] = quantile(scores[of], weights[of], share)
        return made

    def _kinds(self, lengths: NDArray[np.int64], starting: Mask) -> NDArray[np.int64]:
        kinds = np.zeros(len(lengths), dtype=np.int64)
        if self.by_length:
            kinds += 2 * np.digitize(lengths, LENGTHS)
        return kinds + starting if self.by_start else kinds

    def alarms(self, crossed: Crossed, judged: Judged, share: float) -> Mask:
        """(n_judged,) which traces alarm at thresholds that were set on others."""
        scores = judged.scores[self.way or judged.default]
        return np.asarray(scores > self.thresholds(crossed, judged.lengths, judged.starting, share))


RULES: Mapping[str, Rule] = {
    "as models set it": Rule("scenarios"),
    "as models set it, by start": Rule("scenarios", by_start=True),
    "set on unseen programs": Rule(),
    "and programs weigh the same": Rule(even=True),
    "by length": Rule(even=True, by_length=True),
    "by start": Rule(even=True, by_start=True),
    "`median`": Rule(way="median", even=True),
    "`median`, by start": Rule(way="median", even=True, by_start=True),
    "`quantile:0.9`": Rule(way="quantile:0.9", even=True),
    "`quantile:0.9`, by start": Rule(way="quantile:0.9", even=True, by_start=True),
    "`worst:20`": Rule(way="worst:20", even=True),
    "`worst:20`, by start": Rule(way="worst:20", even=True, by_start=True),
    "`worst:200`": Rule(way="worst:200", even=True),
    "`worst:200`, by start": Rule(way="worst:200", even=True, by_start=True),
}
Ruled = dict[tuple[str, str], dict[str, Any]]
"""By rule and nominal rate: false alarms."""


def share_of(rate: str) -> float:
    """A nominal rate as a share."""
    return float(rate.rstrip("%")) / 100


def judged_by_rules(crossed: Crossed, apart: Mapping[str, Judged]) -> Ruled:
    """How often each rule alarms at programs, and at families of programs, never seen."""
    found: Ruled = {}
    judged = crossed.programs
    for name, rule in RULES.items():
        if rule.way and rule.way not in judged.scores:
            continue
        for rate in NOMINAL:
            share = share_of(rate)
            alarms = np.zeros(len(judged.parts), dtype=bool)
            for part in np.unique(judged.parts):
                here = judged.parts == part
                alarms[here] = rule.alarms(crossed.select(~here), judged.select(here), share)
            families, strange = {}, {}
            for family, of_family in apart.items():
                here = judged.families == family
                families[family] = _rates(alarms[here], judged.programs[here])
                rings = rule.alarms(crossed.select(~here), of_family, share)
                strange[family] = _rates(rings, of_family.programs)
            found[name, rate] = {
                "all": _rates(alarms, judged.programs), "families": families, "strange": strange,
                "alarms": alarms,
            }  # fmt: skip
    return found


def _rates(alarms: Mask, programs: NDArray[np.str_]) -> tuple[float, float]:
    """Of traces, and of the mean program."""
    return float(np.mean(alarms)), mean_of_programs(alarms, programs)
