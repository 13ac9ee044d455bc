"""Tables of flows that lie, swell or break off: a told line or a null, and memory that stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from flow_files import reported

import habitus
from habitus.errors import InputError
from habitus.files.report import MAX_KINDS
from habitus.flows.formats import flow_format_names, get_flow_format
from habitus.flows.formats import zeek as zeek_format

NAMES = flow_format_names()
CSV = ("cicflowmeter", "flowmeter", "habitus", "nfstream")
# A count of packets, and where it stands in the sample's row.
COUNTS = {
    "cicflowmeter": ("forward_packets", 8), "flowmeter": ("packets", 7),
    "habitus": ("forward_packets", 10), "nfstream": ("forward_packets", 15),
}  # fmt: skip


def read_endless(scenario: str, name: str) -> tuple[list[int], int, str]:
    """Flows, broken rows and kinds of notes; MiB by which memory grew; the error, if there was."""
    source = Path(habitus.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("endless.py")), scenario, name],
        env=os.environ | {"PYTHONPATH": str(source)}, capture_output=True, text=True, check=True,
        timeout=300,
    )  # fmt: skip
    *counts, mebibytes, told = done.stdout.strip().split(" ", 4)
    return [int(count) for count in counts], int(mebibytes), told


@pytest.mark.parametrize("name", NAMES)
def test_a_field_of_a_billion_letters_is_one_broken_row(name: str) -> None:
    assert read_endless("field", name)[0] == [2, 1, 0]
    assert read_endless("field", name)[1] < 50


@pytest.mark.parametrize("name", NAMES)
def test_a_first_line_of_a_billion_letters_is_no_header(name: str) -> None:
    counts, mebibytes, told = read_endless("header", name)
    if name == "suricata":  # which has no header
        assert (counts, told) == ([1, 1, 0], "-")
    else:
        assert counts == [0, 0, 0]
        assert told.startswith(("f: its first line is no header of", "f: has no line that begins"))
    assert mebibytes < 50


@pytest.mark.parametrize("name", ["nfstream", "suricata", "zeek"])
def test_rows_as_long_as_rows_may_be_are_not_held_by_the_thousand(name: str) -> None:
    """400 addresses of a megabyte, each another."""
    counts, mebibytes, _ = read_endless("addresses", name)
    assert counts == [0, 400, 0]
    assert mebibytes < 400


@pytest.mark.parametrize("name", [name for name in NAMES if name != "suricata"])
def test_a_header_behind_every_row_costs_little(name: str) -> None:
    counts, mebibytes, _ = read_endless("headers", name)
    assert counts[:2] == [60_000, 0]
    assert mebibytes < 150


def test_kinds_of_events_that_nobody_can_count_are_counted_together() -> None:
    assert read_endless("events", "suricata")[0] == [0, 0, MAX_KINDS + 1]


def test_a_header_of_zeek_may_change_but_not_forever(tmp_path: Path) -> None:
    head, row = get_flow_format("zeek").sample.rstrip("\n").rsplit("\n", 1)
    other = head.replace("\tuid\t", "\tother\t")
    table, _ = reported(tmp_path, f"{head}\n{row}\n{other}\n{row}\n" * 400)
    assert len(table) == 800
    with pytest.raises(InputError, match=f"more than the {zeek_format.MAX_CHANGES}th time"):
        reported(tmp_path, f"{head}\n{row}\n{other}\n{row}\n" * 600)
    many = "\t".join(str(i) for i in range(5000))
    with pytest.raises(InputError, match=r"flows:4: #fields names 5,016 columns"):
        reported(tmp_path, f"{head}\t{many}\n{row}\n")


@pytest.mark.parametrize("name", CSV)
@pytest.mark.parametrize(
    ("cell", "note"),
    [
        ("NaN", "values that are infinite or no number, set to null"),
        ("inf", "values that are infinite or no number, set to null"),
        ("-Infinity", "values that are infinite or no number, set to null"),
        ("-5", "values below zero, set to null"),
        ("-9223372036854775808", "values below zero, set to null"),
        ("", ""),
    ],
)
def test_numbers_that_mean_nothing_are_null_and_counted(
    tmp_path: Path, name: str, cell: str, note: str
) -> None:
    ours, place = COUNTS[name]
    table, report = reported(tmp_path, with_cell(name, place, cell))
    assert len(table) == 1
    assert table[ours][0] in {None, 15}  # of packets both ways, what those each way come to
    assert (report.n_broken, dict(report.notes)) == (0, {note: 1} if note else {})


@pytest.mark.parametrize("name", CSV)
@pytest.mark.parametrize(
    "cell",
    ["many", "1e400", "9" * 30, "0x10", "1_0", "6.5", "6\0", "\0", '"6', '6"', "6,7", "6;7", "[6]"],
)
def test_what_is_no_number_is_a_broken_row_with_its_place(
    tmp_path: Path, name: str, cell: str
) -> None:
    _, place = COUNTS[name]
    text = with_cell(name, place, cell)
    row = get_flow_format(name).sample.splitlines()[-1]
    table, report = reported(tmp_path, text + row + "\n")
    assert table["source_line"].to_list() == [3]
    assert report.n_broken == 1
    assert ":2: " in report.broken[0]
    assert len(report.broken[0]) < 400


def with_cell(name: str, place: int, cell: str) -> str:
    """The sample with another cell in its row."""
    head, row = get_flow_format(name).sample.splitlines()
    cells = row.split(",")
    cells[place] = cell
    return f"{head}\n{','.join(cells)}\n"


@pytest.mark.parametrize("name", CSV)
def test_quotes_that_nobody_closes_break_their_own_row_alone(tmp_path: Path, name: str) -> None:
    head, row = get_flow_format(name).sample.splitlines()
    table, report = reported(tmp_path, f'{head}\n"{row}\n{row}\n{row},"\n{row}\n')
    assert table["source_line"].to_list() == [3, 5]
    assert [line.partition(": ")[0][-7:] for line in report.broken] == ["flows:2", "flows:4"]
    assert "not a row of a table" in report.broken[0]


def test_a_label_of_any_length_is_not_kept(tmp_path: Path) -> None:
    head, row = get_flow_format("zeek").sample.rstrip("\n").rsplit("\n", 1)
    rows = [f"{row}\t{label}" for label in ("x" * 1000, "x" * 1001, "Benign\0")]
    table, report = reported(tmp_path, "\n".join([f"{head}\tlabel", *rows]))
    assert table["label"].to_list() == ["x" * 1000, "Benign\0"]
    assert "label: wanted at most 1,000 characters, found 'xxx" in report.broken[0]
