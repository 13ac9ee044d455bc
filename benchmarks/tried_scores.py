"""Other scores of a trace than mean surprise: what was tried on `adfa-ld/dev`.

Each idea is one function. All that is learned, calibrated or chosen is so on training normals,
each judged by a model that was fitted without it; attacks only say, at the end, what an idea is
worth.

    python benchmarks/tried_scores.py

takes some minutes, most of them for the surprises, which are kept.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from common import WORK, table, test_data, write_page
from detectors import area, cell
from kept import version_of, work_of
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import LinearRegression

from habitus import Label, TraceSet, get_detector
from habitus.datasets.source import find_source
from habitus.decisions.aggregation import Aggregation
from habitus.evaluation.judged import Judged, judged_of
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol
from habitus.evaluation.protocols import test_part as judged_part

DEV = "adfa-ld/dev"
FOLDS = 5
SEED = 1
KINDS = 8
QUANTILES = (0.5, 0.6, 0.7, 0.8, 0.9)
LEAST = 50
"""Surprises of a call in normals from which its own distribution is taken."""
Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """What ideas are made of; (n_traces,) or (n_calls,) of all traces, normals by cross-fitting.

    Attributes:
        surprise: (n_calls,) nats, by `ngram`; of a training trace by a model that lacks it and its
            copies.
        background: as ``surprise``, by single calls alone.
    """

    traces: TraceSet
    is_learned: NDArray[np.bool_]
    surprise: NDArray[np.float32]
    background: NDArray[np.float32]
    disorder: Scores

    def aggregated(self, text: str, surprise: NDArray[np.float32] | None = None) -> Scores:
        """(n_traces,) by an aggregation."""
        chosen = self.surprise if surprise is None else surprise
        return Aggregation.parse(text).scores(chosen, self.traces.offsets)

    @cached_property
    def nll(self) -> Scores:
        """(n_traces,) the score of `ngram`: mean surprise."""
        return self.aggregated("mean")

    @cached_property
    def bags(self) -> NDArray[np.float64]:
        """(n_traces, n_names) the share of each call in a trace."""
        rows = np.repeat(np.arange(self.traces.n_traces), self.traces.lengths)
        counts = np.zeros((self.traces.n_traces, len(self.traces.alphabet)))
        np.add.at(counts, (rows, self.traces.calls), 1)
        shares: NDArray[np.float64] = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return shares

    @cached_property
    def variety(self) -> NDArray[np.float64]:
        """(n_traces, 3) ln(different calls), ln(calls), and the entropy of single calls, nats."""
        shares = self.bags
        entropy = -(shares * np.log(np.where(shares > 0, shares, 1))).sum(axis=1)
        different = np.maximum((shares > 0).sum(axis=1), 1)
        return np.column_stack([np.log(different), np.log(self.traces.lengths), entropy])

    def standard(self, scores: Scores) -> Scores:
        """In deviations of the training normals' median."""
        normal = scores[self.is_learned]
        middle = np.median(normal)
        deviation = float(np.median(np.abs(normal - middle)))
        return (scores - float(middle)) / deviation

    def rarity(self, scores: Scores) -> Scores:
        """-ln of the share of training normals that score as high or higher."""
        normal = np.sort(scores[self.is_learned])
        above = len(normal) - np.searchsorted(normal, scores, side="left")
        return np.asarray(-np.log((above + 1) / (len(normal) + 1)))

    def given(self, scores: Scores, regressors: NDArray[np.float64]) -> Scores:
        """What a regression on the training normals leaves of a score."""
        model = LinearRegression().fit(regressors[self.is_learned], scores[self.is_learned])
        return np.asarray(scores - np.asarray(model.predict(regressors)))


def mean_surprise(e: Evidence) -> Scores:
    return e.nll


def disorder(e: Evidence) -> Scores:
    return e.disorder


def conditional_surprise(e: Evidence) -> Scores:
    return e.given(np.log(e.nll), e.variety[:, :2])


def conditional_on_entropy(e: Evidence) -> Scores:
    return e.given(np.log(e.nll), e.variety)


