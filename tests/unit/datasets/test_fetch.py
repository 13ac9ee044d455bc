"""Fetching one file, from servers of every kind."""

from __future__ import annotations

import hashlib
import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from habitus.datasets import fetch, web
from habitus.datasets.fetch import download
from habitus.datasets.part import Part
from habitus.errors import DataHomeError
from local_server import Handler, LocalServer, cut_at, redirect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Fetch = Callable[..., bytes]

CONTENT = bytes(range(256)) * 1_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer() as made:
        made.files["/good"] = CONTENT
        yield made


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    return tmp_path / "parts"


@pytest.fixture
def get(server: LocalServer, tmp_path: Path, parts: Path, monkeypatch: pytest.MonkeyPatch) -> Fetch:
    """Fetch a path of the server; what lies there afterwards."""
    monkeypatch.setattr(fetch, "WAIT_SECONDS", 0.0)

    def get(path: str, **options: Any) -> bytes:
        download(server.address + path, tmp_path / "file", parts, **options)
        return (tmp_path / "file").read_bytes()

    return get


def test_a_file_is_fetched_whole_and_nothing_else_is_left(get: Fetch, parts: Path) -> None:
    assert get("/good", sha256=DIGEST) == CONTENT
    assert list(parts.iterdir()) == []


def test_an_empty_file_is_a_file(get: Fetch, server: LocalServer) -> None:
    server.files["/empty"] = b""
    assert get("/empty") == b""


def test_a_file_with_the_right_digest_is_not_asked_for_again(
    get: Fetch, server: LocalServer
) -> None:
    get("/good", sha256=DIGEST)
    get("/good", sha256=DIGEST)
    assert server.paths() == ["/good"]


def test_a_connection_that_is_cut_is_resumed_where_it_ended(
    get: Fetch, server: LocalServer
) -> None:
    def cut_once(handler: Handler) -> None:
        handler.give(CONTENT, cut=100_000 if not handler.headers["Range"] else None)

    server.bad["/cut"] = cut_once
    assert get("/cut") == CONTENT
    assert server.asked == [("/cut", None, None), ("/cut", "bytes=100000-", '"v1"')]


def test_a_later_fetch_goes_on_where_an_earlier_one_failed(
    get: Fetch, server: LocalServer, parts: Path
) -> None:
    """Each attempt gets 10 bytes more, and the part outlives the error that tells of them."""

    def ten_more(handler: Handler) -> None:
        asked = handler.headers["Range"] or "bytes=0-"
        handler.give(CONTENT, cut=int(asked[6:-1]) + 10)

    server.bad["/file"] = ten_more
    with pytest.raises(DataHomeError, match=r"40 of 256,000 bytes.*4 attempts; 40 bytes are kept"):
        get("/file")
    assert Part(parts, f"{server.address}/file").size == 40
    del server.bad["/file"]
    server.files["/file"] = CONTENT
    assert get("/file") == CONTENT
    assert server.asked[-1] == ("/file", "bytes=40-", '"v1"')


def test_a_part_of_another_version_is_thrown_away(
    get: Fetch, server: LocalServer, parts: Path
) -> None:
    server.bad["/file"] = cut_at(b"old" * 1000, 1000, etag='"old"')
    with pytest.raises(DataHomeError):
        get("/file")
    del server.bad["/file"]
    server.files["/file"] = CONTENT
    assert get("/file") == CONTENT
    assert server.asked[-1] == ("/file", "bytes=1000-", '"old"')


def test_a_server_that_ignores_ranges_starts_anew(get: Fetch, server: LocalServer) -> None:
    def no_ranges(handler: Handler) -> None:
        handler.head(200, {"Content-Length": str(len(CONTENT)), "ETag": '"v"'})
        handler.wfile.write(CONTENT[: 1000 if not handler.headers["Range"] else None])

    server.bad["/file"] = no_ranges
    assert get("/file") == CONTENT


