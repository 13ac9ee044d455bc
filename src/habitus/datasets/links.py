"""The files that a page links to, of those that lie beside it or below."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import unquote, urljoin, urlsplit

from habitus.errors import DataHomeError

MAX_LINKS = 1_000
_ENDINGS = (".gz", ".tgz", ".Z", ".zip", ".tar", ".int", ".txt")
_SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}", re.ASCII)


@dataclass
class Links:
    """What a page links to.

    Attributes:
        files: addresses of files, by their path below the page's folder, in the page's order.
        left_out: links to data files that are not fetched, and why.
    """

    files: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)


def linked_files(content: bytes, address: str) -> Links:
    """Find the data files that a page links to.

    Args:
        address: the page's own, against which its links are read.

    Raises:
        DataHomeError: if there are none, or more than `MAX_LINKS`.
    """
    parser = _Anchors()
    parser.feed(content.decode("utf-8", "replace"))
    parser.close()
    found = Links()
    for target in parser.targets:
        try:
            link = urljoin(address, target).partition("#")[0]
            path = unquote(urlsplit(link).path)
        except ValueError as error:
            found.left_out[target] = str(error)
            continue
        if not path.endswith(_ENDINGS):
            continue
        name, why = _name_below(link, address)
        if why:
            found.left_out[link] = why
        elif found.files.setdefault(name, link) != link:
            found.left_out[link] = f"another link is called {name}, too"
        if len(found.files) + len(found.left_out) > MAX_LINKS:
            raise DataHomeError(f"the page links to more than {MAX_LINKS:,} files")
    if not found.files:
        raise DataHomeError("the page links to no file of data that lies beside it or below")
    return found


def _name_below(link: str, address: str) -> tuple[str, str]:
    """A link's path below the page's folder, or why it is not fetched."""
    there, here = urlsplit(link), urlsplit(address)
    if (there.scheme, there.netloc) != (here.scheme, here.netloc):
        return "", "it leads to another server"
    if there.query:
        return "", "it is a question to the server, not a file"
    folder, path = (unquote(parts.path) for parts in (here, there))
    folder = folder.rpartition("/")[0] + "/"
    if not path.startswith(folder):
        return "", "it leads out of the page's folder"
    name = path.removeprefix(folder)
    if not all(map(_SAFE.fullmatch, name.split("/"))) or name.count("/") > 8:
        return "", "its name cannot be a file's here"
    return name, ""


class _Anchors(HTMLParser):
    """Collects what anchors lead to."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.targets += [value.strip() for name, value in attrs if name == "href" and value]