def ratio_to_single_calls(e: Evidence) -> Scores:
    return e.nll - e.aggregated("mean", e.background)


def ratio_to_own_order(e: Evidence) -> Scores:
    return e.given(np.log(e.nll), np.column_stack([e.disorder, e.variety[:, :2]]))


def narrowest_quantile(e: Evidence) -> str:
    """The quantile in which training normals differ least, against their median."""
    spreads = {}
    for q in QUANTILES:
        normal = e.aggregated(f"quantile:{q}")[e.is_learned]
        low, middle, high = np.quantile(normal, [0.25, 0.5, 0.75])
        spreads[f"quantile:{q}"] = (high - low) / max(middle, 1e-9)
    return min(spreads, key=lambda name: spreads[name])


def chosen_quantile(e: Evidence) -> Scores:
    return e.aggregated(narrowest_quantile(e))


def quantile_of_70(e: Evidence) -> Scores:
    return e.aggregated("quantile:0.7")


def by_kind(e: Evidence) -> Scores:
    kinds = KMeans(KINDS, n_init=10, random_state=SEED).fit(e.bags[e.is_learned])
    kind, scores = kinds.predict(e.bags), np.empty(e.traces.n_traces)
    log_nll = np.log(e.nll)
    for k in range(KINDS):
        normal = log_nll[e.is_learned & (kind == k)]
        spread = np.std(normal) if len(normal) > 1 else np.std(log_nll[e.is_learned])
        scores[kind == k] = (log_nll[kind == k] - np.median(normal)) / max(spread, 1e-3)
    return scores


def by_call(e: Evidence) -> Scores:
    learned = np.repeat(e.is_learned, e.traces.lengths)
    found = np.zeros(e.traces.n_calls, dtype=np.float32)
    everything = np.sort(e.surprise[learned])
    for call in np.unique(e.traces.calls):
        here = e.traces.calls == call
        normal = np.sort(e.surprise[here & learned])
        normal = normal if len(normal) >= LEAST else everything
        above = len(normal) - np.searchsorted(normal, e.surprise[here], side="left")
        found[here] = -np.log((above + 1) / (len(normal) + 1))
    return e.aggregated("mean", found)


def sum_of_both(e: Evidence) -> Scores:
    return e.standard(np.log(e.nll)) + e.standard(e.disorder)


def larger_of_both(e: Evidence) -> Scores:
    return np.maximum(e.standard(np.log(e.nll)), e.standard(e.disorder))


def rarities_of_both(e: Evidence) -> Scores:
    return e.rarity(e.nll) + e.rarity(e.disorder)


def conditional_of_both(e: Evidence) -> Scores:
    return e.standard(conditional_surprise(e)) + e.standard(e.disorder)


def all_three(e: Evidence) -> Scores:
    return e.standard(np.log(e.nll)) + e.standard(conditional_surprise(e)) + e.standard(e.disorder)


IDEAS: dict[str, tuple[Callable[[Evidence], Scores], str]] = {
    "mean surprise (`ngram`)": (mean_surprise, "what is to be beaten"),
    "disorder": (disorder, "how costly a trace is to learn from itself"),
    "surprise given length, variety": (
        conditional_surprise, "short and varied traces surprise more, attacks or not",
    ),
    "the same, and entropy": (conditional_on_entropy, "varied in what it mostly does, too"),
    "ratio to single calls": (
        ratio_to_single_calls, "rare calls are dear in any order; the order is what counts",
    ),
    "surprise given own disorder": (
        ratio_to_own_order, "what likelihood knows beyond a trace's own disorder",
    ),
    "70 % quantile": (quantile_of_70, "seen on the test set to be good: not to be chosen for that"),
    "quantile that normals choose": (
        chosen_quantile, "the one in which normals differ least, of .5 to .9",
    ),
    "within its kind": (by_kind, f"{KINDS} kinds of process by their calls, each its own measure"),
    "calibrated call by call": (by_call, "how rare such a surprise is at this very call"),
    "sum of surprise and disorder": (sum_of_both, "unlike evidence adds up"),
    "larger of both": (larger_of_both, "either alone is enough"),
    "rarities of both, multiplied": (rarities_of_both, "Fisher's way, by ranks among normals"),
    "sum, surprise given length": (conditional_of_both, "both given what normals like it do"),
    "sum of all three": (all_three, "surprise, the same given length and variety, disorder"),
}  # fmt: skip