def test_versions_that_cannot_be_told_apart_are_joined_only_under_a_digest(
    get: Fetch, server: LocalServer
) -> None:
    def nameless(handler: Handler) -> None:
        start = int((handler.headers["Range"] or "bytes=0-")[6:-1])
        end = 1000 if len(server.asked) == 1 else len(CONTENT)
        headers = {"Content-Length": str(len(CONTENT) - start)}
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        handler.head(206 if start else 200, headers)
        handler.wfile.write(CONTENT[start:end])

    server.bad["/file"] = nameless
    assert get("/file", sha256=DIGEST) == CONTENT
    assert server.asked[1] == ("/file", "bytes=1000-", None)
    server.asked.clear()
    assert get("/file") == CONTENT
    assert server.asked[1] == ("/file", None, None)


def test_a_part_that_is_whole_already_is_enough(
    get: Fetch, server: LocalServer, parts: Path
) -> None:
    """Killed after the last byte: the server has nothing more, and says 416."""
    server.bad["/good"] = cut_at(CONTENT, 1000)
    with pytest.raises(DataHomeError):
        get("/good")
    del server.bad["/good"]
    Part(parts, f"{server.address}/good").path.write_bytes(CONTENT)
    assert get("/good") == CONTENT
    assert server.asked[-1][1] == "bytes=256000-"


def test_a_part_longer_than_the_file_is_thrown_away(
    get: Fetch, server: LocalServer, parts: Path
) -> None:
    server.bad["/good"] = cut_at(CONTENT, 1000)
    with pytest.raises(DataHomeError):
        get("/good")
    del server.bad["/good"]
    Part(parts, f"{server.address}/good").path.write_bytes(CONTENT + b"more")
    assert get("/good") == CONTENT


def test_a_wrong_digest_is_told_and_nothing_is_kept(
    get: Fetch, parts: Path, tmp_path: Path
) -> None:
    with pytest.raises(DataHomeError, match=f"has the SHA-256 {DIGEST}, where {'0' * 64} was"):
        get("/good", sha256="0" * 64)
    assert not (tmp_path / "file").exists()
    assert list(parts.iterdir()) == []


def test_a_damaged_part_costs_one_more_fetch_and_no_more(
    get: Fetch, server: LocalServer, parts: Path
) -> None:
    server.bad["/good"] = cut_at(CONTENT, 1000)
    with pytest.raises(DataHomeError):
        get("/good", sha256=DIGEST)
    del server.bad["/good"]
    Part(parts, f"{server.address}/good").path.write_bytes(b"x" * 1000)
    assert get("/good", sha256=DIGEST) == CONTENT
    assert [asked for _, asked, _ in server.asked[-2:]] == ["bytes=1000-", None]


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("file:///etc/passwd", "redirected to file:///etc/passwd: only http and https"),
        ("ftp://127.0.0.1/x", "only http and https are followed"),
        ("/loop", "more than 10 redirects"),
        ("http://[", "no connection"),
    ],
)
def test_redirects_lead_to_web_servers_alone(
    get: Fetch, server: LocalServer, target: str, why: str
) -> None:
    server.bad["/loop"] = redirect(target)
    with pytest.raises(DataHomeError, match=why.replace("/", r"\/")):
        get("/loop")


def test_redirects_are_followed_but_never_from_https_to_http(
    get: Fetch, server: LocalServer
) -> None:
    server.bad["/moved"] = redirect("/good")
    assert get("/moved") == CONTENT
    with pytest.raises(DataHomeError, match="from https to http://a/, which anybody"):
        web._redirected("https://a/", "http://a/")


