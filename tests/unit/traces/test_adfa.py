"""ADFA-LD: a file a trace of i386 call numbers, whose place tells split, label and attack."""

from __future__ import annotations

import zipfile
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import batches_of, pieces, read, rows

from habitus.errors import InputError, UsageError
from habitus.syscalls import name_of
from habitus.traces.formats import format_names, get_format
from habitus.traces.formats.base import ReadOptions
from habitus.traces.reading import TraceReader, read_traces
from habitus.traces.traceset import Label, TraceSet, join

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "Training_Data_Master/UTD-0001.txt": "6 6 63 6 42 120 ",
    "Validation_Data_Master/UVD-0001.txt": "3 4\n",
    "Attack_Data_Master/Hydra_FTP_6/UAD-Hydra-FTP-612596.txt": "102",
    "Attack_Data_Master/Web_Shell_10/UAD-WS10-1083.txt": "11 340\r\n",
    "ADFA-LD+Syscall+List.txt": "restart_syscall 0\nexit 1\nfork 2\n#x\n",
    ".DS_Store": "\0\1\2",
}
EXPECTED = {
    "Attack_Data_Master/Hydra_FTP_6/UAD-Hydra-FTP-612596.txt": (
        "socketcall", "attack", Label.ATTACK, "Hydra_FTP", "Hydra_FTP_6",
    ),
    "Attack_Data_Master/Web_Shell_10/UAD-WS10-1083.txt": (
        "execve prlimit64", "attack", Label.ATTACK, "Web_Shell", "Web_Shell_10",
    ),
    "Training_Data_Master/UTD-0001.txt": (
        "close close dup2 close pipe clone", "training", Label.NORMAL, "",
        "Training_Data_Master/UTD-0001.txt",
    ),
    "Validation_Data_Master/UVD-0001.txt": (
        "read write", "validation", Label.NORMAL, "", "Validation_Data_Master/UVD-0001.txt",
    ),
}  # fmt: skip


def facts(traces: TraceSet, below: str = "") -> dict[str, tuple[str, str, Label, str, str]]:
    return {
        info.name.removeprefix(below): (
            " ".join(row), info.split, info.label, info.attack, info.group.removeprefix(below),
        )
        for info, row in zip(traces.infos, rows(traces), strict=True)
    }  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "ADFA-LD" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
    return tmp_path / "ADFA-LD"


def test_a_folder_is_read_with_all_that_its_paths_tell(folder: Path) -> None:
    reader = TraceReader(folder)
    assert facts(join(reader)) == EXPECTED
    report = reader.report
    assert (report.n_files, report.n_traces, report.n_calls) == (5, 4, 11)
    assert report.formats == {"adfa": 5}
    assert report.notes == {"lists of call names, not used": 1}
    assert report.n_broken == 0
    assert sorted(report.skipped) == [
        f"{folder}/.DS_Store: a hidden file, or one that desktop systems leave behind",
    ]


def test_the_order_of_traces_is_the_order_of_names(folder: Path) -> None:
    assert list(read_traces(folder).names) == sorted(EXPECTED)


@pytest.mark.parametrize("spelled", ["{}/", "{}/.", "{}/../ADFA-LD"])
def test_groups_do_not_depend_on_how_the_folder_is_spelled(folder: Path, spelled: str) -> None:
    assert facts(read_traces(spelled.format(folder))) == EXPECTED


def test_groups_of_a_relative_path_are_those_below_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder.parent)
    assert facts(read_traces("./ADFA-LD")) == EXPECTED


def test_a_zip_reads_as_its_folder(folder: Path) -> None:
    packed = folder.parent / "ADFA-LD.zip"
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in FILES.items():
            archive.writestr(f"ADFA-LD/{name}", text)
    reader = TraceReader(packed)
    assert facts(join(reader), below="ADFA-LD/") == EXPECTED
    assert reader.report.n_skipped == 1


