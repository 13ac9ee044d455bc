"""Errors on their way from a job to whoever waits for it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

from habitus import errors
from habitus.errors import HabitusError, InputError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitus.bulk.pieces import Piece
    from habitus.engines.base import Ended


def told_error(error: HabitusError) -> dict[str, Any]:
    """An error in JSON's terms."""
    return {"kind": type(error).__name__, "lines": list(error.args)}


def told_defect(error: Exception) -> dict[str, Any]:
    """An error that nobody meant: where it comes from, as nobody sees a job's traceback."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    told = f"a defect of Habitus: {type(error).__name__}: {error}"
    return {"kind": "HabitusError", "lines": [told, f"at {where.filename}:{where.lineno}"]}


def error_of(told: Mapping[str, Any]) -> HabitusError:
    """The error that was told; of a kind that is known here, or of none in particular."""
    kind = getattr(errors, told["kind"], HabitusError)
    return kind(*told["lines"]) if issubclass(kind, HabitusError) else HabitusError(*told["lines"])


def failed(piece: Piece, ended: Ended) -> InputError:
    """The error of a piece whose job came to no end of its own."""
    return InputError(f"{piece.path}: {given_up(ended)}")


def given_up(ended: Ended) -> str:
    """Why a piece was given up."""
    return f"given up, as its job failed: {ended.failure}"
