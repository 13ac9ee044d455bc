"""Arrays of rows as plain Python has them fastest: what uncompiled loops read and write.

Where loops run as plain Python, an item of a structured array is a record of numpy, each of whose
fields takes a microsecond to read. A `Rows` stands in for such an array: what a loop does with
``rows[i].field`` then takes a tenth of that. A slice is a structured array again, and there a
number that its field has no room for is an error, where a compiled loop would cut it off.
"""

from __future__ import annotations

from functools import cache, wraps
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    Loop = Callable[..., Any]
    Values = tuple[Any, ...]


class Row:
    """One row: an attribute for each field; a field of fields is a row, several are a `Rows`."""

    kind: Kind

    def __init__(self, values: dict[str, Any]) -> None:
        self.__dict__.update(values)

    def take(self, other: Row) -> None:
        """Become a copy of another."""
        mine = self.__dict__
        inside = [(name, mine[name]) for name in self.kind.nested]
        mine.update(other.__dict__)
        for name, own in inside:
            if isinstance(own, list):
                own[:] = mine[name]
            else:
                own.take(mine[name])
            mine[name] = own


class Rows:
    """So many rows of a kind, all zeros until they are written; each is made when it is needed."""

    def __init__(self, n: int, dtype: np.dtype[np.void]) -> None:
        self.kind = kind_of(dtype)
        self._rows: list[Row | None] = [None] * n

    @classmethod
    def of(cls, values: list[Values], dtype: np.dtype[np.void]) -> Rows:
        """Rows of these values, as an array's ``tolist`` gives them."""
        made = cls(0, dtype)
        made._rows = [made.kind.row(one) for one in values]
        return made

    def values(self, at: slice = slice(None)) -> list[Values]:
        """What an array is made of."""
        return [self.kind.zeros if row is None else self.kind.values(row) for row in self._rows[at]]

    def take(self, other: Rows) -> None:
        """Become a copy of others, as many."""
        for i in range(len(self)):
            self[i].take(other[i])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, at: Any) -> Any:
        if isinstance(at, slice):
            return np.array(self.values(at), dtype=self.kind.dtype)
        row = self._rows[at]
        if row is None:
            row = self._rows[at] = self.kind.row(self.kind.zeros)
        return row

    def __setitem__(self, at: int, row: Row) -> None:
        self[at].take(row)


class Kind:
    """How to make rows of a structured dtype, and values of rows.

    Attributes:
        nested: fields that are more than a number.
        zeros: the values of a row that was never written.
    """

    def __init__(self, dtype: np.dtype[np.void]) -> None:
        self.dtype, self._names = dtype, dtype.names or ()
        self.nested = tuple(n for n in self._names if dtype[n].shape or dtype[n].names)
        self._row = type("Row", (Row,), {"kind": self})
        self._told = attrgetter(*self._names)
        (self.zeros,) = np.zeros(1, dtype=dtype).tolist()

    def row(self, values: Values) -> Row:
        """A row of values."""
        told = dict(zip(self._names, values, strict=True))
        for name in self.nested:
            inner, value = self.dtype[name], told[name]
            several = list(value) if inner.shape else []
            if inner.base.names is None:
                told[name] = several
            elif inner.shape:
                told[name] = Rows.of([_plain(one) for one in several], inner.base)
            else:
                told[name] = kind_of(inner).row(value)
        made: Row = self._row(told)
        return made

    def values(self, row: Row) -> Values:
        """The values of a row."""
        told: Values = self._told(row)
        if not self.nested:
            return told
        by_name = dict(zip(self._names, told, strict=True))
        for name in self.nested:
            value = by_name[name]
            if isinstance(value, Rows):
                by_name[name] = value.values()
            else:
                by_name[name] = value if isinstance(value, list) else value.kind.values(value)
        return tuple(by_name.values())


def _plain(record: Any) -> Values:
    """An item of an array within a row, which numpy hands out as it likes."""
    values: Values = record.item() if isinstance(record, np.void) else record
    return values


@cache
def kind_of(dtype: np.dtype[np.void]) -> Kind:
    """The one `Kind` of a dtype."""
    return Kind(dtype)


def over_rows(loop: Loop) -> Loop:
    """The same loop over plain rows, where it is given structured arrays, and over plain bytes.

    What it has written to rows is brought back into the arrays.
    """

    @wraps(loop)
    def run(*arguments: Any) -> Any:
        lent: list[tuple[np.ndarray[Any, Any], Rows]] = []

        def plain(argument: Any) -> Any:
            if not isinstance(argument, np.ndarray):
                return argument
            if argument.dtype.names:
                rows = Rows.of(argument.tolist(), argument.dtype)
                lent.append((argument, rows))
                return rows
            return memoryview(argument) if argument.dtype == np.uint8 else argument

        done = loop(*map(plain, arguments))
        for array, rows in lent:
            array[...] = rows[:]
        return done

    return run
