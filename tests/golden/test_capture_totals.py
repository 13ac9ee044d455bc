"""All 994 captures of the test data give the flows that they gave, or the reason why not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from capture_table import differences, kept, lines_of, totals

if TYPE_CHECKING:
    from pathlib import Path

    from capture_table import Line


@pytest.fixture(scope="module")
def found(test_data: Path) -> list[Line]:
    return lines_of(test_data / "pcap")


def test_every_capture_gives_what_the_table_says(found: list[Line]) -> None:
    told = differences(found, kept())
    assert not told, "(table -> now):\n" + "\n".join(told)


def test_totals(found: list[Line]) -> None:
    assert len(found) == 994
    assert totals(found) == {
        "packets": 272_143, "in_flows": 270_624, "flows": 54_018, "forward_packets": 180_546,
        "backward_packets": 90_078, "forward_payload_bytes": 13_373_726,
        "backward_payload_bytes": 26_717_910, "duration_us": 94_572_345_381, "subflows": 59_061,
    }  # fmt: skip


def test_no_capture_comes_to_nothing_in_silence(found: list[Line]) -> None:
    """Flows, or a reason; every packet is in a flow, or counted with the reason."""
    for name, packets, in_flows, flows, *_, unread, damage in found:
        # One capture holds no packet, and is sound.
        assert int(flows) or unread or damage or name == "zeek-traces/empty.pcap", name
        told = sum(int(reason.rpartition(" ")[2]) for reason in unread.split("; ") if reason)
        assert int(packets) == int(in_flows) + told, name
