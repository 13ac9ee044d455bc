"""Following flows takes bounded memory, however many there are: places are used again."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from habitus.flows.layout import FLOW, Ended
from habitus.flows.tracker import FlowTracker, TrackSettings
from habitus.packets.ip_kernels import TCP
from habitus.packets.layout import PACKET, SYN

if TYPE_CHECKING:
    from fast_flows import Packets

N_PACKETS = 400_000
BATCH = 20_000
ROOM = 10_000
SLACK_BYTES = 4 << 20
"""What may come and go beside the rows of flows: their hashes, and what Python itself holds."""
NO_PAYLOAD = np.zeros(1, dtype=np.uint8)


def resident_bytes() -> int:
    """What this process holds of the machine's memory."""
    (told,) = re.findall(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(told) << 10


def syns(begin: int, step_ns: int) -> Packets:
    """(BATCH,) `PACKET`: SYNs, each from a port that none before it had, and its address."""
    packets = np.zeros(BATCH, dtype=PACKET)
    number = np.arange(begin, begin + BATCH)
    packets["frame"], packets["time_ns"] = number + 1, number * step_ns
    packets["version"], packets["protocol"], packets["tcp_flags"] = 4, TCP, SYN
    packets["source_low"], packets["source_port"] = number >> 16, number & 0xFFFF
    packets["destination_low"], packets["destination_port"] = 1 << 31, 80
    packets["transport_bytes"] = 20
    return packets


def followed(tracker: FlowTracker, step_ns: int) -> tuple[Packets, int]:
    """How many flows ended for each reason, and by how much the process has grown at most."""
    list(FlowTracker(TrackSettings(max_flows=1)).push(syns(0, 0), NO_PAYLOAD))  # loads the loops
    ends = np.zeros(len(Ended), dtype=np.int64)
    before = most = resident_bytes()
    for begin in range(0, N_PACKETS, BATCH):
        for ended in tracker.push(syns(begin, step_ns), NO_PAYLOAD):
            ends += np.bincount(ended["ended"], minlength=len(Ended))
        most = max(most, resident_bytes())
    return ends, most - before


def test_flows_that_nothing_ends_are_evicted_and_counted() -> None:
    tracker = FlowTracker(TrackSettings(max_flows=ROOM))
    ends, grown = followed(tracker, step_ns=1000)
    assert tracker.n_open == ROOM
    assert ends[Ended.EVICTED] == ends.sum() == N_PACKETS - ROOM
    assert tracker.counts.n_evicted == N_PACKETS - ROOM
    # The buffer in which ended flows are handed on is filled here for the first time, too.
    assert grown < (ROOM + 4096) * FLOW.itemsize + SLACK_BYTES
    assert sum(len(ended) for ended in tracker.finish()) == ROOM


def test_memory_is_that_of_flows_under_way_at_a_time() -> None:
    """With room for all, flows that fall silent leave their places to others."""
    tracker = FlowTracker(TrackSettings(max_flows=N_PACKETS, idle_s=1))
    ends, grown = followed(tracker, step_ns=100_000)  # so that 10,000 are under way
    assert tracker.n_open == 10_001
    assert ends[Ended.IDLE] == ends.sum() == N_PACKETS - 10_001
    assert tracker.counts.n_evicted == 0
    assert grown < (10_001 + 4096) * FLOW.itemsize + SLACK_BYTES
