"""Judging traces as they are read: the same verdicts, places and reasons however they arrive."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.alerts.judgement import STRIP_CELLS, Strip, TraceScore
from habitus.alerts.scoring import Scorer
from habitus.errors import InputError
from habitus.models.training import fit_model
from habitus.traces.traceset import TraceInfo, TraceSet
from segments import segmented, whole

if TYPE_CHECKING:
    from collections.abc import Iterable

    from habitus.models.model import Model

NORMAL = [list("abcabcabd"), list("abdabc"), list("cabcabcabcab"), list("abcabdabcab")]
TRACES = st.lists(st.lists(st.sampled_from("abcdX"), max_size=22), min_size=1, max_size=4)


@cache
def model(detector: str, aggregation: str) -> Model:
    settings = {"n": 3} if detector == "stide" else {"order": 4}
    return fit_model(
        detector, whole(NORMAL), settings=settings, aggregation=aggregation, false_alarms=0.3
    )


def judged(
    made: Model, batches: Iterable[TraceSet], stretch: int = 5, *, all_: bool = True
) -> dict[str, TraceScore]:
    found = list(Scorer(made, stretch, stretch_of_all=all_).run(batches))
    assert len({score.info.name for score in found}) == len(found)
    return {score.info.name: score for score in found}


@pytest.mark.parametrize("detector", ["stide", "ngram"])
@pytest.mark.parametrize("aggregation", ["mean", "quantile:0.7", "worst:4"])
@given(data=st.data(), traces=TRACES, stretch=st.integers(1, 9), all_=st.booleans())
def test_segments_are_judged_as_the_whole(
    detector: str, aggregation: str, data: st.DataObject, traces: list[list[str]], stretch: int,
    all_: bool,
) -> None:  # fmt: skip
    made = model(detector, aggregation)
    wanted = judged(made, [whole(traces)], stretch, all_=all_)
    found = judged(made, data.draw(segmented(traces)), stretch, all_=all_)
    assert found.keys() == wanted.keys()
    for name, score in found.items():
        other = wanted[name]
        assert score.score == pytest.approx(other.score, rel=1e-9, nan_ok=True)
        assert (score.n_calls, score.n_novel) == (other.n_calls, other.n_novel)
        assert (score.is_alert, score.verdict) == (other.is_alert, other.verdict)
        assert (score.info, score.position_unit) == (other.info, other.position_unit)
        assert_same_stretch(score, other)


def assert_same_stretch(score: TraceScore, other: TraceScore) -> None:
    if other.stretch is None or other.strip is None:
        assert score.stretch is None
        assert score.strip is None
        return
    assert score.stretch is not None
    assert score.strip is not None
    assert score.stretch.first_call == other.stretch.first_call
    assert score.stretch.mean_surprise == pytest.approx(
        other.stretch.mean_surprise, rel=1e-9, nan_ok=True
    )
    assert score.stretch.history.tolist() == other.stretch.history.tolist()
    for column in ("names", "symbols", "positions", "times_ns"):
        found, wanted = (getattr(s.stretch.calls, column).tolist() for s in (score, other))
        assert found == wanted, column
    assert np.array_equal(
        score.stretch.calls.surprise, other.stretch.calls.surprise, equal_nan=True
    )
    assert score.strip.calls_per_cell == other.strip.calls_per_cell
    assert numbers(score.strip) == pytest.approx(numbers(other.strip), rel=1e-9, nan_ok=True)


def numbers(strip: Strip) -> list[float]:
    return [math.nan if mean is None else mean for mean in strip.means]


def test_a_stretch_is_where_the_trace_is_strange() -> None:
    """Positions are the source's lines: `segments.whole` puts call i on line 3 i + 1."""
    strange = list("abcabcabcabc") + list("XXXX") + list("abcabcabcabc")
    score = judged(model("ngram", "mean"), [whole([strange])], stretch=4)["t0"]
    stretch = score.stretch
    assert stretch is not None
    assert stretch.first_call == 12
    assert stretch.calls.names.tolist() == list("XXXX")
    assert stretch.calls.positions.tolist() == [37, 40, 43, 46]
    assert np.diff(stretch.calls.times_ns).tolist() == [10**9] * 3
    assert score.n_novel == 4
    assert stretch.mean_surprise == pytest.approx(stretch.calls.surprise.mean())


