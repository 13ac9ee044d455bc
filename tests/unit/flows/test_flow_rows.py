"""How rows of flows lie in memory: what fetches them ahead counts on it."""

from __future__ import annotations

from habitus.compiled import rows
from habitus.flows.layout import DIRECTION, FLOW, FLOW_BYTES, LINE_BYTES, SIDE_BYTES, SIDES_AT


def test_a_flow_begins_with_a_line_of_the_cache_wherever_it_stands() -> None:
    assert FLOW.itemsize == FLOW_BYTES
    assert all(rows(n, FLOW).ctypes.data % LINE_BYTES == 0 for n in (1, 7, 100_000))


def test_what_any_packet_changes_lies_in_whole_lines() -> None:
    assert FLOW.fields is not None
    assert FLOW.fields["sides"][1] == SIDES_AT
    assert DIRECTION.itemsize == SIDE_BYTES
