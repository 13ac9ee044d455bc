"""The fast loop of `habitus.detectors.flow.penalised`. It neither allocates nor raises."""

from __future__ import annotations

import math

from habitus.compiled import kernel


@kernel
def descend(hessian, gradient, weights, l1, tolerance, max_sweeps, step, slopes):
    """Find the step that lessens a quadratic the most, coordinate by coordinate.

    It lessens ``gradient . step + step . hessian . step / 2 + sum of l1 * |weights + step|``.
    After a sweep over all coordinates come sweeps over those that moved, until they rest: most of
    the others are 0 and stay so.

    Args:
        hessian: (p, p) symmetric, above 0 on its diagonal.
        gradient, weights: (p,).
        l1: (p,) the penalty of each coordinate; 0 has none.
        tolerance: of what a coordinate's slope still lacks.
        step: (p,) zeros; becomes the step.
        slopes: (p,) zeros; becomes hessian . step.

    Returns:
        How many sweeps it took; ``max_sweeps`` if they were too few.
    """
    p = len(gradient)
    is_whole = True
    for sweep in range(max_sweeps):
        largest = 0.0
        for j in range(p):
            if not is_whole and step[j] == 0.0 and weights[j] == 0.0:
                continue
            curve = hessian[j, j]
            slope = gradient[j] + slopes[j]
            now = weights[j] + step[j]
            # Where the quadratic of this coordinate is least, drawn towards 0 by the penalty.
            aim = now - slope / curve
            wanted = math.copysign(max(abs(aim) - l1[j] / curve, 0.0), aim)
            move = wanted - now
            if move == 0.0:
                continue
            largest = max(largest, abs(move) * curve)
            step[j] += move
            row = hessian[j]
            for k in range(p):
                slopes[k] += move * row[k]
        if largest <= tolerance:
            if is_whole:
                return sweep
            is_whole = True
        else:
            is_whole = False
    return max_sweeps
