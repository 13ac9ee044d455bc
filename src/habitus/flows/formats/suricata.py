"""`suricata`: records of flows in Suricata's EVE JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from habitus.flows.formats.json_rows import json_rows, sniffed
from habitus.flows.formats.mapping import Mapped
from habitus.flows.formats.running import tables, wanted_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.flows.record_report import FlowReport

MAX_NOTED = 64
"""An event's type is written by anybody: longer ones are cut where they are counted."""


class SuricataFormat:
    """EVE lines whose ``event_type`` is ``flow``. Forward is Suricata's way to the server."""

    name: ClassVar[str] = "suricata"
    title: ClassVar[str] = "Suricata's EVE JSON, events of type flow"
    sample: ClassVar[str] = (
        '{"timestamp":"2023-11-14T22:13:25.000000+0000","flow_id":1,"event_type":"flow",'
        '"src_ip":"10.0.0.1","src_port":40000,"dest_ip":"10.0.0.2","dest_port":80,"proto":"TCP",'
        '"flow":{"pkts_toserver":6,"pkts_toclient":5,"bytes_toserver":504,"bytes_toclient":2338,'
        '"start":"2023-11-14T22:13:20.000100+0000","end":"2023-11-14T22:13:20.250100+0000",'
        '"age":0,"state":"closed","reason":"timeout"},"tcp":{"syn":true,"fin":true,"ack":true}}\n'
    )
    mapping: ClassVar[tuple[Mapped, ...]] = (
        Mapped("source_ip", ("src_ip",), "address"),
        Mapped("source_port", ("src_port",), "port", note="0 where there is none"),
        Mapped("destination_ip", ("dest_ip",), "address"),
        Mapped("destination_port", ("dest_port",), "port", note="0 where there is none"),
        Mapped("protocol", ("proto",), "protocol", note="by name, IPv6-ICMP is 58"),
        Mapped("icmp_type", ("icmp_type",)),
        Mapped("icmp_code", ("icmp_code",)),
        Mapped("vlan", ("vlan",), "made", note="of two tags outer * 4096 + inner"),
        Mapped("community_id", ("community_id",), "text", note="where `community-id` is on"),
        Mapped("start_ns", ("flow.start",), "clock", note="microseconds"),
        Mapped("end_ns", ("flow.end",), "clock", note="microseconds"),
        Mapped("duration_us", ("flow.end", "flow.start"), "made",
               note="end - start; `age` is the same in whole seconds"),
        Mapped("forward_packets", ("flow.pkts_toserver",)),
        Mapped("backward_packets", ("flow.pkts_toclient",)),
        Mapped("forward_raw_bytes", ("flow.bytes_toserver",), note="whole frames"),
        Mapped("backward_raw_bytes", ("flow.bytes_toclient",), note="whole frames"),
        Mapped("end_reason", ("flow.reason", "flow.state", "tcp.rst"), "made",
               note="rst or fin for TCP that is closed; else idle for timeout, capture for "
               "shutdown, evicted for forced"),
    )  # fmt: skip
    not_read: ClassVar[dict[str, str]] = {
        "app_proto": "an application's name; we have none",
        "flow.alerted": "what rules said, no label of what was true",
        "tcp.tcp_flags, tcp.syn, ...": "whether a flag was seen; we count packets",
        "event types other than flow": "counted; netflow tells each direction apart from the other",
    }

    def sniff(self, head: bytes, name: str) -> int:  # noqa: ARG002
        found = [
            "event_type" in one and ("timestamp" in one or "src_ip" in one) for one in sniffed(head)
        ]
        return 90 if found and 2 * sum(found) >= len(found) else 0

    def read(self, files: Iterator[InputFile], report: FlowReport) -> Iterator[pl.DataFrame]:
        wanted = wanted_of(self.mapping)
        for file in files:
            rows = json_rows(file, wanted, _no_flow, report, nested=True)
            yield from tables(rows, file.source, self.mapping, report, _finish)


def _no_flow(told: dict[str, Any]) -> str | None:
    kind = told.get("event_type")
    if kind == "flow" and isinstance(told.get("flow"), dict):
        return None
    return f"events of type {str(kind)[:MAX_NOTED]}"


def _finish(frame: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    frame = frame.with_columns(
        raw["vlan"].alias("_vlan"), raw["flow.reason"].alias("_reason"),
        (raw["flow.state"] == "closed").fill_null(value=False).alias("_closed"),
        (raw["tcp.rst"] == "T").fill_null(value=False).alias("_rst"),
    )  # fmt: skip
    tags = pl.col("_vlan").str.extract_all(r"\d{1,4}").cast(pl.List(pl.Int64), strict=False)
    outer, inner = tags.list.get(0, null_on_oob=True), tags.list.get(1, null_on_oob=True)
    lasted = pl.col("end_ns") - pl.col("start_ns")
    by_flags = pl.when(pl.col("_rst")).then(pl.lit("rst")).otherwise(pl.lit("fin"))
    by_reason = pl.col("_reason").replace_strict(
        {"timeout": "idle", "shutdown": "capture", "forced": "evicted"},
        default=None, return_dtype=pl.String,
    )  # fmt: skip
    return frame.with_columns(
        pl.when(inner.is_null()).then(outer).otherwise(outer * 4096 + inner).alias("vlan"),
        pl.when(lasted >= 0).then(lasted / 1e3).alias("duration_us"),
        pl.col("source_port").fill_null(0),
        pl.col("destination_port").fill_null(0),
        pl.when((pl.col("protocol") == 6) & pl.col("_closed"))
        .then(by_flags)
        .otherwise(by_reason)
        .alias("end_reason"),
    ).drop("_vlan", "_reason", "_closed", "_rst")


FORMAT = SuricataFormat()
