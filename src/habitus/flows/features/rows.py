"""`Rows`: what was kept of flows, with the sums that several features are made of."""

from __future__ import annotations

from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeVar, cast

import numpy as np

from habitus.flows.features.feature import Lists
from habitus.flows.features.moments_kernels import size_moments, span_moments
from habitus.flows.features.rows_kernels import gather_first
from habitus.flows.layout import BACKWARD, DIRECTION, FORWARD, MAX_FIRST
from habitus.packets.ip_kernels import TCP

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Counts = NDArray[np.int64]

Method = TypeVar("Method", bound="Callable[..., Any]")
Scope = Literal["flow", "forward", "backward"]
SCOPES: tuple[Scope, ...] = ("flow", "forward", "backward")
_OF_SIDES = frozenset(DIRECTION.names or ())
_WAYS: dict[Scope, slice] = {
    "flow": slice(None), "forward": slice(FORWARD, FORWARD + 1),
    "backward": slice(BACKWARD, BACKWARD + 1),
}  # fmt: skip


class Moments(NamedTuple):
    """Of a series for each flow: its mean, sample standard deviation and ends.

    Undefined is NaN: a mean of none, a deviation of fewer than two.
    """

    mean: Floats
    std: Floats
    low: Floats
    high: Floats


class FirstPackets(NamedTuple):
    """The first packets of each flow: their sizes, 1 forward or -1 backward, and gaps."""

    sizes_bytes: Lists
    directions: Lists
    gaps_us: Lists


def _once(method: Method) -> Method:
    """Makes what several features are made of once: four are of one set of moments.

    What is made stands in the rows and goes with them; a cache that knew them would keep them.
    """

    @wraps(method)
    def kept(rows: Rows, *names: str) -> Any:
        key = (method.__name__, *names)
        if key not in rows._made:
            rows._made[key] = method(rows, *names)
        return rows._made[key]

    return cast("Method", kept)


class Rows:
    """Flows that have ended.

    Args:
        flows: (n,) `FLOW`.
    """

    def __init__(self, flows: NDArray[np.void]) -> None:
        self.flows = flows
        self._made: dict[tuple[str, ...], Any] = {}

    @cached_property
    def forward_is_low(self) -> NDArray[np.bool_]:
        """(n,) whether the initiator is the endpoint that sorts first."""
        found: NDArray[np.bool_] = self.flows["forward_is_low"] == 1
        return found

    @cached_property
    def is_tcp(self) -> NDArray[np.bool_]:
        """(n,) whether flags and windows mean anything."""
        found: NDArray[np.bool_] = self.flows["protocol"] == TCP
        return found

    def way(self, scope: Scope, field: str) -> NDArray[Any]:
        """(n,) or (..., n): what was kept of one direction."""
        found: NDArray[Any] = self.ways(field)[..., FORWARD if scope == "forward" else BACKWARD, :]
        return found

    @_once
    def ways(self, field: str) -> NDArray[Any]:
        """(2, n) or (..., 2, n): what was kept of both directions.

        Each field is taken out of the rows once, and then lies close together: the next one that
        reads a field of a row waits for the memory as long as the first.
        """
        part = "sides" if field in _OF_SIDES else "seldom"
        return np.ascontiguousarray(self.flows[part][field].T)

    @_once
    def total(self, scope: Scope, field: str) -> Counts:
        """(n,) int64, or (..., n): a count of one direction, or of both together."""
        if scope != "flow":
            return self.way(scope, field).astype(np.int64)
        both: Counts = self.ways(field).sum(axis=-2, dtype=np.int64)
        return both

    @_once
    def sizes(self, scope: Scope, kind: str) -> Moments:
        """Of the sizes of packets: ``raw``, ``ip`` or ``payload``."""
        ways = _WAYS[scope]
        sizes = self.ways(kind)[ways]
        moments = np.empty((len(Moments._fields), len(self.flows)))
        size_moments(
            self.ways("packets")[ways], self.ways(f"{kind}_bytes")[ways], sizes["squares"],
            sizes["low"], sizes["high"], moments,
        )  # fmt: skip
        return Moments(*moments)

    @_once
    def gaps(self, scope: Scope) -> Moments:
        """Of the times between packets that follow each other, in microseconds."""
        series = self.flows["gap_ns"] if scope == "flow" else self.way(scope, "gap_ns")
        return _of_spans(series, self.total(scope, "packets") - 1)

    @_once
    def activity(self, name: str) -> Moments:
        """Of times of activity (``active``), or of the silences (``idle``), in microseconds."""
        return _of_spans(self.flows[f"{name}_ns"], self.n_activity(name))

    def n_activity(self, name: str) -> Counts:
        """(n,) int64: how many of them there were; a flow ends with a time of activity."""
        silences: Counts = self.flows["silences"]
        return silences + 1 if name == "active" else silences

    def duration_ns(self, scope: Scope) -> Counts:
        """(n,) int64: from the first packet to the latest; 0 where there is none."""
        if scope != "flow":
            last, first = self.way(scope, "last_ns"), self.way(scope, "first_ns")
        else:
            last, first = self.flows["last_ns"], self.flows["first_ns"]
        lasted: Counts = last - first
        return lasted

    def last_frame(self) -> Counts:
        """(n,) int64: the number of the last packet."""
        found: Counts = self.ways("last_frame").max(axis=0)
        return found

    @cached_property
    def first_packets(self) -> FirstPackets:
        """The packets that were kept one by one."""
        n = len(self.flows)
        values = np.empty((len(FirstPackets._fields), n * MAX_FIRST), dtype=np.int64)
        lengths = np.empty(n, dtype=np.int64)
        first = (self.flows[name] for name in ("first_sizes", "first_sides", "first_gaps_us"))
        end = gather_first(*first, *values, lengths)
        return FirstPackets(*(Lists(row[:end], lengths) for row in values))


def _of_spans(series: NDArray[np.void], n: Counts) -> Moments:
    """Of ``n`` spans of time each, (n,) `SPANS` in nanoseconds: in microseconds."""
    moments = np.empty((len(Moments._fields), len(n)))
    span_moments(n, series["center"], series["m2"], series["low"], series["high"], moments)
    return Moments(*moments)
