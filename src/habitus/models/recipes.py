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
        while_same: settings that mean nothing any more once others are changed, and those others.
    """

    summary: str
    detector: str
    settings: Mapping[str, object] = field(default_factory=dict)
    while_same: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {
        # Of all that benchmarks/tried_ensembles.py tries, what does best on adfa-ld/dev by area,
        # at 1 % and at 5 % false alarms together. A trace is strange that costs much for its
        # variety, or much at all, or that is a little so and holds calls that seldom follow each
        # other. No attack says how much a member weighs: standardised, they weigh alike.
        "best": Recipe(
            "whole traces: what finds most on adfa-ld/dev of all that was tried",
            "ensemble",
            MappingProxyType(
                {
                    "members": "redundancy:own=20+disorder+adaptive+markov",
                    "combine": "largest",
                    "groups": "1+2,3,1+2+4",
                }
            ),
            while_same={"groups": ("members", "combine")},
        )
    }
)


def made_by(name: str, settings: Mapping[str, object]) -> tuple[str, dict[str, object]]:
    """The detector that a name stands for and its settings; those given win over the recipe's.

    A name that is no recipe's stands for itself.

    >>> made_by("best", {"members": "ngram+disorder", "combine": "tails"})
    ('ensemble', {'members': 'ngram+disorder', 'combine': 'tails'})
    """
    recipe = RECIPES.get(name)
    if recipe is None:
        return name, dict(settings)
    changed = {key for key, value in settings.items() if recipe.settings.get(key) != value}
    kept = {
        key: value
        for key, value in recipe.settings.items()
        if changed.isdisjoint(recipe.while_same.get(key, ()))
    }
    return recipe.detector, {**kept, **settings}
