"""`nfstream`: NFStream's flows as its CSV export has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import polars as pl

from habitus.flows.formats.delimited import CsvLayout, header_of, raw_rows
from habitus.flows.formats.mapping import TCP, Mapped
from habitus.flows.formats.running import tables, wanted_of
from habitus.flows.layout import FLAGS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.flows.record_report import FlowReport

_SIDES = {"": "bidirectional", "forward_": "src2dst", "backward_": "dst2src"}
_PARTS = {"mean": "mean", "std": "stddev", "min": "min", "max": "max"}
_MODE = "by accounting_mode, which the file does not tell; read as 0 (the frame), the default"
_MS = "whole milliseconds"


def _sided(ours: str, theirs: str) -> tuple[Mapped, ...]:
    """What is told of a direction, or of both together."""
    packets = f"{ours}packets"
    return (
        Mapped(packets, (f"{theirs}_packets",)),
        Mapped(f"{ours}raw_bytes", (f"{theirs}_bytes",), note=_MODE),
        Mapped(f"{ours}duration_us", (f"{theirs}_duration_ms",), "number", 1e3,
               needs=packets, note=_MS),
        *(Mapped(f"{ours}raw_{part}_bytes", (f"{theirs}_{word}_ps",), "number", needs=packets,
                 at_least=2 if part == "std" else 1, note=_MODE) for part, word in _PARTS.items()),
        *(Mapped(f"{ours}gap_{part}_us", (f"{theirs}_{word}_piat_ms",), "number", 1e3,
                 needs=packets, at_least=3 if part == "std" else 2, note="of whole milliseconds")
          for part, word in _PARTS.items()),
        *(Mapped(f"{ours}{flag}_packets", (f"{theirs}_{flag}_packets",), needs=TCP)
          for flag in FLAGS),
    )  # fmt: skip


class NFStreamFormat:
    """NFlow attributes, core and statistical. Forward is NFStream's src2dst."""

    name: ClassVar[str] = "nfstream"
    title: ClassVar[str] = "NFStream's CSV of its flows' attributes"
    sample: ClassVar[str] = (
        "id,expiration_id,src_ip,src_port,dst_ip,dst_port,protocol,ip_version,vlan_id,tunnel_id,"
        "bidirectional_first_seen_ms,bidirectional_last_seen_ms,bidirectional_duration_ms,"
        "bidirectional_packets,bidirectional_bytes,src2dst_packets,src2dst_bytes,dst2src_packets,"
        "dst2src_bytes\n"
        "0,0,10.0.0.1,40000,10.0.0.2,80,6,4,0,0,1700000000000,1700000000250,250,11,2842,6,504,5,"
        "2338\n"
    )
    mapping: ClassVar[tuple[Mapped, ...]] = (
        Mapped("source_ip", ("src_ip",), "address", note="a hash, where it was anonymised"),
        Mapped("source_port", ("src_port",), "port"),
        Mapped("destination_ip", ("dst_ip",), "address", note="a hash, where it was anonymised"),
        Mapped("destination_port", ("dst_port",), "port"),
        Mapped("protocol", ("protocol",), "protocol"),
        Mapped("ip_version", ("ip_version",)),
        Mapped("vlan", ("vlan_id",)),
        Mapped("start_ns", ("bidirectional_first_seen_ms",), "whole", 1_000_000, note=_MS),
        Mapped("end_ns", ("bidirectional_last_seen_ms",), "whole", 1_000_000, note=_MS),
        Mapped("end_reason", ("expiration_id",), "made",
               note="active for 1; null for 0, which stands for idle and for the capture's end"),
        *(one for ours, theirs in _SIDES.items() for one in _sided(ours, theirs)),
        Mapped("first_sizes_bytes", ("splt_ps",), "numbers", note=f"-1 left out; {_MODE}"),
        Mapped("first_directions", ("splt_direction",), "numbers",
               note="0 is 1 (forward), 1 is -1; -1, which fills up, left out"),
        Mapped("first_gaps_us", ("splt_piat_ms",), "numbers", note=f"-1 left out; {_MS}"),
        Mapped("label", ("label", "udps.label"), "text",
               note="not theirs; where a plugin wrote it"),
    )  # fmt: skip
    not_read: ClassVar[dict[str, str]] = {
        "application_name, requested_server_name, client_fingerprint, ...":
            "what nDPI sees in payloads; we have none of it",
        "src_mac, src_oui, dst_mac, dst_oui, system_process_name, ...": "nothing of ours",
        "tunnel_id": "a tunnel's kind; ours counts tunnels",
        "src2dst_first_seen_ms, ...": "when each direction began; we keep how long it lasted",
    }  # fmt: skip

    def sniff(self, head: bytes, name: str) -> int:  # noqa: ARG002
        found = header_of(head)
        names = set(found[2]) if found else set()
        return 95 if {"bidirectional_packets", "src2dst_packets"} <= names else 0

    def read(self, files: Iterator[InputFile], report: FlowReport) -> Iterator[pl.DataFrame]:
        wanted = wanted_of(self.mapping)
        needed = [[name] for name in ("src_ip", "bidirectional_packets", "src2dst_packets")]
        for file in files:
            layout = CsvLayout(file, str.strip, "NFStream's CSV", needed, wanted)
            rows = raw_rows(file, layout, wanted, report)
            yield from tables(rows, file.source, self.mapping, report, _finish)
            layout.tell(report)


def _finish(frame: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    if "expiration_id" in raw.columns:
        active = raw["expiration_id"].str.strip_chars() == "1"
        frame = frame.with_columns(
            pl.when(active).then(pl.lit("active")).alias("end_reason"),
        )
    told = pl.element().filter(pl.element() >= 0)
    way = pl.col("first_directions").list.eval(1 - 2 * told)
    return frame.with_columns(
        pl.col("first_sizes_bytes").list.eval(told),
        way.alias("first_directions"),
        pl.col("first_gaps_us").list.eval(told * 1000),
    )


FORMAT = NFStreamFormat()
