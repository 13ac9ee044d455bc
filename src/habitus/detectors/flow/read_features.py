"""`ReadFeatures`: what features say of flows, as numbers, before any model chooses among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.detectors.flow.flowmeter_features import (
    FLOWMETER_CSV,
    FLOWMETER_FEATURES,
    flowmeter_table,
    has_flowmeter_columns,
)
from habitus.detectors.flow.inputs import Input, inputs_of
from habitus.detectors.flow.matrix_kernels import clean
from habitus.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

LARGEST = 1e30
"""What is larger, no flow can be: it counts as undefined, and so no sum becomes infinite."""


@dataclass(frozen=True)
class ReadFeatures:
    """What features say of the flows of a table, before a model chooses what it computes with.

    Attributes:
        inputs: (p,) what the table can tell.
        lacking: names of the others.
        values: (n, p) float64 by column; NaN where undefined.
    """

    inputs: tuple[Input, ...]
    lacking: tuple[str, ...]
    values: NDArray[np.float64]

    @classmethod
    def of(cls, flows: pl.DataFrame, features: Sequence[str]) -> ReadFeatures:
        """Read them.

        Raises:
            InputError: if a column holds no numbers.
        """
        wanted = [one for feature in features for one in inputs_of(feature)]
        there = [one for one in wanted if not lacking_of(one, flows)]
        lacking = tuple(one.name for one in wanted if one not in there)
        return cls(tuple(there), lacking, matrix_of(flows, there))

    def rows(self, which: NDArray[np.int64]) -> ReadFeatures:
        """Of some of the flows."""
        return replace(self, values=np.take(self.values.T, which, axis=1).T)


def _is_theirs(one: Input) -> bool:
    return one.name in FLOWMETER_FEATURES


def lacking_of(one: Input, flows: pl.DataFrame) -> set[str]:
    """Columns that an input needs and the table has not."""
    if _is_theirs(one) and has_flowmeter_columns(flows.columns):
        return set()
    return set(one.needs) - set(flows.columns)


def matrix_of(flows: pl.DataFrame, inputs: Sequence[Input]) -> NDArray[np.float64]:
    """(n, p) by column, as the table has it."""
    schema = flows.schema
    for one in inputs:
        _check_kind(one, schema)
    theirs = any(map(_is_theirs, inputs))
    table = flows if not theirs else flows.hstack(_only_new(flowmeter_table(flows), flows))
    made = table.select(one.made.cast(pl.Float64).alias(one.name) for one in inputs)
    return made.to_numpy(order="fortran", writable=True) if inputs else np.zeros((len(flows), 0))


def cleaned(
    matrix: NDArray[np.float64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Of each column how many are NaN, as what no flow can be becomes, and whether all are one."""
    p = matrix.shape[1]
    n_null, is_same = np.zeros(p, dtype=np.int64), np.zeros(p, dtype=np.bool_)
    clean(matrix.T, LARGEST, n_null, is_same)
    return n_null, is_same


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
