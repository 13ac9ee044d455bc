"""From surprises to scores, against numpy and brute force, whole and in segments."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.decisions.aggregation import Aggregation, worst_stretch
from habitus.errors import UsageError
from habitus.traces.traceset import offsets_of

# Eighths are exact in binary, so that sums do not depend on their order.
SURPRISE = st.one_of(st.just(math.nan), st.integers(0, 80).map(lambda eighths: eighths / 8))
TRACE = st.lists(SURPRISE, max_size=25)
every_aggregation = pytest.mark.parametrize(
    "text",
    ["mean", "median", "quantile:0", "quantile:0.7", "quantile:1", "worst:1", "worst:3", "worst:9"],
)


def worst_means(trace: list[float], window: int) -> list[float]:
    """The mean of every stretch; NaN where nothing in it is defined."""
    window = min(window, len(trace))
    stretches = [trace[i : i + window] for i in range(len(trace) - window + 1)]
    defined = [[s for s in stretch if not math.isnan(s)] for stretch in stretches]
    return [float(np.mean(d)) if d else math.nan for d in defined]


def brute_force(text: str, trace: list[float]) -> float:
    defined = [s for s in trace if not math.isnan(s)]
    if not defined:
        return math.nan
    kind, _, parameter = text.partition(":")
    if kind == "worst":
        return float(np.nanmax(worst_means(trace, int(parameter))))
    if kind == "mean":
        return float(np.mean(defined))
    return float(np.quantile(defined, float(parameter or 0.5)))


@every_aggregation
@given(traces=st.lists(TRACE, max_size=6))
def test_scores_equal_brute_force(traces: list[list[float]], text: str) -> None:
    surprise = np.array([s for trace in traces for s in trace], dtype=np.float32)
    scores = Aggregation.parse(text).scores(surprise, offsets_of([len(t) for t in traces]))
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, [brute_force(text, t) for t in traces], rtol=1e-12)


@every_aggregation
@given(trace=TRACE, data=st.data())
def test_a_running_score_equals_that_of_the_whole(
    trace: list[float], text: str, data: st.DataObject
) -> None:
    running = Aggregation.parse(text).running()
    assert math.isnan(running.score)
    cuts = data.draw(st.lists(st.integers(0, len(trace)), max_size=6).map(sorted))
    for begin, end in pairwise([0, *cuts, len(trace)]):
        running.add(np.array(trace[begin:end], dtype=np.float32))
        so_far = brute_force(text, trace[:end])
        assert running.score == pytest.approx(so_far, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("text", ["mean", "median", "worst:20", "worst:500"])
def test_a_score_is_to_the_last_bit_the_same_however_it_arrives(text: str) -> None:
    """Or a trace that ties with the threshold would alarm in segments, and not in one piece."""
    random = np.random.default_rng(0)
    for _ in range(20):
        surprise = (random.exponential(1, 5000) ** 3).astype(np.float32)
        running = Aggregation.parse(text).running()
        for part in np.array_split(surprise, 5):
            running.add(part)
        assert running.score == Aggregation.parse(text).scores(surprise, offsets_of([5000]))[0]


@given(trace=TRACE, window=st.integers(1, 9))
def test_the_worst_stretch_is_the_first_of_the_strangest(trace: list[float], window: int) -> None:
    begin, mean = worst_stretch(np.array(trace, dtype=np.float32), window)
    means = worst_means(trace, window)
    if all(map(math.isnan, means)):
        assert begin == 0
        assert math.isnan(mean)
    else:
        assert mean == pytest.approx(np.nanmax(means), rel=1e-12)
        assert begin == int(np.nanargmax(np.round(means, 9)))


def test_running_scores_do_not_hold_on_to_the_readers_buffer() -> None:
    buffer = np.array([1, 2, 3], dtype=np.float32)
    for text in ("mean", "median", "worst:2"):
        running = Aggregation.parse(text).running()
        running.add(buffer)
        score = running.score
        buffer[:] = 9
        assert running.score == score
        buffer[:] = [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("mean", "mean"), (" median ", "median"), ("quantile:.5", "median"),
        ("quantile:0.7", "quantile:0.7"), ("quantile:1.0", "quantile:1"),
        ("quantile:0", "quantile:0"), ("worst:020", "worst:20"),
        ("quantile:0.1234567891", "quantile:0.1234567891"),
        ("quantile:0.99999999", "quantile:0.99999999"), ("quantile:0.00001", "quantile:0.00001"),
    ],
)  # fmt: skip
def test_a_text_names_one_aggregation_and_comes_back(text: str, canonical: str) -> None:
    parsed = Aggregation.parse(text)
    assert str(parsed) == canonical
    assert Aggregation.parse(str(parsed)) == parsed


@pytest.mark.parametrize(
    "text",
    ["", "max", "quantile", "quantile:", "quantile:1.5", "quantile:-0.1", "quantile:nan", "mean:3",
     "worst:0", "worst:000", "worst:", "worst:-3", "worst:2.5", "worst:1234567", "mean\nmean"],
)  # fmt: skip
def test_other_texts_are_refused_with_those_there_are(text: str) -> None:
    with pytest.raises(UsageError, match=r"mean, median, quantile:Q .* worst:W"):
        Aggregation.parse(text)
