"""The seam of flow formats: recognise a file, and turn a run of files into tables of flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol, runtime_checkable

import polars as pl

from habitus.flows.flowtable import SOURCE, schema

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.flows.formats.mapping import Mapped
    from habitus.flows.record_report import FlowReport

BATCH_ROWS = 50_000
"""A table holds about this many flows."""
LABEL, LINE = "label", "source_line"


@runtime_checkable
class FlowFormat(Protocol):
    """One way in which another program writes flows down.

    Attributes:
        name: the word for ``--format``.
        title: one line for lists.
        sample: a few lines of it, for documentation and errors.
        mapping: which of their columns become which of ours; documentation is made of it.
        not_read: columns of theirs that are left alone, and why.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    sample: ClassVar[str]
    mapping: ClassVar[tuple[Mapped, ...]]
    not_read: ClassVar[dict[str, str]]

    def sniff(self, head: bytes, name: str) -> int:
        """How sure this format is that a file is its own: 0 not at all, 100 certain.

        Args:
            head: the file's first bytes, decompressed.
            name: its path below what the user named.
        """
        ...

    def read(self, files: Iterator[InputFile], report: FlowReport) -> Iterator[pl.DataFrame]:
        """Yield tables of about `BATCH_ROWS` flows with the columns of `record_schema`.

        ``files`` must be consumed in order, each before the next is asked for. Broken rows go to
        ``report.add_broken``. What a program does not tell is null; no value is infinite or NaN.

        Raises:
            InputError: if a file has no such columns as this format must have.
        """
        ...


def record_schema() -> dict[str, pl.DataType]:
    """The columns of flows read: those of a table of flows, and where each comes from.

    ``label`` is what its source calls a flow, null where it says nothing; ``source_file`` and
    ``source_line`` lead back to the raw line.
    """
    features = {name: kind for name, kind in schema().items() if name != SOURCE}
    return {SOURCE: pl.String(), LINE: pl.Int64(), LABEL: pl.String()} | features
