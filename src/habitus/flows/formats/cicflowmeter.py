"""`cicflowmeter`: CSV of CICFlowMeter, old and new headers, and of its port to Python."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

import polars as pl

from habitus.flows.formats.cicflowmeter_columns import JAVA, NOT_READ, PORT
from habitus.flows.formats.delimited import CsvLayout, header_of, raw_rows
from habitus.flows.formats.running import tables, wanted_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.flows.formats.mapping import Mapped
    from habitus.flows.record_report import FlowReport

_PACKETS = ("totfwdpkts", "totalfwdpackets", "totalfwdpacket")
# Written twice in the files of CIC-IDS2017, with the same content.
_TWICE = ("fwdheaderlength",)


class CicFlowMeterFormat:
    """Three ways to write a header, and two programs that count bytes differently.

    The port to Python is told by its names in lower case with underscores.
    """

    name: ClassVar[str] = "cicflowmeter"
    title: ClassVar[str] = "CICFlowMeter's CSV (Java, old and new; and its port to Python)"
    sample: ClassVar[str] = (
        "Flow ID,Src IP,Src Port,Dst IP,Dst Port,Protocol,Timestamp,Flow Duration,Tot Fwd Pkts,"
        "Tot Bwd Pkts,TotLen Fwd Pkts,TotLen Bwd Pkts,Flow Byts/s,Label\n"
        "10.0.0.1-10.0.0.2-40000-80-6,10.0.0.1,40000,10.0.0.2,80,6,14/11/2023 10:13:20 PM,250000,6,"
        "5,100,2000,8400.0,No Label\n"
    )
    mapping: ClassVar[tuple[Mapped, ...]] = JAVA
    not_read: ClassVar[dict[str, str]] = NOT_READ

    def sniff(self, head: bytes, name: str) -> int:  # noqa: ARG002
        found = header_of(head)
        names = {key(name) for name in found[2]} if found else set()
        return 90 if "flowduration" in names and names & {*_PACKETS} else 0

    def read(self, files: Iterator[InputFile], report: FlowReport) -> Iterator[pl.DataFrame]:
        needed = (("flowduration",), _PACKETS)
        for file in files:
            found = header_of(file.head())
            is_port = found is not None and "flow_duration" in found[2]
            mapping = PORT if is_port else JAVA
            wanted = wanted_of(mapping)
            layout = CsvLayout(file, key, "CICFlowMeter's CSV", needed, wanted, _TWICE)
            rows = raw_rows(file, layout, wanted, report)
            finish = _sample_spreads if is_port else None
            yield from tables(rows, file.source, mapping, report, finish)
            layout.tell(report)


def key(name: str) -> str:
    """A name without what its versions differ in: case, blanks and marks."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _sample_spreads(frame: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:  # noqa: ARG001
    """The port divides squares by n, we by n - 1."""
    made = []
    for side in ("", "forward_", "backward_"):
        total = pl.col("forward_packets") + pl.col("backward_packets")
        n = pl.col(f"{side}packets") if side else total
        for name, values in ((f"{side}raw_std_bytes", n), (f"{side}gap_std_us", n - 1)):
            scaled = pl.col(name) * (values / (values - 1)).sqrt()
            made.append(pl.when(values > 1).then(scaled).alias(name))
    return frame.with_columns(made)


FORMAT = CicFlowMeterFormat()
