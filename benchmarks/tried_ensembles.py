"""Which unlike detectors say more together, by rules that no attack settles: on `adfa-ld/dev`.

    python benchmarks/tried_ensembles.py

takes some minutes, most of them for the members' scores, which are kept. Members score training
traces by models that were fitted without them; all that a rule is settled by comes from there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from common import WORK, table, test_data, write_page
from kept import version_of, work_of
from numpy.typing import NDArray
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import PowerTransformer
from tried_scores import DEV, FOLDS, SEED, Evidence, fold_of, gain, row_of, verdict

from habitus import Label, TraceSet, get_detector
from habitus.datasets.source import find_source
from habitus.decisions.scores import aggregation_of, trace_scores
from habitus.ensembles.asked import asked_groups
from habitus.ensembles.combination import Combination
from habitus.ensembles.tail_curve import TailCurve
from habitus.evaluation.judged import judged_of
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol

Scores = NDArray[np.float64]
LEAST = 1e-4
"""Below it a score has no logarithm that says anything."""
MEMBERS: dict[str, tuple[str, Mapping[str, object]]] = {
    "disorder": ("disorder", {}),
    "redundancy": ("redundancy", {}),
    "redundancy own=20": ("redundancy", {"own": 20}),
    "redundancy own=3": ("redundancy", {"own": 3}),
    "redundancy order=3": ("redundancy", {"order": 3}),
    "redundancy order=1": ("redundancy", {"order": 1}),
    "adaptive": ("adaptive", {}),
    "adaptive least=0": ("adaptive", {"least": 0}),
    "adaptive order=3 own=3 least=0": ("adaptive", {"order": 3, "own": 3, "least": 0}),
    "ngram": ("ngram", {}),
    "ngram order=2": ("ngram", {"order": 2}),
    "markov": ("markov", {}),
    "neighbours": ("neighbours", {}),
    "stide": ("stide", {}),
    "stide n=3": ("stide", {"n": 3}),
    "one-class-svm": ("outlier", {"estimator": "one-class-svm"}),
}
AS_IT_IS = ("disorder", "outlier", "redundancy")
"""Detectors whose score is a logarithm already, or may be below 0."""


@dataclass(frozen=True)
class Members:
    """(n_traces,) scores by member, of the training normals by cross-fitting."""

    traces: TraceSet
    is_learned: NDArray[np.bool_]
    scores: Mapping[str, Scores]

    @cached_property
    def most(self) -> Scores:
        """ln ln(k + 1), k being a trace's different calls."""
        each = np.split(self.traces.calls, self.traces.offsets[1:-1])
        return np.log(np.log([len(np.unique(calls)) + 1 for calls in each]))

    def log(self, name: str) -> Scores:
        """On a scale of ratios."""
        found = self.scores[name]
        return found if MEMBERS[name][0] in AS_IT_IS else np.log(np.maximum(found, LEAST))

    def logs(self, names: tuple[str, ...]) -> NDArray[np.float64]:
        """(n_traces, n_members)"""
        return np.column_stack([self.log(name) for name in names])

    def standard(self, columns: NDArray[np.float64]) -> NDArray[np.float64]:
        """By the training normals' mean and deviation."""
        normal = columns[self.is_learned]
        return np.asarray((columns - normal.mean(axis=0)) / normal.std(axis=0))


Rule = Callable[[Members, tuple[str, ...]], Scores]


def alone(m: Members, names: tuple[str, ...]) -> Scores:
    return m.log(names[0])


def relative(m: Members, names: tuple[str, ...]) -> Scores:
    return m.log(names[0]) - m.most


def average_of_logs(m: Members, names: tuple[str, ...]) -> Scores:
    return np.asarray(m.standard(m.logs(names)).mean(axis=1))


def product(m: Members, names: tuple[str, ...]) -> Scores:
    return np.asarray(m.logs(names).mean(axis=1))


def tails(m: Members, names: tuple[str, ...]) -> Scores:
    columns = m.logs(names).T
    curves = [TailCurve.of(column[m.is_learned]).at(column) for column in columns]
    return np.asarray(np.mean(curves, axis=0))


def gaussian(m: Members, names: tuple[str, ...]) -> Scores:
    columns = m.logs(names)
    made = PowerTransformer().fit(columns[m.is_learned])
    return np.asarray(made.transform(columns).mean(axis=1))


def least_squares(m: Members, names: tuple[str, ...]) -> Scores:
    columns = m.standard(m.logs(names))
    covariance = np.cov(columns[m.is_learned].T)
    return np.asarray(columns @ np.linalg.solve(covariance, np.ones(len(names))))


def largest(m: Members, names: tuple[str, ...]) -> Scores:
    return np.asarray(m.standard(m.logs(names)).max(axis=1))


