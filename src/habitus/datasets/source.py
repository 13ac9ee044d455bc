"""What ``--data`` means: a name in the data home, the shipped recordings, or a path."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from habitus.datasets.home import DEMO, DataHome
from habitus.datasets.known import KNOWN
from habitus.errors import DataHomeError
from habitus.progress import SILENT, Progress
from habitus.storage import sha256_of_path
from habitus.traces.reading import TraceReader
from habitus.traces.traceset import TraceSet, join

if TYPE_CHECKING:
    from habitus.traces.report import ReadReport


@dataclass(frozen=True)
class Source:
    """Data that a user has named.

    Attributes:
        name: the data set's name, or the path as it was given.
        path: where it lies.
        sha256: its content (`habitus.storage.sha256_of_path`).
    """

    name: str
    path: Path
    sha256: str

    def read(
        self,
        *,
        format: str | None = None,  # noqa: A002 - the word users know from --format
        abi: str | None = None,
        strict: bool = False,
        progress: Progress = SILENT,
        report: ReadReport | None = None,
    ) -> TraceSet:
        """All its traces; arguments as for `TraceReader`."""
        return join(
            TraceReader(
                self.path, format=format, abi=abi, strict=strict, progress=progress, report=report
            )
        )


def demo_path() -> Path:
    """The recordings that Habitus ships (``habitus/recorded``)."""
    return Path(__file__).parent.parent / "recorded" / "recorded.tar.xz"


def input_path(named: str | os.PathLike[str], home: DataHome | None = None) -> str:
    """The path to read where a path or a data set's name is wanted: names come first.

    Raises:
        DataHomeError: if there is neither.
    """
    named = os.fspath(named)
    home = home or DataHome()
    if named in home:
        return str(home.path(named))
    if named == DEMO:
        return str(demo_path())
    if named != "-" and not os.path.lexists(named):
        raise _nothing_called(named, home)
    return named


def find_source(data: str, home: DataHome | None = None) -> Source:
    """Find data by name or path; a name in the data home comes before a file of the same name.

    Raises:
        DataHomeError: if there is neither, or what is there cannot be read twice.
    """
    home = home or DataHome()
    if data in home:
        return Source(data, home.path(data), home.entry(data).sha256)
    if data == DEMO:
        return Source(DEMO, demo_path(), sha256_of_path(demo_path()))
    path = Path(data)
    try:
        if path.exists():
            if not (path.is_file() or path.is_dir()):
                raise DataHomeError(
                    f"{data}: is a pipe or a device, which can be read only once, and data are "
                    "read twice: to know their digest, and to learn; write them to a file first"
                )
            return Source(data, path, sha256_of_path(path))
    except OSError as error:
        raise DataHomeError(f"{data}: cannot be read: {error.strerror}") from error
    raise _nothing_called(data, home)


def _nothing_called(name: str, home: DataHome) -> DataHomeError:
    if name in KNOWN:
        return DataHomeError(
            f"{KNOWN[name].title} is not in the data home yet: `habitus data add {name} FILE` adds "
            f"a copy that you have, `habitus data get {name}` fetches it"
        )
    names = [entry.name for entry in home.entries()] + [DEMO]
    return DataHomeError(
        f"no data set and no file is called {name!r}; there are the data sets {', '.join(names)} "
        "(`habitus data add NAME PATH` adds one)"
    )
