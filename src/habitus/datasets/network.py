"""The shipped captures (``habitus/recorded/network``): the truth of every flow is known."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from habitus.errors import InputError
from habitus.files.inputs import open_inputs
from habitus.flows.extracting import extract_flows
from habitus.flows.flowtable import SOURCE
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    import polars as pl

    from habitus.files.inputfile import InputFile
    from habitus.flows.report import CaptureReport
    from habitus.flows.tracker import TrackSettings

LABELS = "labels.csv"
"""The member that tells of each flow whether it is ``normal`` or an ``attack``, and what it is."""


def network_path() -> Path:
    """The archive of captures that Habitus ships; ``habitus flows extract`` reads it as it is."""
    return Path(__file__).parent.parent / "recorded" / "network" / "network.tar.xz"


def network_labels(archive: str | os.PathLike[str] | None = None) -> pl.DataFrame:
    """The truth: a row for each flow.

    Args:
        archive: another one of the same recording kit.

    Returns:
        The columns ``capture``, ``community_id`` (unique in a capture), ``start_ns`` (when it was
        opened, microseconds to milliseconds before its first packet), the five that tell which
        flow it is, ``label`` and ``activity``.

    Raises:
        InputError: if there is no table of labels in the archive, or none can be read.
    """
    import polars as pl

    path = archive or network_path()
    for file in _members(path):
        if file.name == LABELS:
            return pl.read_csv(io.BytesIO(file.stream.read()))
    raise InputError(f"{path}: holds no {LABELS}: it is not a recording of our kit")


def network_flows(
    archive: str | os.PathLike[str] | None = None,
    settings: TrackSettings | None = None,
    *,
    progress: Progress = SILENT,
    report: CaptureReport | None = None,
) -> pl.DataFrame:
    """All flows with all features, and of each its ``capture``, ``label`` and ``activity``.

    Settings may cut a flow into several: each has the label of the whole.

    Args:
        archive: another one of the same recording kit.
        settings, progress, report: as for `extract_flows`.

    Raises:
        InputError: as `network_labels`.
    """
    import polars as pl

    path = archive or network_path()
    truth = network_labels(path).select("capture", "community_id", "label", "activity")
    tables = extract_flows([path], settings, progress=progress, report=report)
    flows = pl.concat(list(tables)).with_columns(
        pl.col(SOURCE).str.extract(r"([^/:]+)$").alias("capture")
    )
    return flows.join(truth, on=["capture", "community_id"], how="left", validate="m:1")


def unpack_network(
    folder: str | os.PathLike[str], archive: str | os.PathLike[str] | None = None
) -> list[Path]:
    """Write the captures and `LABELS` into a folder, which is made if need be.

    Returns:
        The captures, in order.

    Raises:
        InputError: if the archive cannot be read.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for file in _members(archive or network_path()):
        path = target / Path(file.name).name
        with path.open("wb") as out:
            shutil.copyfileobj(file.stream, out)
        written.append(path)
    return sorted(path for path in written if path.name != LABELS)


def _members(archive: str | os.PathLike[str]) -> Iterator[InputFile]:
    def refuse(source: str, why: str) -> None:
        raise InputError(f"{source}: {why}")

    return open_inputs(archive, on_skip=refuse)