def smallest(m: Members, names: tuple[str, ...]) -> Scores:
    return np.asarray(m.standard(m.logs(names)).min(axis=1))


def distance(m: Members, names: tuple[str, ...]) -> Scores:
    columns = m.standard(m.logs(names))
    inverse = np.linalg.inv(np.cov(columns[m.is_learned].T))
    return np.asarray(np.einsum("ij,jk,ik->i", columns, inverse, columns))


def density(m: Members, names: tuple[str, ...]) -> Scores:
    columns = m.standard(m.logs(names))
    made = GaussianMixture(3, reg_covar=1e-2, n_init=3, random_state=SEED)
    return np.asarray(-made.fit(columns[m.is_learned]).score_samples(columns))


def of_groups(groups: str, *, logs: bool = False) -> Rule:
    """`largest` of the [ensemble]: of standardised averages of members, by places from 1."""

    def rule(m: Members, names: tuple[str, ...]) -> Scores:
        columns = m.logs(names) if logs else np.column_stack([m.scores[name] for name in names])
        made = Combination.settled("largest", 0, columns[m.is_learned], asked_groups(groups))
        return made.scores(columns)

    return rule


def rarest_of_groups(groups: str) -> Rule:
    """The same, of how rare each group's average is."""

    def rule(m: Members, names: tuple[str, ...]) -> Scores:
        columns = m.standard(m.logs(names))
        averages = [columns[:, list(group)].mean(axis=1) for group in asked_groups(groups)]
        curves = [TailCurve.of(column[m.is_learned]).at(column) for column in averages]
        return np.asarray(np.max(curves, axis=0))

    return rule


def two_largest(m: Members, names: tuple[str, ...]) -> Scores:
    return np.asarray(np.sort(m.standard(m.logs(names)), axis=1)[:, -2:].mean(axis=1))


