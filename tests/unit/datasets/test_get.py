"""Known public data sets, fetched into the data home."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from habitus.datasets import fetch
from habitus.datasets.get import get
from habitus.datasets.home import DataHome, home_folder, refuse_unusable_name
from habitus.datasets.known import FAMILIES, KNOWN
from habitus.datasets.publication import KnownData, KnownFile
from habitus.datasets.trust import Fetched, TrustBook
from habitus.errors import DataHomeError, UsageError
from habitus.evaluation.protocols import PROTOCOLS
from local_server import LocalServer, cut_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Known = dict[str, KnownData]

CONTENT = b"openat read close\n" * 100
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NEW = b"nobody has told its digest\n"
NEW_DIGEST = hashlib.sha256(NEW).hexdigest()
OTHER = b"other"
OTHER_DIGEST = hashlib.sha256(OTHER).hexdigest()


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer() as made:
        made.files |= {"/a/set.txt": CONTENT, "/b/set.txt": CONTENT}
        yield made


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HABITUS_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HABITUS_MIRROR", raising=False)
    monkeypatch.setattr(fetch, "WAIT_SECONDS", 0.0)
    return tmp_path / "home"


@pytest.fixture
def known(server: LocalServer, home: Path, monkeypatch: pytest.MonkeyPatch) -> Known:
    """Data sets that the server has: with a digest, without one, and behind a page."""
    both = tuple(f"{server.address}/{folder}/set.txt" for folder in "ab")
    page = KnownFile("page.html", (f"{server.address}/unm/page.html",))
    server.files |= {
        "/new/set.txt": NEW,
        "/unm/page.html": b"<a href=one.int>1</a><a href=sub/two.int>2</a>"
        b"<a href=http://elsewhere.example/three.int>3</a>",
        "/unm/one.int": b"1 5\n",
        "/unm/sub/two.int": b"2 6\n",
    }
    sets = (
        KnownData("safe", "Safe", "free", "S. Afe", (KnownFile("set.txt", both, DIGEST),)),
        KnownData(
            "new",
            "New",
            "none",
            "N. Ew",
            (KnownFile("set.txt", (f"{server.address}/new/set.txt",)),),
        ),
        KnownData("linked", "Linked", "none", "L. Inked", page=page),
    )
    made = {data.name: data for data in sets}
    for place in ("habitus.datasets.get", "habitus.datasets.home", "habitus.datasets.notices"):
        monkeypatch.setattr(f"{place}.KNOWN", made)
    return made


def told(name: str, **options: Any) -> list[str]:
    """Fetch, and return what was said."""
    said: list[str] = []
    get(name, say=said.append, **options)
    return said


def test_every_known_set_can_be_named_asked_for_and_cited() -> None:
    for name, data in KNOWN.items():
        refuse_unusable_name(name)
        assert data.name == name
        assert bool(data.files) != bool(data.page)
        assert all(a.startswith("https://") for a in data.addresses)
        assert data.terms
        assert data.citation
        assert set(data.protocols) <= set(PROTOCOLS)
        assert bool(data.protocols) == (data.purpose == "traces")
        assert name.startswith(data.family)
        assert data.family in {"", *FAMILIES}
    assert len(KNOWN) == 1 + 2 + 10 + 15 + 9


def test_a_set_is_fetched_and_described(known: Known, server: LocalServer, home: Path) -> None:
    entry, is_new = get("safe")
    assert is_new
    assert entry == DataHome().entry("safe")
    assert (entry.file, entry.sha256, entry.n_bytes) == ("set.txt", DIGEST, 1800)
    assert (entry.trust, entry.terms, entry.citation) == ("published", "free", "S. Afe")
    assert entry.addresses == (f"{server.address}/a/set.txt",)
    assert DataHome().path("safe").read_bytes() == CONTENT
    assert not (home / "downloads" / "safe").exists()


def test_fetching_again_changes_nothing_and_asks_nobody(known: Known, server: LocalServer) -> None:
    first, _ = get("safe")
    server.asked.clear()
    assert get("safe") == (first, False)
    assert server.asked == []


def test_mirrors_are_tried_in_order_and_told_why_they_failed(
    known: Known, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.files |= {"/wrong.txt": OTHER, "/base/set.txt": OTHER}
    del server.files["/a/set.txt"]
    monkeypatch.setenv("HABITUS_MIRROR", f"{server.address}/base")
    mirrors = [f"{server.address}/wrong.txt", f"{server.address}/folder/"]
    said = told("safe", mirrors=mirrors)
    assert server.paths() == [
        "/wrong.txt", "/folder/set.txt", "/base/set.txt", "/a/set.txt", "/b/set.txt",
    ]  # fmt: skip
    assert [line.split(": ", 1)[0].rpartition("/")[2] for line in said] == [
        "wrong.txt", "set.txt", "set.txt", "set.txt",
    ]  # fmt: skip
    assert f"has the SHA-256 {OTHER_DIGEST}, where {DIGEST} was expected" in said[0]
    assert "the server answers 404 (Not Found)" in said[1]
    assert DataHome().entry("safe").addresses == (f"{server.address}/b/set.txt",)


def test_offline_every_address_is_named_with_what_to_do(home: Path) -> None:
    with pytest.raises(DataHomeError) as error:
        get("adfa-ld")
    lines = str(error.value).split("\n")
    assert lines[0] == "adfa-ld: ADFA-LD.zip could not be fetched"
    assert [line.split(": ")[0].strip() for line in lines[1:3]] == list(KNOWN["adfa-ld"].addresses)
    assert "no connection: " in lines[1]
    assert "habitus data add adfa-ld PATH" in lines[3]
    assert "--mirror" in lines[3]
    assert "adfa-ld" not in DataHome()


def test_without_a_digest_the_first_is_trusted_and_later_ones_compared(
    known: Known, server: LocalServer
) -> None:
    [line] = told("new")
    assert line == (
        "trusted on first use: nobody has published a digest of set.txt; it has the SHA-256 "
        f"{NEW_DIGEST}, to which later fetches are compared, whatever address they come from"
    )
    assert DataHome().entry("new").trust == "first use"
    DataHome().remove("new")
    assert told("new") == []
    DataHome().remove("new")
    server.files["/new/set.txt"] = OTHER
    with pytest.raises(DataHomeError, match=rf"{OTHER_DIGEST}.*{NEW_DIGEST}.*--trust-anew"):
        get("new")
    assert "new" not in DataHome()
    [line] = told("new", trusts_anew=True)
    assert OTHER_DIGEST in line
    assert DataHome().entry("new").sha256 == OTHER_DIGEST


def test_what_was_trusted_holds_under_every_mirror(known: Known, server: LocalServer) -> None:
    """Another address must not bring other bytes for the same file."""
    get("new")
    DataHome().remove("new")
    server.files |= {"/m/set.txt": OTHER, "/same/set.txt": NEW}
    del server.files["/new/set.txt"]
    with pytest.raises(DataHomeError, match=rf"{OTHER_DIGEST}.*came from .*/new/set.txt on"):
        get("new", mirrors=[f"{server.address}/m/"])
    assert told("new", mirrors=[f"{server.address}/same/"]) == []
    book = TrustBook(home_folder())
    assert list(book.entries()) == [f"{server.address}/{at}/set.txt" for at in ("new", "same")]
    DataHome().remove("new")
    assert OTHER_DIGEST in told("new", mirrors=[f"{server.address}/m/"], trusts_anew=True)[0]
    assert list(book.entries()) == [f"{server.address}/m/set.txt"]
    DataHome().remove("new")
    with pytest.raises(DataHomeError, match=rf"{NEW_DIGEST}.*came from .*/m/set.txt on"):
        get("new", mirrors=[f"{server.address}/same/"])


def test_what_an_older_version_trusted_holds_by_its_address(
    known: Known, server: LocalServer
) -> None:
    address = f"{server.address}/new/set.txt"
    old = Fetched(sha256=OTHER_DIGEST, n_bytes=5, data_set="new", first_seen="2025-01-01")
    TrustBook(home_folder()).remember(address, old)
    with pytest.raises(DataHomeError, match=f"came from here on 2025-01-01 had {OTHER_DIGEST}"):
        get("new")
    assert list((home_folder() / "downloads").rglob("set.txt")) == []


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("x.pcap", b"PK\x03\x04rest", "not a capture of packets.*what a zip archive begins with"),
        ("x.pcapng", b"", "begins with nothing: it has 0 bytes"),
        ("x.zip", b"\x1f\x8brest", r"not a zip archive.*the bytes 1f 8b 72 65 73 74"),
        ("x.gz", b"openat", "not a gzip file"),
        ("x.int", b"\n<!DOCTYPE HTML><title>Log in", "is a web page, where x.int was asked for"),
    ],
)
def test_what_is_clearly_something_else_is_not_kept_nor_trusted(
    known: Known, server: LocalServer, name: str, content: bytes, why: str
) -> None:
    known["new"] = replace(known["new"], files=(KnownFile(name, (f"{server.address}/{name}",)),))
    server.files[f"/{name}"] = content
    with pytest.raises(DataHomeError, match=f"(?s){why}"):
        get("new")
    assert "new" not in DataHome()
    assert TrustBook(home_folder()).entries() == {}
    assert list((home_folder() / "downloads").rglob(name)) == []


@pytest.mark.parametrize("magic", ["a1b2c3d4", "d4c3b2a1", "4d3cb2a1", "0a0d0d0a"])
def test_captures_are_kept(known: Known, server: LocalServer, magic: str) -> None:
    file = KnownFile("x.pcap", (f"{server.address}/x.pcap",))
    known["new"] = replace(known["new"], files=(file,))
    server.files["/x.pcap"] = bytes.fromhex(magic) + bytes(20)
    assert get("new")[1]


def test_a_digest_of_the_users_own_is_held_to(known: Known) -> None:
    with pytest.raises(DataHomeError, match=f"{NEW_DIGEST}, where {OTHER_DIGEST} was expected"):
        get("new", sha256=OTHER_DIGEST)
    assert get("new", sha256=NEW_DIGEST.upper())[0].trust == "given"
    with pytest.raises(DataHomeError, match="is in the data home with"):
        get("new", sha256=OTHER_DIGEST)
    with pytest.raises(UsageError, match="64 hexadecimal digits are wanted, not 'abc'"):
        get("safe", sha256="abc")
    with pytest.raises(UsageError, match="linked is several files"):
        get("linked", sha256=DIGEST)


def test_a_damaged_record_of_what_was_trusted_is_told(known: Known, home: Path) -> None:
    home.mkdir()
    (home / "fetched.json").write_text("[1]")
    with pytest.raises(DataHomeError, match=r"fetched.json: damaged.*set the file aside"):
        get("new")


def test_a_page_of_links_becomes_a_folder(known: Known, server: LocalServer) -> None:
    said = told("linked")
    assert said[0] == "left out: http://elsewhere.example/three.int: it leads to another server"
    folder = DataHome().path("linked")
    assert {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*.int")} == {
        "one.int": b"1 5\n", "sub/two.int": b"2 6\n",
    }  # fmt: skip
    entry = DataHome().entry("linked")
    assert entry.addresses == tuple(
        f"{server.address}/unm/{name}" for name in ("one.int", "sub/two.int")
    )
    assert len(TrustBook(DataHome().folder.parent).entries()) == 2
    assert len(said) == 2
    assert re.search(r"a digest of these 2 files; .*fetched.json says what each has", said[1])


def test_a_mirror_of_a_page_serves_its_files_too(known: Known, server: LocalServer) -> None:
    server.files |= {"/m/page.html": b"<a href=one.int>1</a>", "/m/one.int": b"3 3\n"}
    get("linked", mirrors=[f"{server.address}/m/"])
    assert server.paths() == ["/m/page.html", "/m/one.int"]


def test_files_that_came_are_not_fetched_again_after_a_failure(
    known: Known, server: LocalServer
) -> None:
    server.bad["/unm/sub/two.int"] = cut_at(b"2 6\n", 1)
    with pytest.raises(DataHomeError, match=r"sub/two\.int could not be fetched"):
        get("linked")
    del server.bad["/unm/sub/two.int"]
    server.asked.clear()
    get("linked")
    assert server.asked == [
        ("/unm/page.html", None, None), ("/unm/sub/two.int", "bytes=1-", '"v1"'),
    ]  # fmt: skip


def test_files_that_a_page_no_longer_links_to_do_not_stay(
    known: Known, server: LocalServer
) -> None:
    server.bad["/unm/sub/two.int"] = cut_at(b"2 6\n", 1)
    with pytest.raises(DataHomeError, match="could not be fetched"):
        get("linked")
    del server.bad["/unm/sub/two.int"]
    server.files["/unm/page.html"] = b"<a href=sub/two.int>2</a>"
    entry, _ = get("linked")
    assert [path.name for path in DataHome().path("linked").rglob("*.int")] == ["two.int"]
    assert entry.n_bytes == 4


def test_archives_in_a_folder_are_told_of(known: Known, server: LocalServer) -> None:
    server.files |= {"/unm/page.html": b"<a href=x.tar.gz>", "/unm/x.tar.gz": b"\x1f\x8babc"}
    assert "1 of its files are archives" in told("linked")[-1]


def test_two_at_once_fetch_once(known: Known, server: LocalServer) -> None:
    """The second waits, then finds what the first has brought."""
    arrived, go = threading.Event(), threading.Event()

    def slow(handler: Any) -> None:
        arrived.set()
        go.wait(20)
        handler.give(CONTENT)

    server.bad["/a/set.txt"] = slow
    results: list[bool] = []
    said: list[str] = []

    def waits(line: str) -> None:
        said.append(line)
        go.set()

    first = threading.Thread(target=lambda: results.append(get("safe")[1]))
    first.start()
    assert arrived.wait(20)
    results.append(get("safe", say=waits)[1])
    first.join()
    assert sorted(results) == [False, True]
    assert said == ["another `habitus data get safe` is at work; waiting for it to end"]
    assert server.paths() == ["/a/set.txt"]


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "x", "", "http://", "ftp://a/b", "http://["]
)
def test_mirrors_are_web_addresses(
    known: Known, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match="--mirror: an address that begins with http"):
        get("safe", mirrors=[address])
    if address:
        monkeypatch.setenv("HABITUS_MIRROR", address)
        with pytest.raises(UsageError, match="HABITUS_MIRROR: an address"):
            get("safe")


def test_what_nobody_knows_is_not_fetched(known: Known) -> None:
    with pytest.raises(UsageError, match=r"known as 'mine'.*`habitus data add mine PATH`"):
        get("mine")


def test_what_was_fetched_can_be_read_by_others_as_other_files_can(known: Known) -> None:
    get("safe")
    mask = os.umask(0o022)
    os.umask(mask)
    assert DataHome().path("safe").stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_failure_at_the_end_keeps_what_was_fetched(
    known: Known, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr("habitus.storage._sync_tree", full)
        with pytest.raises(OSError, match="No space"):
            get("safe")
    assert "safe" not in DataHome()
    get("safe")
    assert server.paths() == ["/a/set.txt"]
