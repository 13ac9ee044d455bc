"""What ``habitus detect`` does alike for traces and for flows: where records and the summary go."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from habitus.cli.app import mute_output
from habitus.cli.terminal import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import ExitStack

    from habitus.alerts.sinks import Sink

STDOUT = {"-", "/dev/stdout", "/dev/fd/1"}
MOST_LINE_BYTES = 1 << 20


def refuse_to_replace(paths: Sequence[str], output: Path | None) -> None:
    """Refuse to write records over what is read; but those of before, in a folder that is read.

    Raises:
        UsageError: if the output is one of the files that are read.
    """
    from habitus.datasets.source import input_path
    from habitus.errors import HabitusError, UsageError
    from habitus.files.named import refuse_output_in_input

    if output is None or str(output) in STDOUT:
        return
    for named in paths:
        try:
            path = input_path(named)
        except HabitusError:  # told in its turn, when what comes before it has been judged
            continue
        refuse_output_in_input(path, output, folders=False)
        lies_in = Path(path).is_dir() and Path(path).resolve() in output.resolve().parents
        if lies_in and output.is_file() and not _holds_records(output):
            raise UsageError(f"{output}: is among what is to be read; name another file")


def _holds_records(output: Path) -> bool:
    with output.open("rb") as file:
        line = file.readline(MOST_LINE_BYTES)
    return not line or b'"habitus":' in line


def open_sinks(stack: ExitStack, output: Path | None, to_stdout: bool) -> list[Sink]:
    """A file, standard output, both, or neither."""
    from habitus.alerts.sinks import UntilBroken, json_lines_file

    sinks: list[Sink] = []
    if output is not None and str(output) not in STDOUT:
        sinks.append(stack.enter_context(json_lines_file(output)))
    if to_stdout:
        printed: Sink = stack.enter_context(json_lines_file("-"))
        if sinks:
            # The file is finished even if `head` has had enough.
            printed = UntilBroken(printed, mute_output)
            stack.callback(printed.close)
        sinks.append(printed)
    return sinks


def records_kept(n: int, output: Path | None) -> str:
    """How many records came before an error, and where they went."""
    is_shown = output is None or str(output) in STDOUT
    told = f"{counted(n, 'record')} from before that"
    if is_shown:
        return f"{told} {'was' if n == 1 else 'were'} printed"
    return f"{told} {'is' if n == 1 else 'are'} kept in {output}"


def say(summary: str, *, to_stderr: bool) -> None:
    """Print the last line; that nobody reads it changes nothing."""
    try:
        typer.echo(summary, err=to_stderr)
    except BrokenPipeError:
        mute_output()