def test_a_part_of_the_folder_still_tells_split_and_attack(folder: Path) -> None:
    attacks = facts(read_traces(folder / "Attack_Data_Master"))
    assert attacks["Hydra_FTP_6/UAD-Hydra-FTP-612596.txt"] == (
        "socketcall", "attack", Label.ATTACK, "Hydra_FTP", "Hydra_FTP_6",
    )  # fmt: skip
    single = read_traces(folder / "Validation_Data_Master" / "UVD-0001.txt").infos[0]
    assert (single.split, single.label) == ("validation", Label.NORMAL)


def test_a_bad_token_names_file_and_call_and_leaves_the_trace_out(folder: Path) -> None:
    bad = folder / "Training_Data_Master" / "UTD-0002.txt"
    bad.write_text("6 6 -3 6")
    reader = TraceReader(folder, format="adfa")
    traces = join(reader)
    assert "Training_Data_Master/UTD-0002.txt" not in traces.names
    assert f"{bad}: call 3 is '-3', not an i386 call number" in reader.report.broken
    with pytest.raises(InputError, match=r"UTD-0002.txt: call 3 is '-3'.*without --strict"):
        read_traces(bad, format="adfa", strict=True)


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("read", "'read'"),
        ("65535", "'65535'"),
        ("0000000000065534", "'0000000000065534'"),
        ("3.0", "'3.0'"),
        ("\\xb2", "'\\xb2'"),
        ("1" * 101, "'" + "1" * 20 + "'..."),
    ],
)
def test_what_is_no_call_number(token: str, shown: str) -> None:
    data = token.encode("latin-1").decode("unicode_escape").encode("latin-1")
    traces, report = read("adfa", b"6 " + data + b" 6")
    assert traces.n_traces == 0
    assert report.broken == [f"file: call 2 is {shown}, not an i386 call number"] or (
        "\\\\xb2" in report.broken[0]
    )


def test_numbers_outside_the_table_stay_readable() -> None:
    traces, _ = read("adfa", "9999 65534 006 6\n")
    assert rows(traces) == [["i386:9999", "i386:65534", "close", "close"]]


def test_an_abi_gives_the_numbers_their_names(tmp_path: Path) -> None:
    path = tmp_path / "UTD-1.txt"
    path.write_text("0 1 2\n")
    assert rows(read_traces(path, format="adfa", abi="x86_64")) == [["read", "write", "open"]]
    assert rows(read_traces(path)) == [["restart_syscall", "exit", "fork"]]
    with pytest.raises(UsageError, match="no ABI is called 'arm'; there are: i386, x86_64"):
        read_traces(path, abi="arm")


