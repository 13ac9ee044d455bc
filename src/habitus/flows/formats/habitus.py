"""`habitus`: tables of flows that Habitus has written, as Parquet, CSV or JSON lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import polars as pl

from habitus.flows.features.declared import features
from habitus.flows.flowtable import SOURCE
from habitus.flows.formats.base import LABEL, LINE
from habitus.flows.formats.delimited import CsvLayout, header_of, raw_rows
from habitus.flows.formats.json_rows import json_rows, sniffed
from habitus.flows.formats.mapping import Mapped
from habitus.flows.formats.parquet import is_parquet, parquet_tables
from habitus.flows.formats.running import tables, wanted_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.flows.features.feature import Feature, Kind
    from habitus.flows.formats.cells import Reads
    from habitus.flows.record_report import FlowReport

_KEYS = ("source_ip", "destination_ip", "protocol", "forward_packets", "backward_packets")
"""What a file must have to be one of ours."""
_READS: dict[Kind, Reads] = {
    "integer": "whole", "number": "number", "text": "text", "truth": "truth", "integers": "numbers",
}  # fmt: skip


def _reads(feature: Feature) -> Reads:
    if feature.name.endswith("_ip"):
        return "address"
    if feature.name.endswith("_port"):
        return "port"
    if feature.unit == "ns":
        return "nanoseconds"
    return "protocol" if feature.name == "protocol" else _READS[feature.kind]


class HabitusFormat:
    """What ``habitus flows extract`` and ``convert`` write with their own columns.

    A user may have left out columns, or filled in ``label``.
    """

    name: ClassVar[str] = "habitus"
    title: ClassVar[str] = "tables of flows that Habitus wrote (Parquet, CSV, JSON lines)"
    sample: ClassVar[str] = (
        "label,source_ip,source_port,destination_ip,destination_port,protocol,start_ns,end_ns,"
        "duration_us,packets,forward_packets,backward_packets,forward_payload_bytes,"
        "backward_payload_bytes,first_sizes_bytes\n"
        "benign,10.0.0.1,40000,10.0.0.2,80,6,1700000000000100000,1700000000250100000,250000.0,11,"
        "6,5,100,2000,74;74;66\n"
    )
    mapping: ClassVar[tuple[Mapped, ...]] = (
        Mapped(LABEL, (LABEL,), "text"),
        *(Mapped(feature.name, (feature.name,), _reads(feature)) for feature in features()),
    )
    not_read: ClassVar[dict[str, str]] = {"columns of other names": "they are no features"}

    def sniff(self, head: bytes, name: str) -> int:  # noqa: ARG002
        if is_parquet(head):
            return 90
        found = header_of(head)
        if found is not None and set(_KEYS) <= set(found[2]):
            return 95
        objects = sniffed(head)
        alike = sum(set(_KEYS) <= set(one) for one in objects)
        return 95 if objects and 2 * alike >= len(objects) else 0

    def read(self, files: Iterator[InputFile], report: FlowReport) -> Iterator[pl.DataFrame]:
        wanted = wanted_of(self.mapping, SOURCE, LINE)
        for file in files:
            head = file.head()
            if is_parquet(head):
                yield from parquet_tables(file, self.mapping, _KEYS, report)
            elif head.lstrip()[:1] == b"{":
                rows = json_rows(file, wanted, _no_flow, report, nested=False)
                yield from tables(rows, file.source, self.mapping, report, _where_from)
            else:
                needed = [[key] for key in _KEYS]
                layout = CsvLayout(file, str.strip, "Habitus's CSV", needed, wanted)
                rows = raw_rows(file, layout, wanted, report)
                yield from tables(rows, file.source, self.mapping, report, _where_from)
                layout.tell(report)


def _no_flow(told: dict[str, Any]) -> str | None:
    return None if set(_KEYS) <= set(told) else "objects that are no flows"


def _where_from(frame: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:
    """The file that a flow is of, and its line there, as far as the table tells them.

    Flows of one capture belong together, whatever table they stand in.
    """
    for name, kind in ((SOURCE, pl.String()), (LINE, pl.Int64())):
        if name in raw.columns:
            told = raw[name].str.strip_chars()
            told = told.set((told == "").fill_null(value=False), None).cast(kind, strict=False)
            frame = frame.with_columns(told.fill_null(frame[name]).alias(name))
    return frame


FORMAT = HabitusFormat()
