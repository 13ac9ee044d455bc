"""Searching settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from habitus.progress import SILENT, Progress
from habitus.search.results import read_result
from habitus.search.searching import search
from habitus.traces.report import ReadReport

if TYPE_CHECKING:
    from habitus.api.options import FileOptions, Place
    from habitus.search.results import SearchResult


def run_search(
    file: Place,
    data: str,
    output: Place,
    *,
    engine: str = "local",
    jobs: int | None = None,
    resume: bool = False,
    supervised: bool = False,
    protocol: str | None = None,
    storage: str | None = None,
    device: str = "cpu",
    progress: Progress = SILENT,
    report: ReadReport | None = None,
    **files: Unpack[FileOptions],
) -> SearchResult:
    """Try the settings that a search file asks for, and rank them.

    Trials run in processes of their own, to which a detector that was registered by a program is
    unknown: one that a package declares is not.

    Args:
        file: a search file, or the name of one that Habitus ships.
        data: the name of a data set, or a path. Configurations are judged on normal traces of its
            training part that none of them learns.
        output: the folder of the search.
        engine: ``local``, or ``ray``.
        jobs: trials at once; by default one for each processor.
        resume: go on with what stands in the folder; where nothing does, begin.
        supervised: allow labelled attacks to rank configurations; every result says so.
        protocol: whose training part is learned; by default the one that fits the data.
        storage: the URL of a database to keep trials in, instead of the folder.
        device: what networks are trained on.
        report: filled with what was read and what was left out.
        files: how to read files (`FileOptions`).

    Raises:
        HabitusError: if the file is not sound, the data cannot be read, or another search stands in
            the folder.
        OSError: if the disk is full; what was found until then is kept.
    """
    return search(
        file,
        data,
        output,
        engine=engine,
        jobs=jobs,
        resume=resume,
        supervised=supervised,
        protocol=protocol,
        storage=storage,
        device=device,
        format=files.get("format"),
        abi=files.get("abi"),
        strict=files.get("strict", False),
        progress=progress,
        report=ReadReport() if report is None else report,
    )


def load_search(path: Place) -> SearchResult:
    """What a search has found, while it runs or afterwards.

    Raises:
        InputError: if no search stands there, or it is damaged.
    """
    return read_result(path)
