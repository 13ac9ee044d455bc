"""``habitus data``: get, add, list, info, remove."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from habitus.cli import options
from habitus.cli.app import app, command

if TYPE_CHECKING:
    from habitus.datasets.entry import DataEntry
    from habitus.datasets.publication import KnownData

group = typer.Typer(help="Data sets by name.", no_args_is_help=True)
app.add_typer(group, name="data")

Name = Annotated[str, typer.Argument(help="What it is called.")]
Sha256 = Annotated[str | None, typer.Option("--sha256", help="The digest that it must have.")]

_TRUST = {
    "published": "as published",
    "first use": "trusted on first use: later ones are compared to it",
    "given": "as the user asked for",
    None: "",
}


@command(
    group,
    "get",
    "habitus data get adfa-ld\n"
    "habitus data get adfa-ld --mirror https://example.org/mirror/ADFA-LD.zip",
)
def get(
    name: Annotated[str, typer.Argument(help="A public data set (see `habitus data list`).")],
    mirror: Annotated[
        list[str] | None,
        typer.Option(
            help="An address to try first; ending in / it is a folder to look in; repeatable."
        ),
    ] = None,
    sha256: Sha256 = None,
    trust_anew: Annotated[
        bool, typer.Option("--trust-anew", help="Accept what differs from what came before.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Fetch a public data set into the data home.

    What is cut off goes on where it ended when the command is given again. What is there already
    stays as it is. Proxies are taken from https_proxy and http_proxy.
    """
    from habitus.cli.terminal import TerminalProgress, warn
    from habitus.datasets.get import get as fetch

    with TerminalProgress() as progress:

        def say(line: str) -> None:
            progress.pause()
            warn([line])

        try:
            entry, is_new = fetch(
                name,
                mirrors=mirror or [],
                sha256=sha256,
                trusts_anew=trust_anew,
                progress=progress,
                say=say,
            )
        except KeyboardInterrupt:
            say("what came is kept; the same command goes on from there")
            raise
    _tell(entry, "fetched" if is_new else "is there already, and unchanged:", is_new, json)


@command(
    group,
    "add",
    "habitus data add adfa-ld ADFA-LD.zip\nhabitus data add shop recordings/",
)
def add(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    path: Annotated[Path, typer.Argument(help="A file, an archive or a folder.")],
    sha256: Sha256 = None,
    json: options.Json = False,
) -> None:
    """Copy data into the data home under a name.

    Adding the same content again changes nothing. What is no file (a pipe, a link to a folder or to
    nowhere, an empty folder) is not copied; the command says so.
    """
    from habitus.cli.terminal import counted, warn
    from habitus.datasets.home import DataHome

    entry, is_new = DataHome().add(name, path, sha256=sha256)
    if entry.left_out.count:
        first = "; ".join(entry.left_out.examples)
        more = " ..." if entry.left_out.count > len(entry.left_out.examples) else ""
        warn([f"left out of the copy: {counted(entry.left_out.count, 'thing')}: {first}{more}"])
    _tell(entry, "added" if is_new else "is there already, with the same content:", is_new, json)


def _tell(entry: DataEntry, done: str, is_new: bool, as_json: bool) -> None:
    """Print what came into the home; of public data, whose they are."""
    from habitus.cli.terminal import in_lines, printable
    from habitus.datasets.home import is_another_packing
    from habitus.datasets.known import KNOWN
    from habitus.datasets.notices import known_content, mark_shown, notice_of

    known = known_content(entry.sha256) or KNOWN.get(entry.name)
    if as_json:
        typer.echo(jsonlib.dumps(entry.model_dump(mode="json"), indent=1))
        return
    what = f"{entry.name} {done} {entry.file}, {entry.n_bytes:,} bytes, sha256 {entry.sha256}"
    typer.echo(printable(what))
    if is_another_packing(entry):
        published = KNOWN[entry.name].files[0]
        typer.echo(
            in_lines(
                f"this is not the file known as {entry.name}: {published.name} has the SHA-256 "
                f"{published.sha256}; if it holds the same traces in another packing, what follows "
                "is true of it, too"
            )
        )
    if is_new and known is not None:
        typer.echo("\n".join(notice_of(known)))
        mark_shown(known.name)


@command(group, "list", "habitus data list\nhabitus data list --all")
def list_(
    all_: Annotated[
        bool, typer.Option("--all", help="A line for each public set, not for each family.")
    ] = False,
    json: options.Json = False,
) -> None:
    """List the data sets that have names, and public ones that can be fetched."""
    from habitus.cli.terminal import in_lines, printable, table
    from habitus.datasets.home import DEMO, DataHome
    from habitus.datasets.known import KNOWN

    home = DataHome()
    entries = home.entries()
    known = [data for data in KNOWN.values() if data.name not in {e.name for e in entries}]
    if json:
        listed = {
            "home": str(home.folder),
            "data": [entry.model_dump(mode="json") for entry in entries],
            "shipped": [_shipped()],
            "known": [_known_json(data) for data in known],
        }
        typer.echo(jsonlib.dumps(listed, indent=1))
        return
    rows = [(e.name, f"{e.n_bytes:,}", e.sha256[:16], e.added, e.file) for e in entries]
    rows.append((DEMO, "", "", "", "recordings that Habitus ships"))
    table(("name", ">bytes", "sha256", "added", "what"), rows)
    public = [(d.name, d.purpose, d.title) for d in known] if all_ else _families(known)
    table(("name", "holds", "what"), public, title="can be fetched: habitus data get NAME")
    typer.echo(in_lines("habitus data info NAME tells all about one"))
    if not all_:
        typer.echo(in_lines("habitus data list --all names each set of the families (*)"))
    typer.echo(printable(f"data home: {home.folder} (HABITUS_HOME moves it)"))


