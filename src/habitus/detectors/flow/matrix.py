"""`FlowInputs`: from a table of flows to the matrix that models compute with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.detectors.flow.arrays import checked
from habitus.detectors.flow.flowmeter_features import (
    FLOWMETER_CSV,
    FLOWMETER_FEATURES,
    flowmeter_table,
    has_flowmeter_columns,
)
from habitus.detectors.flow.inputs import Input, input_named, inputs_of
from habitus.detectors.flow.matrix_kernels import clean
from habitus.errors import InputError, ModelError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from habitus.detectors.base import State

LARGEST = 1e30
"""What is larger, no flow can be: it counts as undefined, and so no sum becomes infinite."""
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
        wanted = [one for feature in features for one in inputs_of(feature)]
        there = [one for one in wanted if not _lacking(one, flows)]
        matrix, n_null, is_same = _matrix(flows, there)
        never, always = n_null == len(flows), n_null == 0
        same = always & is_same
        told = [
            f"left out, as {why}: {_few(names)}"
            for why, names in (
                ("the table lacks them", [one.name for one in wanted if one not in there]),
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
        return cls(inputs, ~must), np.asfortranarray(matrix[:, kept]), told

    def matrix(self, flows: pl.DataFrame) -> NDArray[np.float64]:
        """(n, p) float64 by column, NaN where undefined; other columns of the table are left alone.

        Raises:
            InputError: if the table lacks a column, a column holds no numbers, or a flow does not
                tell what every flow of training told (`scoreable` finds those).
        """
        made, n_null = self._read(flows)
        silent: NDArray[np.bool_] = np.logical_and(n_null > 0, ~self.may_be_null)
        if silent.any():
            rows = np.flatnonzero(np.isnan(made[:, silent]).any(axis=1))
            raise InputError(
                f"{len(rows):,} of {len(flows):,} flows, the first in row {rows[0]:,} from 0, do "
                f"not tell {_few(_where(self.inputs, silent))}",
                "every flow that the model was trained on tells it: train on flows of the same "
                "program, or leave such flows out",
            )
        return made

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
        lacking = sorted({name for one in self.inputs for name in _lacking(one, flows)})
        if lacking:
            raise InputError(
                f"the table of flows lacks columns that the model needs: {_few(lacking, 12)}"
            )
        return _matrix(flows, self.inputs)[:2]

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


def _is_theirs(one: Input) -> bool:
    return one.name in FLOWMETER_FEATURES


def _lacking(one: Input, flows: pl.DataFrame) -> set[str]:
    """Columns that an input needs and the table has not."""
    if _is_theirs(one) and has_flowmeter_columns(flows.columns):
        return set()
    return set(one.needs) - set(flows.columns)


def _matrix(
    flows: pl.DataFrame, inputs: Sequence[Input]
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    """(n, p) by column; of each column how many are NaN, and whether there is but one value."""
    schema = flows.schema
    for one in inputs:
        _check_kind(one, schema)
    theirs = any(map(_is_theirs, inputs))
    table = flows if not theirs else flows.hstack(_only_new(flowmeter_table(flows), flows))
    made = table.select(one.made.cast(pl.Float64).alias(one.name) for one in inputs)
    p = len(inputs)
    matrix = made.to_numpy(order="fortran", writable=True) if p else np.zeros((len(flows), 0))
    n_null, is_same = np.zeros(p, dtype=np.int64), np.zeros(p, dtype=np.bool_)
    clean(matrix.T, LARGEST, n_null, is_same)
    return matrix, n_null, is_same


def _only_new(made: pl.DataFrame, flows: pl.DataFrame) -> pl.DataFrame:
    return made.select(name for name in made.columns if name not in flows.columns)


def _check_kind(one: Input, schema: Mapping[str, pl.DataType]) -> None:
    """Raises InputError if a column that it is made of does not hold what it must."""
    theirs = _is_theirs(one) and has_flowmeter_columns(list(schema))
    for name in FLOWMETER_CSV if theirs else one.needs:
        kind = schema[name]
        is_list = isinstance(kind, pl.List)
        inner = kind.inner if isinstance(kind, pl.List) else kind
        holds_numbers = inner.is_numeric() or inner in (pl.Boolean, pl.Null)
        if not holds_numbers or (is_list != (one.kind == "list") and inner != pl.Null):
            wanted = "lists of numbers" if one.kind == "list" else "numbers"
            raise InputError(f"the column {name} of the table holds {kind}; wanted {wanted}")


def _where(inputs: Sequence[Input], which: NDArray[np.bool_]) -> list[str]:
    return [one.name for one, chosen in zip(inputs, which.tolist(), strict=True) if chosen]


def _few(names: Sequence[str], n: int = _NAMED) -> str:
    rest = len(names) - n
    return ", ".join(names[:n]) + (f" and {rest} more" if rest > 0 else "")
