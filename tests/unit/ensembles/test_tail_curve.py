"""How rare a score is among normals: ranks within them, a tail beyond."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.ensembles.tail_curve import TailCurve
from habitus.errors import ModelError

SCORES = st.lists(st.floats(-1e3, 1e3, width=32), min_size=1, max_size=200)


@given(SCORES)
def test_it_rises_and_stays_finite_whatever_it_is_made_of(scores: list[float]) -> None:
    curve = TailCurve.of(np.array(scores))
    spread = max(scores) - min(scores) or 1.0
    asked = np.linspace(min(scores) - spread, max(scores) + 5 * spread, 101)
    nats = curve.at(asked)
    assert np.isfinite(nats).all()
    assert (nats >= 0).all()
    assert (np.diff(nats) >= 0).all()
    assert nats[-1] > curve.at(np.array([max(scores)]))[0]


@given(SCORES)
def test_what_is_kept_of_it_makes_it_again(scores: list[float]) -> None:
    curve = TailCurve.of(np.array(scores))
    again = TailCurve.from_state(curve.state())
    asked = np.linspace(-2e3, 2e3, 101)
    assert np.array_equal(curve.at(asked), again.at(asked))


def test_the_middle_of_the_normals_is_half_of_them() -> None:
    curve = TailCurve.of(np.arange(101.0))
    assert curve.at(np.array([50.0]))[0] == pytest.approx(-np.log(0.5), abs=0.01)
    assert curve.at(np.array([80.0]))[0] == pytest.approx(-np.log(0.2), abs=0.05)


def test_an_exponential_tail_goes_on_as_one() -> None:
    scores = np.random.default_rng(3).exponential(2.0, 20_000)
    beyond = TailCurve.of(scores).at(np.array([30.0]))[0]
    assert beyond == pytest.approx(15.0, rel=0.15)  # P(X > x) = exp(-x / 2)


def test_a_heavy_tail_is_told_from_a_light_one() -> None:
    u = np.random.default_rng(4).uniform(size=20_000)
    heavy = TailCurve.of(u**-0.4)  # Pareto of shape .4
    assert heavy.shape == pytest.approx(0.4, abs=0.12)
    assert TailCurve.of(u).shape == 0, "an end of the tail would make all beyond it infinite"


def test_normals_that_are_all_alike_make_a_curve() -> None:
    curve = TailCurve.of(np.zeros(50))
    nats = curve.at(np.array([-1.0, 0.0, 0.5, 1.0]))
    assert (np.diff(nats) > 0).all()


def test_what_has_no_score_has_no_nats() -> None:
    assert np.isnan(TailCurve.of(np.arange(9.0)).at(np.array([np.nan]))).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("values", np.zeros(0)),
        ("values", np.array([2.0, 1.0])),
        ("values", np.array([1.0, np.nan])),
        ("nats", np.array([-1.0, 1.0])),
        ("numbers", np.array([1.0, 0.0])),
        ("numbers", np.array([1.0, 0.0, 0.0])),
        ("numbers", np.array([1.0, 2.0, 1.0])),
        ("numbers", np.array([0.0, 0.0, 1.0])),
        ("numbers", np.array([1, 0, 1])),
    ],
)
def test_a_damaged_one_is_refused(name: str, value: np.ndarray) -> None:
    sound = {
        "values": np.array([1.0, 2.0]), "nats": np.array([0.5, 1.0]),
        "numbers": np.array([1.0, 0.0, 1.0]),
    }  # fmt: skip
    TailCurve.from_state(sound)
    with pytest.raises(ModelError, match="normal scores"):
        TailCurve.from_state({**sound, name: value})
    with pytest.raises(ModelError, match="normal scores"):
        TailCurve.from_state({n: a for n, a in sound.items() if n != name})