def _families(known: list[KnownData]) -> list[tuple[str, str, str]]:
    """A line for each family of known data sets, and for each set that is in none."""
    from habitus.datasets.known import FAMILIES

    lines: dict[str, tuple[str, str, str]] = {}
    for data in known:
        alike = [other for other in known if data.family and other.family == data.family]
        name = f"{data.family}* ({len(alike)})" if alike else data.name
        lines[name] = (name, data.purpose, FAMILIES.get(data.family, data.title))
    return list(lines.values())


def _shipped() -> dict[str, Any]:
    """The recordings that Habitus ships, for programs."""
    from habitus.datasets.home import DEMO
    from habitus.datasets.source import demo_path
    from habitus.storage import sha256_of_file

    path = demo_path()
    return {
        "name": DEMO,
        "title": "strace recordings of three programs and of self-made intrusions, with Habitus",
        "path": str(path),
        "n_bytes": path.stat().st_size,
        "sha256": sha256_of_file(path),
        "terms": "Apache-2.0",
        "protocols": [DEMO],
    }


@command(group, "info", "habitus data info adfa-ld")
def info(name: Name, json: options.Json = False) -> None:
    """Tell all about a data set: where it came from, its digest, its terms, whom to cite.

    Of a public one that is not there yet: where it comes from, and how to get it.
    """
    from habitus.cli.terminal import printable
    from habitus.datasets.home import DEMO, DataHome
    from habitus.datasets.known import KNOWN

    home, known = DataHome(), KNOWN.get(name)
    shipped = _shipped() if name == DEMO else None
    entry = None if shipped or (known and name not in home) else home.entry(name)
    path = shipped["path"] if shipped else str(home.path(name)) if entry else None
    if json:
        told = {
            "name": name,
            "path": path,
            "entry": entry.model_dump(mode="json") if entry else None,
            "shipped": shipped,
            "known": _known_json(known) if known else None,
        }
        typer.echo(jsonlib.dumps(told, indent=1))
        return
    facts = [("name", name), *(_facts_of_shipped(shipped) if shipped else [])]
    if known is not None:
        facts += [("title", known.title), ("holds", known.purpose)]
        facts += [("protocols", ", ".join(known.protocols))]
    facts += _facts_of_entry(entry, path) if entry else _facts_of_absent(known) if known else []
    for label, value in facts:
        if value:
            typer.echo(printable(f"{label:<10} {value}"))


def _facts_of_shipped(shipped: dict[str, Any]) -> list[tuple[str, str]]:
    return [
        ("title", shipped["title"]),
        ("holds", "traces"),
        ("protocols", ", ".join(shipped["protocols"])),
        ("in", f"{shipped['path']}, a part of Habitus"),
        ("bytes", f"{shipped['n_bytes']:,}"),
        ("sha256", shipped["sha256"]),
        ("terms", shipped["terms"]),
        ("try it", "habitus demo"),
    ]


def _facts_of_entry(entry: DataEntry, path: str | None) -> list[tuple[str, str]]:
    return [
        ("in", path or ""),
        ("bytes", f"{entry.n_bytes:,}"),
        ("sha256", entry.sha256),
        ("digest", _TRUST[entry.trust]),
        ("added", entry.added),
        *[("left out", example) for example in entry.left_out.examples],
        *([("from", a) for a in entry.addresses] or [("from", entry.source)]),
        ("terms", entry.terms or ""),
        ("cite", entry.citation or ""),
    ]


def _facts_of_absent(known: KnownData) -> list[tuple[str, str]]:
    return [
        ("in", "not in the data home yet"),
        ("bytes", f"{known.n_bytes:,}" if known.n_bytes else "not known"),
        ("sha256", known.sha256 or "not published; what comes first is trusted, and remembered"),
        *[("linked by" if known.page else "from", address) for address in known.addresses],
        ("terms", known.terms),
        ("cite", known.citation),
        ("get it", f"habitus data get {known.name}"),
        ("or", f"habitus data add {known.name} PATH, with a copy that you have"),
    ]


def _known_json(known: KnownData) -> dict[str, Any]:
    """A known data set, for programs."""
    from dataclasses import asdict

    return asdict(known) | {"command": f"habitus data get {known.name}"}


@command(group, "remove", "habitus data remove shop")
def remove(name: Name, json: options.Json = False) -> None:
    """Delete a data set's copy from the data home.

    What it was copied from stays.
    """
    from habitus.datasets.home import DataHome

    entry = DataHome().remove(name)
    if json:
        typer.echo(jsonlib.dumps(entry.model_dump(mode="json"), indent=1))
    else:
        typer.echo(f"{name} removed")
