"""What is said of the models that ship with Habitus."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.models.model import Model

CARD = "https://habitus.readthedocs.io/en/latest/reference/base-models/"


def threshold_notes(model: Model, name: Path | str) -> list[str]:
    """That a threshold was set on the corpus, and how to set one's own; empty if it was not."""
    if model.decision.calibration.method != "other programs":
        return []
    told = (
        f"{name}: its threshold comes from the programs of a corpus, not from your normal traces, "
        "so that yours may alarm far more often, or less; to set it on yours: habitus model "
        f"threshold {name} --data NORMALS --false-alarms 1% -o models/mine; to learn them, too: "
        f"habitus train --from {name} --data NORMALS -o models/mine"
    )
    return [told]
