"""Training: cross-fitting judges every trace by a detector that has not seen its sequence."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from model_folders import small_model

from habitus.decisions.budget import Budget
from habitus.detectors.stide import Stide
from habitus.errors import UsageError
from habitus.models.training import fit_model
from habitus.traces.holding_out import parts_kept_together
from habitus.traces.traceset import Label, TraceInfo, TraceSet, join

if TYPE_CHECKING:
    from collections.abc import Iterator

# Nine sequences, most of them more than once.
TRACES = [list(f"ab{'cdefghijk'[i % 9]}ab") for i in range(40)]


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[set[tuple[str, ...]]]]:
    """The sequences that each fit of STIDE learned, in order."""
    seen: list[set[tuple[str, ...]]] = []
    real = Stide.fit

    def watched(self: Stide, normal: TraceSet, *arguments: object, **options: object) -> None:
        seen.append({tuple(normal.trace(i)) for i in range(normal.n_traces)})
        real(self, normal, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Stide, "fit", watched)
    return seen


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_cross_fitting_never_divides_identical_sequences(
    fits: list[set[tuple[str, ...]]], seed: int
) -> None:
    model = fit_model("stide", TraceSet.from_names(TRACES), settings={"n": 3}, seed=seed)
    everything, *others = fits
    assert len(everything) == 9
    assert len(others) == 5
    held_out = [everything - learned for learned in others]
    assert sorted(map(len, held_out)) == [1, 2, 2, 2, 2]
    assert set.union(*held_out) == everything
    # Each sequence holds windows that no other does, so whoever judged it had not learned it.
    assert (model.population.scores == 1).all()
    assert model.detector.surprise(TraceSet.from_names(TRACES))[2] == 0


def test_another_seed_divides_anew() -> None:
    traces = TraceSet.from_names([list(f"{a}{b}{a}{b}") for a in "abcd" for b in "abcd"])
    scores = [fit_model("ngram", traces, seed=seed).population.scores for seed in (1, 1, 2)]
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])


def test_no_more_folds_than_sequences(fits: list[set[tuple[str, ...]]]) -> None:
    model = fit_model("stide", TraceSet.from_names([list("ababab"), list("abcabc")] * 3))
    assert len(fits) == 3
    assert model.decision.calibration.folds == 2


def test_one_sequence_alone_is_judged_by_its_own_model_and_that_is_said() -> None:
    model = fit_model("ngram", TraceSet.from_names([list("abcabc")] * 4))
    calibration = model.decision.calibration
    assert (calibration.method, calibration.folds) == ("training traces", 0)
    assert "one and the same sequence" in calibration.warnings()[0]


def test_a_fold_whose_rest_is_empty_is_no_error() -> None:
    model = fit_model("ngram", TraceSet.from_names([[], list("abcabc")]))
    assert model.provenance.n_sequences == 2
    assert model.decision.calibration.n_unscoreable == 1


def test_attacks_are_not_learned() -> None:
    infos = [TraceInfo("n", "m"), TraceInfo("a", "m", label=Label.ATTACK)]
    with pytest.raises(UsageError, match="1 of the 2 traces are labelled attacks"):
        fit_model("stide", TraceSet.from_names([list("ab"), list("cd")], infos=infos))


@pytest.mark.parametrize("traces", [[], [[]], [[], []]])
def test_nothing_to_learn_is_refused(traces: list[list[str]]) -> None:
    with pytest.raises(UsageError, match="no call to learn from"):
        fit_model("ngram", TraceSet.from_names(traces))


def test_traces_too_short_for_the_window_are_refused() -> None:
    with pytest.raises(UsageError, match="none of the 2 normal traces can be scored"):
        fit_model("stide", TraceSet.from_names([list("ab"), list("cd")]), settings={"n": 6})


@pytest.mark.parametrize(
    "options",
    [
        {"calibration": "cross-fitting:1"},
        {"calibration": "held-out:1"},
        {"false_alarms": 1.0},
        {"aggregation": "max"},
        {"aggregation": "whole"},
        {"rolling": ["0"]},
        {"rolling": ["9", "9:mean"]},
    ],
)
def test_impossible_options_are_refused_before_any_work(
    fits: list[set[tuple[str, ...]]], options: dict[str, object]
) -> None:
    with pytest.raises(UsageError):
        fit_model("stide", TraceSet.from_names(TRACES), **options)  # type: ignore[arg-type]
    assert not fits


def test_provenance_counts_what_was_learned() -> None:
    origin = small_model().provenance
    assert (origin.n_traces, origin.n_calls, origin.n_sequences) == (5, 28, 4)
    assert origin.versions.keys() == {"habitus", "python", "numba", "numpy"}


def test_a_budget_without_data_goes_by_the_same_normal_traces() -> None:
    model = small_model()
    # Two traces are one sequence: their score counts twice.
    scores = np.sort(np.repeat(model.population.scores[0], model.population.counts))[::-1]
    assert len(scores) == 5
    for budget in ("0.2", "0.5", "0.9"):
        changed = model.with_budget(Budget.parse(budget))
        calibration = changed.decision.calibration
        assert changed.decision.threshold in scores
        assert calibration.n_over == np.sum(scores > changed.decision.threshold)
        assert calibration.method == "cross-fitting"
        assert calibration.folds == model.decision.calibration.folds
        assert calibration.n_traces == 5
        assert changed.digest == ""
    assert model.with_budget(Budget.parse("0.2")).decision == model.decision


def test_a_budget_on_other_traces_keeps_known_ones_at_their_cross_fitted_scores() -> None:
    model = small_model()
    known, fresh = list("abcab"), list("cacaca")
    normal = TraceSet.from_names([known, fresh])
    changed, n_known = model.calibrated_on(normal, Budget.parse("0.5"), "f" * 64)
    calibration = changed.decision.calibration
    assert n_known == 1
    assert (calibration.method, calibration.folds) == ("other traces", 0)
    assert calibration.data_sha256 == "f" * 64
    place = int(model.population.index_of(normal.sequence_digests())[0])
    cross_fitted = model.population.scores[0, place]
    assert set(changed.population.scores[0]) == {cross_fitted, model.scores(normal)[1]}
    assert model.scores(normal)[0] < cross_fitted


def test_learned_traces_without_a_score_of_their_own_are_left_out() -> None:
    normal = TraceSet.from_names([list("abc" * (i % 4 + 2) + "de"[i % 2]) for i in range(8)])
    model = fit_model("ngram", normal, calibration="held-out:0.4")
    fresh = TraceSet.from_names([list("acacac"), list("bbb")])
    changed, n_known = model.calibrated_on(join([normal, fresh]), Budget.parse("0.5"))
    learned = model.memory.knows(normal)
    assert n_known == learned.sum() == model.provenance.n_traces
    assert changed.decision.calibration.n_traces == 2 + np.sum(~learned)
    with pytest.raises(UsageError, match="were learned by this model"):
        model.calibrated_on(normal.select(learned), Budget.parse("0.5"))


def test_what_was_learned_from_one_sequence_never_claims_cross_fitting() -> None:
    traces = TraceSet.from_names([list("abcabc")])
    model = fit_model("ngram", traces)
    changed, _ = model.calibrated_on(traces, Budget.parse("0.5"))
    assert changed.decision.calibration.method == "training traces"
    assert changed.decision.calibration.warnings()


def test_how_rare_a_score_is_is_a_conformal_p_value_of_what_the_threshold_was_set_on() -> None:
    population = replace(
        small_model().population,
        scores=np.array([[1.0, 2.0, 3.0, np.nan]]),
        counts=np.array([2, 1, 1, 1], np.int64),
    )
    shares = [population.share_as_strange(0, score) for score in (0.5, 1.0, 1.5, 3.0, 9.0)]
    assert shares == [1.0, 1.0, 3 / 5, 2 / 5, 1 / 5]
    assert population.n_as_strange(0, 9.0) == 0


def test_a_threshold_that_no_score_exceeds_is_said() -> None:
    """Every window of the held-out traces is new: the share of unseen windows is 1 already."""
    traces = TraceSet.from_names([list("abc"), list("def"), list("ghi"), list("jkl")])
    model = fit_model("stide", traces, settings={"n": 3}, false_alarms=0.25)
    assert any("can never raise an alert" in line for line in model.warnings())


def test_traces_that_tie_leave_the_budget_unused_and_that_is_said() -> None:
    normal = TraceSet.from_names([list("abab")] * 3)
    other = TraceSet.from_names([[f"x{i}"] * 5 for i in range(60)])
    model = fit_model("ngram", normal, held_out=other, false_alarms=0.5)
    assert model.decision.calibration.n_over == 0
    assert any("alike" in line for line in model.warnings())


def test_held_out_traces_are_neither_learned_nor_divided() -> None:
    infos = [TraceInfo(f"t{i}", "m", group=f"run-{i // 4}") for i in range(80)]
    # Runs of four threads each, of which two in a row share one.
    made = [
        ["a", f"pair-{i // 8}"] if i % 4 == 3 else ["a", "b", f"own-{i}", "b"] for i in range(80)
    ]
    traces = TraceSet.from_names(made, infos=infos)
    model = fit_model("ngram", traces, calibration="held-out:30%", settings={"order": 2})
    calibration = model.decision.calibration
    assert calibration.method == "held-out"
    assert calibration.is_exact is False  # the shared threads count as fewer
    assert model.provenance.n_traces + calibration.n_traces == 80
    assert calibration.n_traces == 24
    learned = model.memory.knows(traces)
    assert learned.sum() == model.provenance.n_traces
    for pair in range(10):
        assert len(set(learned[8 * pair : 8 * pair + 8])) == 1


def test_recordings_that_all_share_a_sequence_are_divided_by_sequence() -> None:
    infos = [TraceInfo(f"t{i}", "m", group=f"run-{i // 2}") for i in range(60)]
    made = [["a", "b"] if i % 2 else ["a", f"c{i}"] for i in range(60)]
    parts = parts_kept_together(TraceSet.from_names(made, infos=infos), n_wanted=10)
    assert len(set(parts[1::2])) == 1
    assert len(set(parts)) == 31


def test_given_normals_set_the_threshold_and_are_not_learned() -> None:
    normal, other = TraceSet.from_names(TRACES), TraceSet.from_names([list("xyz"), list("abz")])
    model = fit_model("ngram", normal, held_out=other)
    assert model.decision.calibration.n_traces == 2
    assert "x" not in model.detector.vocabulary
    assert sorted(model.population.novel) == pytest.approx([1 / 3, 1.0])
    with pytest.raises(UsageError, match="there is no other choice"):
        fit_model("ngram", normal, held_out=other, calibration="cross-fitting")


def test_a_slow_detector_holds_some_out_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Stide, "is_quick", False)
    model = fit_model("stide", TraceSet.from_names(TRACES), settings={"n": 3})
    assert model.decision.calibration.method == "held-out"


def test_budgets_by_the_day_go_by_time_and_recordings() -> None:
    """Six recordings of four hours each, a call a minute, and something odd in some minutes."""
    minute = 60 * 10**9
    infos = [TraceInfo(f"r{i}", "m", group=f"r{i}") for i in range(6)]
    random = np.random.default_rng(5)
    made = [list(random.choice(["a", "z"], 241, p=[0.97, 0.03])) for _ in range(6)]
    traces = replace(
        TraceSet.from_names(made, infos=infos), times_ns=np.tile(np.arange(241) * minute, 6)
    )
    model = fit_model(
        "ngram", traces, rolling=["2"], settings={"order": 1}, held_out=traces,
        false_alarms=Budget.parse("40/day", merge_seconds=600),
    )  # fmt: skip
    told = model.decisions[1].calibration.alarms_a_day
    assert told is not None
    assert (told.recordings, told.merge_seconds) == (6, 600)
    assert told.hours == pytest.approx(24.0)
    assert told.expected == told.seen + 1 <= 40
    with pytest.raises(UsageError, match="merged within 600 seconds, not 60"):
        model.with_budget(Budget.parse("1/day"))


def test_hours_of_learned_traces_are_not_quiet_hours() -> None:
    """Of what was learned no rolling scores are kept: its alarms cannot be counted again."""
    minute = 60 * 10**9
    random = np.random.default_rng(5)

    def timed(names: str) -> TraceSet:
        made = [list(random.choice(["a", "z"], 241, p=[0.97, 0.03])) for _ in names]
        infos = [TraceInfo(name, "m", group=name) for name in names]
        times = np.tile(np.arange(241) * minute, len(names))
        return replace(TraceSet.from_names(made, infos=infos), times_ns=times)

    learned, fresh = timed("abcd"), timed("xyz")
    model = fit_model("ngram", learned, rolling=["2"], settings={"order": 1}, false_alarms="40/day")
    budget = Budget.parse("40/day")
    both, _ = model.calibrated_on(join([learned, fresh]), budget)
    alone, _ = model.calibrated_on(fresh, budget)
    told = both.decisions[1].calibration.alarms_a_day
    assert told is not None
    assert told == alone.decisions[1].calibration.alarms_a_day
    assert told.hours == pytest.approx(12.0)
    with pytest.raises(UsageError, match="keeps no rolling scores"):
        model.calibrated_on(learned, budget)


def test_a_budget_by_the_day_needs_times() -> None:
    with pytest.raises(UsageError, match="needs normal traces that carry time"):
        fit_model("ngram", TraceSet.from_names(TRACES), false_alarms="1/day")


def test_thresholds_of_a_network_stand_above_what_rounding_does_to_the_score_they_are_set_by() -> (
    None
):
    traces = TraceSet.from_names([list("abcab") * (i + 1) for i in range(12)])
    model = fit_model(
        "lstm", traces, settings={"cells": "4", "epochs": 1}, rolling=["3"], false_alarms="10%"
    )
    for row, decision in enumerate(model.decisions):
        nearest = np.min(np.abs(decision.threshold - 1e-4 - model.population.scores[row]))
        assert nearest < 1e-12
    again = model.with_budget(Budget.parse("10%"))
    assert again.decisions == model.decisions


def test_scores_along_a_trace_are_means_of_the_last_calls() -> None:
    model = fit_model("ngram", TraceSet.from_names(TRACES), rolling=["3", "2:median"])
    traces = TraceSet.from_names([list("abxcabab"), list("ab"), [], list("abcab")])
    surprise = model.detector.surprise(traces).astype(np.float64)
    expected = np.full(traces.n_calls, np.nan)
    for begin, end in pairwise(traces.offsets.tolist()):
        for last in range(begin + max(1, min(3, end - begin)) - 1, end):
            expected[last] = surprise[max(begin, last - 2) : last + 1].mean()
    scores = model.rolling_scores(traces)
    assert scores == pytest.approx(expected, nan_ok=True)
    assert np.isnan(scores).sum() == 2 + 1 + 0 + 2  # before the window is full
    assert not np.array_equal(scores, model.rolling_scores(traces, "rolling:2:median"), True)


def test_who_wants_scores_along_traces_needs_a_rolling_decision() -> None:
    traces = TraceSet.from_names(TRACES)
    model = fit_model("stide", traces, settings={"n": 2}, rolling=["3"])
    with pytest.raises(UsageError, match="judges whole traces and makes no score along them"):
        model.rolling_scores(traces, "trace")
    with pytest.raises(UsageError, match="makes no decision called 'rolling:9'"):
        model.rolling_scores(traces, "rolling:9")
    with pytest.raises(UsageError, match="--rolling W"):
        replace(model, decisions=model.decisions[:1]).rolling_scores(traces)
