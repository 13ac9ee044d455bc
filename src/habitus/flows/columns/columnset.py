"""`ColumnSet`: the columns of another program, each as an expression over our table."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from habitus.flows.protocols import NAMES

NS_IN_US, NS_IN_MS = 1_000, 1_000_000


@dataclass(frozen=True)
class Out:
    """One column.

    Attributes:
        theirs: its name.
        made: its values, of our columns.
        note: where ours is not what theirs would be.
    """

    theirs: str
    made: pl.Expr
    note: str = ""


@dataclass(frozen=True)
class ColumnSet:
    """All columns of a program, in its order.

    Attributes:
        undefined: what it writes where a value is undefined.
        left_out: columns of theirs that we do not have, and why.
        numbered: the column that counts rows from 0, if there is one.
    """

    name: str
    title: str
    columns: tuple[Out, ...]
    undefined: str
    left_out: dict[str, str]
    numbered: str = ""


def column(name: str, factor: float = 1) -> pl.Expr:
    """One of ours, in another unit."""
    return pl.col(name) * factor if factor != 1 else pl.col(name)


def zero_below(made: pl.Expr, counted: str, least: int = 1) -> pl.Expr:
    """0 where fewer were counted than a value needs; null stays where it is not known."""
    return pl.when(pl.col(counted) < least).then(0).otherwise(made)


def zero_unless_tcp(made: pl.Expr) -> pl.Expr:
    """0 for what only TCP has."""
    return pl.when(pl.col("protocol") != 6).then(0).otherwise(made)


def whole(made: pl.Expr) -> pl.Expr:
    """Cut to a whole number."""
    return made.floor().cast(pl.Int64, strict=False)


def population(spread: pl.Expr, n: pl.Expr) -> pl.Expr:
    """The standard deviation that divides by n, of the one that divides by n - 1."""
    return spread * ((n - 1).clip(0) / n).sqrt()


def protocol_name() -> pl.Expr:
    """TCP, UDP, ...; a number where it has no name."""
    number = pl.col("protocol")
    return number.replace_strict(NAMES, default=number.cast(pl.String), return_dtype=pl.String)
