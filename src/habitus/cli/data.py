"""``habitus data``: add, list, remove."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from habitus.cli import options
from habitus.cli.app import app, command

group = typer.Typer(help="Data sets by name.", no_args_is_help=True)
app.add_typer(group, name="data")

Name = Annotated[str, typer.Argument(help="What to call it.")]


@command(
    group,
    "add",
    "habitus data add adfa-ld ADFA-LD.zip\nhabitus data add shop recordings/",
)
def add(
    name: Name,
    path: Annotated[Path, typer.Argument(help="A file, an archive or a folder.")],
    json: options.Json = False,
) -> None:
    """Copy data into the data home under a name.

    Adding the same content again changes nothing.
    """
    from habitus.cli.terminal import printable
    from habitus.datasets.home import DataHome, is_another_packing
    from habitus.datasets.known import KNOWN

    entry, is_new = DataHome().add(name, path)
    if json:
        typer.echo(jsonlib.dumps(entry.model_dump(mode="json"), indent=1))
        return
    done = "added" if is_new else "is there already, with the same content:"
    what = f"{name} {done} {entry.file}, {entry.n_bytes:,} bytes, sha256 {entry.sha256}"
    typer.echo(printable(what))
    if is_new and name in KNOWN:
        known = KNOWN[name]
        typer.echo(f"{known.title}\nterms: {known.terms}\ncite: {known.citation}")
        if is_another_packing(entry):
            typer.echo("this is not the file its mirrors give out; its traces may be the same")


@command(group, "list", "habitus data list --json")
def list_(json: options.Json = False) -> None:
    """List the data sets that have names."""
    from habitus.cli.terminal import printable, table
    from habitus.datasets.home import DEMO, DataHome

    home = DataHome()
    entries = home.entries()
    if json:
        listed = [entry.model_dump(mode="json") for entry in entries]
        typer.echo(jsonlib.dumps({"home": str(home.folder), "data": listed}, indent=1))
        return
    rows = [(e.name, f"{e.n_bytes:,}", e.sha256[:16], e.added, e.file) for e in entries]
    rows.append((DEMO, "", "", "", "recordings that Habitus ships"))
    table(("name", ">bytes", "sha256", "added", "what"), rows)
    typer.echo(printable(f"data home: {home.folder} (HABITUS_HOME moves it)"))


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