BEST = ("redundancy", "disorder")
LONGER = ("redundancy own=20", "disorder")
IDEAS: dict[str, tuple[Rule, tuple[str, ...], str]] = {
    "disorder": (alone, ("disorder",), "the best single model so far: what is to be beaten"),
    "ngram": (alone, ("ngram",), "likelihood"),
    "adaptive": (alone, ("adaptive",), "likelihood, learning on as it reads"),
    "ngram, relative": (relative, ("ngram",), "the most that so varied a trace could cost"),
    "adaptive, relative": (relative, ("adaptive",), "the same, of a model that learns on"),
    **{
        name: (alone, (name,), why)
        for name, why in (
            ("redundancy", "the same, and single calls of the trace count, too"),
            ("redundancy own=20", "longer windows of the trace's own"),
            ("redundancy own=3", "short ones"),
            ("redundancy order=3", "a weaker model of normal traces"),
            ("redundancy order=1", "one that knows single calls only"),
        )
    },
    "average of logs: ngram, disorder": (average_of_logs, ("ngram", "disorder"), "unlike evidence"),
    "average of logs: adaptive, disorder": (
        average_of_logs, ("adaptive", "disorder"), "unlike evidence",
    ),
    "average of logs: adaptive least=0, disorder": (
        average_of_logs, ("adaptive least=0", "disorder"), "single calls of the trace count, too",
    ),
    "average of logs: adaptive order=3 own=3 least=0, disorder": (
        average_of_logs, ("adaptive order=3 own=3 least=0", "disorder"), "a short memory",
    ),
    "average of logs: neighbours, disorder": (
        average_of_logs, ("neighbours", "disorder"), "another kind of evidence",
    ),
    "average of logs: stide, disorder": (average_of_logs, ("stide", "disorder"), "windows unseen"),
    "gaussian: one-class-svm, disorder": (
        gaussian, ("one-class-svm", "disorder"), "a bag of windows",
    ),
    "average of logs: redundancy, disorder": (
        average_of_logs, BEST, "two ways to hold cost against variety",
    ),
    "product: redundancy, disorder": (product, BEST, "both are ratios"),
    "gaussian: redundancy, disorder": (gaussian, BEST, "scores made normal by a power"),
    "tails: redundancy, disorder": (tails, BEST, "how rare each is"),
    "least squares: redundancy, disorder": (
        least_squares, BEST, "the best weights if attacks shift members alike",
    ),
    "largest: redundancy, disorder": (largest, BEST, "either alone is enough"),
    "smallest: redundancy, disorder": (smallest, BEST, "only what both find strange"),
    "distance: redundancy, disorder": (distance, BEST, "Mahalanobis: far off in any direction"),
    "density: redundancy, disorder": (density, BEST, "where few normals are, in any direction"),
    "average of logs: those, ngram": (average_of_logs, (*BEST, "ngram"), "and likelihood"),
    "average of logs: those, ngram order=2": (
        average_of_logs, (*BEST, "ngram order=2"), "rare pairs, which tell at few false alarms",
    ),
    "average of logs: those, neighbours": (
        average_of_logs, (*BEST, "neighbours"), "and the nearest normal trace",
    ),
    "average of logs: those, ngram, neighbours": (
        average_of_logs, (*BEST, "ngram", "neighbours"), "four unlike members",
    ),
    "least squares: those, ngram": (least_squares, (*BEST, "ngram"), "dependent members weighed"),
    "distance: those, ngram": (distance, (*BEST, "ngram"), "any direction, of three"),
    "largest of logs: those, adaptive": (
        of_groups("1,2,3", logs=True), (*BEST, "adaptive"), "any of three is enough",
    ),
    "two largest of logs: those, adaptive": (
        two_largest, (*BEST, "adaptive"), "two of three",
    ),
    "two largest of logs: those, adaptive, markov": (
        two_largest, (*BEST, "adaptive", "markov"), "two of four",
    ),
    "rarest: those averaged, or adaptive": (
        rarest_of_groups("1+2,3"), (*BEST, "adaptive"), "cost for its variety, or at all",
    ),
    "rarest: those averaged, adaptive, or markov": (
        rarest_of_groups("1+2,3,4"), (*BEST, "adaptive", "markov"), "or pairs never seen",
    ),
    "largest of logs: those averaged, or adaptive": (
        of_groups("1+2,3", logs=True), (*BEST, "adaptive"), "as those, in standard deviations",
    ),
    "largest: those averaged, or adaptive": (
        of_groups("1+2,3"), (*BEST, "adaptive"), "where high costs stand out more",
    ),
    "largest: those averaged, adaptive, or markov": (
        of_groups("1+2,3,4"), (*BEST, "adaptive", "markov"), "or pairs never seen",
    ),
    **{
        f"largest: those averaged, adaptive, or those with {name}": (
            of_groups("1+2,3,1+2+4"), (*BEST, "adaptive", name), why,
        )
        for name, why in (
            ("markov", "and pairs, where the others are uneasy, too"),
            ("ngram order=2", "the same, of another smoothing"),
            ("ngram", "longer histories instead of pairs"),
            ("stide n=3", "windows of three instead of pairs"),
        )
    },
    "largest: those averaged, adaptive, or adaptive with markov": (
        of_groups("1+2,3,3+4"), (*BEST, "adaptive", "markov"), "pairs beside cost alone",
    ),
    "largest: those averaged, adaptive, or redundancy with markov": (
        of_groups("1+2,3,1+4"), (*BEST, "adaptive", "markov"), "pairs beside one of them",
    ),
    "largest: those averaged, or adaptive; own=20": (
        of_groups("1+2,3"), (*LONGER, "adaptive"), "longer windows of the trace's own",
    ),
    "largest: those averaged, adaptive, or those with markov; own=20": (
        of_groups("1+2,3,1+2+4"), (*LONGER, "adaptive", "markov"), "both",
    ),
}  # fmt: skip
CHOSEN = "largest: those averaged, adaptive, or those with markov; own=20"


def member(name: str, traces: TraceSet, is_learned: NDArray[np.bool_]) -> Scores:
    """(n_traces,) a member's scores, read again where the same were made before."""
    kind, settings = MEMBERS[name]
    made = {"name": name, "settings": dict(settings), "folds": FOLDS, "seed": SEED}
    version = str(version_of(work_of(member, fold_of), traces, **made))
    path = WORK / "tried_ensembles" / f"{name.replace(' ', '-')}.npz"
    held = np.load(path) if path.exists() else {}
    if str(held.get("version")) == version:
        return np.asarray(held["scores"])
    learned = np.flatnonzero(is_learned)
    folds = fold_of(traces.select(learned))
    parts = [(learned, np.flatnonzero(~is_learned))]
    parts += [(learned[folds != f], learned[folds == f]) for f in range(FOLDS)]
    scores = np.full(traces.n_traces, np.nan)
    for fitted, judged in parts:
        detector = get_detector(kind).with_settings(settings)
        detector.fit(traces.select(fitted), seed=SEED)
        scores[judged] = trace_scores(detector, traces.select(judged), aggregation_of(detector))
    least = np.nanmin(scores)
    scores = np.where(np.isnan(scores), least, scores)  # too short to be strange
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, version=np.array(version), scores=scores)
    print(name, flush=True)
    return scores


