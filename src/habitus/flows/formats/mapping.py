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
_SAYS_NOTHING = ("", "-", "(empty)", "none", "None", "null", "NULL", "N/A")
_SHOWN = 60
_MOST = 1 << 62


@dataclass(frozen=True)
class Mapped:
    """One column of ours.

    Attributes:
        ours: its name.
        theirs: the names it has in their versions; the first that says something is read.
        reads: how its cells are read.
        factor: what their number is multiplied by.
        needs: columns of ours that must be at least ``at_least``, and `TCP`: elsewhere their
            number means nothing, and ours is null.
        zero_is_null: whether they write 0 where there is none.
        note: what else there is to know.
    """

    ours: str
    theirs: tuple[str, ...]
    reads: Reads = "whole"
    factor: float = 1
    needs: str | tuple[str, ...] = ()
    at_least: int = 1
    zero_is_null: bool = False
    note: str = ""

    @property
    def null(self) -> str:
        """When it is null although they write something."""
        if self.zero_is_null:
            return "theirs is 0"
        return " or ".join(
            "the protocol is not TCP" if one == TCP else f"{one} is below {self.at_least}"
            for one in self.all_needs
        )

    @property
    def all_needs(self) -> tuple[str, ...]:
        """What it needs, one or several."""
        return (self.needs,) if isinstance(self.needs, str) else self.needs


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
        theirs = [name for name in one.theirs if name in raw.columns]
        if not theirs or one.reads == "made" or one.ours in made:
            continue
        text = _said(raw[theirs[0]])
        for other in theirs[1:]:
            text = text.fill_null(_said(raw[other]))
        values = READERS[one.reads](text)
        words = _is_undefined(text)
        wrong = values.is_null() & text.is_not_null() & ~words & ~broken
        values = undefined(values, report, words)
        if wrong.any():
            _tell(wrong, text, lines, source, f"{theirs[0]}: wanted {EXPECTED[one.reads]}", report)
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


def undefined(values: pl.Series, report: FlowReport, words: pl.Series | None = None) -> pl.Series:
    """What is infinite or NaN, or counts less than nothing, is null, and is counted.

    Args:
        words: where a word stood for such a number.
    """
    if not values.dtype.is_numeric():
        return values
    none = pl.repeat(value=False, n=len(values), eager=True) if words is None else words
    if values.dtype.is_float():
        none = none | (~values.is_finite()).fill_null(value=False)
    below = (values < 0).fill_null(value=False) & ~none
    for which, what in ((none, "that are infinite or no number"), (below, "below zero")):
        if which.any():
            report.add_note(f"values {what}, set to null", int(which.sum()))
            values = values.set(which, None)
    return values


def _scaled(values: pl.Series, one: Mapped, kind: pl.DataType) -> pl.Series:
    if one.zero_is_null:
        values = values.set((values == 0).fill_null(value=False), None)
    if one.factor == 1:
        return values
    if kind == pl.Int64():
        too_large = (values > int(_MOST / one.factor)).fill_null(value=False)
        return values.set(too_large, None) * int(one.factor)
    scaled = values * one.factor
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
        if one.all_needs and one.reads != "made":
            means = pl.all_horizontal(
                pl.col("protocol") == 6 if name == TCP else pl.col(name) >= one.at_least
                for name in one.all_needs
            )
            found.append(pl.when(means).then(pl.col(one.ours)).alias(one.ours))
    return found


def told_columns(mapping: Sequence[Mapped]) -> set[str]:
    """Our columns that a mapping fills."""
    return {one.ours for one in mapping} - {SOURCE, LINE, LABEL}
