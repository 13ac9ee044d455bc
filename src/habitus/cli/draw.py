"""``habitus model draw``."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from habitus.cli import options
from habitus.cli.app import command
from habitus.cli.model import Folder, group


@command(
    group,
    "draw",
    "habitus model draw models/markov -o transitions.html\nhabitus model draw models/markov --json",
)
def draw(
    folder: Folder,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The HTML file to write.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Draw a model's transition matrix: which call followed which, and how often.

    The picture is one HTML file that needs no network. Detectors that are a chain of calls have
    such a matrix: of ours, markov.
    """
    from habitus.cli.terminal import printable
    from habitus.errors import UsageError
    from habitus.models.files import load_model
    from habitus.pictures.transitions import (
        transitions_of,
        transitions_page,
        transitions_record,
    )
    from habitus.storage import atomic_write

    if output is None and not json:
        raise UsageError("name the file to write (-o transitions.html), or take --json")
    if output is not None and output.resolve().parent == folder.resolve():
        raise UsageError(f"{output}: a model's folder holds its own files only; name another place")
    model = load_model(folder)
    matrix = transitions_of(model)
    if output is not None:
        with atomic_write(output) as file:
            file.write(transitions_page(matrix, model.provenance, str(folder)).encode())
        n_states, n_seen = len(matrix.states), len(matrix.counts)
        said = f"wrote {output}: {n_states:,} states, {n_seen:,} transitions seen"
        typer.echo(printable(said), err=json)
    if json:
        summary = {
            "model": str(folder),
            "digest": model.digest,
            "detector": model.detector.name,
            "settings": model.detector.settings.model_dump(mode="json"),
            **transitions_record(matrix),
        }
        typer.echo(jsonlib.dumps(summary))