def distinct_area(m: Members, scores: Scores) -> float:
    """Of the normals of `DEV`, those alone that are distinct and not in training."""
    chosen = get_protocol(DEV).test(m.traces) & get_protocol("adfa-ld/distinct").test(m.traces)
    test = m.traces.select(chosen)
    nothing = np.zeros(test.n_traces, dtype=bool)
    judged = judged_of(test, scores[chosen], nothing, get_protocol(DEV))
    is_attack = judged.labels == Label.ATTACK
    return roc(judged.scores[~is_attack], judged.scores[is_attack]).auc


INTRODUCTION = (
    f"What unlike detectors say together, tried on `{DEV}` alone. Members score training normals "
    f"by models fitted without them ({FOLDS} parts, copies in one part), and by those scores rules "
    "are settled: no attack weighs a member. *Logs*: scores are taken on a scale of ratios, but "
    "for `disorder` and `redundancy`, which are on one, and `one-class-svm`, which has none. "
    "*Average*: standardised by mean and deviation; *product*: not standardised; *gaussian*: by "
    "the power that makes normals most normal (I. Yeo, R. Johnson, Biometrika 87, 2000); *tails*: "
    "as of the [ensemble](../detectors/ensemble.md); *least squares*: weights by the inverse "
    "covariance (P. O'Brien, Biometrics 40, 1984); *distance* and *density*: unlike the normals in "
    "any direction. *Relative*: the surprise held against the most that a trace of so many "
    "different calls could cost. *Those*: redundancy and disorder. *Largest* of things averaged: "
    "averages of standardised scores, standardised again, and the largest of them is the score; "
    "not of logs where that is not said. *Rarest*: the same of how rare each average is. "
    "*Distinct*: the area against those normals of it alone that are "
    "distinct and not in training. *Gain*: over `disorder`, with the 95 % interval of the paired "
    "difference (clusters as everywhere). **Which members stand together was chosen by looking at "
    "this table**, and that costs are held against variety, too: of many ideas on one set of "
    "attacks (some 150 of the last kind, in the end, of which those stand here that say something) "
    "the best looks better than it is. What it is worth on attacks that nobody looked at says "
    "[the other half of ADFA-LD](adfa_ld_final.md)."
)
FOUND = (
    "What it says. Holding cost against variety is what gains most for a single model; part of it "
    "is the trivial baseline, as attacks make fewer different calls. With `disorder` it finds more "
    "at few false alarms than either does alone. Averages of more members lose area, and what asks "
    "for *unlike in any direction* loses much, for the attacks lie on one side. What gains most "
    "is to let different kinds of strangeness speak each for itself: a trace is strange that "
    "costs much for its variety, **or** that costs much at all (`adaptive`, weaker than either "
    "when alone); and pairs of calls never seen, which find most at 1 % and cost area as a voice "
    "of their own, gain on all counts where they speak with the others only. Of scores themselves, "
    "not of their logarithms: then what is far above all normals is not pulled back among them."
)


def main() -> None:
    """Judge every idea, and write the page."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    traces = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read()
    is_learned = get_protocol(DEV).training(traces)
    m = Members(traces, is_learned, {name: member(name, traces, is_learned) for name in MEMBERS})
    none = np.zeros(0, dtype=np.float32)
    e = Evidence(traces, is_learned, none, none, m.scores["disorder"])
    scores = {title: rule(m, names) for title, (rule, names, _) in IDEAS.items()}
    first = next(iter(scores))
    rows = []
    for title, (_, _, why) in IDEAS.items():
        difference, error = gain(e, scores[title], scores[first])
        told = ("", "")
        if title != first:
            low, high = difference - 1.96 * error, difference + 1.96 * error
            told = (f"{difference:+.3f} ({low:+.3f} to {high:+.3f})", verdict(difference, error))
        area, *found = row_of(e, scores[title], DEV)
        distinct = f"{distinct_area(m, scores[title]):.3f}"
        rows.append((title, why, area, distinct, *found, *told))
        print(rows[-1], flush=True)
    points = ("found at 1 % false alarms", "at 5 %", "false alarms at 90 % found")
    others = [
        (f"`{protocol}`", title, *row_of(e, scores[title], protocol))
        for protocol in ("adfa-ld", "adfa-ld/distinct")
        for title in (first, "ngram", "redundancy", "average of logs: redundancy, disorder", CHOSEN)
    ]
    lines = [
        "# Ensembles that were tried", "", INTRODUCTION, "",
        *table(("score", "why", "AUC (95 %)", "distinct", *points, "gain", "verdict"), rows), "",
        FOUND, "", "## Under the other protocols", "",
        "Of what became [`best`](../how-to/train-the-best.md), and what it is made of; nothing was "
        "chosen here:", "", *table(("protocol", "score", "AUC (95 %)", *points), others),
    ]  # fmt: skip
    write_page("tried_ensembles", lines, "tried_ensembles.py")


if __name__ == "__main__":
    main()
