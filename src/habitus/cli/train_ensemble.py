"""``habitus train ensemble --of``: a model of several models."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from habitus.api.searching import Chosen
    from habitus.decisions.budget import Budget
    from habitus.models.model import Model
    from habitus.progress import Progress
    from habitus.traces.report import ReadReport


def refuse_misplaced(
    detector: str, models: Sequence[Path], given: Mapping[str, object], settings: object
) -> None:
    """Refuse what does not go with ``--of``.

    Args:
        given: by option, what was said; None or False where nothing was.
        settings: names of the settings that were said.

    Raises:
        UsageError: if models are given to another detector, or options that no model heeds.
    """
    from habitus.errors import UsageError

    if detector != "ensemble":
        raise UsageError(f"--of: is for the detector ensemble, and {detector} is made of no models")
    said = [option for option, value in given.items() if value not in {None, False}]
    if said:
        raise UsageError(
            f"{', '.join(said)}: not for an ensemble of {len(models)} trained models: they stay as "
            "they are, and it is settled on the normals that they have not learned"
        )
    if isinstance(settings, dict) and "members" in settings:
        raise UsageError("--set members: is for detectors that an ensemble fits itself, not --of")


def made_of(
    models: Sequence[Path],
    asked: Chosen,
    *,
    rolling: Sequence[str],
    budget: Budget,
    strict: bool,
    progress: Progress,
    report: ReadReport,
) -> Model:
    """The ensemble of these models."""
    from habitus import api

    return api.train_ensemble(
        models, asked.data, settings=asked.settings, protocol=asked.protocol, rolling=rolling,
        false_alarms=budget, seed=asked.seed, format=asked.format, abi=asked.abi, strict=strict,
        progress=progress, report=report,
    )  # fmt: skip
