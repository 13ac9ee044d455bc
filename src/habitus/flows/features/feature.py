"""`Feature`: one column of a table of flows, as code, documentation and mappings read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from habitus.flows.features.rows import Rows

Kind = Literal["integer", "number", "text", "truth", "integers"]
Group = Literal[
    "identity", "volume", "sizes", "gaps", "activity", "rates", "tcp", "network", "content", "bulk",
    "first packets",
]  # fmt: skip


class Texts(NamedTuple):
    """Texts, one after another.

    Attributes:
        text: (n_bytes,) uint8, in UTF-8.
        lengths: (n,) of each, in bytes.
    """

    text: NDArray[np.uint8]
    lengths: NDArray[np.int64]


class Chosen(NamedTuple):
    """Texts of which many are the same.

    Attributes:
        texts: each different one.
        which: (n,) int64, the one of each.
    """

    texts: Sequence[str]
    which: NDArray[np.int64]


class Lists(NamedTuple):
    """Lists of numbers, one after another.

    Attributes:
        values: (n_values,) int64.
        lengths: (n,) of each.
    """

    values: NDArray[np.int64]
    lengths: NDArray[np.int64]


@dataclass(frozen=True)
class Column:
    """The values of a feature.

    Attributes:
        values: (n,), or `Texts`, or `Chosen`, or `Lists`.
        defined: (n,) bool, where they mean anything; None: everywhere.
    """

    values: Any
    defined: NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Feature:
    """One column.

    Attributes:
        name: with its unit, where it has one.
        unit: ``packets``, ``bytes``, ``us`` (microseconds), ``ns``, ``1/s``, ``bits/byte``; or
            none.
        meaning: in a sentence; ``formula`` exactly.
        null: when it is undefined, and so null; empty: never.
        of: makes it, from rows of what was kept of flows.
    """

    name: str
    group: Group
    kind: Kind
    unit: str
    meaning: str
    formula: str
    null: str
    of: Callable[[Rows], Column]

    def column(self, rows: Rows) -> Column:
        """Its values, of which none is infinite or NaN where it is defined."""
        column = self.of(rows)
        if self.kind != "number":
            return column
        finite = np.isfinite(column.values)
        defined = finite if column.defined is None else finite & column.defined
        return Column(column.values, defined)


def divided(above: NDArray[Any], below: NDArray[Any]) -> NDArray[np.float64]:
    """A quotient, NaN where it is undefined."""
    quotient = np.full(len(above), np.nan)
    np.divide(above, below, out=quotient, where=below != 0)
    return quotient
