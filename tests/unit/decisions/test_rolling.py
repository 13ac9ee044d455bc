"""Rolling scores against the obvious way, however a trace arrives."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from habitus.decisions.aggregation import Aggregation
from habitus.decisions.rolling import RollingScore
from habitus.decisions.rule import Rule, highest_of, rolling_scores
from habitus.errors import UsageError
from habitus.traces.traceset import offsets_of

SURPRISE = st.floats(0, 50, width=32) | st.just(math.nan)
STREAMS = hnp.arrays(np.float32, st.integers(0, 60), elements=SURPRISE)
RULES = st.builds(
    lambda window, kind: Rule.parse(f"rolling:{window}:{kind}"),
    st.integers(1, 12),
    st.sampled_from(["mean", "median", "quantile:0.9", "quantile:0", "quantile:1", "quantile:.25"]),
)


def obvious(surprise: np.ndarray, rule: Rule) -> list[float]:
    """The score after each call, each made of its window by itself."""
    scores = []
    for i in range(len(surprise)):
        window = surprise[max(0, i + 1 - rule.window) : i + 1].astype(np.float64)
        window = window[~np.isnan(window)]
        is_full = i + 1 >= rule.window
        if not len(window) or not (is_full or i + 1 == len(surprise)):
            scores.append(math.nan)
        elif rule.aggregation.kind == "mean":
            scores.append(float(np.mean(window)))
        else:
            scores.append(float(np.quantile(window, rule.aggregation.parameter)))
    return scores


@given(surprise=STREAMS, rule=RULES)
def test_each_score_is_that_of_its_window(surprise: np.ndarray, rule: Rule) -> None:
    found = rolling_scores(surprise, offsets_of([len(surprise)]), rule)
    assert found == pytest.approx(obvious(surprise, rule), nan_ok=True, rel=1e-9, abs=1e-9)


@given(data=st.data(), surprise=STREAMS, rule=RULES)
def test_in_segments_every_score_is_exactly_that_of_the_whole(
    data: st.DataObject, surprise: np.ndarray, rule: Rule
) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(surprise)), max_size=6))
    bounds = list(pairwise([0, *sorted(cuts), len(surprise)]))
    one = RollingScore(rule.window, rule.quantile)
    found = np.concatenate([one.add(surprise[b:e]) for b, e in bounds])
    wanted = rolling_scores(surprise, offsets_of([len(surprise)]), rule)
    at_end = one.end()
    if len(surprise) and not np.isnan(at_end):
        assert len(surprise) < rule.window
        found[-1] = at_end
    assert np.array_equal(found, wanted, equal_nan=True)


@given(streams=st.lists(STREAMS, max_size=5), window=st.integers(1, 9))
def test_the_highest_rolling_mean_is_the_worst_stretch(
    streams: list[np.ndarray], window: int
) -> None:
    offsets = offsets_of([len(stream) for stream in streams])
    surprise = np.concatenate([np.zeros(0, np.float32), *streams])
    rolling = rolling_scores(surprise, offsets, Rule.parse(f"rolling:{window}"))
    worst = Aggregation.parse(f"worst:{window}").scores(surprise, offsets)
    assert highest_of(rolling, offsets) == pytest.approx(worst, nan_ok=True, abs=1e-8)


def test_what_is_long_gone_leaves_no_trace_in_the_sum() -> None:
    """A surprise of 1e30 swallows all others while it is in the window, and none afterwards."""
    surprise = np.concatenate([[1e30], np.full(500, 0.1)]).astype(np.float32)
    scores = rolling_scores(surprise, offsets_of([501]), Rule.parse("rolling:10"))
    assert scores[20:] == pytest.approx(np.full(481, np.float32(0.1)), rel=1e-12)


def test_infinite_surprise_is_refused() -> None:
    with pytest.raises(UsageError, match="finite number"):
        RollingScore(3).add(np.array([1, np.inf], np.float32))
