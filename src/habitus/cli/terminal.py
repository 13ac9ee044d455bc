"""What the terminal shows: progress, warnings, tables, and text from files that may be hostile."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from habitus.cli.layout import blocks_of, widths_of, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rich.console import Console
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from habitus.traces.report import ReadReport

PATIENCE_SECONDS = 2.0
"""Work shorter than this shows no progress bar."""
NUMBERS_WIDTH = 17
"""Columns of a progress bar's line that are not its label's: per cent, time left, a bit of bar."""


def console(*, stderr: bool = False) -> Console:
    """A console; wide enough for tables where the output is no terminal."""
    from rich.console import Console

    class Plain(Console):
        def on_broken_pipe(self) -> None:
            raise  # rich would end with 1, which says `alerts` here  # noqa: PLE0704

    target = sys.stderr if stderr else sys.stdout
    width = None if target.isatty() else 120
    return Plain(stderr=stderr, highlight=False, width=width, soft_wrap=False)


def printable(text: str) -> str:
    """Text from a file with everything escaped that could steer a terminal or forge a line."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def printable_lines(text: str) -> str:
    """Lines that were joined by us, each made printable: newlines in data are escaped by then."""
    return "\n".join(map(printable, text.split("\n")))


def novelty(read_as: str | None) -> str:
    """What is said of a call that the model has never seen, and of what it took it for."""
    return "never seen" if read_as is None else f"never seen, taken for {read_as}"


def counted(number: int, thing: str) -> str:
    """A number and what it counts: ``1 trace``, ``2,000 traces``."""
    return f"{number:,} {thing}" + ("" if number == 1 else "s")


def warn(lines: Iterable[str]) -> None:
    """Print warnings to standard error."""
    for line in lines:
        print(in_lines(printable(line), stderr=True), file=sys.stderr)  # noqa: T201


def warn_of(report: ReadReport) -> None:
    """Print what a reader left out."""
    warn(report.warnings())


def in_lines(text: str, *, stderr: bool = False) -> str:
    """Text broken between words where a terminal's line ends; for programs it stays one line."""
    stream = sys.stderr if stderr else sys.stdout
    return wrapped(text, console(stderr=stderr).width) if stream.isatty() else text


def table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "") -> None:
    """Print a table, or where words would have to be broken to fit it, a block for each row.

    Columns whose heading starts with ``>`` are aligned to the right.
    """
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    headings = [printable(column.removeprefix(">")) for column in columns]
    cells = [[printable_lines(cell) for cell in row] for row in rows]
    out = console()
    widths = widths_of([headings, *cells], out.width)
    if widths is None:
        print("\n".join(blocks_of(headings, cells, title, out.width)))  # noqa: T201
        return
    made = Table(title=escape(title) or None, box=box.SIMPLE_HEAD, title_justify="left")
    for column, heading, width in zip(columns, headings, widths, strict=True):
        right = column.startswith(">")
        made.add_column(escape(heading), justify="right" if right else "left", width=width)
    for row in cells:
        made.add_row(*map(escape, row))
    out.print(made)


class TerminalProgress:
    """A progress bar on standard error, once work has taken `PATIENCE_SECONDS`."""

    def __init__(self) -> None:
        self._enabled = sys.stderr.isatty()
        self._started = time.monotonic()
        self._bar: Bar | None = None
        self._label, self._done = "", 0
        self._total: int | None = None
        self._task: TaskID

    def __enter__(self) -> TerminalProgress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def stage(self, label: str, total: int | None = None) -> None:
        """Begin a stage."""
        self._label, self._total, self._done = printable(label), total, 0
        if self._bar is not None:  # its speed and its size were those of the stage before
            self._bar.remove_task(self._task)
            self._task = self._bar.add_task(self._escape(self._label), total=total)
        self._show()

    def advance(self, steps: int) -> None:
        """Go on within the stage."""
        self._done += steps
        self._show()

    def label(self, text: str) -> None:
        """Tell how the stage stands."""
        self._label = printable(text)
        self._show()

    def pause(self) -> None:
        """Clear the bar away, for a line of output; it comes back by itself."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _show(self) -> None:
        if not self._enabled or time.monotonic() - self._started < PATIENCE_SECONDS:
            return
        if self._bar is None:
            from rich.markup import escape
            from rich.progress import (
                BarColumn,
                Progress,
                TaskProgressColumn,
                TextColumn,
                TimeRemainingColumn,
            )
            from rich.table import Column

            self._escape = escape
            # Where room is scarce the bar gives way, then the label, and never what is left.
            self._bar = Progress(
                TextColumn("{task.description}"), BarColumn(),
                TaskProgressColumn(table_column=Column(no_wrap=True)),
                TimeRemainingColumn(table_column=Column(no_wrap=True)),
                console=console(stderr=True), transient=True,
            )  # fmt: skip
            self._task = self._bar.add_task(escape(self._label), total=self._total)
            self._bar.start()
        label, room = self._label, self._bar.console.width - NUMBERS_WIDTH
        if len(label) > room > 0:
            label = f"{label[: room - 1]}…"
        self._bar.update(
            self._task,
            description=self._escape(label), total=self._total, completed=self._done,
        )  # fmt: skip
