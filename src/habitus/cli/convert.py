"""``habitus convert`` and ``habitus data sample``."""

from __future__ import annotations

import json as jsonlib
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from habitus.cli import options
from habitus.cli.app import app, command
from habitus.cli.data import group

if TYPE_CHECKING:
    from habitus.traces.converting import Written

STDOUT = "/dev/stdout"
Output = Annotated[
    Path, typer.Option("-o", "--output", help="The file to write; - for standard output.")
]
To = Annotated[
    str | None,
    typer.Option("--to", help="native or plain; by default plain for .txt, else native."),
]


@command(
    app,
    "convert",
    "habitus convert recordings/ -o recordings.habitus\nhabitus convert audit.log -o calls.txt",
)
def convert(
    path: Annotated[str, typer.Argument(help="A file, folder, archive, data set, or - for stdin.")],
    output: Output,
    to: To = None,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Turn traces of any format into Habitus's own file, or into plain text.

    The native file keeps everything that was read: names, labels, recordings, threads, times and
    places. Plain text is a line of call names for each trace.
    """
    from habitus import api
    from habitus.cli.terminal import TerminalProgress, warn_of
    from habitus.traces.report import ReadReport

    report = ReadReport()
    output, to = _place(output, to)
    with TerminalProgress() as progress:
        written = api.convert(
            path, output, to=to, format=format, abi=abi, strict=strict,
            progress=progress, report=report,
        )  # fmt: skip
    warn_of(report)
    _print_written(written, output, json)


@command(
    group,
    "sample",
    "habitus data sample adfa-ld -o sample.habitus\n"
    "habitus data sample recordings/ -o sample.txt --traces 20",
)
def sample(
    data: Annotated[str, typer.Argument(help="A data set's name, or a file or folder.")],
    output: Output,
    traces: Annotated[int, typer.Option(min=1, help="How many traces to draw.")] = 100,
    max_calls: Annotated[int, typer.Option(min=1, help="Longer traces are cut here.")] = 5_000,
    to: To = None,
    seed: options.Seed = 1,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Draw a small sample to share: names of calls and labels alone.

    No arguments, paths, file names, process ids or times are in it.
    """
    from habitus import api
    from habitus.cli.terminal import TerminalProgress, warn_of
    from habitus.traces.report import ReadReport

    report = ReadReport()
    output, to = _place(output, to)
    with TerminalProgress() as progress:
        written = api.sample(
            data, output, n_traces=traces, max_calls=max_calls, to=to, seed=seed,
            format=format, abi=abi, strict=strict, progress=progress, report=report,
        )  # fmt: skip
    warn_of(report)
    _print_written(written, output, json)


def _place(output: Path, to: str | None) -> tuple[Path, str | None]:
    """Where to write, and what: standard output gets text unless the user says otherwise."""
    if str(output) in {"-", STDOUT}:
        return Path(STDOUT), to or "plain"
    return output, to


def _print_written(written: Written, output: Path, json: bool) -> None:
    from habitus.cli.terminal import counted, printable, warn

    warn(written.lost())
    is_stdout = str(output) == STDOUT  # which holds the traces, and nothing else
    if json:
        text = jsonlib.dumps({"path": str(output), **asdict(written)}, indent=1)
        typer.echo(text, err=is_stdout)
        return
    traces, calls = counted(written.n_traces, "trace"), counted(written.n_calls, "call")
    said = f"wrote {output} ({written.to}): {traces}, {calls}"
    typer.echo(printable(said), err=is_stdout)
