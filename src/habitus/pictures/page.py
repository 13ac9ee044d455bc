"""`page`: figures on one HTML page that needs no network, in the reader's light or dark.

Everything that comes from data goes through `escaped` (into HTML) or `label` (into a figure): a
call may be named ``</script>``. A page's policy forbids it every address and every script but its
own two, so that what slipped through would still not run.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MAX_LABEL = 32
"""Characters of a name in a figure; longer ones end in an ellipsis."""


@dataclass(frozen=True)
class View:
    """One way to draw a figure, as plain plotly: no colours, which are the page's.

    Attributes:
        name: on its button, where a figure has several.
        data, layout: traces and layout; text of theirs that comes from data is made by `label`.
        narrow: what of the layout is other on a phone.
    """

    name: str
    data: Sequence[Mapping[str, Any]]
    layout: Mapping[str, Any]
    narrow: Mapping[str, Any] = field(default_factory=dict)


def printable(text: str) -> str:
    """Text in which whatever cannot be seen, or turns the writing about, is written as code."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def escaped(text: str) -> str:
    """Text from data, as HTML."""
    return html.escape(printable(text))


def label(text: str, most: int = MAX_LABEL) -> str:
    """Text from data for a figure: plotly reads some HTML, links among it, in every text."""
    shown = printable(text)
    return html.escape(shown if len(shown) <= most else f"{shown[: most - 1]}…", quote=False)


def labels(names: Iterable[str], most: int = MAX_LABEL) -> list[str]:
    """Different names as labels that differ, for `places`."""
    made: dict[str, None] = {}
    for name in names:
        wanted, number = label(name, most), 1
        while wanted in made:
            number += 1
            wanted = f"{label(name, most)} ({number})"
        made[wanted] = None
    return list(made)


def places(shown: Iterable[str]) -> list[str]:
    """Labels as the places of an axis.

    Plotly looks places up in a JavaScript object, in which ``constructor`` is there already and
    would not be drawn; with a space after it, it is not.
    """
    return [f"{text} " for text in shown]


def figure(title: str, alternative: str, views: Sequence[View]) -> str:
    """The HTML of a figure; with several views, of the buttons that choose among them.

    Args:
        title: stands above it.
        alternative: what there is to see, in words, for those who cannot.
    """
    drawn = [{"data": v.data, "layout": v.layout, "narrow": v.narrow} for v in views]
    # Inside a script element the only thing that HTML reads is "<".
    data = json.dumps(drawn, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    return (
        f'<figure class="picture">\n<figcaption>{escaped(title)}</figcaption>\n'
        f"{_buttons(title, views) if len(views) > 1 else ''}"
        f'<div class="plot" role="img" aria-label="{escaped(alternative)}"></div>\n'
        f'<script type="application/json">{data}</script>\n</figure>\n'
    )


def _buttons(title: str, views: Sequence[View]) -> str:
    """A form of its own holds each figure's buttons together, and apart from others'."""
    buttons = "".join(
        f'<label><input type="radio" name="view" value="{i}"{" checked" if i == 0 else ""}>'
        f"{escaped(view.name)}</label>\n"
        for i, view in enumerate(views)
    )
    return (
        f'<form autocomplete="off"><fieldset class="views" aria-label="{escaped(title)}: view">\n'
        f"{buttons}</fieldset></form>\n"
    )


def table(caption: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The HTML of a table; columns whose heading starts with ``>`` are aligned to the right."""
    classes = [' class="number"' if column.startswith(">") else "" for column in columns]
    head = "".join(
        f'<th scope="col"{kind}>{escaped(column.removeprefix(">"))}</th>'
        for kind, column in zip(classes, columns, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{kind}>{escaped(cell)}</td>" for kind, cell in zip(classes, row, strict=True)
        )
        + "</tr>\n"
        for row in rows
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escaped(caption)}">\n<table>\n'
        f"<caption>{escaped(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}</tbody>\n</table>\n</div>\n"
    )


def page(title: str, body: str) -> str:
    """A whole page, about 5 MB, most of which is plotly.js.

    Args:
        body: HTML, made of `figure`, `table` and `escaped`.
    """
    from plotly.offline import get_plotlyjs

    own = resources.files("habitus.pictures")
    style = (own / "page.css").read_text("utf-8")
    scripts = [get_plotlyjs(), (own / "page.js").read_text("utf-8")]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy_of(scripts)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped(title)}</title>\n<style>\n{style}</style>\n</head>\n<body>\n<main>\n"
        f"<h1>{escaped(title)}</h1>\n{body}</main>\n"
        + "".join(f"<script>{script}</script>\n" for script in scripts)
        + "</body>\n</html>\n"
    )


def policy_of(scripts: Sequence[str]) -> str:
    """The policy of a page that may reach no address and run these scripts alone, by their hash."""
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    sources = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        "default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'unsafe-inline'; "
        f"img-src data: blob:; script-src {sources}"
    )
