"""Recipes: a detector with settings under a name of their own, for `habitus train NAME`."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True)
class Recipe:
    """What a name stands for.

    Attributes:
        summary: what it is good for, and by what that is known.
    """

    summary: str
    detector: str
    settings: Mapping[str, object] = field(default_factory=dict)


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        # Of all that benchmarks/tried_ensembles.py tries, what does best on adfa-ld/dev by area and
        # at 5 % false alarms together. Both scores are log ratios, held against variety in two
        # ways; standardised, they weigh alike, and no attack says how much.
        "best": Recipe(
            "whole traces: what finds most on adfa-ld/dev of all that was tried",
            "ensemble",
            MappingProxyType({"members": "redundancy+disorder", "combine": "average"}),
        )
    }
)


def made_by(name: str, settings: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """The detector that a name stands for and its settings; those given win over the recipe's.

    A name that is no recipe's stands for itself.

    >>> made_by("best", {"combine": "tails"})
    ('ensemble', {'members': 'redundancy+disorder', 'combine': 'tails'})
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        return name, dict(settings)
    return recipe.detector, {**recipe.settings, **settings}
