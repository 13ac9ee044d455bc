"""`FlowInputs`: from a table of flows to the matrix that models compute with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.flow.arrays import checked
from habitus.detectors.flow.inputs import Input, input_named
from habitus.detectors.flow.read_features import (
    ReadFeatures,
    cleaned,
    lacking_of,
    matrix_of,
)
from habitus.errors import InputError, ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from habitus.detectors.base import State

MAX_INPUTS = 4096
BLOCK_ROWS = 1 << 16
"""So many flows are scored at a time, so that Ctrl-C is heard."""
_NAMED = 4


class FlowInputs:
    """The columns that a model computes with.

    Attributes:
        inputs: (p,) what each is.
        names: (p,) their names.
        may_be_null: (p,) bool; where False, a flow that leaves it null cannot be scored: no flow of
            training did, and no flow extracted from packets can.
    """

    def __init__(self, inputs: Sequence[Input], may_be_null: NDArray[np.bool_]) -> None:
        self.inputs = tuple(inputs)
        self.names = tuple(one.name for one in self.inputs)
        self.may_be_null = may_be_null

    @classmethod
    def chosen(
        cls, flows: pl.DataFrame, features: Sequence[str]
    ) -> tuple[FlowInputs, NDArray[np.float64], list[str]]:
        """Those of some features that say anything in a table.

        Left out is what the table lacks, and what is null or the same in all its flows.

        Returns:
            The inputs; the matrix of this table; what was left out, in words.

        Raises:
            UsageError: if nothing is left.
            InputError: if a column holds no numbers.
        """
        return cls.chosen_of(ReadFeatures.of(flows, features))

    @classmethod
    def chosen_of(cls, read: ReadFeatures) -> tuple[FlowInputs, NDArray[np.float64], list[str]]:
        """As `chosen`, of flows whose features were read already."""
        there, values = read.inputs, read.values
        n_null, is_same = cleaned(values)
        never, always = n_null == len(values), n_null == 0
        same = always & is_same
        told = [
            f"left out, as {why}: {_few(names)}"
            for why, names in (
                ("the table lacks them", read.lacking),
                ("they are null in every flow", _where(there, never)),
                ("they are the same in every flow", _where(there, same)),
            )
            if names
        ]
        kept = ~(never | same)
        if not kept.any():
            raise UsageError("no feature of these flows tells one from another", *told)
        inputs = [one for one, keep in zip(there, kept.tolist(), strict=True) if keep]
        must = np.array([one.always_told for one in inputs]) & always[kept]
        return cls(inputs, ~must), np.asfortranarray(values[:, kept]), told

    def rows_of(self, read: ReadFeatures) -> NDArray[np.float64]:
        """(n, p) of flows whose features were read already, as `matrix` of their table.

        Raises:
            InputError: as `matrix`.
        """
        place = {one.name: column for column, one in enumerate(read.inputs)}
        made = np.asfortranarray(read.values[:, [place[name] for name in self.names]])
        self._check_told(made, np.isnan(made).sum(axis=0))
        return made

    def matrix(self, flows: pl.DataFrame) -> NDArray[np.float64]:
        """(n, p) float64 by column, NaN where undefined; other columns of the table are left alone.

        Raises:
            InputError: if the table lacks a column, a column holds no numbers, or a flow does not
                tell what every flow of training told (`scoreable` finds those).
        """
        made, n_null = self._read(flows)
        self._check_told(made, n_null)
        return made

    def _check_told(self, made: NDArray[np.float64], n_null: NDArray[np.int64]) -> None:
        silent: NDArray[np.bool_] = np.logical_and(n_null > 0, ~self.may_be_null)
        if silent.any():
            rows = np.flatnonzero(np.isnan(made[:, silent]).any(axis=1))
            raise InputError(
                f"{len(rows):,} of {len(made):,} flows, the first in row {rows[0]:,} from 0, do "
                f"not tell {_few(_where(self.inputs, silent))}",
                "every flow that the model was trained on tells it: train on flows of the same "
                "program, or leave such flows out",
            )

    def scoreable(self, flows: pl.DataFrame) -> NDArray[np.bool_]:
        """(n,) bool: which flows tell what they must.

        Raises:
            InputError: if the table lacks a column, or a column holds no numbers.
        """
        return self.told(flows)[1]

    def told(self, flows: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The matrix (n, p), and (n,) which flows tell what they must: others have no score.

        Raises:
            InputError: as `scoreable`.
        """
        made, n_null = self._read(flows)
        silent: NDArray[np.bool_] = np.logical_and(n_null > 0, ~self.may_be_null)
        if not silent.any():
            return made, np.ones(len(made), dtype=np.bool_)
        return made, np.logical_not(np.isnan(made[:, silent]).any(axis=1))

    def silent_on(self, matrix: NDArray[np.float64]) -> dict[str, int]:
        """What flows of a matrix must tell and do not, by how many do not; the commonest first."""
        missing = np.isnan(matrix[:, ~self.may_be_null]).sum(axis=0)
        names = _where(self.inputs, ~self.may_be_null)
        order = np.argsort(-missing, kind="stable").tolist()
        return {names[at]: int(missing[at]) for at in order if missing[at]}

    @property
    def needs(self) -> frozenset[str]:
        """The columns of a table of flows that they are made of."""
        return frozenset[str]().union(*(one.needs for one in self.inputs))

    def _read(self, flows: pl.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        lacking = sorted({name for one in self.inputs for name in lacking_of(one, flows)})
        if lacking:
            raise InputError(
                f"the table of flows lacks columns that the model needs: {_few(lacking, 12)}"
            )
        matrix = matrix_of(flows, self.inputs)
        return matrix, cleaned(matrix)[0]

    def state(self) -> State:
        """What `restored` needs."""
        text = json.dumps(self.names).encode()
        return {"inputs": np.frombuffer(text, dtype=np.uint8), "may_be_null": self.may_be_null}

    @classmethod
    def restored(cls, state: Mapping[str, NDArray[np.generic]]) -> FlowInputs:
        """The inputs that `state` gave.

        Raises:
            ModelError: if the arrays name no such inputs.
        """
        text = checked(state, "inputs", np.uint8, (-1,))
        try:
            names = json.loads(text[: 64 * MAX_INPUTS].tobytes())
            inputs = [input_named(name) for name in names]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise ModelError("the names of the model's inputs are damaged or unknown") from None
        if not 0 < len(inputs) <= MAX_INPUTS or len({one.name for one in inputs}) < len(inputs):
            raise ModelError("the model has no inputs, too many, or one twice")
        return cls(inputs, checked(state, "may_be_null", np.bool_, (len(inputs),)))


def blocks(n: int, size: int = BLOCK_ROWS) -> Iterator[tuple[int, int]]:
    """Where each block of rows begins and ends."""
    for begin in range(0, n, size):
        yield begin, min(n, begin + size)


def _where(inputs: Sequence[Input], which: NDArray[np.bool_]) -> list[str]:
    return [one.name for one, chosen in zip(inputs, which.tolist(), strict=True) if chosen]


def _few(names: Sequence[str], n: int = _NAMED) -> str:
    rest = len(names) - n
    return ", ".join(names[:n]) + (f" and {rest} more" if rest > 0 else "")
