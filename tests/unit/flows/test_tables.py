"""Tables of flows: one is its own, whatever becomes of the rows that it was made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl
from polars.testing import assert_frame_equal

from frames import SYN, ethernet, ip4, pcap, tcp
from habitus import extract_flows
from habitus.flows import extracting, tracker

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_many_small_tables_hold_what_one_large_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # An hour apart, so that each flow has ended before the next one comes.
    frames = [
        (hour * 3600 * 10**9, ethernet(ip4(tcp(1000 + hour, 80, flags=SYN, payload=b"x" * hour))))
        for hour in range(20)
    ]
    capture = tmp_path / "hours.pcap"
    capture.write_bytes(pcap(frames))
    (large,) = extract_flows([capture])
    monkeypatch.setattr(extracting, "TABLE_FLOWS", 3)
    for module in (extracting, tracker):
        monkeypatch.setattr(module, "OUT_FLOWS", 4)
    small = list(extract_flows([capture]))
    assert len(small) > 5
    assert_frame_equal(pl.concat(small), large)
