"""What ``habitus train`` is asked for: said, or as ``--from`` has it, a trial or a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from habitus.api.searching import Chosen


def base_at(place: str | None) -> Path | None:
    """The folder of the model that ``--from`` names; None if it names a search's trial, or nothing.

    Raises:
        UsageError: if no model stands there, and it is no trial's place either.
    """
    from habitus.base import is_shipped, model_path
    from habitus.errors import UsageError
    from habitus.models.files import holds_model
    from habitus.search.results import is_place

    if place is None:
        return None
    folder = model_path(place)
    if is_shipped(folder) or holds_model(folder):
        return folder
    if folder.is_dir() or is_place(place):
        return None
    raise UsageError(
        f"--from: {place}: there is no such folder. Say the folder of a trained model to start "
        "from, or for the settings of a search's best trial RUN#1"
    )


def asked_of(
    detector: str | None,
    data: str | None,
    settings: dict[str, object],
    place: str | None,
    base: Path | None,
    seed: int | None,
    protocol: str | None,
    aggregation: str | None,
    format: str | None,
    abi: str | None,
) -> Chosen:
    """What is trained, on what: as it was said, and where it was not, as a trial has it.

    Args:
        place: what ``--from`` names.
        base: the model's folder, if that is a model.

    Raises:
        UsageError: if something is missing, or does not go together.
    """
    from habitus.api.searching import Chosen, chosen_settings
    from habitus.detectors.kinds import judges
    from habitus.errors import UsageError
    from habitus.models.recipes import made_by

    if place is None or base is not None:
        if base is not None and detector is None:
            detector = _detector_of(base)
        if detector is None or data is None:
            missing = "DETECTOR" if detector is None else "--data"
            way_out = ", or --from RUN#1 for a search's trial" if base is None else ""
            raise UsageError(f"{missing} is missing: say it{way_out}")
        seed = 1 if seed is None else seed
        detector, settings = made_by(detector, settings)
        if base is not None and judges(detector) == "flows":
            raise UsageError(
                f"--from: {detector} learns flows and starts from no model: leave --from out, or "
                "say RUN#1 for the settings of a search's best trial"
            )
        return Chosen(detector, data, settings, seed, protocol, aggregation, format, abi)
    chosen = chosen_settings(place, data)
    if detector not in {None, chosen.detector}:
        raise UsageError(
            f"{place} is a search of {chosen.detector}: leave {detector} out, or say the folder of "
            "a trained model to start from"
        )
    return replace(
        chosen,
        data=data or chosen.data,
        settings={**chosen.settings, **settings},
        seed=chosen.seed if seed is None else seed,
        protocol=protocol or chosen.protocol,
        aggregation=aggregation or chosen.aggregation,
        format=format or chosen.format,
        abi=abi or chosen.abi,
    )


def _detector_of(base: Path) -> str:
    """Where no detector is said: another of the base's kind."""
    from habitus.models.files import load_trace_model

    return load_trace_model(base).detector.name