def test_an_endless_body_is_cut(
    get: Fetch, server: LocalServer, parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(handler: Handler) -> None:
        handler.head(200, {})
        while True:
            handler.wfile.write(bytes(1 << 16))

    monkeypatch.setattr(fetch, "MAX_FILE_BYTES", 1 << 20)
    server.bad["/endless"] = endless
    with pytest.raises(DataHomeError, match="more than 1,048,576 bytes"):
        get("/endless")
    assert sum(path.stat().st_size for path in parts.glob("*.part")) == 0


def test_more_than_was_announced_is_not_read(get: Fetch, server: LocalServer) -> None:
    def says_less(handler: Handler) -> None:
        handler.head(200, {"Content-Length": "1000"})
        handler.wfile.write(CONTENT)

    server.bad["/file"] = says_less
    assert get("/file") == CONTENT[:1000]
    with pytest.raises(DataHomeError, match="what came has the SHA-256"):
        get("/file", sha256=DIGEST)


@pytest.mark.parametrize("length", ["999999999999999999999", "-1", "x", "1e3", ""])
def test_a_length_that_is_none_is_not_believed(
    get: Fetch, server: LocalServer, length: str
) -> None:
    def nonsense(handler: Handler) -> None:
        handler.head(200, {"Content-Length": length})
        handler.wfile.write(CONTENT)

    server.bad["/file"] = nonsense
    try:
        assert get("/file") == CONTENT
    except DataHomeError as error:
        assert "no connection" in str(error)  # noqa: PT017 - either is right


def test_a_file_for_which_there_is_no_room_is_not_begun(
    get: Fetch, server: LocalServer, monkeypatch: pytest.MonkeyPatch, parts: Path
) -> None:
    class Usage(NamedTuple):
        free: int

    free = fetch.RESERVE_BYTES + 1000
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free))
    with pytest.raises(DataHomeError, match=r"has 256,000 bytes.* has room for 1,000"):
        get("/good")
    assert not list(parts.glob("*.part"))


@pytest.mark.parametrize(
    "answer",
    [
        b"", b"\r\n", b"HTTP/1.1 abc\r\n\r\n", b"\0" * 1000,
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 200,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3, 4\r\n\r\nabc",
        b"HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 5-9/10\r\n\r\nabcde",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\n\r\n",
        b"HTTP/1.1 500 No\r\n\r\n", b"HTTP/1.1 416 No\r\n\r\n",
        b"A" * 100_000,
    ],
)  # fmt: skip
def test_answers_that_are_no_http_are_told(get: Fetch, server: LocalServer, answer: bytes) -> None:
    server.bad["/file"] = lambda handler: handler.wfile.write(answer) and None
    with pytest.raises(DataHomeError):
        get("/file")


@pytest.mark.parametrize("told", ["bytes 0-9/10", "bytes 5-9/11", "bytes 5-8/10", "nonsense", ""])
def test_a_rest_that_is_not_what_was_asked_for_starts_anew(
    get: Fetch, server: LocalServer, told: str
) -> None:
    def other_rest(handler: Handler) -> None:
        if handler.headers["Range"]:
            handler.head(206, {"Content-Range": told, "Content-Length": "5"})
            handler.wfile.write(b"fghij")
        else:
            handler.give(b"abcdefghij", cut=5 if len(server.asked) == 1 else None)

    server.bad["/file"] = other_rest
    assert get("/file") == b"abcdefghij"


def test_a_gzip_that_is_told_as_an_encoding_stays_one(get: Fetch, server: LocalServer) -> None:
    def encoded(handler: Handler) -> None:
        handler.head(200, {"Content-Length": "4", "Content-Encoding": "gzip"})
        handler.wfile.write(b"\x1f\x8b\x08\x00")

    server.bad["/a.gz"] = encoded
    assert get("/a.gz") == b"\x1f\x8b\x08\x00"


def test_a_server_that_drips_is_left(
    get: Fetch, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drip(handler: Handler) -> None:
        asked = handler.headers["Range"] or "bytes=0-"
        handler.give(CONTENT, cut=int(asked[6:-1]) + 3)

    clock = iter(range(0, 10**6, 61))
    monkeypatch.setattr(web, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    server.bad["/file"] = drip
    with pytest.raises(DataHomeError, match="only 3 bytes in a minute"):
        get("/file")


def test_a_server_that_is_silent_is_left(
    get: Fetch, server: LocalServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(handler: Handler) -> None:
        handler.rfile.read(1)

    monkeypatch.setattr(web, "SILENCE_SECONDS", 0.1)
    server.bad["/file"] = silent
    with pytest.raises(DataHomeError, match="nobody answers in time"):
        get("/file")


def test_a_password_in_an_address_is_not_shown() -> None:
    assert web.shown("https://me:secret@host:1/x?y=z") == "https://host:1/x?y=z"
