"""What must hold of any bytes at all as a capture, as frames, or as packets in time.

What the program reads is held against the slow, obvious implementation in ``tests/slow_flows``.
Captures are read in chunks and batches so small that most need several.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np
from sampling import is_chosen, replaced
from streams import stream_of

from fast_flows import batches_of, table_of
from habitus.errors import InputError
from habitus.flows import tracker as tracking
from habitus.flows.layout import ENDED, Ended
from habitus.flows.tracker import FlowTracker, TrackSettings
from habitus.packets import capture
from habitus.packets import packets as dissecting
from habitus.packets.capture import RecordBatch
from habitus.packets.layout import RECORD, Status
from habitus.packets.packets import Dissector
from hostile_captures import assert_within
from packet_rows import rows_of
from slow_flows.comparing import assert_same, assert_same_counts, assert_same_packets
from slow_flows.packets import read_packets
from slow_flows.records import Damaged, Record, read_records
from slow_flows.tracking import Tracker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from fast_flows import Packets
    from slow_flows.packets import Packet
    from slow_flows.tracking import Flow

SETTINGS = TrackSettings(max_flows=4, idle_s=1, active_s=4, linger_s=0.5)
ROOM = 2
"""Fragmented packets whose ports are remembered."""
LINKS = (1, 0, 9, 10, 12, 14, 50, 51, 101, 104, 105, 108, 113, 119, 127, 163, 192, 228, 229, 239,
         276, 7)  # fmt: skip
"""Link types that a frame's first byte chooses from; the last one is not read."""


def small_arrays() -> AbstractContextManager[None]:
    """Arrays so small that inputs fill them."""
    return replaced(
        (capture, "CHUNK_BYTES", 64), (capture, "BATCH_RECORDS", 4),
        (dissecting, "BATCH_RECORDS", 64), (dissecting, "FRAGMENTS", ROOM),
        (tracking, "FIRST_TABLE", 4), (tracking, "OUT_FLOWS", 3),
    )  # fmt: skip


def check_capture(data: bytes) -> None:
    """A file: all records before its damage, if there is any, are what plain code reads, no fewer.

    Whether there is damage, plain code says, too.
    """
    if not capture.is_capture(data):
        with suppress(InputError):
            list(batches_of(data, Dissector()))
            raise AssertionError("no error")
        return
    outer = bool(crc32(data) & 1)
    with small_arrays():
        dissector, tracker = Dissector(outer=outer), FlowTracker(SETTINGS)
        found, flows, is_damaged = [], [], False
        try:
            for packets, buffer in batches_of(data, dissector):
                assert_within(packets[packets["status"] == Status.OK], len(buffer))
                found.append(packets.copy())
                flows += [ended.copy() for ended in tracker.push(packets, buffer)]
        except InputError:
            is_damaged = True
        flows += [ended.copy() for ended in tracker.finish()]
    records, is_slow_damaged = sound_records(data)
    slow = list(read_packets(iter(records), outer=outer, room=ROOM))
    assert sum(map(len, found)) == len(records)
    if found:
        assert_same_packets(np.concatenate(found), slow)
    assert is_damaged == is_slow_damaged
    assert_same_counts(dissector.counts, records, slow)
    assert_same_flows(flows, slow, SETTINGS, data)


def sound_records(data: bytes) -> tuple[list[Record], bool]:
    """All records before a capture's damage, as plain code reads them, and whether there is any."""
    records = []
    try:
        for record in read_records(data):
            records.append(record)  # noqa: PERF402 - those before an error count
    except Damaged:
        return records, True
    return records, False


