"""A recurrent network that begins with another's weights; their vocabularies are joined by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray
    from torch import Tensor

    from habitus.traces.vocabulary import Vocabulary

OF_INPUT = ("embedding.weight",)
"""Rows are calls, then *unknown*, then the start of a trace."""
OF_OUTPUT = ("output.weight", "output.bias", "output_bias")
"""Rows are calls."""
ONE_HOT = ("layers.0.weight_ih_l0",)
"""Columns are calls, *unknown* and the start, where calls are read as one-hot."""
NEW = -1


def rows_by_name(known: Vocabulary, before: Vocabulary) -> NDArray[np.int64]:
    """(n_known,) int64: the row that each call had in another vocabulary, or `NEW`.

    A call that the other never saw has the row of its kin there, if there is any.
    """
    index = {name: row for row, name in enumerate(before.names)}
    rows = [index.get(before.read_as(name) or name, NEW) for name in known.names]
    return np.array(rows, dtype=np.int64)


def begin_with(
    network: Any, before: Mapping[str, Tensor], rows: NDArray[np.int64], *, one_hot: bool
) -> None:
    """Give a new network the weights of another that is built alike; new calls keep their own.

    Args:
        network: as `RecurrentNetwork` was made.
        before: the other one's ``state_dict``.
        rows: of `rows_by_name`.
        one_hot: whether calls are read as one-hot, so that there is nothing to take of how.
    """
    import torch

    n_before = next(len(before[name]) for name in OF_OUTPUT if name in before)
    kept = np.flatnonzero(rows != NEW)
    ends = np.arange(2)
    outputs = torch.from_numpy(kept), torch.from_numpy(rows[kept])
    inputs = (
        torch.from_numpy(np.append(kept, len(rows) + ends)),
        torch.from_numpy(np.append(rows[kept], n_before + ends)),
    )
    with torch.no_grad():
        for name, weight in network.state_dict().items():
            old = before[name].to(weight.dtype)
            if name in OF_OUTPUT:
                weight[outputs[0]] = old[outputs[1]]
            elif name in OF_INPUT:
                if not one_hot:
                    weight[inputs[0]] = old[inputs[1]]
            elif one_hot and name in ONE_HOT:
                weight[:, inputs[0]] = old[:, inputs[1]]
            else:
                weight.copy_(old)
