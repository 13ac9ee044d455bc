"""What Habitus wrote is read back as it was; what only says so is refused."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest
from flow_files import reported
from polars.testing import assert_frame_equal

from habitus.datasets.network import network_path
from habitus.errors import InputError
from habitus.flows.extracting import extract_flows
from habitus.flows.formats import get_flow_format
from habitus.flows.formats.base import record_schema
from habitus.flows.labelled_reading import read_labelled_flows
from habitus.flows.reading import flow_record_tables, read_flow_records
from habitus.flows.record_report import FlowReport
from habitus.flows.saving import write_flows
from labelled_captures import capture
from made_flows import made_flows

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ("parquet", "csv", "jsonl")


@pytest.fixture(scope="module")
def extracted() -> pl.DataFrame:
    return pl.concat(list(extract_flows([network_path()])))


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_extracted_written_and_read_is_the_same(
    extracted: pl.DataFrame, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / f"flows.{kind}"
    write_flows(path, [extracted])
    report = FlowReport()
    back = read_flow_records(path, report=report)
    assert dict(report.formats) == {"habitus": 1}
    assert not report.warnings()
    assert not report.notes
    assert_frame_equal(back.select(extracted.columns), extracted, check_exact=True)
    assert dict(back.schema) == record_schema()


@pytest.mark.parametrize("kind", KINDS)
def test_what_another_program_told_is_the_same_after_two_journeys(
    tmp_path: Path, kind: str
) -> None:
    (tmp_path / "conn.log").write_text(get_flow_format("zeek").sample)
    first = read_flow_records(tmp_path / "conn.log")
    write_flows(tmp_path / f"flows.{kind}", [first])
    second = read_flow_records(tmp_path / f"flows.{kind}")
    assert_frame_equal(second, first, check_exact=True)


@pytest.mark.parametrize("kind", KINDS)
def test_a_label_that_somebody_filled_in_is_read_and_files_stay_apart(
    tmp_path: Path, kind: str
) -> None:
    for i in range(2):
        (tmp_path / f"{i}.pcap").write_bytes(capture(20 + i, 200))
    flows = pl.concat(list(extract_flows([tmp_path / f"{i}.pcap" for i in range(2)])))
    label = pl.Series("label", ["attack" if i < 4 else "normal" for i in range(len(flows))])
    write_flows(tmp_path / f"flows.{kind}", [flows.with_columns(label)])
    found = read_labelled_flows(tmp_path / f"flows.{kind}")
    assert (found.n_malicious, found.n_benign, found.n_files()) == (4, len(flows) - 4, 2)


def test_a_large_parquet_comes_in_tables_of_a_bounded_size(tmp_path: Path) -> None:
    flows = made_flows(60_000)[0].with_columns(
        pl.lit("10.0.0.1").alias("source_ip"), pl.lit("10.0.0.2").alias("destination_ip"),
        pl.lit(53).alias("source_port"), pl.lit(53).alias("destination_port"),
    )  # fmt: skip
    write_flows(tmp_path / "flows.parquet", [flows])
    sizes = [len(table) for table in flow_record_tables([tmp_path / "flows.parquet"])]
    assert sum(sizes) == 60_000
    assert max(sizes) <= 50_000


def parquet_of(n: int = 1, **columns: object) -> bytes:
    """So many flows in Parquet, with some columns changed."""
    told: dict[str, object] = {
        "source_ip": "10.0.0.1", "destination_ip": "10.0.0.2", "protocol": 6,
        "forward_packets": 3, "backward_packets": 2, "duration_us": 5.0,
    } | columns  # fmt: skip
    kept = {name: [value] * n for name, value in told.items() if value is not ...}
    out = io.BytesIO()
    pl.DataFrame(kept).write_parquet(out)
    return out.getvalue()


def test_a_column_may_be_missing_empty_or_of_a_smaller_type(tmp_path: Path) -> None:
    table, report = reported(
        tmp_path,
        parquet_of(
            duration_us=np.float32(2.5), forward_packets=np.uint8(3), first_sizes_bytes=None
        ),
    )
    flow = table.row(0, named=True)
    assert (flow["duration_us"], flow["packets"]) == (2.5, 5)
    assert (flow["source_line"], flow["source_file"]) == (1, str(tmp_path / "flows"))
    assert not report.warnings()


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"source_ip": ...}, "is Parquet, but no flows of Habitus: it has no column 'source_ip'"),
        (
            {"forward_packets": "3"},
            "the column forward_packets holds large_string; wanted whole numbers",
        ),
        ({"forward_packets": 3.5}, "the column forward_packets holds double; wanted whole"),
        ({"first_sizes_bytes": 7}, "the column first_sizes_bytes holds int64; wanted lists"),
        ({"first_sizes_bytes": ["x"]}, "wanted lists of whole numbers"),
        ({"is_midstream": 1}, "the column is_midstream holds"),
    ],
)
def test_parquet_of_other_types_is_refused(
    tmp_path: Path, columns: dict[str, object], told: str
) -> None:
    with pytest.raises(InputError) as error:
        reported(tmp_path, parquet_of(**columns))
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("columns", "told"),
    [
        ({"protocol": 256}, "protocol: wanted an IP protocol, by number or name, found '256'"),
        ({"source_port": 65536}, "source_port: wanted a port (0 to 65535), found '65536'"),
        ({"source_ip": "not an address"}, "source_ip: wanted an IP address"),
        ({"forward_packets": 1 << 60}, "forward_packets: wanted a whole number"),
        ({"label": "x" * 1001}, "label: wanted at most 1,000 characters"),
        ({"first_sizes_bytes": list(range(2000))}, "first_sizes_bytes: wanted a list of whole"),
    ],
)
def test_values_that_cannot_be_break_their_row(
    tmp_path: Path, columns: dict[str, object], told: str
) -> None:
    with pytest.raises(InputError) as error:
        reported(tmp_path, parquet_of(2, **columns))
    lines = str(error.value).split("\n")
    assert lines[:2] == [
        f"{tmp_path / 'flows'}: no flow could be read",
        "2 broken and passed over:",
    ]
    assert lines[2].startswith(f"  {tmp_path / 'flows'}:1: {told}")


def test_numbers_that_mean_nothing_are_null_and_counted_in_parquet(tmp_path: Path) -> None:
    table, report = reported(
        tmp_path, parquet_of(duration_us=float("inf"), payload_entropy=float("nan"), vlan=-4)
    )
    assert table.select("duration_us", "payload_entropy", "vlan").row(0) == (None, None, None)
    assert dict(report.notes) == {
        "values that are infinite or no number, set to null": 2,
        "values below zero, set to null": 1,
    }


@pytest.mark.parametrize("cut", [4, 40, 400, -9, -1])
def test_parquet_that_is_cut_off_or_changed_is_told(tmp_path: Path, cut: int) -> None:
    whole = parquet_of()
    with pytest.raises(InputError, match=r"damaged, or no Parquet"):
        reported(tmp_path, whole[:cut])


def test_no_byte_of_parquet_ends_in_a_crash(tmp_path: Path) -> None:
    whole = bytearray(parquet_of())
    for at in range(4, len(whole), 7):
        changed = bytearray(whole)
        changed[at] ^= 0xFF
        try:
            table, _ = reported(tmp_path, bytes(changed))
        except InputError:
            continue
        assert dict(table.schema) == record_schema()