def check_frames(data: bytes) -> None:
    """Frames of one link type: its number, a byte of choices, then each with its length before it.

    Of the choices, the lowest bit asks for the packets that carry tunnels; the others tell how many
    bytes of each frame were cut off. A length of 0 is that of all that is left.
    """
    if len(data) < 3:
        return
    link, outer, unseen = LINKS[data[0] % len(LINKS)], bool(data[1] & 1), data[1] >> 1
    slow_records, at, time_ns = [], 2, 0
    while at < len(data) and len(slow_records) < 64:
        length = data[at] or len(data)
        frame = data[at + 1 : at + 1 + length]
        slow_records.append(Record(time_ns, frame, len(frame) + unseen, link))
        at, time_ns = at + 1 + len(frame), time_ns + 100_000_000
    records = np.zeros(len(slow_records), dtype=RECORD)
    place = 0
    for row, record in zip(records, slow_records, strict=True):
        row["at"], row["time_ns"], row["captured"] = place, record.time_ns, len(record.data)
        row["wire"], row["link"] = record.wire, link
        place += len(record.data)
    buffer = np.frombuffer(b"".join(record.data for record in slow_records), dtype=np.uint8)
    with small_arrays():
        dissector, tracker = Dissector(outer=outer), FlowTracker(SETTINGS)
        packets = dissector.packets(RecordBatch(buffer, records, 1))
        assert_within(packets[packets["status"] == Status.OK], len(buffer))
        slow = list(read_packets(iter(slow_records), outer=outer, room=ROOM))
        assert_same_packets(packets, slow)
        assert_same_counts(dissector.counts, slow_records, slow)
        if is_chosen(data, 7):
            flows = [ended.copy() for ended in tracker.push(packets, buffer)]
            flows += [ended.copy() for ended in tracker.finish()]
            assert_same_flows(flows, slow, SETTINGS, data)


def check_tracking(data: bytes) -> None:
    """Packets in time, as `streams.stream_of` reads bytes, through a tracker with room for few."""
    if len(data) < 6:
        return
    settings, cut, stream = stream_of(data)
    rows, buffer = rows_of(stream)
    with small_arrays():
        tracker = FlowTracker(settings)
        flows: list[Packets] = []
        for part in (rows[:cut], rows[cut:]):
            flows += [ended.copy() for ended in tracker.push(part, buffer)]
            assert tracker.n_open <= settings.max_flows
        flows += [ended.copy() for ended in tracker.finish()]
        assert tracker.n_open == 0
    counts = tracker.counts
    assert counts.n_evicted == sum(int((part["ended"] == Ended.EVICTED).sum()) for part in flows)
    assert counts.n_turned == sum(int(part["was_turned"].sum()) for part in flows)
    assert counts.n_midstream == sum(int(part["is_midstream"].sum()) for part in flows)
    assert_same_flows(flows, stream, settings, data)


def assert_same_flows(
    found: Sequence[Packets], slow: Sequence[Packet | None], settings: TrackSettings, data: bytes
) -> None:
    """The flows that plain code finds; their packets and bytes, and of one input of many all."""
    slow_tracker = Tracker(settings)
    slow_tracker.push(slow)
    expected = slow_tracker.finish()
    told = [one for part in found for one in map(_fast, part)]
    assert sorted(told) == [_slow(flow) for flow in expected]
    if is_chosen(data, 255):
        table = table_of(found)
        for name in table.columns:
            if table[name].dtype.is_float():
                assert table[name].drop_nulls().is_finite().all(), name
        assert_same(table, expected, settings)


_BYTES = ("raw_bytes", "ip_bytes", "transport_bytes", "payload_bytes")


def _fast(flow: Any) -> tuple[Any, ...]:
    sides = [tuple(int(side[name]) for name in ("packets", *_BYTES)) for side in flow["sides"]]
    return (
        int(flow["first_frame"]), int(flow["sides"]["last_frame"].max()),
        ENDED[Ended(flow["ended"])], bool(flow["was_turned"]), bool(flow["is_midstream"]),
        bool(flow["is_continued"]), *sides,
    )  # fmt: skip


def _slow(flow: Flow) -> tuple[Any, ...]:
    sides = []
    for way in (True, False):
        packets = [packet for is_forward, packet in flow.packets if is_forward is way]
        sums = [sum(getattr(packet, name) for packet in packets) for name in _BYTES]
        sides.append((len(packets), *sums))
    return (
        flow.first.frame, flow.packets[-1][1].frame, flow.end_reason, flow.was_turned,
        flow.is_midstream, flow.is_continued, *sides,
    )  # fmt: skip


CAPTURES: dict[str, Callable[[bytes], None]] = {
    "pcap": check_capture,
    "pcapng": check_capture,
    "frames": check_frames,
    "tracking": check_tracking,
}
