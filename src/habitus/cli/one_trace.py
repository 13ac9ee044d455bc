"""How commands find the one trace that they are about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.errors import InputError, UsageError

if TYPE_CHECKING:
    from habitus.traces.traceset import TraceSet


def read_one_trace(
    data: str,
    name: str | None,
    *,
    most_calls: int | None = None,
    format: str | None,
    abi: str | None,
    strict: bool,
) -> TraceSet:
    """The trace of this name, or the first that makes a call, by itself.

    Warns of what was left out while it was looked for.

    Raises:
        HabitusError: if the data cannot be read, or hold no such trace.
    """
    from habitus.cli.terminal import TerminalProgress, warn_of
    from habitus.datasets.source import input_path
    from habitus.traces.one_trace import one_trace
    from habitus.traces.reading import TraceReader

    with TerminalProgress() as progress:
        reader = TraceReader(
            input_path(data), format=format, abi=abi, strict=strict, progress=progress
        )
        found = one_trace(reader, name, most_calls)
        reader.close()
    warn_of(reader.report)
    if found is None and name is None:
        raise InputError(f"{data}: no trace in it makes a call")
    if found is None:
        raise UsageError(
            f"{data}: holds no trace called {name!r}; `habitus detect --all` lists them"
        )
    return found
