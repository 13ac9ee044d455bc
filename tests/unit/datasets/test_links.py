"""What a page of links offers."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.datasets.links import MAX_LINKS, linked_files
from habitus.errors import DataHomeError

PAGE = "https://host.example/~lab/data/live.html"
BELOW = "https://host.example/~lab/data/"


def test_files_beside_the_page_and_below_are_found_in_its_order() -> None:
    html = b"""<html><A HREF="lpr/b.tar.gz">x</a> <a href=' a.int '>y</a> <a href=a.int>again</a>
    <a href="/~lab/data/c.txt#top">z</a> <a href="https://host.example/%7Elab/data/d.Z">d</a>
    <a href="../papers.html">no data</a> <a name="here">nor this</a> <img src="x.gz">"""
    found = linked_files(html, PAGE)
    assert found.files == {
        "lpr/b.tar.gz": f"{BELOW}lpr/b.tar.gz",
        "a.int": f"{BELOW}a.int",
        "c.txt": f"{BELOW}c.txt",
        "d.Z": "https://host.example/%7Elab/data/d.Z",
    }
    assert found.left_out == {}


@pytest.mark.parametrize(
    ("link", "why"),
    [
        ("https://other.example/~lab/data/x.gz", "another server"),
        ("//other.example/~lab/data/x.gz", "another server"),
        ("http://host.example/~lab/data/x.gz", "another server"),
        ("https://host.example:8443/~lab/data/x.gz", "another server"),
        ("https://me@host.example/~lab/data/x.gz", "another server"),
        ("ftp://host.example/~lab/data/x.gz", "another server"),
        ("file:///~lab/data/x.gz", "another server"),
        ("../other/x.gz", "out of the page's folder"),
        ("/x.gz", "out of the page's folder"),
        ("%2e%2e/x.gz", "cannot be a file's here"),
        ("..%2fx.gz", "cannot be a file's here"),
        (".hidden.gz", "cannot be a file's here"),
        ("a%00.gz", "cannot be a file's here"),
        ("a%0a.gz", "cannot be a file's here"),
        ("x" * 200 + ".gz", "cannot be a file's here"),
        ("get.gz?file=1", "a question to the server"),
        ("http://[/x.gz", "IPv6"),
        ("%61.int", "another link is called a.int"),
    ],
)
def test_links_that_lead_elsewhere_are_left_out_and_told(link: str, why: str) -> None:
    found = linked_files(f'<a href="a.int">a</a><a href="{link}">b</a>'.encode(), PAGE)
    assert found.files == {"a.int": f"{BELOW}a.int"}
    [told] = found.left_out.values()
    assert why in told


@pytest.mark.parametrize("html", [b"", b"<a href=", b"\xff\xfe<a>", b"<p>nothing here</p>"])
def test_a_page_without_data_is_an_error(html: bytes) -> None:
    with pytest.raises(DataHomeError, match="no file of data"):
        linked_files(html, PAGE)


def test_a_page_of_too_many_links_is_an_error() -> None:
    html = "".join(f"<a href={i}.int>" for i in range(MAX_LINKS + 1))
    with pytest.raises(DataHomeError, match="more than 1,000 files"):
        linked_files(html.encode(), PAGE)


PIECES = st.sampled_from(
    ["<a href=", "'", '"', ">", "/", "..", "%2e", "%2F", "\\", "//", "https:", "host.example",
     "~lab", "data", "x", ".gz", ".int", "?", "#", "@", ":", "&amp;",
     "&#47;", "\n", "\0", "\u202e", " "]
)  # fmt: skip


@given(st.lists(PIECES, max_size=30))
def test_whatever_a_page_says_files_stay_below_its_folder(pieces: list[str]) -> None:
    html = "<a href=ok.int>" + "".join(pieces) + "<a href='ok.gz'>"
    for name, address in linked_files(html.encode(), PAGE).files.items():
        assert address.startswith("https://host.example/")
        assert not PurePosixPath(name).is_absolute()
        assert all(part[0] not in ".-/" and part.isprintable() for part in name.split("/"))
