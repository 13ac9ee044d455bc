"""``habitus model draw``."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from habitus.cli import options
from habitus.cli.app import command
from habitus.cli.model import Folder, group

if TYPE_CHECKING:
    from habitus.models.model import Model
    from habitus.traces.traceset import TraceSet


@command(
    group,
    "draw",
    "habitus model draw models/markov -o transitions.html\n"
    "habitus model draw models/lstm -o lstm.html --data traces.tar.xz --trace 'web/run-3.strace'\n"
    "habitus model draw models/markov --json",
)
def draw(
    folder: Folder,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The HTML file to write.")
    ] = None,
    data: Annotated[
        str | None,
        typer.Option("--data", help="Draw a network's cells over a trace of this data."),
    ] = None,
    trace: Annotated[
        str | None, typer.Option("--trace", help="Its name; by default the first with a call.")
    ] = None,
    from_call: Annotated[
        int, typer.Option("--from-call", min=1, help="Where to begin in it; 300 calls are drawn.")
    ] = 1,
    seed: options.Seed = 1,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Draw what a model has learned, on one HTML page that needs no network.

    Of a chain of calls (markov): which call followed which, and how often. Of a neural network: its
    learning curves, the map of its calls, and with --data what its cells do over a trace.
    """
    from habitus.cli.terminal import printable
    from habitus.errors import UsageError
    from habitus.models.files import load_trace_model
    from habitus.storage import atomic_write

    if output is None and not json:
        raise UsageError("name the file to write (-o model.html), or take --json")
    if output is not None and output.resolve().parent == folder.resolve():
        raise UsageError(f"{output}: a model's folder holds its own files only; name another place")
    if data is None and (trace is not None or from_call != 1):
        raise UsageError("--trace and --from-call say which calls of --data, which is not given")
    model = load_trace_model(folder)
    one = None
    if data is not None:
        from habitus.cli.one_trace import read_one_trace
        from habitus.pictures.cells import MAX_DRAWN

        one = read_one_trace(
            data, trace, most_calls=from_call - 1 + MAX_DRAWN, format=format, abi=abi, strict=strict
        )
    page, told, record = _drawn(model, str(folder), one, from_call, seed)
    if output is not None:
        with atomic_write(output) as file:
            file.write(page.encode())
        typer.echo(printable(f"wrote {output}: {told}"), err=json)
    if json:
        summary = {
            "model": str(folder),
            "digest": model.digest,
            "detector": model.detector.name,
            "settings": model.detector.settings.model_dump(mode="json"),
            **record,
        }
        typer.echo(jsonlib.dumps(summary))


def _drawn(
    model: Model, name: str, trace: TraceSet | None, first_call: int, seed: int
) -> tuple[str, str, dict[str, Any]]:
    """The page of a model, what is on it in a few words, and the same as plain values."""
    from habitus.cli.training_text import training_summary
    from habitus.detectors.neural.network_detector import NetworkDetector
    from habitus.errors import UsageError
    from habitus.pictures.network import NetworkPicture
    from habitus.pictures.transitions import transitions_of, transitions_page, transitions_record

    if isinstance(model.detector, NetworkDetector):
        picture = NetworkPicture.of(model, trace, first_call, seed=seed)
        record = {"training": training_summary(model.detector), **picture.record()}
        return picture.page(name), picture.told(), record
    if trace is not None:
        raise UsageError(
            f"a model of {model.detector.name} has no cells to draw over a trace: leave --data out"
        )
    matrix = transitions_of(model)
    told = f"{len(matrix.states):,} states, {len(matrix.counts):,} transitions seen"
    return transitions_page(matrix, model.provenance, name), told, transitions_record(matrix)
