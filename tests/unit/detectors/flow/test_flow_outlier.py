"""`flow-outlier`: surprises by hand, and tails that go on."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from habitus.detectors.flow.flow_outlier import FlowOutlier
from habitus.detectors.flow.tails import MAX_POINTS, Tails
from habitus.errors import UsageError


def surprise(training: list[float], judged: list[float], *, is_log: bool = False) -> np.ndarray:
    tails = Tails.of(np.array(training, dtype=float)[:, None], np.array([is_log]))
    return tails.surprise(np.array(judged, dtype=float)[:, None])[:, 0]


def test_surprises_by_hand() -> None:
    # Of 1, 2, 2, 3: at most 1 are 1/4; at least 3 are 1/4; 2 lies in the middle.
    found = surprise([1, 2, 2, 3], [1, 2, 3, 1.5, 0.5, 9])
    assert np.allclose(found[:4], [np.log(2), 0, np.log(2), np.log(2)])
    # Beyond all of four, as strange as half a value in five would be.
    assert np.allclose(found[4:], -np.log(2 * 0.5 / 5))


def test_between_two_points_shares_go_along_a_line() -> None:
    training = np.random.default_rng(1).normal(size=50_000)
    tails = Tails.of(training[:, None], np.array([False]))
    assert int(tails.begins[-1]) <= MAX_POINTS
    judged = np.linspace(-1.5, 1.5, 41)
    share = np.minimum(
        (training[:, None] <= judged).mean(axis=0), (training[:, None] >= judged).mean(axis=0)
    )
    wanted = -np.log(np.minimum(1, 2 * share))
    assert np.allclose(tails.surprise(judged[:, None])[:, 0], wanted, atol=0.02)


def test_farther_out_is_stranger_also_beyond_all_training() -> None:
    training = np.exp(np.random.default_rng(2).normal(8, 1, 2000)).tolist()
    judged = [1e4, 1e5, 1e6, 1e9, 1e12]
    found = surprise(training, judged, is_log=True)
    assert (np.diff(found) > 1).all()
    below = surprise(training, [300, 100, 10, 0], is_log=True)
    assert (np.diff(below) > 0).all()


def test_an_exponential_tail_goes_on_as_it_is() -> None:
    training = np.random.default_rng(3).exponential(2.0, 50_000).tolist()
    found = surprise(training, [20, 30, 40])
    assert np.allclose(found, np.array([10, 15, 20]) - np.log(2), rtol=0.1)


def test_to_be_undefined_is_as_strange_as_it_is_rare() -> None:
    nan = np.nan
    training = [1.0, 2.0] * 45 + [nan] * 10
    assert np.isclose(surprise(training, [nan])[0], -np.log(0.2))
    mostly = [1.0, 2.0] * 5 + [nan] * 90
    assert surprise(mostly, [nan])[0] == 0
    assert np.isclose(surprise(mostly, [1.0])[0], -np.log(0.2))
    never = surprise([1.0, 2.0] * 50, [nan])[0]
    assert np.isclose(never, -np.log(2 * 0.5 / 101))


def test_flows_labelled_malicious_are_refused() -> None:
    flows = pl.DataFrame({"packets": [1, 2, 3]})
    with pytest.raises(UsageError, match="1 of 3 are labelled malicious; leave them out"):
        FlowOutlier.with_settings({}).fit(flows, np.array([False, True, False]))


def test_the_score_is_the_sum_and_names_what_is_odd() -> None:
    rng = np.random.default_rng(4)
    flows = pl.DataFrame(
        {"packets": rng.integers(1, 50, 500), "payload_bytes": rng.integers(100, 5000, 500)}
    )
    detector = FlowOutlier.with_settings({"features": "packets,payload_bytes"})
    detector.fit(flows)
    odd = pl.DataFrame({"packets": [20, 20], "payload_bytes": [2000, 2_000_000]})
    found = detector.contributions(odd)
    assert found.features == ("packets", "payload_bytes")
    assert found.base == 0
    assert np.allclose(found.totals(), detector.score(odd))
    assert found.values[1, 1] > 10 * max(found.values[1, 0], 0.1)
    assert detector.score(odd)[0] < 2
