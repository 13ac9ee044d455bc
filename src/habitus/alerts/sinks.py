"""Sinks: where records go."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Protocol

from habitus.alerts.record import Record, to_line
from habitus.storage import atomic_write

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator


class Sink(Protocol):
    """Takes records one by one."""

    def emit(self, record: Record) -> None:
        """Take one record."""
        ...

    def flush(self) -> None:
        """Let go of what was taken."""
        ...

    def close(self) -> None:
        """Take no more."""
        ...


class JsonLines:
    """Writes a record a line to a binary stream, which it does not close."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def emit(self, record: Record) -> None:
        """Write one line."""
        self._stream.write(to_line(record).encode())

    def flush(self) -> None:
        """Hand the lines to the system."""
        self._stream.flush()

    def close(self) -> None:
        """Flush; the stream is its owner's."""
        self.flush()


class UntilBroken:
    """Passes records on until nobody reads them any more; whoever else takes them goes on.

    Args:
        broken: told once that the pipe is broken.
    """

    def __init__(self, sink: Sink, broken: Callable[[], None]) -> None:
        self._sink: Sink | None = sink
        self._broken = broken

    def emit(self, record: Record) -> None:
        """Pass one record on."""
        self._try(lambda sink: sink.emit(record))

    def flush(self) -> None:
        """Flush, if anybody reads."""
        self._try(lambda sink: sink.flush())

    def close(self) -> None:
        """Take no more."""
        self._try(lambda sink: sink.close())

    def _try(self, action: Callable[[Sink], None]) -> None:
        if self._sink is None:
            return
        try:
            action(self._sink)
        except BrokenPipeError:
            self._sink = None
            self._broken()


@contextmanager
def json_lines_file(path: str | os.PathLike[str]) -> Iterator[JsonLines]:
    """A file of records that appears whole or not at all; ``-`` is standard output."""
    if str(path) == "-":
        sink = JsonLines(sys.stdout.buffer)
        yield sink
        sink.close()
        return
    with atomic_write(path) as file:
        sink = JsonLines(file)
        yield sink
        sink.close()
