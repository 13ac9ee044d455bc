"""The seam of trace formats: recognise a file, and turn a run of files into batches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

BATCH_CALLS = 1 << 20
"""A batch holds about this many calls; a longer trace goes out in segments."""


@dataclass(frozen=True)
class ReadOptions:
    """What a user may say about files.

    Attributes:
        abi: whose numbers call numbers are: a name from `habitus.syscalls.ABIS`, or None.
    """

    abi: str | None = None


@runtime_checkable
class Format(Protocol):
    """One way to write traces down.

    Attributes:
        name: the word for ``--format``.
        title: one line for lists.
        sample: a few lines of it, for documentation and errors.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    sample: ClassVar[str]

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:
        """How sure this format is that a file is its own: 0 not at all, 100 certain.

        Args:
            head: the file's first bytes, decompressed.
            name: its path below what the user named.
            options: what the user said; a format that could not honour it answers 0.
        """
        ...

    def read(
        self, files: Iterator[InputFile], options: ReadOptions, report: ReadReport
    ) -> Iterator[TraceSet]:
        """Yield batches of about `BATCH_CALLS` calls in bounded memory.

        ``files`` must be consumed in order, each before the next is asked for. Broken lines go to
        ``report.add_broken``; a trace too long for a batch goes out in segments (`TraceInfo`).
        """
        ...
