"""The data home: data sets by name, known by their content."""

from __future__ import annotations

import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest

from habitus.datasets.home import DataHome, home_folder, is_another_packing
from habitus.datasets.known import KNOWN
from habitus.errors import DataHomeError, UsageError
from habitus.storage import sha256_of_path

ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DataHome:
    monkeypatch.setenv("HABITUS_HOME", str(tmp_path / "home"))
    return DataHome()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "traces.txt"
    path.write_bytes(b"abc")
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "set"
    (path / "normal").mkdir(parents=True)
    (path / "normal" / "a.txt").write_bytes(b"read\n")
    (path / "b.txt").write_bytes(b"write\n")
    return path


def test_the_home_is_where_the_variable_says_or_in_the_users_data(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HABITUS_HOME", "/some/where")
    assert DataHome().folder == Path("/some/where/data")
    monkeypatch.delenv("HABITUS_HOME")
    assert home_folder().name == "habitus"


def test_a_new_home_is_empty_and_asking_makes_nothing(home: DataHome) -> None:
    assert home.entries() == []
    assert "x" not in home
    assert not home.folder.exists()


def test_a_file_is_copied_and_known_by_its_content(home: DataHome, source: Path) -> None:
    entry, is_new = home.add("my-set", source)
    assert is_new
    assert (entry.name, entry.file, entry.sha256, entry.n_bytes) == (
        "my-set", "traces.txt", ABC, 3,
    )  # fmt: skip
    assert entry.source == str(source)
    assert entry.added.endswith("+00:00")
    source.unlink()
    assert home.path("my-set").read_bytes() == b"abc"
    assert home.path("my-set").name == "traces.txt"
    assert home.entries() == [entry]
    assert "my-set" in home


def test_a_folder_is_copied_with_all_that_is_below(home: DataHome, folder: Path) -> None:
    entry, _ = home.add("set", folder)
    assert entry.n_bytes == 11
    copy = home.path("set")
    assert copy.name == "set"
    assert (copy / "normal" / "a.txt").read_bytes() == b"read\n"
    assert sha256_of_path(copy) == entry.sha256 == sha256_of_path(folder)


def test_links_and_pipes_in_a_folder(home: DataHome, folder: Path) -> None:
    """Linked files are copied as files; what is no file is left out, as reading leaves it out."""
    (folder / "linked.txt").symlink_to(folder / "b.txt")
    (folder / "dangling").symlink_to(folder / "nowhere")
    (folder / "up").symlink_to(folder.parent)
    os.mkfifo(folder / "pipe")
    (folder / "normal" / "nothing").mkdir()
    entry, _ = home.add("set", folder)
    assert entry.left_out.count == 4
    assert sorted(entry.left_out.examples) == [
        "dangling: a link that leads nowhere", "normal/nothing: an empty folder", "pipe: a pipe",
        "up: a link to a folder",
    ]  # fmt: skip
    assert home.entry("set").left_out == entry.left_out
    copy = home.path("set")
    assert sorted(p.name for p in copy.iterdir()) == ["b.txt", "linked.txt", "normal"]
    assert (copy / "linked.txt").read_bytes() == b"write\n"
    assert not (copy / "linked.txt").is_symlink()


def test_of_many_things_left_out_the_first_are_told(home: DataHome, folder: Path) -> None:
    for i in range(30):
        (folder / f"dir-{i}").mkdir()
    os.mkfifo(folder / "pipe")
    left_out = home.add("set", folder)[0].left_out
    assert left_out.count == 31
    assert len(left_out.examples) == 10
    (folder / "pipe").unlink()
    again, is_new = home.add("set", folder)
    assert (is_new, again.left_out.count) == (False, 30)


def test_a_pipe_is_refused_and_not_waited_for(home: DataHome, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="pipe: is not a regular file or folder"):
        home.add("x", tmp_path / "pipe")


def test_what_holds_nothing_is_refused(home: DataHome, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    (folder / "inner").mkdir(parents=True)
    with pytest.raises(DataHomeError, match="empty: there is no file in this folder"):
        home.add("adfa-ld", folder)
    (folder / "a.txt").touch()
    with pytest.raises(DataHomeError, match="all files in this folder have 0 bytes"):
        home.add("adfa-ld", folder)
    with pytest.raises(DataHomeError, match=r"a\.txt: has 0 bytes"):
        home.add("x", folder / "a.txt")
    assert not home.folder.exists()


def test_a_zip_that_was_cut_off_is_refused(home: DataHome, tmp_path: Path) -> None:
    path = tmp_path / "set.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.txt", "read")
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    with pytest.raises(DataHomeError, match="cut off or damaged, and was not added"):
        home.add("adfa-ld", path)
    path.write_bytes(whole)
    assert home.add("adfa-ld", path)[1]


def test_what_cannot_be_removed_is_named_with_its_place(
    home: DataHome, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.add("x", source)

    def refuse(*_: Any) -> None:
        raise OSError(30, "Read-only file system", "traces.txt")

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(DataHomeError, match=f"{home.folder}/x: cannot be removed: Read-only"):
        home.remove("x")


def test_the_shipped_recordings_are_not_removed(home: DataHome) -> None:
    with pytest.raises(DataHomeError, match="'demo' is the recordings that Habitus ships"):
        home.remove("demo")


def test_a_folder_that_holds_the_home_can_be_added(home: DataHome, folder: Path) -> None:
    inner = DataHome(folder / "home")
    inner.add("one", folder / "b.txt")
    entry, _ = inner.add("all", folder)
    assert entry.n_bytes > 11
    assert not list(inner.path("all").rglob("*.partial"))


def test_adding_the_same_again_changes_nothing(home: DataHome, source: Path) -> None:
    first, _ = home.add("x", source)
    renamed = source.rename(source.with_name("other-name.txt"))
    again, is_new = home.add("x", renamed)
    assert not is_new
    assert again == first
    assert home.path("x").name == "traces.txt"


def test_a_name_stands_for_one_content(home: DataHome, source: Path) -> None:
    home.add("x", source)
    source.write_bytes(b"other")
    with pytest.raises(DataHomeError, match=f"'x' already stands for other content.*{ABC}"):
        home.add("x", source)
    assert home.path("x").read_bytes() == b"abc"


@pytest.mark.parametrize(
    "name", ["", "X", "a b", "../x", "a/b", ".hidden", "-x", "x" * 65, "é", "x\n"]
)
def test_names_that_cannot_be(home: DataHome, source: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a data set"):
        home.add(name, source)
    assert name not in home
    assert not home.folder.exists()
    with pytest.raises(DataHomeError, match="no data set is called"):
        home.remove(name)


@pytest.mark.parametrize("name", ["a", "0", "adfa-ld", "my_set.v2", "x" * 64])
def test_names_that_can(home: DataHome, source: Path, name: str) -> None:
    home.add(name, source)
    assert [entry.name for entry in home.entries()] == [name]


def test_a_source_that_is_not_there(home: DataHome, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere: there is no such file or folder"):
        home.add("x", tmp_path / "nowhere")


def test_changed_content_is_found_out(home: DataHome, source: Path, folder: Path) -> None:
    home.add("file", source)
    home.add("folder", folder)
    home.path("file").write_bytes(b"abd")
    home.path("folder").joinpath("new.txt").write_bytes(b"")
    for name in ("file", "folder"):
        with pytest.raises(DataHomeError, match="missing, or changed since it was added"):
            home.path(name)
        with pytest.raises(DataHomeError, match="changed since"):
            home.add(name, source if name == "file" else folder)
    shutil.rmtree(home.folder / "file" / "content")
    with pytest.raises(DataHomeError, match="missing, or changed"):
        home.path("file")


def test_a_source_that_changes_while_it_is_copied(
    home: DataHome, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = shutil.copyfile

    def copy_other(source: Path, target: Path) -> Any:
        real(source, target)
        target.write_bytes(b"other")

    monkeypatch.setattr(shutil, "copyfile", copy_other)
    with pytest.raises(DataHomeError, match="changed while it was copied; add it again"):
        home.add("x", folder)
    assert list(home.folder.iterdir()) == []


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(28, "No space left on device")])
def test_copying_that_fails_leaves_nothing(
    home: DataHome, source: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def failing(*_: Any) -> None:
        raise error

    monkeypatch.setattr(shutil, "copyfile", failing)
    with pytest.raises(type(error)):
        home.add("x", source)
    assert list(home.folder.iterdir()) == []
    assert home.entries() == []


def test_removing_keeps_what_was_copied_from(home: DataHome, source: Path) -> None:
    entry, _ = home.add("x", source)
    assert home.remove("x") == entry
    assert source.read_bytes() == b"abc"
    assert home.entries() == []
    with pytest.raises(DataHomeError, match="no data set is called 'x'; `habitus data list`"):
        home.remove("x")
    with pytest.raises(DataHomeError, match="no data set is called 'x'"):
        home.path("x")
    assert home.add("x", source)[1]


@pytest.mark.parametrize("damage", ["", "{}", '{"name": 1}', "[]", None])
def test_a_damaged_entry_is_told_and_can_be_removed(
    home: DataHome, source: Path, damage: str | None
) -> None:
    home.add("x", source)
    path = home.folder / "x" / "entry.json"
    path.unlink() if damage is None else path.write_text(damage)
    for ask in (home.entries, lambda: home.path("x"), lambda: home.add("x", source)):
        with pytest.raises(DataHomeError, match=r"entry.json: damaged; `habitus data remove x`"):
            ask()
    home.remove("x")
    assert home.entries() == []


def test_an_entry_is_plain_json(home: DataHome, source: Path) -> None:
    entry, _ = home.add("x", source)
    stored = json.loads((home.folder / "x" / "entry.json").read_text())
    assert stored == entry.model_dump(mode="json")


def test_an_entry_of_the_first_version_still_loads(home: DataHome, source: Path) -> None:
    entry, _ = home.add("x", source)
    old = {"name": "x", "file": "traces.txt", "source": "/s", "sha256": ABC, "n_bytes": 3}
    old["added"] = entry.added
    (home.folder / "x" / "entry.json").write_text(json.dumps(old))
    assert home.path("x").read_bytes() == b"abc"
    loaded = home.entry("x")
    assert (loaded.addresses, loaded.trust, loaded.terms, loaded.citation) == ((), None, None, None)


def test_an_added_digest_is_held_to_and_remembered(home: DataHome, source: Path) -> None:
    with pytest.raises(DataHomeError, match=f"its SHA-256 is {ABC}, where .* was not added"):
        home.add("x", source, sha256="0" * 64)
    assert "x" not in home
    with pytest.raises(UsageError, match="64 hexadecimal digits are wanted, not 'ba7816'"):
        home.add("x", source, sha256="ba7816")
    assert home.add("x", source, sha256=ABC.upper())[0].trust == "given"
    assert home.add("y", source)[0].trust == "first use"


def test_known_content_has_its_terms_under_any_name(home: DataHome, test_data: Path) -> None:
    entry, _ = home.add("mine", test_data / "adfa-ld" / "ADFA-LD.zip")
    assert entry.trust == "published"
    assert entry.terms == KNOWN["adfa-ld"].terms
    assert entry.citation == KNOWN["adfa-ld"].citation


def test_a_file_name_that_is_no_text(home: DataHome, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9.txt")
    path.write_bytes(b"abc")
    entry, _ = home.add("x", path)
    assert entry.file == "caf\\xe9.txt"
    assert home.path("x").read_bytes() == b"abc"


def test_known_data_in_another_packing_is_said_to_be_so(home: DataHome, source: Path) -> None:
    assert is_another_packing(home.add("adfa-ld", source)[0])
    assert not is_another_packing(home.add("x", source)[0])


def test_the_known_file_of_adfa_ld_is_the_one_its_users_have(
    home: DataHome, test_data: Path
) -> None:
    entry, _ = home.add("adfa-ld", test_data / "adfa-ld" / "ADFA-LD.zip")
    assert not is_another_packing(entry)
