"""Comparing models by the results that were kept of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from habitus.errors import UsageError
from habitus.evaluation.comparing.compare import Kept, compare_models
from habitus.evaluation.comparing.kept_results import read_results
from habitus.evaluation.results import Results
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from habitus.api.options import Place
    from habitus.evaluation.comparing.comparison import Comparisons


def compare(
    a: Results | Place,
    b: Results | Place,
    *,
    seed: int = 1,
    replicates: int = 1000,
    progress: Progress = SILENT,
) -> Comparisons:
    """Compare two models by the results that `evaluate` gave of them, unit by unit.

    A folder of results may hold several models: ``FOLDER:MODEL`` names one, by its name or the last
    part of it. Where neither side names one, models of the same name are compared, or the only two
    that there are.

    Args:
        a, b: results, or a folder that they were written to, or its ``results.json``. Differences
            are ``b`` - ``a``.
        seed, replicates: of the paired bootstrap.

    Raises:
        HabitusError: if results cannot be read, or are of other versions, protocols or data.
    """
    if replicates < 2:
        raise UsageError(f"replicates: 2 or more are wanted, not {replicates}")
    return compare_models(
        _pairs(_Given("A", a), _Given("B", b)), seed=seed, replicates=replicates, progress=progress
    )


class _Given:
    """One of the two places, with the models of its results that are meant."""

    def __init__(self, letter: str, given: Results | Place) -> None:
        self.letter = letter
        if isinstance(given, Results):
            self.place, wanted, results = "", None, given
        else:
            self.place, wanted = _place_and_model(os.fspath(given))
            results = read_results(self.place)
        self.all = {found.model: Kept(self.place, results, found) for found in results.results}
        self.named = None if wanted is None else self._found(wanted)

    def _found(self, wanted: str) -> Kept:
        matching = [self.all[wanted]] if wanted in self.all else []
        matching = matching or [kept for name, kept in self.all.items() if _last(name) == wanted]
        if len(matching) != 1:
            raise UsageError(
                f"{self.place}: {'no model' if not matching else 'more than one model'} is called "
                f"{wanted!r}; there are: {_listed(self.all)}"
            )
        return matching[0]

    @property
    def only(self) -> Kept | None:
        """The model that is named, or the only one."""
        return next(iter(self.all.values())) if len(self.all) == 1 else self.named


def _pairs(a: _Given, b: _Given) -> list[tuple[Kept, Kept]]:
    if a.only and b.only:
        return [(a.only, b.only)]
    left = {name: kept for name, kept in a.all.items() if a.named in {None, kept}}
    right = {name: kept for name, kept in b.all.items() if b.named in {None, kept}}
    same = [(left[name], right[name]) for name in left if name in right]
    if not same:
        raise UsageError(
            "which models? A and B have none of the same name; name one of each as FOLDER:MODEL",
            f"  A has {_listed(a.all)}",
            f"  B has {_listed(b.all)}",
        )
    return same


def _place_and_model(text: str) -> tuple[str, str | None]:
    """``FOLDER:MODEL`` in its parts; both may hold colons, and what exists is the folder."""
    if os.path.exists(text):  # noqa: PTH110 - a Path would take the end off "results/"
        return text, None
    for i, letter in enumerate(text):
        if letter == ":" and i and Path(text[:i]).exists():
            return text[:i], text[i + 1 :]
    return text, None


def _last(name: str) -> str:
    return Path(name).name


def _listed(models: dict[str, Kept]) -> str:
    return ", ".join(map(repr, models)) or "none"
