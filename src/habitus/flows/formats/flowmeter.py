"""`flowmeter`: the CSV of FlowMeter, from which the network half of this project comes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import polars as pl

from habitus.flows.formats.delimited import CsvLayout, header_of, raw_rows
from habitus.flows.formats.mapping import Mapped
from habitus.flows.formats.running import tables, wanted_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.flows.record_report import FlowReport

_SWAPPED = "FlowMeter names the two ends the wrong way round: fwd is what dstIP sends"
_SPREAD = "theirs divides by n, ours by n - 1: converted"
_GAP_SPREAD = "converted likewise; theirs leaves out the first gap's share, so it is a little small"
_ONE_WAY = "made of gaps within each direction, so null where there are packets both ways"
_NEVER = "always 0 in the file that FlowMeter ships"


def _directed(ours: str, theirs: str, note: str) -> tuple[Mapped, ...]:
    """What is told of one direction."""
    packets = f"{ours}_packets"
    sizes = ("Std", "std", 2, _SPREAD), ("Min", "min", 1, ""), ("Max", "max", 1, "")
    gaps = (
        ("Mean", "mean", 2, "cut to whole microseconds"), ("Std", "std", 3, _GAP_SPREAD),
        ("Min", "min", 2, ""), ("Max", "max", 2, ""),
    )  # fmt: skip
    return (
        Mapped(packets, (f"{theirs}FlowLength",), note=f"counted up to 83; {note}".strip("; ")),
        Mapped(f"{ours}_raw_bytes", (f"{theirs}PacketSizeTotal",)),
        *(Mapped(f"{ours}_raw_{part}_bytes", (f"{theirs}PacketSize{word}",), "number",
                 needs=packets, at_least=least, note=said) for word, part, least, said in sizes),
        Mapped(f"{ours}_duration_us", (f"{theirs}IATTotal",), "number", 1e-3, needs=packets,
               note="ns; the sum of its gaps"),
        *(Mapped(f"{ours}_gap_{part}_us", (f"{theirs}IAT{word}",), "number", 1e-3, needs=packets,
                 at_least=least, note=said) for word, part, least, said in gaps),
    )  # fmt: skip


class FlowMeterFormat:
    """Rows of FlowMeter.

    In the file that it ships every packet counts as backward, and the two directions of a flow are
    two rows: `habitus.flows.formats.flowmeter_twins.merge_reverse_twins` joins them.
    """

    name: ClassVar[str] = "flowmeter"
    title: ClassVar[str] = "FlowMeter's CSV of flow statistics"
    sample: ClassVar[str] = (
        "fiveTuple,srcIP,dstIP,protocol,srcPort,dstPort,flowDuration,flowLength,fwdFlowLength,"
        "bwdFlowLength,packetSizeTotal,fwdPacketSizeTotal,bwdPacketSizeTotal,bwdPacketSizeMin\n"
        "10.0.0.1--10.0.0.2--TCP--40000--8080(http-alt),10.0.0.2,10.0.0.1,TCP,8080(http-alt),40000,"
        "250000000.000000,15.000000,0.000000,15.000000,2000.000000,0.000000,2000.000000,66.000000\n"
    )
    mapping: ClassVar[tuple[Mapped, ...]] = (
        Mapped("source_ip", ("dstIP",), "address", note=_SWAPPED),
        Mapped("source_port", ("dstPort",), "port", note="a number, perhaps with a name behind it"),
        Mapped("destination_ip", ("srcIP",), "address", note=_SWAPPED),
        Mapped("destination_port", ("srcPort",), "port"),
        Mapped("protocol", ("protocol",), "protocol", note="by name"),
        Mapped("duration_us", ("flowDuration",), "number", 1e-3, note="ns"),
        Mapped("packets", ("flowLength",), note="flows below 15 are not written, others cut at 83"),
        Mapped("raw_bytes", ("packetSizeTotal",)),
        *_directed("forward", "fwd", _NEVER),
        *_directed("backward", "bwd", ""),
        Mapped("raw_std_bytes", ("packetSizeStd",), "number", needs="packets", at_least=2,
               note=_SPREAD),
        Mapped("raw_min_bytes", ("packetSizeMin",), "number", needs="packets"),
        Mapped("raw_max_bytes", ("packetSizeMax",), "number", needs="packets"),
        Mapped("gap_mean_us", ("IATMean",), "number", 1e-3, note=_ONE_WAY),
        Mapped("gap_std_us", ("IATStd",), "number", 1e-3, note=f"{_ONE_WAY}; {_GAP_SPREAD}"),
        Mapped("gap_min_us", ("IATMin",), "number", 1e-3, note=_ONE_WAY),
        Mapped("gap_max_us", ("IATMax",), "number", 1e-3, note=_ONE_WAY),
        Mapped("label", ("label", "Label"), "text", note="not theirs; where somebody added it"),
    )  # fmt: skip
    not_read: ClassVar[dict[str, str]] = {
        "fiveTuple": "says the same as the columns behind it, the other way round",
        "packetSizeMean, fwdPacketSizeMean, bwdPacketSizeMean":
            "made anew of sums and counts: fwdPacketSizeMean is a copy of packetSizeMean",
        "...PerTime": "made anew of counts and times",
    }  # fmt: skip

    def sniff(self, head: bytes, name: str) -> int:  # noqa: ARG002
        found = header_of(head)
        names = set(found[2]) if found else set()
        return (
            95 if {"flowDuration", "flowLength", "bwdFlowLength", "packetSizeTotal"} <= names else 0
        )

    def read(self, files: Iterator[InputFile], report: FlowReport) -> Iterator[pl.DataFrame]:
        wanted = wanted_of(self.mapping)
        needed = [[name] for name in ("srcIP", "dstIP", "flowDuration", "flowLength")]
        for file in files:
            layout = CsvLayout(file, str.strip, "FlowMeter's CSV", needed, wanted)
            rows = raw_rows(file, layout, wanted, report)
            yield from tables(rows, file.source, self.mapping, report, _finish)
            layout.tell(report)


def _finish(frame: pl.DataFrame, raw: pl.DataFrame) -> pl.DataFrame:  # noqa: ARG001
    """Spreads by our formula; gaps of both directions only where there is one direction."""
    spreads = [
        (pl.col(f"{side}raw_std_bytes") * (n / (n - 1)).sqrt()).alias(f"{side}raw_std_bytes")
        for side in ("", "forward_", "backward_")
        for n in [pl.col(f"{side}packets")]
    ]
    gap_spreads = [
        (pl.col(f"{side}gap_std_us") * ((n - 1) / (n - 2)).sqrt()).alias(f"{side}gap_std_us")
        for side in ("forward_", "backward_")
        for n in [pl.col(f"{side}packets")]
    ]
    frame = frame.with_columns(
        *gap_spreads,
        pl.col("gap_std_us") * ((pl.col("packets") - 1) / (pl.col("packets") - 2)).sqrt(),
    )
    one_way = (pl.col("forward_packets") == 0) | (pl.col("backward_packets") == 0)
    gaps = [
        pl.when(one_way & (pl.col("packets") >= least)).then(pl.col(name)).alias(name)
        for name, least in (
            ("gap_mean_us", 2), ("gap_std_us", 3), ("gap_min_us", 2), ("gap_max_us", 2),
        )
    ]  # fmt: skip
    return frame.with_columns(*spreads, *gaps)


FORMAT = FlowMeterFormat()
