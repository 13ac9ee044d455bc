"""What a path may be: files, folders, archives, pipes; and what is refused or left out."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import tarfile
import threading
import tracemalloc
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import zstandard

from habitus.errors import InputError, UsageError
from habitus.files import archives, decompress, zips
from habitus.files.inputfile import HEAD_BYTES
from habitus.files.inputs import input_bytes, open_inputs
from habitus.files.named import refuse_missing
from habitus.traces.reading import TraceReader, read_traces
from habitus.traces.traceset import join

if TYPE_CHECKING:
    from collections.abc import Callable

TEXT = b"openat read close\nsocket close\n"
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "xz": lzma.compress,
    "bz2": bz2.compress,
    "zst": zstandard.compress,
}


def opened(path: str | Path) -> tuple[dict[str, bytes], dict[str, str]]:
    """The contents by name, and what was left out, by its source."""
    skipped: dict[str, str] = {}
    found = {
        file.name: file.stream.read() for file in open_inputs(path, on_skip=skipped.__setitem__)
    }
    return found, skipped


def tar_of(members: dict[str, bytes], **links: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for name, target in links.items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            archive.addfile(info)
    return buffer.getvalue()


def zip_of(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return buffer.getvalue()


def put(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_compressed_file_is_named_without_its_compression(tmp_path: Path, ending: str) -> None:
    path = put(tmp_path / f"a.txt.{ending}", COMPRESS[ending](TEXT))
    assert opened(path) == ({"a.txt": TEXT}, {})


@pytest.mark.parametrize("ending", COMPRESS)
def test_compression_is_known_by_content_whatever_the_name(tmp_path: Path, ending: str) -> None:
    assert opened(put(tmp_path / "a", COMPRESS[ending](TEXT)))[0] == {"a": TEXT}


@pytest.mark.parametrize("ending", COMPRESS)
def test_compressed_parts_one_after_the_other_are_one_file(tmp_path: Path, ending: str) -> None:
    data = COMPRESS[ending](TEXT) + COMPRESS[ending](b"read\n")
    assert opened(put(tmp_path / "a", data))[0] == {"a": TEXT + b"read\n"}


@pytest.mark.parametrize("ending", ["", *COMPRESS])
def test_a_tar_under_any_compression(tmp_path: Path, ending: str) -> None:
    members = {".//./b/x.txt": TEXT, "./a.txt.gz": gzip.compress(b"read\n")}
    data = tar_of(members, link="a.txt.gz")
    path = put(tmp_path / "t", COMPRESS[ending](data) if ending else data)
    found, skipped = opened(path)
    assert found == {"b/x.txt": TEXT, "a.txt": b"read\n"}
    assert skipped == {f"{path}:link": "not a regular file"}


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_zip_in_the_order_of_names(tmp_path: Path, method: int) -> None:
    data = zip_of({"b.txt": TEXT, "a/": b"", "a/c.txt.xz": lzma.compress(b"read\n")}, method)
    found, _ = opened(put(tmp_path / "z.zip", data))
    assert [*found.items()] == [("a/c.txt", b"read\n"), ("b.txt", TEXT)]


def test_a_folder_in_the_order_of_names_and_what_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    put(folder / "b" / "2.txt", b"2")
    put(folder / "b" / "1.txt.gz", gzip.compress(b"1"))
    put(folder / "a" / "deep" / "er" / "0.txt", b"0")
    put(folder / ".hidden" / "x", b"x")
    put(folder / "b" / "Thumbs.db", b"x")
    put(folder / "b" / ".DS_Store", b"x")
    (folder / "link").symlink_to(folder / "b")
    (folder / "dangling").symlink_to(folder / "nowhere")
    (folder / "file-link").symlink_to(folder / "b" / "2.txt")
    found, skipped = opened(folder)
    assert [*found.items()] == [
        ("file-link", b"2"),
        ("a/deep/er/0.txt", b"0"),
        ("b/1.txt", b"1"),
        ("b/2.txt", b"2"),
    ]
    litter = "a hidden file, or one that desktop systems leave behind"
    assert skipped == {
        f"{folder}/.hidden/x": litter,
        f"{folder}/b/Thumbs.db": litter,
        f"{folder}/b/.DS_Store": litter,
        f"{folder}/dangling": "not a regular file",
        f"{folder}/link": "a link to a folder, which is not followed",
    }


def test_a_pipe_in_a_folder_is_left_out_and_blocks_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    put(tmp_path / "z.txt", TEXT)
    found, skipped = opened(tmp_path)
    assert found == {"z.txt": TEXT}
    assert skipped == {f"{tmp_path}/pipe": "not a regular file"}


def test_a_file_that_cannot_be_opened_is_left_out_of_a_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.txt", TEXT)
    put(tmp_path / "secret.txt", TEXT)
    real = Path.open

    def refusing(self: Path, *arguments: Any, **options: Any) -> Any:
        if self.name == "secret.txt":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refusing)
    found, skipped = opened(tmp_path)
    assert found == {"a.txt": TEXT}
    assert skipped == {f"{tmp_path}/secret.txt": "cannot be read: Permission denied"}
    with pytest.raises(InputError, match=r"secret.txt: cannot be read: Permission denied"):
        opened(tmp_path / "secret.txt")


def test_a_folder_that_may_be_listed_and_no_more_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(tmp_path / "a.txt", TEXT)
    put(tmp_path / "locked" / "b.txt", TEXT)
    real = Path.stat

    def refusing(self: Path, *arguments: Any, **options: Any) -> Any:
        if self.parent.name == "locked":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, "stat", refusing)
    found, skipped = opened(tmp_path)
    assert found == {"a.txt": TEXT}
    assert skipped == {f"{tmp_path}/locked/b.txt": "cannot be read: Permission denied"}


def test_a_disk_that_fails_while_reading_is_told(tmp_path: Path) -> None:
    class Failing(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def read(self, size: int = -1) -> bytes:  # noqa: ARG002
            raise OSError(5, "Input/output error")

    with pytest.raises(InputError, match=r"disk/a: cannot be read beyond 0 bytes: Input/output"):
        decompress.decompressed(Failing(), "disk/a").read()  # type: ignore[arg-type]


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere: cannot be read: No such file"):
        opened(tmp_path / "nowhere")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"dangling: cannot be read: No such file"):
        opened(tmp_path / "dangling")


def test_an_empty_folder_an_empty_file_and_junk_say_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no trace could be read\nthere is no file in it\nformats"):
        read_traces(tmp_path)
    empty = put(tmp_path / "empty", b"")
    with pytest.raises(InputError, match=r"1 left out: .*/empty: empty\nformats: adfa"):
        read_traces(empty)
    junk = put(tmp_path / "junk", bytes(range(256)) * 500)
    with pytest.raises(InputError, match="junk: no format recognises it"):
        read_traces(junk)
    with pytest.raises(InputError, match="junk: no format recognises it; formats: adfa"):
        read_traces(junk, strict=True)
    with pytest.raises(InputError, match=r"junk: call 1 is .*, not an i386 call number"):
        read_traces(junk, format="adfa")


def test_a_file_of_one_call(tmp_path: Path) -> None:
    traces = read_traces(put(tmp_path / "one.txt", b"openat"))
    assert (traces.n_traces, traces.n_calls) == (1, 1)


CLIMBING = ["../x", "a/../../x", "/etc/passwd", "C:\\x", "..\\x", "\\x", "C:/x"]


@pytest.mark.parametrize("name", CLIMBING)
def test_members_that_climb_out_are_refused(tmp_path: Path, name: str) -> None:
    for kind, data in (("zip", zip_of({name: TEXT})), ("tar", tar_of({name: TEXT}))):
        with pytest.raises(InputError, match="points outside the archive"):
            opened(put(tmp_path / kind, data))


def test_dots_in_names_are_no_climbing(tmp_path: Path) -> None:
    members = {"a..b/c..": b"1", "d...": b"2"}
    assert opened(put(tmp_path / "t", tar_of(members)))[0] == members


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_compressed_file_that_is_cut_off_is_told(tmp_path: Path, ending: str) -> None:
    lines = b"".join(b"%d openat(%d) = 3\n" % (i, i * i) for i in range(3_000))
    whole = COMPRESS[ending](lines)
    for cut in (len(whole) - 1, len(whole) // 2, 14):
        with pytest.raises(InputError, match="damaged or truncated"):
            opened(put(tmp_path / "cut", whole[:cut]))


@pytest.mark.parametrize("ending", COMPRESS)
def test_a_compressed_file_with_a_wrong_byte_is_told(tmp_path: Path, ending: str) -> None:
    lines = b"".join(b"%d openat(%d) = 3\n" % (i, i * i) for i in range(3_000))
    damaged = bytearray(COMPRESS[ending](lines))
    damaged[len(damaged) // 2 : len(damaged) // 2 + 8] = b"\xff" * 8
    if ending == "zst":  # by default, zstd stores no checksum: what it finds is up to luck
        damaged[4:12] = b"\xff" * 8
    with pytest.raises(InputError, match=r"x: damaged or truncated"):
        opened(put(tmp_path / "x", bytes(damaged)))


def test_a_zip_that_is_cut_off_is_told(tmp_path: Path) -> None:
    data = zip_of({"a.txt": TEXT * 100, "b.txt": TEXT})
    with pytest.raises(InputError, match="a zip file that is cut off or damaged"):
        opened(put(tmp_path / "z.zip", data[:-30]))


@pytest.mark.parametrize(
    "method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_damaged_member_of_a_zip_is_named(tmp_path: Path, method: int) -> None:
    data = bytearray(zip_of({"a.txt": os.urandom(2_000)}, method))
    data[1_000:1_010] = b"\0" * 10
    with pytest.raises(InputError, match=r"z.zip:a.txt: damaged in the archive: "):
        opened(put(tmp_path / "z.zip", bytes(data)))


def test_a_member_of_a_zip_that_cannot_be_opened_is_named_and_costs_no_other(
    tmp_path: Path,
) -> None:
    data = bytearray(zip_of({"a.txt": TEXT, "b.txt": TEXT, "c.txt": TEXT}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    data[data.index(b"PK\x03\x04", 4) + 1] = 0  # the header before the second one's data
    path = put(tmp_path / "z.zip", bytes(data))
    assert opened(path) == (
        {"c.txt": TEXT},
        {
            f"{path}:a.txt": "cannot be read from the archive: it is encrypted",
            f"{path}:b.txt": "cannot be read from the archive: Bad magic number for file header",
        },
    )


def test_a_tar_that_is_cut_off_is_told(tmp_path: Path) -> None:
    data = tar_of({"a": TEXT * 1_000})
    for cut in (data[:9_000], gzip.compress(data[:9_000]), data[:600]):
        with pytest.raises(InputError, match="damaged"):
            opened(put(tmp_path / "t", cut))


def test_a_tar_with_a_broken_header_in_its_middle_is_told(tmp_path: Path) -> None:
    """tarfile takes it for the end of the archive."""
    whole = tar_of({"a": TEXT, "b": TEXT, "c": TEXT})
    for broken in (whole[:1024] + b"\xff" * 512 + whole[1536:], whole[:1324]):
        path = put(tmp_path / "t.tar", broken)
        with pytest.raises(InputError, match=r"t\.tar: a damaged tar archive \(a header that is"):
            opened(path)
    assert opened(put(tmp_path / "u.tar", whole[:3072]))[0] == dict.fromkeys("abc", TEXT)


def test_a_file_shortly_before_the_damage_in_an_archive_is_read_whole(tmp_path: Path) -> None:
    """A reader that takes much at a time must not lose what it took before it failed."""
    noise = os.urandom(70_000)
    content = gzip.compress(tar_of({"a": noise, "b": os.urandom(200_000)}))
    room = bytearray(1 << 22)
    with pytest.raises(InputError):  # noqa: PT012 - what comes before counts
        for file in open_inputs(put(tmp_path / "t", content[:90_000]), on_skip=lambda *_: None):
            n = file.stream.readinto(room)
            if file.name == "a":
                assert room[:n] == noise
    assert n > 0


def test_a_member_that_is_damaged_from_its_beginning_costs_no_other(tmp_path: Path) -> None:
    broken = gzip.compress(TEXT)[:5]
    path = put(tmp_path / "z.zip", zip_of({"a": TEXT, "b.gz": broken, "c": TEXT}))
    found = []
    for file in open_inputs(path, on_skip=lambda *_: None):
        if file.name == "b":
            with pytest.raises(InputError, match="damaged or truncated gzip"):
                file.head()
        else:
            found.append((file.name, file.stream.read()))
    assert found == [("a", TEXT), ("c", TEXT)]


def test_a_tar_with_holes_does_not_inflate(tmp_path: Path) -> None:
    """A sparse member of a few bytes can claim any size."""
    sparse = tarfile.TarInfo("holes")
    sparse.size = 512
    sparse.pax_headers = {
        "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": str(1 << 50),
    }  # fmt: skip
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        archive.addfile(sparse, io.BytesIO(b"0\n".ljust(512, b"\0")))
        info = tarfile.TarInfo("z")
        info.size = len(TEXT)
        archive.addfile(info, io.BytesIO(TEXT))
    path = put(tmp_path / "t", buffer.getvalue())
    assert opened(path) == ({"z": TEXT}, {f"{path}:holes": "not a regular file"})


def read_away(path: Path) -> None:
    for file in open_inputs(path, on_skip=lambda *_: None):
        while file.stream.read(1 << 20):
            pass


@pytest.mark.parametrize("ending", ["bz2", "zst"])
def test_a_decompression_bomb_is_stopped(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decompress, "FREE_BYTES", 1 << 20)
    path = put(tmp_path / "bomb", COMPRESS[ending](bytes(32 << 20)))
    assert path.stat().st_size < 30_000
    with pytest.raises(InputError, match="bomb: inflates more than 1000-fold"):
        read_away(path)


def test_what_compresses_well_and_stays_small_is_read(tmp_path: Path) -> None:
    assert opened(put(tmp_path / "a", bz2.compress(bytes(8 << 20))))[0] == {"a": bytes(8 << 20)}


def test_a_zip_bomb_is_refused_before_it_inflates(tmp_path: Path) -> None:
    """Deflate alone inflates 1,030-fold at most; members that lie over each other, any fold."""
    members = {f"{i:03}": bytes(4 << 20) for i in range(80)}
    data = zip_of(members)
    assert sum(map(len, members.values())) > decompress.FREE_BYTES
    first = data[: data.index(b"PK\x03\x04", 4)]
    directory = bytearray(data[data.index(b"PK\x01\x02") :])
    for place in range(len(directory) - 46):
        if directory[place : place + 4] == b"PK\x01\x02":
            directory[place + 42 : place + 46] = bytes(4)  # every member is the first one
    end = directory.index(b"PK\x05\x06")
    directory[end + 16 : end + 20] = len(first).to_bytes(4, "little")
    path = put(tmp_path / "z.zip", first + directory)
    assert path.stat().st_size < 20_000
    with pytest.raises(InputError, match=r"z.zip: inflates more than 1000-fold"):
        read_away(path)


def test_a_zip_inside_a_stream_is_read_from_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(tmp_path / "z.gz", gzip.compress(zip_of({"a": TEXT})))
    assert opened(path) == ({"a": TEXT}, {})
    monkeypatch.setattr(archives, "MAX_NESTED_BYTES", 10)
    with pytest.raises(InputError, match=r"z.gz: a zip of more than .* write it to a file"):
        opened(path)


def test_a_zip_with_an_endless_list_of_members_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list deflates 340-fold, and takes eight times its size in memory."""
    data = zip_of({f"{i:03}.txt": TEXT for i in range(100)})
    path, packed = put(tmp_path / "z", data), put(tmp_path / "z.gz", gzip.compress(data))
    assert len(opened(path)[0]) == 100
    monkeypatch.setattr(zips, "MAX_DIRECTORY_BYTES", 4 << 10)
    for source in (path, packed):
        with pytest.raises(InputError, match=r"list of members takes 5,300 bytes, more than"):
            opened(source)
    assert input_bytes(path) is None