def test_numbers_in_an_unknown_place_could_be_two_formats(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("6 6 63\n3 4\n")
    with pytest.raises(InputError, match=r"--format adfa .* or --format plain"):
        read_traces(path)
    assert rows(read_traces(path, format="adfa")) == [["close", "close", "dup2", "read", "write"]]
    assert rows(read_traces(path, abi="i386")) == [["close", "close", "dup2"], ["read", "write"]]


@given(
    st.lists(st.lists(st.integers(0, 400), max_size=60), min_size=1, max_size=4),
    st.sampled_from([" ", "\n", "\t", ", ", "\r\n", " \v\f"]),
    st.integers(4, 200),
    st.integers(1, 30),
)
def test_any_blocks_and_batches_give_the_numbers_that_were_written(
    traces: list[list[int]], separator: str, block: int, batch: int
) -> None:
    texts = [separator.join(map(str, trace)) for trace in traces]
    expected = [[name_of("i386", number) for number in trace] for trace in traces if trace]
    assert rows(read("adfa", *texts)[0]) == expected
    with pieces(block_bytes=block, batch_calls=batch):
        batches, report = batches_of("adfa", *texts)
    assert rows(join(batches)) == expected
    assert report.n_broken == 0
    if sum(map(len, traces)) > 2 * (batch + block):
        assert len(batches) > 1


@pytest.mark.parametrize("n_calls", [15, 16, 17, 32])
@pytest.mark.parametrize("end", ["", " ", "\n"])
def test_a_trace_of_exactly_a_batch(n_calls: int, end: str) -> None:
    with pieces(block_bytes=1 << 20, batch_calls=16):
        batches, _ = batches_of("adfa", " ".join(["6"] * n_calls) + end)
    assert rows(join(batches)) == [["close"] * n_calls]


def test_a_trace_that_breaks_after_its_beginning_went_out_is_closed() -> None:
    with pieces(block_bytes=8, batch_calls=4):
        batches, report = batches_of("adfa", "6 " * 30 + "x 6 6", "3")
    ends = [info.ends for batch in batches for info in batch.infos if info.name == "file"]
    assert len(ends) > 1
    assert ends == [False] * (len(ends) - 1) + [True]
    joined = join(batches)
    assert joined.names == ("file", "file2")
    assert set(joined.trace(0)) == {"close"}
    assert report.broken == ["file: call 31 is 'x', not an i386 call number"]


def test_many_different_numbers_take_no_quadratic_time() -> None:
    """65,535 names in one trace, each new to the reader; slow code takes minutes."""
    numbers = range(65_535)
    traces, _ = read("adfa", " ".join(map(str, numbers)))
    assert traces.n_calls == len(traces.alphabet) == 65_535
    assert traces.trace(0)[-1] == "i386:65534"


@pytest.mark.parametrize("head", [b"1" * 65_535 + b"x", b" " * 65_536, b"," * 65_535 + b"x"])
def test_recognising_takes_no_quadratic_time(head: bytes) -> None:
    """With a careless regular expression each of these takes many seconds."""
    for name in format_names():
        for abi in (None, "i386"):
            assert get_format(name).sniff(head, "x", ReadOptions(abi=abi)) == 0


def test_the_real_data_set(test_data: Path) -> None:
    """Counts from an independent count of its files (STATS.txt beside it)."""
    reader = TraceReader(test_data / "adfa-ld" / "ADFA-LD.zip")
    traces = join(reader)
    splits = Counter(info.split for info in traces.infos)
    calls: Counter[str] = Counter()
    for info, length in zip(traces.infos, traces.lengths, strict=True):
        calls[info.split] += int(length)
    assert splits == {"training": 833, "validation": 4372, "attack": 746}
    assert calls == {"training": 308_077, "validation": 2_122_085, "attack": 317_388}
    assert len(traces.alphabet) == 175
    assert not any(":" in name for name in traces.alphabet)
    attacks = [info for info in traces.infos if info.label is Label.ATTACK]
    assert Counter(info.attack for info in attacks) == {
        "Adduser": 91, "Hydra_FTP": 162, "Hydra_SSH": 176,
        "Java_Meterpreter": 124, "Meterpreter": 75, "Web_Shell": 118,
    }  # fmt: skip
    folders = {(info.attack, info.group) for info in attacks}
    assert Counter(attack for attack, _ in folders) == dict.fromkeys({a for a, _ in folders}, 10)
    assert {info.label for info in traces.infos if info.split != "attack"} == {Label.NORMAL}
    assert reader.report.n_broken == 0
    assert reader.report.skipped == []
    assert reader.report.notes == {"lists of call names, not used": 1}
    # Duplicates: equal sequences of one part, and of validation and training together.
    ids = traces.sequence_ids()
    parts = {s: [i for i, info in zip(ids, traces.infos, strict=True) if info.split == s]
             for s in splits}  # fmt: skip
    distinct = {split: len(set(part)) for split, part in parts.items()}
    assert distinct == {"training": 780, "validation": 2_420, "attack": 732}
    assert sum(i in set(parts["training"]) for i in parts["validation"]) == 422
    assert sum(i in set(parts["validation"]) for i in parts["attack"]) == 6
    lengths = traces.select([info.split == "training" for info in traces.infos]).lengths
    assert (int(lengths.min()), int(lengths.max())) == (79, 2_948)


def test_another_abi_renames_calls_and_costs_no_label(tmp_path: Path) -> None:
    path = tmp_path / "ADFA-LD" / "Attack_Data_Master" / "Adduser_1" / "UAD-Adduser-1-1.txt"
    path.parent.mkdir(parents=True)
    path.write_text("0 1 2\n")
    traces = read_traces(tmp_path, abi="x86_64")
    assert rows(traces) == [["read", "write", "open"]]
    assert traces.labels.tolist() == [Label.ATTACK]
