"""One trace is put together from its segments, and no more is read than is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from habitus.traces.one_trace import one_trace
from habitus.traces.traceset import TraceInfo, TraceSet

if TYPE_CHECKING:
    from collections.abc import Iterator


def batch(*segments: tuple[str, int, str, bool]) -> TraceSet:
    """A batch of (name, first call, calls as letters, whether it ends)."""
    infos = [TraceInfo(name, "s", first_call=first, ends=ends) for name, first, _, ends in segments]
    return TraceSet.from_names([list(calls) for _, _, calls, _ in segments], infos=infos)


def batches() -> list[TraceSet]:
    return [
        batch(("nothing", 0, "", True), ("a", 0, "xy", False), ("b", 0, "zz", True)),
        batch(("c", 0, "x", False), ("a", 2, "yyx", False)),
        batch(("a", 5, "z", True), ("a", 0, "www", True)),
    ]


@pytest.mark.parametrize(
    ("name", "most", "calls"),
    [
        (None, None, "xyyyxz"), ("a", None, "xyyyxz"), ("a", 4, "xyyy"), ("a", 2, "xy"),
        ("b", 9, "zz"), ("c", None, "x"), ("nothing", None, ""),
    ],
)  # fmt: skip
def test_a_trace_by_name(name: str | None, most: int | None, calls: str) -> None:
    found = one_trace(batches(), name, most)
    assert found is not None
    assert found.names == (name or "a",)
    assert "".join(found.trace(0)) == calls
    assert found.n_calls == len(calls)


def test_no_such_trace() -> None:
    assert one_trace(batches(), "d") is None
    assert one_trace([batch(("nothing", 0, "", True))]) is None
    assert one_trace([]) is None


def test_reading_ends_where_enough_is_known() -> None:
    def endless() -> Iterator[TraceSet]:
        first = 0
        while True:
            assert first <= 4, "read on"
            yield batch(("a", first, "xy", False))
            first += 2

    found = one_trace(endless(), "a", 5)
    assert found is not None
    assert found.trace(0) == list("xyxyx")


def test_a_trace_that_never_ends_is_what_was_read_of_it() -> None:
    found = one_trace([batch(("a", 0, "xy", False)), batch(("b", 0, "x", True))], "a")
    assert found is not None
    assert found.trace(0) == ["x", "y"]


def test_places_and_times_are_cut_with_the_calls() -> None:
    whole = TraceSet.from_names([list("abc")], infos=[TraceInfo("a", "s")])
    placed = TraceSet(
        whole.calls, whole.offsets, whole.alphabet, whole.infos,
        positions=np.array([7, 8, 9]), position_unit="line", times_ns=np.array([1, 2, 3]),
    )  # fmt: skip
    found = one_trace([placed], "a", 2)
    assert found is not None
    assert found.positions is not None
    assert found.times_ns is not None
    assert (found.positions.tolist(), found.times_ns.tolist()) == ([7, 8], [1, 2])
