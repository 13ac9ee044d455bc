"""What cells say: from text, whoever wrote it, to values; null where a text is no such value."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal

import polars as pl

from habitus.flows.protocols import protocol_named

if TYPE_CHECKING:
    from collections.abc import Callable

Reads = Literal[
    "number", "whole", "text", "address", "port", "protocol", "clock", "date", "truth", "numbers",
    "nanoseconds", "made",
]  # fmt: skip
"""How a cell is read; ``made``: not from one cell alone, its note says how."""

EXACT = 1 << 53
"""A count of more is none: sums of such would no longer fit."""
MAX_NS = 1 << 62
"""A time so far from now is none."""
MAX_TEXT = 1000
"""Characters of a label or a name: what is longer is none, and would be held for every row."""
MAX_NUMBERS = 1024
"""Numbers of a list."""
_LONGEST_ADDRESS = 128
_HASHED = re.compile(r"[0-9a-fA-F]{16,128}")
_DATES = (
    "%d/%m/%Y %I:%M:%S %p", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S%.f",
)  # fmt: skip


def _number(text: pl.Series) -> pl.Series:
    return text.cast(pl.Float64, strict=False)


def _whole(text: pl.Series) -> pl.Series:
    """Counts; some programs write them as ``12.0``."""
    exact = text.cast(pl.Int64, strict=False)
    exact = exact.set((exact.abs() >= EXACT).fill_null(value=False), None)
    if exact.null_count() == text.null_count():
        return exact
    number = text.cast(pl.Float64, strict=False)
    is_whole = (number == number.round()) & (number.abs() < EXACT)
    rounded = number.set(~is_whole.fill_null(value=False), None).cast(pl.Int64, strict=False)
    return exact.fill_null(rounded)


def _nanoseconds(text: pl.Series) -> pl.Series:
    """Since 1970; more digits than a float has."""
    told = text.cast(pl.Int64, strict=False)
    return told.set((told >= MAX_NS).fill_null(value=False), None)


def _text(text: pl.Series) -> pl.Series:
    return text.set((text.str.len_chars() > MAX_TEXT).fill_null(value=False), None)


def _each(kind: type[pl.DataType], read: Callable[[str], object]) -> Callable[..., pl.Series]:
    """Read each different text once."""

    def of(text: pl.Series) -> pl.Series:
        distinct = text.unique().drop_nulls()
        values = pl.Series([read(one) for one in distinct], dtype=kind)
        return text.replace_strict(distinct, values, default=None, return_dtype=kind)

    return of


def _address_of(text: str) -> str | None:
    """An address in the one way in which all tables write it; a hash of one as it is."""
    return _address(text) if len(text) <= _LONGEST_ADDRESS else None


@lru_cache(1 << 14)
def _address(text: str) -> str | None:
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        return text if _HASHED.fullmatch(text) else None


def _port(text: pl.Series) -> pl.Series:
    """A number, with or without its name behind it: ``8080(http-alt)``."""
    number = text.str.extract(r"^([0-9]{1,5})(?:\.0)?(?:\([^()]*\))?$").cast(pl.Int64, strict=False)
    return number.set((number > 65535).fill_null(value=False), None)


def _clock(text: pl.Series) -> pl.Series:
    """Nanoseconds of seconds since 1970 or of ISO 8601; digit for digit, not by way of a float."""
    # Not \d, which is also digits of other scripts.
    seconds = text.str.extract(r"^([0-9]{1,9}|[1-8][0-9]{9})(?:\.[0-9]+)?$")
    fraction = text.str.extract(r"\.([0-9]{1,9})[0-9]*$").fill_null("").str.pad_end(9, "0")
    told = seconds.cast(pl.Int64) * 1_000_000_000 + fraction.cast(pl.Int64, strict=False)
    if told.null_count() == text.null_count():
        return told
    return told.fill_null(_iso(text.set(told.is_not_null(), None)))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _iso_of(text: str) -> int | None:
    """Without a zone it is UTC; what lies below a microsecond is cut off."""
    try:
        told = datetime.fromisoformat(text) if len(text) <= 48 else None
    except ValueError:
        return None
    if told is None or told.year < 1970 or told.year > 2200:
        return None
    since = (told if told.tzinfo else told.replace(tzinfo=UTC)) - _EPOCH
    return since // timedelta(microseconds=1) * 1000


_iso = _each(pl.Int64, _iso_of)


def _date(text: pl.Series) -> pl.Series:
    """Nanoseconds of a date without a zone, read as if it were UTC."""
    told = pl.Series([None] * len(text), dtype=pl.Int64)
    for written in _DATES:
        date = text.str.to_datetime(written, strict=False, time_unit="ns")
        told = told.fill_null(date.cast(pl.Int64))
        if told.null_count() == text.null_count():
            break
    return told


_TRUTHS = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}


def _numbers_of(text: str) -> list[int] | None:
    """A list as Python writes it, of whole numbers; or with ``;`` between them, as we write it."""
    inner = text.removeprefix("[").removesuffix("]").strip()
    parts = [part.strip() for part in inner.replace(";", ",").split(",")] if inner else []
    if len(parts) > MAX_NUMBERS or not all(
        re.fullmatch(r"-?\d{1,15}(\.0)?", part) for part in parts
    ):
        return None
    return [int(part.removesuffix(".0")) for part in parts]


def _numbers(text: pl.Series) -> pl.Series:
    values = [None if one is None else _numbers_of(one) for one in text]
    return pl.Series(values, dtype=pl.List(pl.Int64))


READERS: dict[Reads, Callable[[pl.Series], pl.Series]] = {
    "number": _number,
    "whole": _whole,
    "text": _text,
    "address": _each(pl.String, _address_of),
    "port": _port,
    "protocol": _each(pl.Int64, protocol_named),
    "clock": _clock,
    "date": _date,
    "truth": _each(pl.Boolean, lambda text: _TRUTHS.get(text.lower())),
    "numbers": _numbers,
    "nanoseconds": _nanoseconds,
}
EXPECTED: dict[Reads, str] = {
    "number": "a number",
    "whole": "a whole number",
    "text": f"at most {MAX_TEXT:,} characters",
    "address": "an IP address",
    "port": "a port (0 to 65535)",
    "protocol": "an IP protocol, by number or name",
    "clock": "seconds since 1970, or a date as ISO 8601 has it",
    "date": "a date such as 05/07/2017 08:55:58 AM or 2017-07-05 08:55:58",
    "truth": "T or F",
    "numbers": "a list of whole numbers, [1, 2, 3]",
    "nanoseconds": "nanoseconds since 1970",
}
