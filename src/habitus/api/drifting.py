"""Checking whether new traces are still what a model's thresholds were set on."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Unpack

from habitus.datasets.source import find_source
from habitus.drift.checking import DEFAULT_PERMUTATIONS, check_population
from habitus.errors import UsageError
from habitus.models.files import load_trace_model
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from habitus.api.options import FileOptions, Place
    from habitus.drift.result import Drift
    from habitus.models.model import Model
    from habitus.traces.report import ReadReport


def check_drift(
    model: Model | Place,
    traces: str,
    *,
    seed: int = 1,
    permutations: int = DEFAULT_PERMUTATIONS,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
    **files: Unpack[FileOptions],
) -> Drift:
    """Tell whether new normal traces are still the population that thresholds were set on.

    Args:
        model: a model, or its folder.
        traces: the name of a data set, or a path, of traces presumed normal and recorded after the
            training.
        seed, permutations: of the permutation tests.
        report: filled with what was read and what was left out.
        files: how to read files (`FileOptions`).

    Raises:
        HabitusError: if something cannot be read, the model keeps no scores of normal traces, or
            there are no new ones.
    """
    if not 99 <= permutations <= 1_000_000:
        raise UsageError(f"permutations: 99 to 1,000,000 are wanted, not {permutations}")
    named = isinstance(model, str | os.PathLike)
    loaded = load_trace_model(model) if isinstance(model, str | os.PathLike) else model
    source = find_source(traces)
    return check_population(
        loaded,
        source.read(progress=progress, report=report, **files),
        name=str(model) if named else "",
        data=source.name,
        data_sha256=source.sha256,
        seed=seed,
        permutations=permutations,
        progress=progress,
    )
