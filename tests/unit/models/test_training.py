"""Training: cross-fitting judges every trace by a detector that has not seen its sequence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from model_folders import small_model

from habitus.detectors.stide import Stide
from habitus.errors import UsageError
from habitus.models.aggregation import Aggregation
from habitus.models.decision import decide
from habitus.models.training import cross_fitted_scores, fit_model
from habitus.traces.traceset import Label, TraceInfo, TraceSet

if TYPE_CHECKING:
    from collections.abc import Iterator

MEAN = Aggregation("mean")
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
    assert (model.memory.scores == 1).all()
    assert model.detector.surprise(TraceSet.from_names(TRACES))[2] == 0


def test_equal_sequences_get_equal_scores() -> None:
    traces = TraceSet.from_names(TRACES)
    detector = Stide.with_settings({"n": 3})
    scores, folds = cross_fitted_scores(detector, traces, traces.sequence_ids(), MEAN, 4, 1)
    assert folds == 4
    for sequence in range(9):
        assert len(set(scores[sequence::9])) == 1


def test_another_seed_divides_anew() -> None:
    traces = TraceSet.from_names([list(f"{a}{b}{a}{b}") for a in "abcd" for b in "abcd"])
    scores = [fit_model("ngram", traces, seed=seed).memory.scores for seed in (1, 1, 2)]
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


@pytest.mark.parametrize("options", [{"folds": 1}, {"false_alarms": 1.0}, {"aggregation": "max"}])
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


def test_a_budget_without_data_goes_by_the_cross_fitted_scores() -> None:
    model = small_model()
    # Two traces are one sequence: their score counts twice.
    scores = np.sort(np.repeat(model.memory.scores, model.memory.multiplicity))[::-1]
    for budget, place in ((0.0, 0), (0.2, 1), (0.5, 2), (0.9, 4)):
        changed, n_known = model.with_budget(budget)
        assert n_known == 5
        assert changed.decision.threshold == scores[place]
        assert changed.decision.calibration.method == "cross-fitting"
        assert changed.decision.calibration.folds == model.decision.calibration.folds
        assert changed.decision.calibration.n_traces == 5
        assert changed.digest == ""
    assert model.with_budget(0.2)[0].decision == model.decision


def test_a_budget_on_other_traces_keeps_known_ones_at_their_cross_fitted_scores() -> None:
    model = small_model()
    known, fresh = list("abcab"), list("cacaca")
    normal = TraceSet.from_names([known, fresh])
    changed, n_known = model.with_budget(0.5, normal, "f" * 64)
    calibration = changed.decision.calibration
    assert n_known == 1
    assert (calibration.method, calibration.folds) == ("other traces", 0)
    assert calibration.data_sha256 == "f" * 64
    place = int(model.memory.known(normal)[0])
    assert changed.decision.threshold == min(model.memory.scores[place], model.scores(normal)[1])
    assert model.scores(normal)[0] < model.memory.scores[place]


def test_a_budget_goes_back_to_cross_fitting() -> None:
    model = small_model()
    changed, _ = model.with_budget(0.2, TraceSet.from_names([list("cacaca")]))
    back, _ = changed.with_budget(0.2)
    assert back.decision == model.decision


def test_what_was_learned_from_one_sequence_never_claims_cross_fitting() -> None:
    model = fit_model("ngram", TraceSet.from_names([list("abcabc")]))
    changed, _ = model.with_budget(0.5, TraceSet.from_names([list("cacaca"), list("bb")]))
    back, _ = changed.with_budget(0.5)
    assert back.decision.calibration.method == "training traces"
    assert back.decision.calibration.warnings()


def test_how_rare_a_score_is_is_a_conformal_p_value_of_what_the_threshold_was_set_on() -> None:
    scores = np.array([1.0, 2.0, 3.0, np.nan])
    counts = np.array([2, 1, 1, 1], np.int64)
    made = decide(scores, Aggregation.parse("mean"), 0.1, method="other traces", counts=counts)
    shares = [made.calibration.share_as_strange(score) for score in (0.5, 1.0, 1.5, 3.0, 9.0)]
    assert shares == [1.0, 1.0, 3 / 5, 2 / 5, 1 / 5]
    assert made.calibration.n_as_strange(9.0) == 0


def test_of_many_scores_the_highest_are_kept_and_nothing_is_said_of_the_others() -> None:
    scores = np.arange(1000.0)
    made = decide(scores, Aggregation.parse("mean"), 0.01, method="cross-fitting").calibration
    assert made.highest_scores == tuple(scores[::-1][:256])
    assert made.n_as_strange(990.0) == 10
    assert made.n_as_strange(10.0) is None
    assert made.share_as_strange(10.0) is None


def test_a_threshold_that_no_score_exceeds_is_said() -> None:
    """Every window of the held-out traces is new: the share of unseen windows is 1 already."""
    traces = TraceSet.from_names([list("abc"), list("def"), list("ghi"), list("jkl")])
    model = fit_model("stide", traces, settings={"n": 3}, false_alarms=0.25)
    assert any("can never raise an alert" in line for line in model.warnings())


def test_traces_that_are_alike_use_up_the_budget_and_that_is_said() -> None:
    traces = TraceSet.from_names([list("abcabd")] * 30 + [list("abdabc")] * 30)
    model = fit_model("ngram", traces, false_alarms=0.1)
    assert model.decision.calibration.n_over == 0
    assert any("alike" in line for line in model.warnings())
