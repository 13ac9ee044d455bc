"""Templates that escape every text: of the card, and of other pages laid out as it is."""

from __future__ import annotations

from functools import cache

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from habitus.evaluation.card.parts import counted
from habitus.pictures.page import printable

MAX_TEXT = 2000
"""Characters of one text; longer ones lose their middle."""


@cache
def environment(package: str = "", folder: str = "") -> Environment:
    """The templates of the card, and of a package's folder before them if one is named."""
    own = [PackageLoader(package, folder)] if package else []
    made = Environment(
        loader=ChoiceLoader([*own, PackageLoader("habitus.evaluation", "card")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    made.globals["counted"] = counted
    return made


def _shown(value: object) -> object:
    """Text with what cannot be seen, or turns the writing about, as code; without its middle if it
    is very long, as a name in a file may be.
    """
    if type(value) is not str:  # markup is ours
        return value
    if len(value) > MAX_TEXT:
        half = MAX_TEXT // 2
        value = f"{value[:half]} ... {value[-half:]}"
    return printable(value)
