"""The pictures of a search by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.errors import UsageError
from habitus.search.report.agreement_picture import agreement_picture
from habitus.search.report.attacks_picture import attacks_picture
from habitus.search.report.curve_picture import curves_picture
from habitus.search.report.settings_pictures import (
    importance_picture,
    parallel_picture,
    slice_picture,
)

if TYPE_CHECKING:
    from habitus.search.report.picture import Picture
    from habitus.search.results import SearchResult

PICTURES = {
    "parallel": parallel_picture,
    "importance": importance_picture,
    "curves": curves_picture,
    "agreement": agreement_picture,
    "attacks": attacks_picture,
}


def draw(found: SearchResult, what: str, setting: str | None = None) -> Picture:
    """A picture of a search: one of `PICTURES`, or a ``slice`` of a setting.

    Raises:
        UsageError: if there is no such picture or setting.
        NoPicture: if there is nothing to draw.
    """
    if what == "slice":
        if setting is None:
            names = ", ".join(setting_names(found))
            raise UsageError(f"a slice is of a setting: name one of {names}")
        return slice_picture(found, setting)
    if what not in PICTURES or setting is not None:
        known = ", ".join([*PICTURES, "slice (of a setting)"])
        raise UsageError(f"no such picture of a search: {what!r}; there are: {known}")
    return PICTURES[what](found)


def setting_names(found: SearchResult) -> list[str]:
    """The settings that a search tries; those that move the objective most come first."""
    shares = found.importance
    return sorted(found.plan.space.parameters, key=lambda name: -shares.get(name, -1.0))
