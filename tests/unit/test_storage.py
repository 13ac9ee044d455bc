"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, Any

import pytest

from habitus import storage
from habitus.errors import UsageError
from habitus.storage import (
    atomic_folder,
    atomic_write,
    files_below,
    readable,
    sha256_of_file,
    sha256_of_path,
)

ERRORS = [ValueError("bad"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")]


@pytest.fixture
def umask() -> Any:
    before = os.umask(0o027)
    yield 0o027
    os.umask(before)


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in files_below(folder)}


def test_a_file_appears_with_its_content_and_the_usual_mode(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "new" / "folder" / "file"
    with atomic_write(path) as file:
        file.write(b"content")
        assert not path.exists()
    assert path.read_bytes() == b"content"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.umask(umask) == umask  # reading it has not changed it
    assert tree(tmp_path) == {"new/folder/file": b"content"}


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with (  # noqa: PT012 - the error comes amid the writing
        pytest.raises(type(error)),
        atomic_write(path) as file,
    ):
        file.write(b"new")
        raise error
    assert tree(tmp_path) == {"file": b"old"}


def full_disk(*_: Any) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_that_fills_up_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Buffered bytes meet the full disk when they are synced."""
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"old")
    monkeypatch.setattr(storage.os, "fsync", full_disk)
    with (
        pytest.raises(OSError, match=r"No space left on device: .*/file") as told,
        atomic_write(tmp_path / "file") as file,
    ):
        file.write(b"new")
    assert told.value.filename == str(tmp_path / "file")
    with (
        pytest.raises(OSError, match="No space left"),
        atomic_folder(tmp_path / "folder", may_replace=lambda _: True) as folder,
    ):
        (folder / "file").write_bytes(b"new")
    assert tree(tmp_path) == {"file": b"old", "folder/file": b"old"}


def test_writing_where_a_folder_stands_leaves_it(tmp_path: Path) -> None:
    (tmp_path / "x" / "y").mkdir(parents=True)

    with (
        pytest.raises(UsageError, match="x: is a folder; name a file"),
        atomic_write(tmp_path / "x"),
    ):
        pytest.fail("it must refuse before any work is done")
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("file")
    with atomic_write(tmp_path / "link") as file:
        file.write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert tree(tmp_path) == {"file": b"new", "link": b"new"}


def test_a_pipe_is_written_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    with atomic_write(pipe) as file:
        file.write(b"new")
    reader.join()
    assert got == [b"new"]
    assert pipe.is_fifo()
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]


def test_a_folder_appears_whole(tmp_path: Path, umask: int) -> None:
    path = tmp_path / "models" / "m"
    with atomic_folder(path, may_replace=lambda _: False) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "a").write_bytes(b"a")
        assert not path.exists()
    assert tree(tmp_path) == {"models/m/deep/a": b"a"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o777 & ~umask
    assert [p.name for p in path.parent.iterdir()] == ["m"]


def test_an_empty_folder_may_be_filled(tmp_path: Path) -> None:
    (tmp_path / "m").mkdir()
    with atomic_folder(tmp_path / "m", may_replace=lambda _: False) as folder:
        (folder / "a").write_bytes(b"a")
    assert tree(tmp_path) == {"m/a": b"a"}


def old_folder(tmp_path: Path) -> Path:
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "old").write_bytes(b"old")
    return tmp_path / "m"


def test_a_foreign_folder_is_refused_and_ours_replaced(tmp_path: Path) -> None:
    path = old_folder(tmp_path)
    asked = []

    def refuse(found: Path) -> bool:
        asked.append(found)
        return False

    with (
        pytest.raises(UsageError, match="m: holds other files, which would be lost"),
        atomic_folder(path, may_replace=refuse),
    ):
        pytest.fail("it must refuse before any work is done")
    assert asked == [path]
    assert tree(tmp_path) == {"m/old": b"old"}
    with atomic_folder(path, may_replace=lambda _: True) as folder:
        (folder / "new").write_bytes(b"new")
    assert tree(tmp_path) == {"m/new": b"new"}
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("make", ["file", "link", "dangling link"])
def test_what_is_no_folder_is_refused(tmp_path: Path, make: str) -> None:
    path = tmp_path / "m"
    if make == "file":
        path.write_bytes(b"old")
    else:
        if make == "link":
            (tmp_path / "target").mkdir()
        path.symlink_to(tmp_path / "target")
    before = sorted(tmp_path.iterdir())
    with (
        pytest.raises(UsageError, match="m: is not a folder"),
        atomic_folder(path, may_replace=lambda _: True),
    ):
        pytest.fail("it must refuse before any work is done")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_leaves_the_old_folder_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    path = old_folder(tmp_path)
    with (  # noqa: PT012 - the error comes amid the writing
        pytest.raises(type(error)),
        atomic_folder(path, may_replace=lambda _: True) as folder,
    ):
        (folder / "new").write_bytes(b"new")
        raise error
    assert tree(tmp_path) == {"m/old": b"old"}
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_a_rename_that_fails_puts_the_old_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = old_folder(tmp_path)
    real = Path.rename
    monkeypatch.setattr(storage, "_exchange", lambda *_: False)

    def failing(self: Path, target: Path) -> Path:
        if self.suffix == ".partial":
            raise OSError(errno.EIO, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", failing)

    def replace() -> None:
        with atomic_folder(path, may_replace=lambda _: True) as folder:
            (folder / "new").write_bytes(b"new")

    with pytest.raises(OSError, match="Input/output"):
        replace()
    assert tree(tmp_path) == {"m/old": b"old"}
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


@pytest.mark.parametrize("can_exchange", [True, False])
def test_a_folder_is_replaced_with_and_without_exchange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, can_exchange: bool
) -> None:
    path = old_folder(tmp_path)
    if not can_exchange:
        monkeypatch.setattr(storage, "_exchange", lambda *_: False)
    with atomic_folder(path, may_replace=lambda _: True) as folder:
        (folder / "new").write_bytes(b"new")
    assert tree(tmp_path) == {"m/new": b"new"}
    assert [p.name for p in tmp_path.iterdir()] == ["m"]


def test_there_is_always_a_folder_for_readers(tmp_path: Path) -> None:
    path = old_folder(tmp_path)
    stop = threading.Event()
    missed = []

    def look() -> None:
        while not stop.is_set():
            if not path.exists():
                missed.append(path)

    reader = threading.Thread(target=look)
    reader.start()
    for _ in range(200):
        with atomic_folder(path, may_replace=lambda _: True) as folder:
            (folder / "new").write_bytes(b"new")
    stop.set()
    reader.join()
    assert not missed


@pytest.mark.parametrize(
    ("number", "told"), [(errno.ENOSYS, False), (errno.EINVAL, False), (errno.EIO, True)]
)
def test_a_system_that_cannot_exchange_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, *, told: bool
) -> None:
    class Library:
        def __init__(self, *_: object, **__: object) -> None:
            pass

        def renameat2(self, *_: object) -> int:
            ctypes.set_errno(number)
            return -1

    monkeypatch.setattr(storage.ctypes, "CDLL", Library)
    if told:
        with pytest.raises(OSError, match="Input/output"):
            storage._exchange(tmp_path, tmp_path)
    else:
        assert not storage._exchange(tmp_path, tmp_path)
    monkeypatch.delattr(Library, "renameat2")
    assert not storage._exchange(tmp_path, tmp_path)


def test_who_may_read_stays_as_it_was(tmp_path: Path, umask: int) -> None:
    private, folder = tmp_path / "file", old_folder(tmp_path)
    private.write_bytes(b"old")
    private.chmod(0o600)
    folder.chmod(0o700)
    with atomic_write(private) as file:
        file.write(b"new")
    with atomic_folder(folder, may_replace=lambda _: True) as made:
        (made / "new").write_bytes(b"new")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert os.umask(umask) == umask


def test_digests_of_files_and_folders(tmp_path: Path) -> None:
    (tmp_path / "f" / "b").mkdir(parents=True)
    (tmp_path / "f" / "a").write_bytes(b"abc")
    (tmp_path / "f" / "b" / "c").write_bytes(b"")
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert sha256_of_file(tmp_path / "f" / "a") == sha256_of_path(tmp_path / "f" / "a") == abc
    listing = f"{abc}  a\n{empty}  b/c\n"
    assert sha256_of_path(tmp_path / "f") == hashlib.sha256(listing.encode()).hexdigest()


def test_a_folders_digest_changes_with_content_and_names(tmp_path: Path) -> None:
    def digest(files: dict[str, bytes], where: str) -> str:
        for name, data in files.items():
            (tmp_path / where / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / where / name).write_bytes(data)
        return sha256_of_path(tmp_path / where)

    same = digest({"a": b"1", "b/c": b"2"}, "one")
    assert digest({"b/c": b"2", "a": b"1"}, "two") == same
    assert digest({"a": b"1", "b/c": b"3"}, "three") != same
    assert digest({"a": b"1", "b/d": b"2"}, "four") != same


def test_names_that_are_no_text_can_be_shown() -> None:
    assert readable(os.fsdecode(b"caf\xc3\xa9-\xff")) == "café-\\xff"
    assert readable("plain/näme") == "plain/näme"


def test_the_file_given_is_binary_and_syncs_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has been renamed is on the disk: file first, then its folder."""
    synced: list[str] = []
    real = os.fsync

    def noting(handle: int) -> None:
        synced.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        real(handle)

    monkeypatch.setattr(storage.os, "fsync", noting)

    def fill(file: IO[bytes]) -> None:
        file.write(b"x" * 100_000)

    with atomic_write(tmp_path / "a") as file:
        fill(file)
    assert synced == ["file", "folder"]
    synced.clear()
    with atomic_folder(tmp_path / "b", may_replace=lambda _: True) as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "a").write_bytes(b"a")
    assert synced == ["folder", "file", "folder", "folder"]  # deep, a, b, and b's name


def test_what_a_shell_appends_to_is_appended_to(tmp_path: Path) -> None:
    """As in ``habitus ... -o - >> all.jsonl``: what stands there is not replaced."""
    path = tmp_path / "all"
    path.write_bytes(b"old\n")
    code = (
        "from habitus.storage import atomic_write\n"
        "with atomic_write('/dev/stdout') as file: file.write(b'new\\n')"
    )
    with path.open("ab") as file:
        for _ in range(2):
            subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert path.read_bytes() == b"old\nnew\nnew\n"
