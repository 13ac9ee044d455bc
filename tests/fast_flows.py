"""The program's own way from the bytes of a capture to packets and to a table of flows."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from frames import Record, pcap
from habitus.flows.flowtable import flow_table, schema
from habitus.flows.tracker import FlowTracker, TrackSettings
from habitus.packets.capture import read_records
from habitus.packets.packets import Dissector

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Packets = np.ndarray[Any, Any]
S, MS = 1_000_000_000, 1_000_000
AT = 1_700_000_000 * S


def batches_of(content: bytes, dissector: Dissector) -> Iterator[tuple[Packets, Packets]]:
    """Packets, and the buffer that their payloads lie in, both valid until the next are asked."""
    with io.BufferedReader(io.BytesIO(content)) as stream:  # type: ignore[arg-type]
        for batch in read_records(stream, "capture"):
            yield dissector.packets(batch), batch.data


def packets_of(content: bytes, *, outer: bool = False) -> Packets:
    """All packets of a capture."""
    found = [packets.copy() for packets, _ in batches_of(content, Dissector(outer=outer))]
    return np.concatenate(found) if found else np.zeros(0)


def table_of(flows: Sequence[Packets]) -> pl.DataFrame:
    """A table in the order of first frames."""
    if not flows:
        return pl.DataFrame(schema=schema())
    return flow_table(np.concatenate(flows), "capture").sort("first_frame")


def flows_of(content: bytes, *, outer: bool = False, **settings: Any) -> pl.DataFrame:
    """The flows of a capture, in the order of their first frames."""
    tracker = FlowTracker(TrackSettings(**{"max_flows": 1000, **settings}))
    flows = []
    for packets, data in batches_of(content, Dissector(outer=outer)):
        flows += [ended.copy() for ended in tracker.push(packets, data)]
    flows += [ended.copy() for ended in tracker.finish()]
    return table_of(flows)


def rows(records: Sequence[Record], **settings: Any) -> list[dict[str, Any]]:
    """The flows of records whose times count from `AT`."""
    content = pcap([(AT + time_ns, frame) for time_ns, frame in records])
    return flows_of(content, **settings).to_dicts()
