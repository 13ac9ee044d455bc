"""On real captures the fast loops say what plain code says, packet by packet, flow by flow."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import numpy as np
import pytest

from fast_flows import batches_of, flows_of, packets_of
from habitus.errors import InputError
from habitus.flows.tracker import TrackSettings
from habitus.packets.packets import Dissector
from slow_flows.comparing import assert_same, assert_same_counts, assert_same_packets
from slow_flows.packets import read_packets
from slow_flows.records import read_records
from slow_flows.tracking import Tracker

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 2_000_000
MAX_PACKETS = 2000
SETTINGS = (TrackSettings(max_flows=5000), TrackSettings(max_flows=50, idle_s=1, active_s=5))


def captures(folder: Path) -> list[Path]:
    """Those that are small, by what names say."""
    return [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix != ".csv" and path.stat().st_size <= MAX_BYTES
    ]


def has_tunnels(content: bytes) -> bool:
    """Whether packets that carry tunnels are others than those inside."""
    return bool(packets_of(content)["n_tunnels"].any())


@pytest.mark.parametrize("outer", [False, True])
def test_packets_and_flows_of_real_captures(test_data: Path, outer: bool) -> None:
    n_compared = n_flows = n_orphans = n_unopened = 0
    for path in captures(test_data / "pcap"):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        dissector = Dissector(outer=outer)
        try:
            found = [packets.copy() for packets, _ in batches_of(content, dissector)]
        except InputError:  # damaged: other tests are about that
            continue
        n_packets = dissector.counts.n_packets
        if not 0 < n_packets <= MAX_PACKETS or (outer and not has_tunnels(content)):
            continue
        records = list(read_records(content))
        slow = list(read_packets(iter(records), outer=outer))
        try:
            assert_same_packets(np.concatenate(found), slow)
            assert_same_counts(dissector.counts, records, slow)
            for settings in SETTINGS:
                tracker = Tracker(settings)
                tracker.push(slow)
                flows = tracker.finish()
                table = flows_of(content, outer=outer, **settings.model_dump())
                assert_same(table, flows, settings)
                n_flows += len(flows)
            n_orphans += dissector.counts.n_orphans
            n_unopened += dissector.counts.n_unopened
        except AssertionError as error:
            raise AssertionError(f"{path.name}: {error}") from error
        n_compared += 1
    assert n_compared >= (30 if outer else 900)
    assert n_flows > (100 if outer else 15_000)
    assert (n_orphans, n_unopened) == ((0, 0) if outer else (1289, 1782))
