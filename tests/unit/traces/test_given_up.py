"""A file that a format gives up costs what stands in it, and no other file."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import pytest

from habitus.errors import InputError
from habitus.traces import recording
from habitus.traces.reading import TraceReader, read_traces
from habitus.traces.traceset import join

if TYPE_CHECKING:
    from pathlib import Path

CALL = b"412 read(3) = 0\n"
GIVEN_UP = {
    "strace": (CALL, b"".join(b"%d read(3) = 0\n" % i for i in range(1, 300)), "more than 100 thr"),
    "table": (
        b"time,pid,call\n1,412,read\n",
        b"time,pid,call\n1,412,3\n",
        "these are call numbers",
    ),
    "plain": (b"read write\n", b"3 4 5\n", "these are call numbers"),
    "sysdig": (b"1 01:40:19.6 0 sh (412) > read\n", b"a > b\n", "no direction, a lone > or <"),
}


@pytest.mark.parametrize("format_", GIVEN_UP)
def test_a_file_that_a_format_gives_up_takes_no_other_of_its_folder_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    """Otherwise whoever can write one file of a folder hides all behind it, and some before it."""
    monkeypatch.setattr(recording, "MAX_OPEN_THREADS", 100)
    sound, refused, why = GIVEN_UP[format_]
    for name, data in (("a", sound), ("b", refused), ("c", sound), ("d", refused)):
        (tmp_path / name).write_bytes(data)
    reader = TraceReader(tmp_path, format=format_)
    names = join(reader).names
    assert [name[0] for name in names if name[0] in "ac"] == ["a", "c"]
    (first, second) = reader.report.skipped
    assert first.startswith(f"{tmp_path}/b: given up: ")
    assert why in first
    assert second.startswith(f"{tmp_path}/d: given up: ")
    for path, strict in ((tmp_path / "b", False), (tmp_path, True)):
        with pytest.raises(InputError, match=why):
            read_traces(path, format=format_, strict=strict)


@pytest.mark.parametrize("format_", ["strace", "plain"])
def test_a_strict_reading_gives_nothing_of_what_waits_before_a_broken_line(
    tmp_path: Path, format_: str
) -> None:
    (tmp_path / "a").write_bytes(GIVEN_UP[format_][0])
    (tmp_path / "b").write_bytes(b"!!\n")
    with pytest.raises(InputError, match=r"b:1: "):
        next(TraceReader(tmp_path, format=format_, strict=True))


def test_what_stands_before_a_file_that_is_given_up_is_read_from_an_archive_too(
    tmp_path: Path,
) -> None:
    path = tmp_path / "t.tar"
    with tarfile.open(path, "w") as archive:
        for name, call in (("a.csv", b"read"), ("b.csv", b"3"), ("c.csv", b"read")):
            data = b"time,pid,call\n1,412," + call + b"\n"
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    reader = TraceReader(path)
    assert next(reader).names == ("a.csv#412",)
    assert next(reader).names == ("c.csv#412",)
    with pytest.raises(InputError, match=r"b\.csv: these are call numbers"):
        next(reader)
