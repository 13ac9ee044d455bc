"""`Rows`: what was kept of flows, with the sums that several features are made of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from habitus.flows.layout import BACKWARD, FORWARD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

Scope = Literal["flow", "forward", "backward"]
SCOPES: tuple[Scope, ...] = ("flow", "forward", "backward")
_SPLITTER = 134_217_729.0  # 2**27 + 1


@dataclass(frozen=True)
class Moments:
    """Of a series for each flow: mean, sample standard deviation and ends.

    Undefined is NaN: a mean of none, a deviation of fewer than two.
    """

    mean: Floats
    std: Floats
    low: Floats
    high: Floats


class Rows:
    """Flows that have ended.

    Args:
        flows: (n,) `FLOW`.
    """

    def __init__(self, flows: NDArray[np.void]) -> None:
        self.flows = flows
        # Four features are made of one set of moments.
        self.sizes = cache(self._sizes)
        self.gaps = cache(self._gaps)
        self.total = cache(self._total)

    @cached_property
    def forward_is_low(self) -> NDArray[np.bool_]:
        """(n,) whether the initiator is the endpoint that sorts first."""
        found: NDArray[np.bool_] = self.flows["forward_is_low"] == 1
        return found

    def side(self, scope: Scope) -> NDArray[np.void]:
        """(n,) `DIRECTION`: one direction."""
        return self.flows["sides"][:, FORWARD if scope == "forward" else BACKWARD]

    def _total(self, scope: Scope, field: str) -> Counts:
        """(n,) int64: a count of one direction, or of both together."""
        if scope == "flow":
            both: Counts = self.flows["sides"][field].sum(axis=1, dtype=np.int64)
            return both
        return self.side(scope)[field].astype(np.int64)

    def is_tcp(self) -> NDArray[np.bool_]:
        """(n,) whether flags and windows mean anything."""
        found: NDArray[np.bool_] = self.flows["protocol"] == 6
        return found

    def _sizes(self, scope: Scope, kind: str) -> Moments:
        """Of the sizes of packets: ``raw``, ``ip`` or ``payload``."""
        n, total = self.total(scope, "packets"), self.total(scope, f"{kind}_bytes")
        sides = self.flows["sides"]
        if scope == "flow":
            sizes, there = sides[kind], sides["packets"] > 0
            squares = sizes["squares"].sum(axis=1)
            low = np.where(there, sizes["low"], np.iinfo(np.uint32).max).min(axis=1)
            high = np.where(there, sizes["high"], 0).max(axis=1)
        else:
            sizes = self.side(scope)[kind]
            squares, low, high = sizes["squares"], sizes["low"], sizes["high"]
        spread = exact_difference(n.astype(np.float64), squares, total.astype(np.float64))
        with np.errstate(all="ignore"):
            mean = np.where(n > 0, total / np.maximum(n, 1), np.nan)
            variance = spread / np.maximum(n, 1) / np.maximum(n - 1, 1)
            std = np.where(n > 1, np.sqrt(np.maximum(variance, 0)), np.nan)
        ends = (np.where(n > 0, end.astype(np.float64), np.nan) for end in (low, high))
        return Moments(mean, std, *ends)

    def spans(self, series: NDArray[np.void]) -> Moments:
        """Of spans of time, (n,) `SPANS` in nanoseconds: in microseconds."""
        n = series["n"]
        with np.errstate(all="ignore"):
            mean = np.where(n > 0, series["center"], np.nan)
            variance = series["m2"] / np.maximum(n - 1, 1)
            std = np.where(n > 1, np.sqrt(np.maximum(variance, 0)), np.nan)
        low, high = (np.where(n > 0, series[end], np.nan) for end in ("low", "high"))
        return Moments(mean / 1e3, std / 1e3, low / 1e3, high / 1e3)

    def _gaps(self, scope: Scope) -> Moments:
        """Of the times between packets that follow each other, in microseconds."""
        series = self.flows["gap_ns"] if scope == "flow" else self.side(scope)["gap_ns"]
        return self.spans(series)

    def duration_ns(self, scope: Scope) -> Counts:
        """(n,) int64: from the first packet to the latest; 0 where there is none."""
        part = self.flows if scope == "flow" else self.side(scope)
        lasted: Counts = part["last_ns"] - part["first_ns"]
        return lasted


def exact_difference(n: Floats, squares: Floats, total: Floats) -> Floats:
    """``n * squares - total**2`` as if computed exactly, and rounded once.

    Source: T. J. Dekker, "A floating-point technique for extending the available precision",
    Numerische Mathematik 18, 1971.
    """
    above, above_rest = _product(n, squares)
    below, below_rest = _product(total, total)
    return (above - below) + (above_rest - below_rest)


def _product(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """A product, and what rounding took from it."""
    product = a * b
    a_high, b_high = (x * _SPLITTER - (x * _SPLITTER - x) for x in (a, b))
    a_low, b_low = a - a_high, b - b_high
    rest = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
    return product, rest
