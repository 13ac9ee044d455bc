"""`Mapped`: which of their columns becomes which of ours; declared once, run and documented."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from habitus.flows.flowtable import SOURCE
from habitus.flows.formats.base import LABEL, LINE, record_schema
from habitus.flows.formats.cells import EXPECTED, READERS, Reads

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitus.flows.record_report import FlowReport

    Finish = Callable[[pl.DataFrame, pl.DataFrame], pl.DataFrame]
    """Of our columns and the raw text: ours, with what is made of several of theirs."""

TCP = "protocol is TCP"
_SAYS_NOTHING = ("", "-", "(empty)", "none", "None", "null", "NULL", "N/A", "nan", "NaN", "NAN")
_SHOWN = 60


@dataclass(frozen=True)
class Mapped:
    """One column of ours.

    Attributes:
        ours: its name.
        theirs: the names it has in their versions; the first that a file has is read.
        reads: how its cells are read.
        factor: what their number is multiplied by.
        needs: a column of ours that must be at least ``at_least``, or `TCP`: elsewhere their
            number means nothing, and ours is null.
        zero_is_null: whether they write 0 where there is none.
        note: what else there is to know.
    """

    ours: str
    theirs: tuple[str, ...]
    reads: Reads = "whole"
    factor: float = 1
    needs: str = ""
    at_least: int = 1
    zero_is_null: bool = False
    note: str = ""

    @property
    def null(self) -> str:
        """When it is null although they write something."""
        if self.zero_is_null:
            return "theirs is 0"
        if not self.needs:
            return ""
        if self.needs == TCP:
            return "the protocol is not TCP"
        return f"{self.needs} is below {self.at_least}"


def table_of(
    raw: pl.DataFrame,
    lines: pl.Series,
    source: str,
    mapping: Sequence[Mapped],
    report: FlowReport,
    finish: Finish | None = None,
) -> pl.DataFrame:
    """A table of flows of raw text; rows with a cell that cannot be read are broken.

    Args:
        raw: (n, their columns) of String.
        lines: (n,) where each row stands in its file.
    """
    made: dict[str, pl.Series] = {SOURCE: pl.repeat(source, len(raw), eager=True), LINE: lines}
    broken = pl.repeat(value=False, n=len(raw), dtype=pl.Boolean, eager=True)
    schema = record_schema()
    for one in mapping:
        theirs = next((name for name in one.theirs if name in raw.columns), None)
        if theirs is None or one.reads == "made" or one.ours in made:
            continue
        text = _said(raw[theirs])
        values = _undefined(READERS[one.reads](text), report)
        wrong = values.is_null() & text.is_not_null() & ~_is_undefined(text) & ~broken
        if wrong.any():
            _tell(wrong, text, lines, source, f"{theirs}: wanted {EXPECTED[one.reads]}", report)
            broken = broken | wrong
        made[one.ours] = _scaled(values, one, schema[one.ours]).alias(one.ours)
    frame = pl.DataFrame(made).with_columns(
        pl.lit(None, dtype=kind).alias(name) for name, kind in schema.items() if name not in made
    )
    frame = frame.select(pl.col(name).cast(kind) for name, kind in schema.items())
    if broken.any():
        frame, raw = frame.filter(~broken), raw.filter(~broken)
    # Who counts packets one way and the other has said how many there are.
    counted = pl.col("forward_packets") + pl.col("backward_packets")
    frame = frame.with_columns(pl.coalesce("packets", counted))
    frame = frame.with_columns(_where_it_means_something(mapping))
    if finish is not None:
        frame = finish(frame, raw)
    return frame


def _said(text: pl.Series) -> pl.Series:
    """Text without blanks around it; null where it says nothing."""
    text = text.str.strip_chars()
    return text.set(text.is_in(_SAYS_NOTHING).fill_null(value=True), None)


def _is_undefined(text: pl.Series) -> pl.Series:
    """Words for numbers that are none."""
    return text.str.contains(r"^(?i)[+-]?(?:inf|infinity|nan)$").fill_null(value=False)


def _undefined(values: pl.Series, report: FlowReport) -> pl.Series:
    """What is infinite or NaN, or counts less than nothing, is null, and is counted."""
    if not values.dtype.is_numeric():
        return values
    if values.dtype.is_float():
        infinite = (~values.is_finite()).fill_null(value=False)
        if infinite.any():
            report.notes["values that are infinite or no number, set to null"] += int(
                infinite.sum()
            )
            values = values.set(infinite, None)
    below = (values < 0).fill_null(value=False)
    if below.any():
        report.notes["values below zero, set to null"] += int(below.sum())
        values = values.set(below, None)
    return values


def _scaled(values: pl.Series, one: Mapped, kind: pl.DataType) -> pl.Series:
    if one.zero_is_null:
        values = values.set((values == 0).fill_null(value=False), None)
    if one.factor == 1:
        return values
    scaled = values * one.factor
    if kind == pl.Int64():
        return scaled.cast(pl.Int64, strict=False)
    return scaled.set((~scaled.is_finite()).fill_null(value=False), None)


def _tell(
    wrong: pl.Series, text: pl.Series, lines: pl.Series, source: str, why: str, report: FlowReport
) -> None:
    for line, cell in zip(lines.filter(wrong), text.filter(wrong), strict=True):
        shown = cell[:_SHOWN] + "..." * (len(cell) > _SHOWN)
        report.add_broken(f"{source}:{line}", f"{why}, found {shown!r}")


def _where_it_means_something(mapping: Sequence[Mapped]) -> list[pl.Expr]:
    found = []
    for one in mapping:
        if one.needs and one.reads != "made":
            column = pl.col("protocol") == 6 if one.needs == TCP else None
            means = column if column is not None else pl.col(one.needs) >= one.at_least
            found.append(pl.when(means).then(pl.col(one.ours)).alias(one.ours))
    return found


def told_columns(mapping: Sequence[Mapped]) -> set[str]:
    """Our columns that a mapping fills."""
    return {one.ours for one in mapping} - {SOURCE, LINE, LABEL}
