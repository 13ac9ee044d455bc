"""The check as a whole, on small populations that one can think through."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy.stats import betabinom

from habitus.decisions.forecast import TailRate
from habitus.decisions.population import Population
from habitus.drift.checking import check_population, n_lacking
from habitus.drift.measures import forecast
from habitus.drift.result import Drift, Shift
from habitus.errors import InputError, UsageError
from habitus.models.memory import Memory
from habitus.models.training import fit_model
from habitus.traces.traceset import Label, TraceInfo, TraceSet, join

CALLS = [f"call-{i}" for i in range(8)]

if TYPE_CHECKING:
    from habitus.models.model import Model


def drawn(n: int, seed: int, *, jump: float = 0.1, extra: str = "") -> TraceSet:
    """Traces that step through the calls, and with a probability jump to any of them."""
    random = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        place, row = int(random.integers(8)), []
        for _ in range(int(random.integers(20, 60))):
            place = int(random.integers(8)) if random.random() < jump else (place + 1) % 8
            row.append(CALLS[place])
        if extra:
            row[5] = extra
        rows.append(row)
    infos = [TraceInfo(f"seed-{seed}-{i}", "memory", Label.NORMAL) for i in range(n)]
    return TraceSet.from_names(rows, infos=infos)


def labelled(traces: TraceSet, label: Label) -> TraceSet:
    return replace(traces, infos=tuple(replace(info, label=label) for info in traces.infos))


def checked(model: Model, traces: TraceSet, seed: int = 1) -> Drift:
    return check_population(model, traces, seed=seed, permutations=499)


@pytest.fixture(scope="module")
def model() -> Model:
    return fit_model("stide", drawn(150, 0), settings={"n": 3}, rolling=["10"], false_alarms="5%")


def test_the_same_population_is_told_as_such(model: Model) -> None:
    drift = checked(model, drawn(100, 1))
    assert drift.verdict == "same"
    assert drift.advice == ("nothing: the forecast of false alarms still holds",)
    assert [a.decision for a in drift.alarms] == ["trace:mean", "rolling:10"]
    assert [(s.measure, s.decision) for s in drift.shifts] == [
        ("score", "trace:mean"), ("score", "rolling:10"), ("novel", ""), ("unseen", ""),
    ]  # fmt: skip
    assert all(s.superiority == pytest.approx(0.5, abs=0.15) for s in drift.shifts)
    assert (drift.n_novel_calls, drift.novel_calls, drift.novel_traces) == (0, (), ())


def test_nothing_has_changed_and_one_in_twenty_errs_at_most() -> None:
    """By held-out traces, where the forecast is exact."""
    verdicts: Counter[str] = Counter()
    for seed in range(100):
        traces = drawn(150, 1000 + seed)
        first, rest = traces.select(np.arange(100)), traces.select(np.arange(100, 150))
        model = fit_model(
            "stide", first, settings={"n": 3}, calibration="held-out:60%", false_alarms="5%"
        )
        verdicts[check_population(model, rest, seed=seed, permutations=199).verdict] += 1
    assert verdicts["drifted"] <= 5 + 8  # three standard deviations more
    assert verdicts["same"] >= 85


def test_more_jumps_are_found(model: Model) -> None:
    drift = checked(model, drawn(60, 2, jump=0.3))
    assert drift.verdict == "drifted"
    assert drift.shift("score", "trace:mean").drifted
    assert not drift.shift("novel").drifted
    assert drift.alarms[0].side == "more"
    assert "higher scores by trace:mean" in drift.sentence
    assert any("model threshold" in line for line in drift.advice)


def test_a_call_never_learned_is_named(model: Model) -> None:
    new = join([drawn(40, 3, extra="io_uring_enter"), drawn(40, 4)])
    drift = checked(model, new)
    assert drift.verdict == "drifted"
    assert drift.shift("novel").drifted
    (call,) = drift.novel_calls
    assert (call.name, call.count, call.n_traces) == ("io_uring_enter", 40, 40)
    assert {trace.name.split("-")[1] for trace in drift.novel_traces} == {"3"}
    shortest = int(new.lengths[:40].min())
    assert (drift.novel_traces[0].n_novel, drift.novel_traces[0].n_calls) == (1, shortest)
    assert any("new version of the program" in line for line in drift.advice)


def test_another_program_is_asked_about(model: Model) -> None:
    other = TraceSet.from_names([[f"x{i % 7}" for i in range(j, j + 30 + j)] for j in range(30)])
    drift = checked(model, other)
    assert drift.verdict == "drifted"
    assert len(drift.advice) == 1
    assert "--abi right?" in drift.advice[0]


def test_too_few_are_told_how_many_would_do(model: Model) -> None:
    drift = checked(model, drawn(5, 5))
    assert drift.verdict == "cannot tell"
    assert drift.n_more is not None
    enough = checked(model, drawn(5 + drift.n_more, 5))
    assert enough.verdict == "same"


def test_how_many_are_lacking_by_hand() -> None:
    def shift(n: int, m: int) -> Shift:
        return Shift(
            measure="score", decision="trace:mean", n_reference=n, n_new=m, p=0.5,
            comparable=n * m / (n + m), superiority=0.5, reference={}, new={}, histogram=None,
        )  # fmt: skip

    # One test: (1.6449 + 0.8416)^2 / (12 * 0.2^2) = 12.88 = n m / (n + m); of n = 100, m = 14.8.
    assert n_lacking(shift(100, 15), n_tests=1) == 0
    assert n_lacking(shift(100, 10), n_tests=1) == 5
    assert n_lacking(shift(12, 500), n_tests=1) is None
    # Four tests: (2.2414 + 0.8416)^2 / 0.48 = 19.80; m = 24.7.
    assert n_lacking(shift(100, 15), n_tests=4) == 10


def test_what_was_learned_says_nothing(model: Model) -> None:
    drift = checked(model, drawn(150, 0))
    assert (drift.verdict, drift.n_learned, drift.n_own) == ("cannot tell", 150, 0)
    assert all(shift.p is None for shift in drift.shifts)
    assert "every one of the 150 traces" in drift.sentence
    assert "record new runs" in drift.advice[0]


def test_the_models_own_traces_are_left_out_where_all_are_given_again(model: Model) -> None:
    alone, with_own = drawn(40, 6), join([drawn(150, 0), drawn(40, 6)])
    drift = checked(model, with_own)
    assert (drift.n_traces, drift.n_own, drift.n_learned) == (40, 150, 0)
    assert drift.alarms == checked(model, alone).alarms
    assert drift.shifts == checked(model, alone).shifts


def test_some_learned_traces_are_counted_and_not_compared(model: Model) -> None:
    some = drawn(150, 0).select(np.arange(30))
    drift = checked(model, join([some, drawn(60, 7)]))
    assert (drift.n_traces, drift.n_own, drift.n_learned) == (90, 0, 30)
    score = drift.shift("score", "trace:mean")
    assert (score.n_reference, score.n_new) == (120, 60)
    assert drift.alarms[0].n_traces == 90
    assert any("30 of the 90 traces" in note for note in drift.notes)


def test_attacks_are_left_out_and_counted(model: Model) -> None:
    attacks = labelled(drawn(20, 8, jump=0.9), Label.ATTACK)
    drift = checked(model, join([drawn(60, 9), attacks]))
    assert (drift.verdict, drift.n_attacks, drift.n_traces) == ("same", 20, 60)
    with pytest.raises(InputError, match="all 20 are labelled attacks"):
        checked(model, attacks)


def test_no_trace_is_an_error(model: Model) -> None:
    for nothing in (TraceSet.from_names([]), TraceSet.from_names([[], []])):
        with pytest.raises(InputError, match="they make no calls"):
            checked(model, nothing)


def test_traces_too_short_to_score_tell_nothing(model: Model) -> None:
    drift = checked(model, TraceSet.from_names([["call-0"], ["call-1"], ["call-2"]] * 5))
    assert (drift.verdict, drift.n_unscoreable) == ("cannot tell", 15)
    assert drift.alarms[0].p is None
    assert drift.n_more is not None
    assert "15 traces are too short" in " ".join(drift.notes)


def test_a_model_without_scores_of_normals_is_refused(model: Model) -> None:
    bare = replace(model, population=Population.nothing())
    with pytest.raises(UsageError, match="keeps no scores of normal traces"):
        checked(bare, drawn(10, 1))


def test_a_model_that_forgot_what_it_learned_does_not_tell_of_orders(model: Model) -> None:
    few = replace(model, memory=Memory.of(drawn(150, 0).select([0, 1]), model.detector))
    forgetful = replace(model, memory=replace(few.memory, digests=model.memory.digests))
    drift = checked(forgetful, drawn(60, 10))
    assert drift.shift("unseen").p is None
    assert drift.verdict == "same"
    assert "remembers" in " ".join(drift.notes)
    blank = replace(model, memory=Memory.nothing())
    assert checked(blank, drawn(60, 10)).shift("unseen").p is None


def test_one_strange_sequence_a_thousand_times_is_one(model: Model) -> None:
    strange = drawn(1, 11, jump=0.9).select([0] * 1000)
    drift = checked(model, join([drawn(60, 12), strange]))
    assert drift.alarms[0].n_over >= 1000
    assert drift.verdict == "same"


def test_cells_end_at_the_threshold(model: Model) -> None:
    drift = checked(model, drawn(100, 13, jump=0.2))
    score, threshold = drift.shift("score", "trace:mean"), drift.alarms[0].threshold
    cells = score.histogram
    assert cells is not None
    assert (sum(cells.reference), sum(cells.new)) == (score.n_reference, score.n_new)
    above = model.population.scores[0] > threshold
    assert sum(cells.reference[cells.n_below :]) == int(above.sum())
    assert sum(cells.new[cells.n_below :]) == drift.alarms[0].n_over
    assert cells.low <= threshold <= cells.high


def test_the_forecast_of_alarms_by_hand() -> None:
    def chance(n_over: int, counts: list[int]) -> float:
        return forecast(TailRate(99, 0, 1), np.array(counts), n_over, seed=1)[1]

    # None of 99 normals above: the next one is with probability 1 / 100, whatever hangs on it.
    assert chance(1, [1]) == pytest.approx(0.01, abs=0.004)
    assert chance(1000, [1000]) == pytest.approx(0.01, abs=0.004)
    assert chance(0, [1]) == 1.0
    # A thousand traces are one of two sequences, 1 - (98 / 100) of which has one above.
    assert chance(1, [1, 1000]) == pytest.approx(0.02, abs=0.006)
    assert chance(1001, [1, 1000]) == pytest.approx(0.0002, abs=0.0004)


def test_the_forecast_of_single_sequences_is_that_of_the_model() -> None:
    rate = TailRate(500, 4, 1)
    (low, high), p = forecast(rate, np.ones(300, np.int64), 9, seed=1)
    told = rate.interval(300)
    assert abs(low - told[0]) <= 1
    assert abs(high - told[1]) <= 1
    assert p == pytest.approx(float(betabinom.sf(8, 300, 5, 496)), abs=0.006)


def test_a_seed_makes_the_check(model: Model) -> None:
    new = drawn(30, 14, jump=0.13)
    assert checked(model, new, seed=3) == checked(model, new, seed=3)