def test_text_that_ends_like_a_zip_is_no_zip(tmp_path: Path) -> None:
    data = TEXT + zip_of({"a": TEXT})
    assert opened(put(tmp_path / "t", data))[0] == {"t": data}


def test_a_names_bytes_that_are_no_text_are_shown_as_such(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    put(tmp_path / "folder" / name, TEXT)
    put(tmp_path / "t", tar_of({name: TEXT}))
    assert list(opened(tmp_path / "folder")[0]) == ["caf\\xe9"]
    assert list(opened(tmp_path / "t")[0]) == ["caf\\xe9"]
    for info in read_traces(tmp_path / "folder").infos:
        assert (info.name, info.group) == ("caf\\xe9:1", "caf\\xe9:1") or info.name.endswith(":2")


@pytest.mark.parametrize("data", [TEXT, gzip.compress(TEXT), tar_of({"stdin": TEXT})])
def test_standard_input(data: bytes) -> None:
    code = (
        "import sys; from habitus.files.inputs import open_inputs;"
        "[sys.stdout.buffer.write(f.name.encode() + b'|' + f.stream.read())"
        " for f in open_inputs('-', on_skip=print)]"
    )
    ran = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert ran.stdout == b"stdin|" + TEXT


@pytest.mark.parametrize("data", [TEXT, gzip.compress(TEXT), tar_of({"stdin": TEXT})])
def test_standard_input_is_left_open(data: bytes) -> None:
    """It belongs to whoever runs us."""
    code = (
        "import sys; from habitus.files.inputs import open_inputs;"
        "[f.stream.close() for f in open_inputs('-', on_skip=print)]; print(sys.stdin.closed)"
    )
    ran = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert ran.stdout == b"False\n"


def test_standard_input_is_named_once(tmp_path: Path) -> None:
    refuse_missing(["-", tmp_path])
    with pytest.raises(UsageError, match=r"standard input \(-\) can be read once"):
        refuse_missing(["-", tmp_path, "-"])


def test_a_named_pipe_is_read_once_and_whole(tmp_path: Path) -> None:
    """As in ``habitus detect <(zcat recording.gz)``."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(TEXT,))
    writer.start()
    assert input_bytes(pipe) is None
    traces = read_traces(pipe)
    writer.join()
    assert [traces.trace(i) for i in range(2)] == [["openat", "read", "close"], ["socket", "close"]]


@pytest.mark.parametrize("ending", ["", *COMPRESS])
def test_the_head_is_the_files_beginning_and_is_not_consumed(tmp_path: Path, ending: str) -> None:
    data = b"".join(b"%d\n" % i for i in range(50_000))
    path = put(tmp_path / "a", COMPRESS[ending](data) if ending else data)
    for file in open_inputs(path, on_skip=lambda *_: None):
        assert file.head() == file.head() == data[:HEAD_BYTES]
        assert file.stream.read() == data


def test_progress_adds_up_to_the_whole(tmp_path: Path) -> None:
    put(tmp_path / "f" / "a.gz", gzip.compress(TEXT * 1_000))
    put(tmp_path / "f" / "b", TEXT * 9_000)
    put(tmp_path / "z.zip", zip_of({"a": TEXT * 5_000, "b.gz": gzip.compress(TEXT)}))
    put(tmp_path / "t", gzip.compress(tar_of({"a": TEXT})))
    for path in (tmp_path / "f", tmp_path / "z.zip", tmp_path / "f" / "b", tmp_path / "t"):
        steps: list[int] = []
        for file in open_inputs(path, on_skip=lambda *_: None, on_bytes=steps.append):
            file.stream.read()
        assert sum(steps) == input_bytes(path)


LONG_LINE = """
import resource, sys, time
from habitus.traces.reading import TraceReader
name, small, large = sys.argv[1:]
for batch in TraceReader(small, format=name): pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
started = time.perf_counter()
reader = TraceReader(large, format=name)
try:
    for batch in reader: pass
except Exception as error: print(type(error).__name__, end=" ")
print(reader.report.n_calls, reader.report.n_broken,
      resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, time.perf_counter() - started)
"""


@pytest.mark.parametrize(
    ("name", "small", "pattern", "expected"),
    [
        ("adfa", b"6 6\n", b"6 3 ", ["50000000", "0"]),
        ("adfa", b"6 6\n", b"6666", ["InputError", "0", "1"]),
        ("plain", b"read\n", b"read,open ", ["20000000", "0"]),
        ("plain", b"read\n", b"abcd", ["InputError", "0", "1"]),
        ("strace", b"read() = 0\n", b"read(3) = ", ["InputError", "0", "1"]),
    ],
)
def test_a_line_of_100_mb_takes_bounded_memory(
    tmp_path: Path, name: str, small: bytes, pattern: bytes, expected: list[str]
) -> None:
    large = tmp_path / "large"
    with large.open("wb") as file:
        for _ in range(100):
            file.write(pattern * (1_000_000 // len(pattern)))
    command = [sys.executable, "-c", LONG_LINE, name, str(put(tmp_path / "s", small)), str(large)]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    *counts, kibibytes, seconds = ran.stdout.split()
    assert counts == expected
    assert int(kibibytes) < 300 << 10
    assert float(seconds) < 30
    large.unlink()


def test_a_reading_that_is_given_up_closes_its_file(tmp_path: Path) -> None:
    """A file left open would be a ResourceWarning, which is an error here."""
    put(tmp_path / "a.txt", TEXT)
    put(tmp_path / "b.txt", TEXT)
    reader = TraceReader(tmp_path)
    next(reader)
    reader.close()
    assert list(reader) == []


def test_formats_may_differ_within_a_folder(tmp_path: Path) -> None:
    put(tmp_path / "a.txt", TEXT)
    put(tmp_path / "b.strace", b"read(3) = 0\n")
    put(tmp_path / "c.txt", b"write\n")
    put(tmp_path / "d.bin", b"\0\1")
    reader = TraceReader(tmp_path)
    traces = join(reader)
    assert traces.names == ("a.txt:1", "a.txt:2", "b.strace", "c.txt:1")
    assert reader.report.formats == {"plain": 2, "strace": 1}
    assert reader.report.warnings() == [f"1 left out: {tmp_path}/d.bin: no format recognises it"]


def test_one_file_of_a_folder_that_could_be_two_things_stops_no_other(tmp_path: Path) -> None:
    put(tmp_path / "a.txt", TEXT)
    odd = put(tmp_path / "b.txt", b"6 6 63 6 42 120\n")
    reader = TraceReader(tmp_path)
    assert join(reader).names == ("a.txt:1", "a.txt:2")
    (left_out,) = reader.report.skipped
    assert left_out.startswith(f"{odd}: this could be more than one format; say --format adfa")
    for path, strict in ((odd, False), (tmp_path, True)):
        with pytest.raises(InputError, match=r"b\.txt: this could be more than one format"):
            read_traces(path, strict=strict)


@pytest.mark.parametrize("ending", ["", *COMPRESS])
def test_an_archive_inside_a_folder_is_read_as_a_folder(tmp_path: Path, ending: str) -> None:
    folder = tmp_path / "data"
    data = tar_of({"x.txt": TEXT, "y.txt": TEXT})
    put(folder / "a.tar", COMPRESS[ending](data) if ending else data)
    put(folder / "b.zip", zip_of({"x.txt": TEXT}))
    put(folder / "c.txt", TEXT)
    names = ["a.tar/x.txt", "a.tar/y.txt", "b.zip/x.txt", "c.txt"]
    assert opened(folder) == (dict.fromkeys(names, TEXT), {})


@pytest.mark.parametrize("make", [tar_of, zip_of])
@pytest.mark.parametrize("inner", [tar_of, zip_of])
def test_so_is_an_archive_inside_an_archive(
    tmp_path: Path, make: Callable[..., bytes], inner: Callable[..., bytes]
) -> None:
    path = put(tmp_path / "outer", make({"s/a.zip": inner({"x": TEXT}), "t.txt": TEXT}))
    assert opened(path) == ({"s/a.zip/x": TEXT, "t.txt": TEXT}, {})
    sources = [file.source for file in open_inputs(path, on_skip=lambda *_: None)]
    assert sources == [f"{path}:s/a.zip:x", f"{path}:t.txt"]


def test_three_archives_deep_is_too_deep(tmp_path: Path) -> None:
    path = put(tmp_path / "z", zip_of({"y": zip_of({"x": zip_of({"a": TEXT}), "b": TEXT})}))
    found, skipped = opened(path)
    assert found == {"y/b": TEXT}
    assert list(skipped) == [f"{path}:y:x"]


@pytest.mark.parametrize("make", [tar_of, zip_of])
def test_a_damaged_archive_of_many_costs_only_itself(
    tmp_path: Path, make: Callable[..., bytes]
) -> None:
    climbing, cut = tar_of({"../x": TEXT}), zip_of({"x": TEXT})[:-30]
    members = {"a": zip_of({"x": TEXT}), "b": cut, "c": climbing, "d": TEXT}
    path = put(tmp_path / "outer", make(members))
    found, skipped = opened(path)
    assert found == {"a/x": TEXT, "d": TEXT}
    assert list(skipped) == [f"{path}:b", f"{path}:c"]
    assert "cut off or damaged" in skipped[f"{path}:b"]
    assert "points outside the archive" in skipped[f"{path}:c"]
    for name, data in members.items():
        put(tmp_path / "folder" / name, data)
    assert opened(tmp_path / "folder")[0] == found


def test_zips_inside_a_zip_count_against_the_file_that_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them inflates a thousandfold and is itself packed a hundredfold: a bomb of bombs."""
    monkeypatch.setattr(decompress, "FREE_BYTES", 1 << 20)
    inner = zip_of({"x": bytes(900_000)})
    path = put(tmp_path / "z", zip_of({f"{i:03}": inner for i in range(300)}))
    _, skipped = opened(path)
    assert any("decompression bomb" in why for why in skipped.values())


@pytest.mark.parametrize("make", [zip_of, None])
def test_a_file_sees_what_lies_beside_it(tmp_path: Path, make: Callable[..., bytes] | None) -> None:
    members = {"s/a.sc": TEXT, "s/a.json": b"{}", "b.json": b"[]", "s/big": bytes(2 << 20)}
    path = tmp_path / "z"
    if make is None:
        for name, data in members.items():
            put(path / name, data)
    else:
        put(path, make(members))
    looked = {
        name: file.beside(name)
        for file in open_inputs(path, on_skip=lambda *_: None)
        for name in ("a.json", "b.json", "../b.json", "big", "none", "", "..")
        if file.name == "s/a.sc"
    }
    assert looked == {
        "a.json": b"{}", "b.json": None, "../b.json": None, "big": None, "none": None, "": None,
        "..": None,
    }  # fmt: skip


def test_a_single_file_sees_its_neighbours_and_a_member_of_a_tar_none(tmp_path: Path) -> None:
    put(tmp_path / "a.json", b"{}")
    path = put(tmp_path / "a.sc.gz", gzip.compress(TEXT))
    assert [f.beside("a.json") for f in open_inputs(path, on_skip=lambda *_: None)] == [b"{}"]
    tar = put(tmp_path / "t", tar_of({"a.json": b"{}", "a.sc": TEXT}))
    assert [f.beside("a.json") for f in open_inputs(tar, on_skip=lambda *_: None)] == [None, None]


def test_progress_over_a_folder_of_archives_ends_at_the_whole(tmp_path: Path) -> None:
    put(tmp_path / "f" / "a.zip", zip_of({"x": TEXT * 999, "y": TEXT}))
    put(tmp_path / "f" / "b.tar", tar_of({"x": TEXT * 999}))
    put(tmp_path / "f" / "c.txt", TEXT)
    heard: list[int] = []
    for file in open_inputs(tmp_path / "f", on_skip=lambda *_: None, on_bytes=heard.append):
        file.stream.read()
    assert sum(heard) == input_bytes(tmp_path / "f")


def long_header(kind: bytes, size: int) -> bytes:
    header = tarfile.TarInfo("h")
    header.type, header.size = kind, size
    return header.tobuf(tarfile.USTAR_FORMAT)


@pytest.mark.parametrize("kind", [b"L", b"K", b"x", b"g"])
def test_a_tars_headers_take_little_memory(tmp_path: Path, kind: bytes) -> None:
    """A header of 256 MiB, which tarfile would read whole."""
    start = long_header(kind, 256 << 20)
    data = gzip.compress(start + bytes(64 << 20))
    path = put(tmp_path / "t.tar.gz", data)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"t\.tar\.gz: a member .* has headers of more than"):
        opened(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_many_small_headers_are_as_much_as_a_large_one(tmp_path: Path) -> None:
    name = long_header(b"L", 512) + b"x" * 512
    with pytest.raises(InputError, match="has headers of more than"):
        opened(put(tmp_path / "t.tar", name * 500))
    shared = b"".join(
        long_header(b"g", 10_240) + b"10240 %09d=".ljust(10_234, b"v") % i + b"\n"
        + tar_of({f"f{i}": b""})[:512]
        for i in range(100)
    )  # fmt: skip
    with pytest.raises(InputError, match="global pax headers"):
        opened(put(tmp_path / "g.tar", shared))


def test_a_header_that_takes_long_to_search_is_refused(tmp_path: Path) -> None:
    data = (long_header(b"x", 32_768) + b"1" * 32_768) * 20
    with pytest.raises(InputError, match="a mass of digits"):
        opened(put(tmp_path / "t.tar", data))


def test_long_names_and_large_members_of_a_tar_are_read(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    name = "/".join(["d" * 100] * 30)
    content = os.urandom(5 << 20)
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        assert opened(put(tmp_path / "t.tar", buffer.getvalue()))[0] == {name: content}
        buffer = io.BytesIO()


def test_an_xz_file_that_asks_for_much_memory_is_refused(tmp_path: Path) -> None:
    small = lzma.compress(TEXT, filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 64 << 20}])
    assert opened(put(tmp_path / "small", small))[0] == {"small": TEXT}
    # The size of the dictionary is one byte of the block's header; its checksum is made anew.
    data = bytearray(small)
    at = data.index(b"\x21\x01") + 2
    data[at] = 36  # 1 GiB
    length = (data[12] + 1) * 4
    data[12 + length - 4 : 12 + length] = zlib.crc32(data[12 : 12 + length - 4]).to_bytes(
        4, "little"
    )
    with pytest.raises(InputError, match="Memory usage limit exceeded"):
        opened(put(tmp_path / "large", bytes(data)))


def test_padding_between_streams_of_xz_is_passed_over(tmp_path: Path) -> None:
    data = lzma.compress(TEXT) + bytes(8) + lzma.compress(b"read\n") + bytes(4)
    assert opened(put(tmp_path / "a", data))[0] == {"a": TEXT + b"read\n"}
