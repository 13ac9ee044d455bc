"""Which flows are held out together, so that none of a group is learned from meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Fold = tuple[NDArray[np.int64], NDArray[np.int64]]


def held_out_folds(
    labels: NDArray[np.bool_], groups: NDArray[Any] | None, n_folds: int, seed: int
) -> tuple[list[Fold], str]:
    """Rows to learn from and rows held out, by whole groups where there are enough of them.

    Returns:
        The folds, each with both classes among what is learned from; and what a user should hear
        of how they were made, empty if nothing.
    """
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    random_state = seed % (1 << 32)
    classes = (labels, ~labels)
    if groups is not None:
        codes = np.unique(groups.astype(str), return_inverse=True)[1]
        n = min(n_folds, *(len(np.unique(codes[one])) for one in classes))
        if n >= 2:
            by_group = StratifiedGroupKFold(n, shuffle=True, random_state=random_state)
            folds = list(_sound(by_group.split(codes, labels, codes), labels))
            if folds:
                return folds, ""
    n = min(n_folds, *(int(one.sum()) for one in classes))
    if n < 2:
        return [], ""
    by_row = StratifiedKFold(n, shuffle=True, random_state=random_state)
    why = "no files of flows are told" if groups is None else "a class has fewer than two files"
    warning = (
        f"probabilities are calibrated on single flows held out ({why}): they hold for flows of "
        "the same files, and may be far too sure of others"
    )
    return list(_sound(by_row.split(labels, labels), labels)), warning


def _sound(splits: Iterator[Fold], labels: NDArray[np.bool_]) -> Iterator[Fold]:
    for learned, held_out in splits:
        if 0 < labels[learned].sum() < len(learned) and len(held_out):
            yield learned, held_out
