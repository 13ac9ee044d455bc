"""Searching settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Unpack

from habitus.datasets.source import find_source
from habitus.errors import UsageError
from habitus.progress import SILENT, Progress
from habitus.search.results import place_of, read_result
from habitus.search.searching import search
from habitus.traces.report import ReadReport

if TYPE_CHECKING:
    from habitus.api.options import FileOptions, Place
    from habitus.search.report.picture import Picture
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
    beside_attacks: bool = False,
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
        beside_attacks: let each trial that ends well score the protocol's test part, too: normals
            and attacks that rank nothing, to see how well the objective agrees with them.
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
        beside_attacks=beside_attacks,
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


def draw_search(found: SearchResult, what: str, setting: str | None = None) -> Picture:
    """A picture of a search, as its report has it.

    A notebook shows it; ``save`` writes it as SVG; ``table`` holds its numbers, ``note`` how to
    read it.

    Args:
        what: ``parallel`` (all settings side by side), ``importance``, ``slice`` (the objective
            against one setting), ``curves`` (how networks learned), ``agreement`` (the objective
            against AUC) or ``attacks`` (their quartiles against threshold and validation loss).
        setting: of a slice.

    Raises:
        UsageError: if there is no such picture, or nothing to draw, and why.
    """
    from habitus.search.report.drawn import draw

    return draw(found, what, setting)


@dataclass(frozen=True)
class Chosen:
    """What a trial of a search was trained with, to train a model by.

    Attributes:
        settings: all that differ from the detector's own.
    """

    detector: str
    data: str
    settings: dict[str, Any]
    seed: int
    protocol: str | None
    aggregation: str | None
    format: str | None
    abi: str | None


def chosen_settings(place: str, data: str | None = None) -> Chosen:
    """What to train a model with, as a trial has it.

    Args:
        place: ``RUN#1`` for the best of a search, ``RUN#2`` for the second, ``RUN#trial-7`` for one
            by its number; the folder alone means its best.
        data: what is learned instead of the search's data, if anything.

    Raises:
        InputError: if no search stands there.
        UsageError: if there is no such trial, or the data have changed since.
    """
    folder, which = place_of(place)
    found = read_result(folder)
    trial = found.find(which)
    run = found.run
    if data is None and find_source(run.data).sha256 != run.data_sha256:
        raise UsageError(
            f"{run.data} has changed since {folder} was searched on it: say --data {run.data} to "
            "train on what it is now"
        )
    return Chosen(
        detector=run.detector,
        data=run.data,
        settings=found.settings_of(trial),
        seed=run.seed if trial.seed is None else trial.seed,
        protocol=run.protocol,
        aggregation=found.plan.file.aggregation,
        format=run.format,
        abi=run.abi,
    )