def fold_of(traces: TraceSet) -> NDArray[np.int64]:
    """(n_traces,) which of `FOLDS` parts a trace is in; copies are in one."""
    sequences, inverse = np.unique(traces.sequence_ids(), return_inverse=True)
    return np.random.default_rng(SEED).integers(0, FOLDS, len(sequences))[inverse]


def cross_fitted(
    kind: str, settings: dict[str, object], traces: TraceSet, is_learned: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """(n_calls,) surprises of all traces, of training traces by models without them."""
    learned = np.flatnonzero(is_learned)
    folds = fold_of(traces.select(learned))
    parts = [(learned, np.flatnonzero(~is_learned))]
    parts += [(learned[folds != f], learned[folds == f]) for f in range(FOLDS)]
    starts, out = traces.offsets, np.empty(traces.n_calls, dtype=np.float32)
    for fitted, judged in parts:
        detector = get_detector(kind).with_settings(settings)
        detector.fit(traces.select(fitted), seed=SEED)
        found, at = detector.surprise(traces.select(judged)), 0
        for row in judged:
            n = int(starts[row + 1] - starts[row])
            out[starts[row] : starts[row + 1]] = found[at : at + n]
            at += n
    return out


def evidence(traces: TraceSet) -> Evidence:
    """Surprises are kept: they are nearly all of the time."""
    is_learned = get_protocol(DEV).training(traces)
    version = version_of(work_of(cross_fitted, fold_of), traces, folds=FOLDS, seed=SEED)
    path = WORK / "tried_scores" / "surprises.npz"
    held = np.load(path) if path.exists() else {}
    if str(held.get("version")) != str(version):
        held = {
            "version": np.array(str(version)),
            "surprise": cross_fitted("ngram", {}, traces, is_learned),
            "background": cross_fitted("ngram", {"order": 1}, traces, is_learned),
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **held)
    # Three weights of 833 traces: left as they are, with nothing held out.
    detector = get_detector("disorder").with_settings({})
    detector.fit(traces.select(is_learned))
    scores = detector.trace_scores(traces)  # type: ignore[attr-defined]
    return Evidence(traces, is_learned, held["surprise"], held["background"], scores)


def row_of(e: Evidence, scores: Scores, protocol_name: str) -> tuple[str, ...]:
    """Area with its interval, and operating points, under a protocol."""
    judged = judged_under(e, scores, protocol_name)
    curve = roc(judged.of(Label.NORMAL).scores, judged.of(Label.ATTACK).scores)
    points = (curve.detection_at(0.01)[0], curve.detection_at(0.05)[0], curve.false_alarms_at(0.9))
    return cell(area(judged)), *(f"{point:.1%}" for point in points)


def judged_under(e: Evidence, scores: Scores, protocol_name: str) -> Judged:
    protocol = get_protocol(protocol_name)
    test = judged_part(e.traces, protocol)
    nothing = np.zeros(test.n_traces, dtype=bool)
    return judged_of(test, scores[protocol.test(e.traces)], nothing, protocol)


def gain(e: Evidence, scores: Scores, reference: Scores) -> tuple[float, float]:
    """By how much the area on `DEV` is larger than another's, and the standard error of that.

    By the parts that traces have in both areas (E. DeLong et al., "Comparing the areas under two or
    more correlated receiver operating characteristic curves", Biometrics 44, 1988), summed within
    clusters: what was recorded together, or is the same sequence, is one observation.
    """
    mine, other = (judged_under(e, one, DEV) for one in (scores, reference))
    variance, areas = 0.0, []
    for label, against in ((Label.ATTACK, Label.NORMAL), (Label.NORMAL, Label.ATTACK)):
        parts = [_parts(j.of(label).scores, j.of(against).scores) for j in (mine, other)]
        # Of a normal it is the share of attacks that it lies above: its part the other way round.
        difference = (parts[0] - parts[1]) * (1 if label == Label.ATTACK else -1)
        areas.append(float(difference.mean()))
        sums = np.bincount(mine.of(label).clusters, difference - difference.mean())
        variance += float((sums**2).sum()) / len(difference) ** 2
    return areas[0], variance**0.5


def _parts(scores: Scores, others: Scores) -> Scores:
    """(n,) of each score, the share of others below it; equal ones count half."""
    others = np.sort(others)
    places = [np.searchsorted(others, scores, side=side) for side in ("left", "right")]
    return np.asarray(sum(places) / (2 * len(others)))


def verdict(difference: float, error: float) -> str:
    """What the difference shows."""
    if abs(difference) <= 1.96 * error:
        return "no difference shown"
    return "better" if difference > 0 else "worse"


INTRODUCTION = (
    f"What a trace's score may be made of, tried on `{DEV}` alone: mean surprise of `ngram`, the "
    "score of `disorder`, and what can be made of the two. All that an idea learns, calibrates or "
    f"chooses comes from the training normals, whose surprises are cross-fitted in {FOLDS} parts, "
    "copies in one part; standardised by median and median deviation. *Gain*: over mean "
    "surprise, with the 95 % interval of the paired difference (clusters as everywhere). Many "
    "ideas on one set of attacks: the best of them looks better than it is, and an interval that "
    "just leaves 0 shows little. None of them became a default."
)
FOUND = (
    "What it says: conditioning mean surprise on length and variety gains next to nothing; "
    "calibration by call or by kind of process, a background model and other aggregations lose. "
    "Two unlike scores added gain a little over the better of them, and lower the false alarms "
    "at 90 % found. **What is left of surprise once disorder is taken out of it finds few "
    "attacks**: most of what likelihood finds here, a trace's own order tells, too, and "
    "[that is partly how ADFA-LD was recorded](disorder.md). At 1 % false alarms every combination "
    "with disorder finds less than mean surprise alone: some normals are more disorderly than "
    "nearly all attacks."
)


def main() -> None:
    """Judge every idea, and write the page."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    e = evidence(find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read())
    scores = {title: idea(e) for title, (idea, _) in IDEAS.items()}
    first = next(iter(scores))
    areas, rows = {}, []
    for title, (_, why) in IDEAS.items():
        row = row_of(e, scores[title], DEV)
        areas[title] = float(row[0].partition(" ")[0])
        difference, error = gain(e, scores[title], scores[first])
        told = ("", "")
        if title != first:
            low, high = difference - 1.96 * error, difference + 1.96 * error
            told = (f"{difference:+.3f} ({low:+.3f} to {high:+.3f})", verdict(difference, error))
        rows.append((title, why, *row, *told))
        print(rows[-1], flush=True)
    best = max(areas, key=lambda title: areas[title])
    others = [
        (f"`{protocol}`", title, *row_of(e, scores[title], protocol))
        for protocol in ("adfa-ld", "adfa-ld/distinct")
        for title in dict.fromkeys((first, "disorder", best))
    ]
    points = ("AUC (95 %)", "found at 1 % false alarms", "at 5 %", "false alarms at 90 % found")
    lines = [
        "# Scores that were tried", "", INTRODUCTION, "",
        *table(("score", "why", *points, "gain", "verdict"), rows), "", FOUND, "",
        f"Of {', '.join(str(q) for q in QUANTILES)} the training normals choose "
        f"`{narrowest_quantile(e)}`.", "", "## Under the other protocols", "",
        f"Of the one that is best on `{DEV}`, and what it is made of; nothing was chosen here:", "",
        *table(("protocol", "score", *points), others),
    ]  # fmt: skip
    write_page("tried_scores", lines, "tried_scores.py")


if __name__ == "__main__":
    main()
