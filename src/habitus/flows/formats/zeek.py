"""`zeek`: conn.log as tab-separated text or JSON lines, with or without labels."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from habitus.errors import InputError
from habitus.flows.formats.base import LABEL
from habitus.flows.formats.delimited import MAX_COLUMNS, raw_rows
from habitus.flows.formats.json_rows import json_rows, sniffed
from habitus.flows.formats.mapping import Mapped
from habitus.flows.formats.running import tables, wanted_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.flows.record_report import FlowReport

_ENDS = {"SF": "fin", "REJ": "rst", "RSTO": "rst", "RSTR": "rst", "RSTOS0": "rst", "RSTRH": "rst"}
# ICMP types that have a counterpart: Zeek's second port is then that type, and not the code.
_ANSWERED = (8, 0, 13, 14, 15, 16, 17, 18, 10, 9)
_ANSWERED_6 = (128, 129, 133, 134, 135, 136, 130, 131, 144, 145, 139, 140)
MAX_CHANGES = 1000
"""Of the header of one file: logs of a year that were put together have 365."""
_PAYLOAD = "of TCP from sequence numbers, so gaps in the capture count, too"


class ZeekFormat:
    """Zeek's log of connections. Forward is Zeek's originator."""

    name: ClassVar[str] = "zeek"
    title: ClassVar[str] = "Zeek's conn.log, TSV or JSON, and conn.log.labeled"
    sample: ClassVar[str] = (
        "#separator \\x09\n#unset_field\t-\n#path\tconn\n"
        "#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tduration\torig_bytes"
        "\tresp_bytes\tconn_state\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\n"
        "1700000000.000100\tCAbc12\t10.0.0.1\t40000\t10.0.0.2\t80\ttcp\t0.250000\t100\t2000\tSF"
        "\tShADadFf\t6\t420\t5\t2268\n"
    )
    mapping: ClassVar[tuple[Mapped, ...]] = (
        Mapped("start_ns", ("ts",), "clock", note="microseconds, read digit for digit"),
        Mapped("source_ip", ("id.orig_h",), "address"),
        Mapped("source_port", ("id.orig_p",), "port", note="0 for ICMP: there it is the type"),
        Mapped("destination_ip", ("id.resp_h",), "address"),
        Mapped("destination_port", ("id.resp_p",), "port", note="0 for ICMP"),
        Mapped("protocol", ("ip_proto", "proto"), "protocol",
               note="`icmp` between IPv6 addresses is 58; null for `unknown_transport`"),
        Mapped("icmp_type", ("id.orig_p",), "made", note="the first port of ICMP"),
        Mapped("icmp_code", ("id.resp_p",), "made",
               note="the second port of ICMP; null for types with a counterpart, such as echo, "
               "where Zeek writes the counterpart's type"),
        Mapped("vlan", ("vlan",), "whole", note="with inner_vlan: vlan * 4096 + inner_vlan; only "
               "where the policy script vlan-logging is loaded"),
        Mapped("community_id", ("community_id",), "text",
               note="only where the policy script community-id-logging is loaded"),
        Mapped("duration_us", ("duration",), "number", 1e6,
               note="seconds; the last ACK of a TCP connection's end is not in it"),
        Mapped("forward_packets", ("orig_pkts",)),
        Mapped("backward_packets", ("resp_pkts",)),
        Mapped("forward_ip_bytes", ("orig_ip_bytes",), note="by the IP header's total length"),
        Mapped("backward_ip_bytes", ("resp_ip_bytes",), note="by the IP header's total length"),
        Mapped("forward_payload_bytes", ("orig_bytes",), note=_PAYLOAD),
        Mapped("backward_payload_bytes", ("resp_bytes",), note=_PAYLOAD),
        Mapped("end_reason", ("conn_state",), "made",
               note="fin for SF; rst for REJ, RSTO, RSTR, RSTOS0, RSTRH; else null"),
        Mapped("is_midstream", ("history",), "made",
               note="TCP whose history has none of S, s, H, h"),
        Mapped("was_turned", ("history",), "made", note="history begins with ^"),
        Mapped(LABEL, ("label", "Label"), "text", note="in conn.log.labeled; `detailedlabel` is "
               "not read"),
    )  # fmt: skip
    not_read: ClassVar[dict[str, str]] = {
        "service": "an application's name; we have none",
        "missed_bytes": "bytes that the capture lacks",
        "local_orig, local_resp, uid, tunnel_parents": "nothing of ours",
    }

    def sniff(self, head: bytes, name: str) -> int:  # noqa: ARG002
        if head.lstrip()[:1] == b"{":
            found = [_not_conn(one) is None for one in sniffed(head)]
            return 90 if found and 2 * sum(found) >= len(found) else 0
        comments = [line for line in head.split(b"\n", 20)[:20] if line.startswith(b"#")]
        fields = [line for line in comments if line.startswith(b"#fields")]
        if any(b"id.orig_h" in line and b"conn_state" in line for line in fields):
            return 95
        return 80 if b"#path\tconn" in [line.strip() for line in comments] else 0

    def read(self, files: Iterator[InputFile], report: FlowReport) -> Iterator[pl.DataFrame]:
        wanted = wanted_of(self.mapping, "conn_state", "history", "inner_vlan", "proto")
        for file in files:
            if file.head().lstrip()[:1] == b"{":
                rows = json_rows(file, wanted, _not_conn, report, nested=False)
            else:
                rows = raw_rows(file, _ZeekLayout(file), wanted, report)
            yield from tables(rows, file.source, self.mapping, report, _finish)


def _not_conn(told: dict[str, Any]) -> str | None:
    if "id.orig_h" in told and ("conn_state" in told or "orig_pkts" in told):
        return None
    return "objects that are no connection"


def _kind_of(line: bytes) -> bytes | None:
    """What of a header a line is, if it says how rows are read."""
    return next((kind for kind in (b"#separator", b"#fields") if line.startswith(kind)), None)


class _ZeekLayout:
    """What lines that begin with ``#`` say.

    In IoT-23's files the last columns stand apart by blanks, not by tabs.
    """

    may_quote = False

    def __init__(self, file: InputFile) -> None:
        self.delimiter = "\t"
        self.names: list[str] = []
        self._blanks = False
        self._heard: dict[bytes, bytes] = {}
        self._n_changes = 0
        if not any(line.startswith(b"#fields") for line in file.head().split(b"\n")):
            raise InputError(
                f"{file.source}: has no line that begins with #fields, so nothing names its "
                "columns; keep the header that Zeek writes"
            )

    def is_row(self, line: bytes) -> bool:
        return not line.startswith(b"#")

    def changes(self, line: bytes) -> bool:
        kind = _kind_of(line)
        return kind is not None and self._heard.get(kind) != line

    def hear(self, line: bytes, place: str) -> None:
        kind = _kind_of(line)
        if kind is None or not self.changes(line):
            return
        self._n_changes += 1
        if self._n_changes > MAX_CHANGES:
            raise InputError(f"{place}: its header changes for more than the {MAX_CHANGES}th time")
        if kind == b"#separator":
            self._heard.clear()  # the same names may stand apart otherwise
            self._hear_separator(line.split(None, 1)[-1].decode("ascii", "replace"), place)
        else:
            self._hear_fields(line, place)
        self._heard[kind] = line

    def _hear_fields(self, line: bytes, place: str) -> None:
        named = line.decode("utf-8", "replace")[len("#fields") :].strip("\t ")
        named = named.removeprefix(self.delimiter)
        self._blanks = self.delimiter == "\t" and "   " in named
        if self._blanks:
            named = re.sub(" {2,}", "\t", named)
        self.names = named.split(self.delimiter)
        if len(self.names) > MAX_COLUMNS:
            raise InputError(f"{place}: #fields names {len(self.names):,} columns, as no log does")
        twice = [name for name in self.names if self.names.count(name) > 1]
        if twice:
            raise InputError(f"{place}: #fields names {twice[0]!r} twice; remove or rename one")
        for name in ("id.orig_h", "id.resp_h", "proto"):
            if name not in self.names:
                raise InputError(
                    f"{place}: #fields names no {name}: wanted the columns of conn.log, which "
                    "other logs of Zeek do not have"
                )

    def _hear_separator(self, told: str, place: str) -> None:
        escaped = re.fullmatch(r"\\x([0-9a-fA-F]{2})", told)
        self.delimiter = chr(int(escaped[1], 16)) if escaped else told
        if len(self.delimiter) != 1 or not self.delimiter.isascii() or self.delimiter in '\n\r"':
            raise InputError(
                f"{place}: #separator must be one byte such as \\x09, found {told[:20]!r}"
            )

    def as_row(self, line: bytes) -> bytes:
        return re.sub(b" {2,}", b"\t", line) if self._blanks else line


def _finish(frame: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    """ICMP's ports, VLANs of two tags, and what state and history tell."""

    def told(name: str) -> pl.Series:
        none = pl.repeat(None, len(raw), dtype=pl.String, eager=True)
        return (raw[name] if name in raw.columns else none).alias(name)

    named = told("proto").str.to_lowercase() == "icmp"
    frame = frame.with_columns(
        named.fill_null(value=False).alias("_icmp"),
        told("inner_vlan").cast(pl.Int64, strict=False).alias("_inner"),
        told("history").alias("_history"),
        told("conn_state").replace_strict(_ENDS, default=None).alias("_end"),
    )
    six = pl.col("source_ip").str.contains(":", literal=True)
    is_icmp = pl.col("_icmp") | pl.col("protocol").is_in([1, 58])
    kind = pl.when(is_icmp).then(pl.col("source_port"))
    answered = pl.when(six).then(kind.is_in(_ANSWERED_6)).otherwise(kind.is_in(_ANSWERED))
    says = (pl.col("protocol") == 6) & pl.col("_history").is_not_null()
    says &= ~pl.col("_history").is_in(["-", ""])
    return frame.with_columns(
        kind.alias("icmp_type"),
        pl.when(is_icmp & ~answered).then(pl.col("destination_port")).alias("icmp_code"),
        pl.when(is_icmp).then(0).otherwise(pl.col("source_port")).alias("source_port"),
        pl.when(is_icmp).then(0).otherwise(pl.col("destination_port")).alias("destination_port"),
        pl.when(pl.col("_icmp"))
        .then(pl.when(six).then(58).otherwise(1))
        .otherwise(pl.col("protocol"))
        .alias("protocol"),
        pl.when(pl.col("_inner").is_between(0, 4095) & (pl.col("vlan") < 4096))
        .then(pl.col("vlan") * 4096 + pl.col("_inner"))
        .otherwise(pl.col("vlan"))
        .alias("vlan"),
        pl.when(pl.col("protocol") == 6).then(pl.col("_end")).alias("end_reason"),
        pl.when(says).then(~pl.col("_history").str.contains("[SsHh]")).alias("is_midstream"),
        pl.when(says).then(pl.col("_history").str.starts_with("^")).alias("was_turned"),
    ).drop("_icmp", "_inner", "_history", "_end")


FORMAT = ZeekFormat()