def test_calls_without_positions_are_counted_from_one() -> None:
    names = TraceSet.from_names([list("abcabcXX")])
    stretch = judged(model("ngram", "mean"), [names], stretch=2)["trace-0"].stretch
    assert stretch is not None
    assert stretch.calls.positions.tolist() == [7, 8]
    assert stretch.calls.times_ns.tolist() == [-1, -1]


def test_only_alerts_are_explained_unless_all_are_asked_for() -> None:
    traces = whole([list("XXXXXX"), list("abcabc")])
    found = judged(model("stide", "mean"), [traces], all_=False)
    assert [score.is_alert for score in found.values()] == [True, False]
    assert [score.stretch is None for score in found.values()] == [False, True]


def test_a_trace_too_short_is_neither_normal_nor_an_alert() -> None:
    found = judged(model("stide", "mean"), [whole([["X"], [], list("ab")])])
    assert [score.verdict for score in found.values()] == ["not_scoreable"] * 3
    assert all(math.isnan(score.score) for score in found.values())
    assert found["t1"].stretch is None


def segment(name: str, calls: str, first_call: int, *, ends: bool) -> TraceSet:
    info = TraceInfo(name, "file", first_call=first_call, ends=ends)
    return TraceSet.from_names([list(calls)], infos=[info])


def test_a_trace_whose_end_never_comes_is_judged_by_what_came() -> None:
    """A recording that was cut off says what it says: it is not dropped in silence."""
    batches = [segment("t", "abc", 0, ends=False), segment("t", "abX", 3, ends=False)]
    found = judged(model("ngram", "mean"), batches)["t"]
    wanted = judged(model("ngram", "mean"), [segment("t", "abcabX", 0, ends=True)])["t"]
    assert found.score == pytest.approx(wanted.score)
    assert found.n_calls == 6
    assert found.info == wanted.info


def test_a_namesake_that_begins_anew_does_not_swallow_the_first() -> None:
    batches = [segment("t", "abc", 0, ends=False), segment("t", "XX", 0, ends=True)]
    found = list(Scorer(model("ngram", "mean")).run(batches))
    assert sorted(score.n_calls for score in found) == [2, 3]


def test_a_segment_without_a_beginning_is_an_error_of_the_input() -> None:
    scorer = Scorer(model("ngram", "mean"))
    with pytest.raises(
        InputError, match="file: calls before number 6 of the trace 't' are missing"
    ):
        list(scorer.push(segment("t", "abc", 5, ends=True)))


def test_scoring_keeps_little_of_an_open_trace() -> None:
    """What is kept must not grow with the trace, whatever arrives."""
    scorer = Scorer(model("ngram", "mean"), stretch_calls=5)
    sizes = []
    for i in range(50):
        list(scorer.push(segment("t", "abcabdab" * 10, 80 * i, ends=False)))
        trace = scorer._open["t"]
        assert trace.tail is not None
        sizes.append(len(trace.tail))
    assert set(sizes) == {5 - 1 + 3}


@given(
    surprise=st.lists(st.one_of(st.just(math.nan), st.integers(0, 80)), max_size=700),
    cuts=st.lists(st.integers(0, 700), max_size=4).map(sorted),
)
def test_a_strip_is_the_means_of_equal_cells(surprise: list[float], cuts: list[int]) -> None:
    strip = Strip()
    column = np.array(surprise, dtype=np.float32)
    for part in np.split(column, [cut for cut in cuts if cut <= len(column)]):
        strip.add(part)
    width = strip.calls_per_cell
    assert width & (width - 1) == 0
    assert STRIP_CELLS * width >= len(surprise)
    assert width == 1 or STRIP_CELLS * width // 2 < len(surprise)
    cells = [column[i : i + width] for i in range(0, len(column), width)]
    wanted = [
        math.nan if np.isnan(cell).all() else float(np.nanmean(cell.astype(np.float64)))
        for cell in cells
    ]
    assert numbers(strip) == pytest.approx(wanted, nan_ok=True)


def test_scoring_does_not_change_the_batch() -> None:
    batch = whole([list("abcabX")])
    before = replace(batch, calls=batch.calls.copy())
    judged(model("ngram", "mean"), [batch])
    assert np.array_equal(batch.calls, before.calls)
