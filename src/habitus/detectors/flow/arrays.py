"""Arrays of a model's file, which anyone may have made: checked before they are believed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np

from habitus.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

_Scalar = TypeVar("_Scalar", bound=np.generic)


def checked(
    state: Mapping[str, NDArray[np.generic]],
    name: str,
    kind: type[_Scalar],
    shape: tuple[int, ...],
    *,
    low: float | None = None,
    high: float | None = None,
) -> NDArray[_Scalar]:
    """An array of a state, a copy, laid out as loops are compiled for.

    Args:
        shape: -1 where any length will do.
        low, high: the least and the largest that each number may be; a NaN is neither.

    Raises:
        ModelError: if it is missing, of another type or shape, or holds what it may not.
    """
    found = state.get(name)
    if found is None or found.dtype != kind or found.ndim != len(shape):
        raise ModelError(f"the model's array {name!r} is missing or of another type")
    if any(wanted not in {-1, length} for wanted, length in zip(shape, found.shape, strict=True)):
        raise ModelError(f"the model's array {name!r} is of another length than its others")
    made = np.array(found, dtype=kind, order="C")
    numbers = made.astype(np.float64) if made.size else np.zeros(1)
    if low is not None and made.size and not bool((numbers >= low).all()):
        raise ModelError(f"the model's array {name!r} holds numbers below {low:g}")
    if high is not None and made.size and not bool((numbers <= high).all()):
        raise ModelError(f"the model's array {name!r} holds numbers above {high:g}")
    return made
