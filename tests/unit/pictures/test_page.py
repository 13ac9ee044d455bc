"""A page of figures needs no network, shows whatever a name holds, and runs none of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plotly.offline import get_plotlyjs

from habitus.pictures.page import MAX_LABEL, View, escaped, figure, label, labels, page, table

HOSTILE = [
    "</script><script>alert(1)</script>", "<!--<script>", "<b>read</b>", "\u2028read\u2029",
    '<a href="javascript:alert(1)">read</a>', '" onmouseover="alert(1)', "&lt;read", "\x00\x1b[2J",
    "\u202edaer", "\ud800", "{{ 7 * 7 }}", "%{x}",
]  # fmt: skip


class Read(HTMLParser):
    """The tags of a page, and what the elements of some of them hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.cells: list[str] = []
        self._into: list[str] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._into = {"script": self.scripts, "td": self.cells}.get(tag)
        if self._into is not None:
            self._into.append("")

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002 - the parser's own
        self._into = None

    def handle_data(self, data: str) -> None:
        if self._into is not None:
            self._into[-1] += data


def some_page(name: str) -> str:
    data = {"type": "heatmap", "x": [label(name)], "y": ["a"], "z": [[1]], "text": [[label(name)]]}
    views = [View(name, [data], {"height": 100}), View("other", [data], {"height": 200})]
    return page(name, figure(name, name, views) + table(name, [name, f">{name}"], [(name, "1")]))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_is_shown_and_never_read_as_anything_else(name: str) -> None:
    text = some_page(name)
    text.encode()
    found, harmless = Read(text), Read(some_page("read"))
    assert [tag for tag, _ in found.tags] == [tag for tag, _ in harmless.tags]
    assert [attrs.keys() for _, attrs in found.tags] == [a.keys() for _, a in harmless.tags]
    shown = escaped(name)
    assert found.cells == [Read(f"<td>{shown}</td>").cells[0], "1"]
    (data, *code) = found.scripts
    assert code == harmless.scripts[1:]
    views = json.loads(data)
    assert views[0]["data"][0]["x"] == [label(name)]
    assert "<" not in data


def test_labels_hold_no_markup_that_plotly_reads() -> None:
    for name in HOSTILE:
        assert not re.search(r"[<>]|&(?!(amp|lt|gt);)", label(name))


@given(names=st.lists(st.text(alphabet="a\x00\\x0<&…()2 ", max_size=40), max_size=20))
def test_different_names_have_different_labels(names: list[str]) -> None:
    made = labels([*names, "y" * MAX_LABEL, "y" * 99, "y" * 98])
    assert len(set(made)) == len(names) + 3


def test_long_names_are_cut() -> None:
    assert label("y" * MAX_LABEL) == "y" * MAX_LABEL
    assert label("y" * (MAX_LABEL + 1)) == "y" * (MAX_LABEL - 1) + "…"


def test_the_policy_allows_the_pages_own_scripts_and_nothing_else() -> None:
    text = some_page("read")
    found = Read(text)
    policy = next(a["content"] for _, a in found.tags if a.get("http-equiv")) or ""
    allowed = dict(part.split(" ", 1) for part in policy.split("; "))
    assert allowed["default-src"] == "'none'"
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
        for script in found.scripts[1:]
    ]
    assert allowed["script-src"] == " ".join(hashes)
    own = text.replace(get_plotlyjs(), "")
    assert not re.findall(r"https?:|@import|url\(|\bsrc=|\bhref=", own)
    assert len(text) < 6_000_000


def test_a_page_can_be_read_without_seeing_it() -> None:
    found = Read(some_page("read"))
    tags = [tag for tag, _ in found.tags]
    assert ("html", {"lang": "en"}) in found.tags
    assert tags.count("h1") == tags.count("caption") == 1
    plots = [attrs for _, attrs in found.tags if attrs.get("role") == "img"]
    assert [plot["aria-label"] for plot in plots] == ["read"]
    assert all(attrs.get("scope") == "col" for tag, attrs in found.tags if tag == "th")
    buttons = [attrs for tag, attrs in found.tags if tag == "input"]
    assert [("checked" in button, button["value"]) for button in buttons] == [
        (True, "0"), (False, "1"),
    ]  # fmt: skip


def test_a_figure_of_one_view_has_no_buttons() -> None:
    assert "<input" not in figure("t", "what", [View("only", [], {})])


def test_not_a_number_is_refused_by_the_page_not_by_the_browser() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        figure("t", "what", [View("only", [{"z": [[float("nan")]]}], {})])


def colours(text: str) -> dict[str, str]:
    return dict(re.findall(r"(--\w+): (#[0-9a-f]{6})", text))


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(scheme: str) -> None:
    """WCAG's ratio for text, in both colour schemes."""
    style = some_page("read").partition("<style>")[2].partition("</style>")[0]
    light, _, dark = style.partition("prefers-color-scheme: dark")
    named = colours(light if scheme == "light" else dark)
    assert len(named) == 6
    for ink in ("--ink", "--quiet", "--mark"):
        for ground in ("--ground", "--raised"):
            low, high = sorted((luminance(named[ink]), luminance(named[ground])))
            assert (high + 0.05) / (low + 0.05) >= 4.5, (ink, ground)


def valid(view: dict[str, Any]) -> None:
    """Plotly itself says whether it knows every property; that of the page's script too."""
    go.Figure({"data": view["data"], "layout": {**view["layout"], **view["narrow"]}})


def test_what_plotly_does_not_know_would_be_found() -> None:
    with pytest.raises(ValueError, match="nonsense"):
        valid({"data": [{"type": "heatmap", "nonsense": 1}], "layout": {}, "narrow": {}})
