"""Penalties that are not smooth: what is found is a minimum, by its conditions and by others."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize

from habitus.detectors.flow.penalised import fit_penalised


def problem(n: int, p: int, seed: int, alike: float = 0.0) -> tuple[np.ndarray, ...]:
    """Standardised columns, some of them nearly the same; labels; how much each flow counts."""
    draw = np.random.default_rng(seed)
    design = draw.normal(size=(n, p))
    if alike:
        design[:, 1::2] = design[:, : p - p % 2 : 2] + alike * design[:, 1::2]
    design = (design - design.mean(axis=0)) / design.std(axis=0)
    odds = 2 * design[:, 0] - design[:, p // 2] + draw.normal(size=n) - 1
    return design, odds > 0, draw.uniform(0.5, 2.0, size=n)


def value(found: np.ndarray, problem: tuple[np.ndarray, ...], c: float, l1_ratio: float) -> float:
    """What is to be least, as it is written: weights, and the intercept in the last place."""
    design, labels, importance = problem
    odds = design @ found[:-1] + found[-1]
    loss = importance @ np.logaddexp(0, np.where(labels, -odds, odds))
    weights = found[:-1]
    return c * loss + l1_ratio * np.abs(weights).sum() + (1 - l1_ratio) / 2 * weights @ weights


@pytest.mark.parametrize("alike", [0.0, 1e-3, 1e-7])
@pytest.mark.parametrize("c", [0.01, 1.0, 1e4])
@pytest.mark.parametrize("l1_ratio", [1.0, 0.5, 0.0])
@pytest.mark.parametrize("intercept", [True, False])
def test_no_slope_is_left_that_the_penalty_does_not_hold(
    alike: float, c: float, l1_ratio: float, intercept: bool
) -> None:
    given = design, labels, importance = problem(400, 9, 1, alike)
    fit = fit_penalised(
        design, labels, importance, c=c, l1_ratio=l1_ratio, intercept=intercept, max_steps=100
    )
    assert fit.converged
    assert fit.steps < 40
    odds = design @ fit.weights + fit.intercept
    pull = c * importance * (1 / (1 + np.exp(-odds)) - labels)
    slopes = pull @ design + (1 - l1_ratio) * fit.weights
    close = 1e-8 * c * importance.sum()
    is_zero = fit.weights == 0
    assert (np.abs(slopes[is_zero]) <= l1_ratio + close).all()
    held = slopes[~is_zero] + l1_ratio * np.sign(fit.weights[~is_zero])
    assert np.abs(held).max(initial=0.0) <= close
    assert abs(pull.sum()) <= close if intercept else fit.intercept == 0
    found = np.append(fit.weights, fit.intercept)
    least = value(found, given, c, l1_ratio)
    draw = np.random.default_rng(2)
    for size in (1e-6, 1e-3, 1e-1):
        moved = found + size * draw.normal(size=found.shape)
        moved[-1] = moved[-1] if intercept else 0.0
        assert value(moved, given, c, l1_ratio) > least


def test_it_is_as_low_as_a_search_that_knows_no_slopes() -> None:
    given = problem(80, 2, 5)
    fit = fit_penalised(*given, c=0.1, l1_ratio=1.0, intercept=True, max_steps=100)
    found = np.append(fit.weights, fit.intercept)
    options = {"xatol": 1e-10, "fatol": 1e-12, "maxiter": 10_000, "maxfev": 10_000}
    wanted = minimize(
        value, np.zeros(3), args=(given, 0.1, 1.0), method="Nelder-Mead", options=options
    )
    assert value(found, given, 0.1, 1.0) <= wanted.fun + 1e-9
    assert np.allclose(found, wanted.x, atol=1e-4)


def test_classes_that_part_wholly_still_have_weights() -> None:
    design = np.repeat([[-1.0], [1.0]], 50, axis=0)
    labels = design[:, 0] > 0
    fit = fit_penalised(
        design, labels, np.ones(100), c=1e4, l1_ratio=1.0, intercept=True, max_steps=200
    )
    assert fit.converged
    # Of the slope 100 c / (1 + exp(w)) the penalty's 1 is left.
    assert fit.weights[0] == pytest.approx(np.log(1e6 - 1), rel=1e-3)


def test_a_penalty_too_large_leaves_the_intercept_alone() -> None:
    design, labels, importance = problem(100, 4, 3)
    fit = fit_penalised(
        design, labels, importance, c=1e-6, l1_ratio=1.0, intercept=True, max_steps=100
    )
    share = importance[labels].sum() / importance.sum()
    assert not fit.weights.any()
    assert fit.intercept == pytest.approx(np.log(share / (1 - share)))
    fit = fit_penalised(
        design, labels, importance, c=1e-6, l1_ratio=1.0, intercept=False, max_steps=100
    )
    assert not fit.weights.any()
    assert fit.intercept == 0


def test_too_few_steps_are_told() -> None:
    fit = fit_penalised(*problem(100, 4, 3), c=10, l1_ratio=1, intercept=True, max_steps=1)
    assert not fit.converged
    assert fit.steps == 1
