"""What cells say: from text, whoever wrote it, to values; null where a text is no such value."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Literal

import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable

Reads = Literal[
    "number", "whole", "text", "address", "port", "protocol", "clock", "date", "truth", "numbers",
    "made",
]  # fmt: skip
"""How a cell is read; ``made``: not from one cell alone, its note says how."""

PROTOCOLS = {
    "hopopt": 0, "icmp": 1, "igmp": 2, "ipip": 4, "ip-in-ip": 4, "tcp": 6, "udp": 17, "dccp": 33,
    "ipv6": 41, "gre": 47, "esp": 50, "ah": 51, "ipv6-icmp": 58, "icmpv6": 58, "icmp6": 58,
    "ospf": 89, "pim": 103, "sctp": 132, "udplite": 136,
}  # fmt: skip
"""Numbers of IP protocols by the names that programs give them (IANA, protocol numbers)."""

_EXACT = 1 << 53
"""A count of more is none: sums of such would no longer fit."""
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
    exact = exact.set((exact.abs() >= _EXACT).fill_null(value=False), None)
    if exact.null_count() == text.null_count():
        return exact
    number = text.cast(pl.Float64, strict=False)
    is_whole = (number == number.round()) & (number.abs() < _EXACT)
    rounded = number.set(~is_whole.fill_null(value=False), None).cast(pl.Int64, strict=False)
    return exact.fill_null(rounded)


def _text(text: pl.Series) -> pl.Series:
    return text


def _each(kind: type[pl.DataType], read: Callable[[str], object]) -> Callable[..., pl.Series]:
    """Read each different text once."""

    def of(text: pl.Series) -> pl.Series:
        distinct = text.unique().drop_nulls()
        values = pl.Series([read(one) for one in distinct], dtype=kind)
        return text.replace_strict(distinct, values, default=None, return_dtype=kind)

    return of


@lru_cache(1 << 14)
def _address_of(text: str) -> str | None:
    """An address in the one way in which all tables write it; a hash of one as it is."""
    if len(text) > 128:
        return None
    try:
        return str(ip_address(text.partition("%")[0]))
    except ValueError:
        return text if _HASHED.fullmatch(text) else None


def _protocol_of(text: str) -> int | None:
    number = PROTOCOLS.get(text.lower())
    if number is None and text.isascii() and text.isdigit() and len(text) <= 3:
        number = int(text)
    return number if number is not None and number <= 255 else None


def _port(text: pl.Series) -> pl.Series:
    """A number, with or without its name behind it: ``8080(http-alt)``."""
    number = text.str.extract(r"^(\d{1,5})(?:\.0)?(?:\([^()]*\))?$").cast(pl.Int64, strict=False)
    return number.set((number > 65535).fill_null(value=False), None)


def _clock(text: pl.Series) -> pl.Series:
    """Nanoseconds of seconds since 1970 or of ISO 8601; digit for digit, not by way of a float."""
    seconds = text.str.extract(r"^(\d{1,9}|[1-8]\d{9})(?:\.\d+)?$")
    fraction = text.str.extract(r"\.(\d{1,9})\d*$").fill_null("").str.pad_end(9, "0")
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
    """A list as Python writes it, of whole numbers."""
    inner = text.removeprefix("[").removesuffix("]").strip()
    parts = [part.strip() for part in inner.split(",")] if inner else []
    if len(parts) > 1024 or not all(re.fullmatch(r"-?\d{1,15}(\.0)?", part) for part in parts):
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
    "protocol": _each(pl.Int64, _protocol_of),
    "clock": _clock,
    "date": _date,
    "truth": _each(pl.Boolean, lambda text: _TRUTHS.get(text.lower())),
    "numbers": _numbers,
}
EXPECTED: dict[Reads, str] = {
    "number": "a number",
    "whole": "a whole number",
    "address": "an IP address",
    "port": "a port (0 to 65535)",
    "protocol": "an IP protocol, by number or name",
    "clock": "seconds since 1970, or a date as ISO 8601 has it",
    "date": "a date such as 05/07/2017 08:55:58 AM or 2017-07-05 08:55:58",
    "truth": "T or F",
    "numbers": "a list of whole numbers, [1, 2, 3]",
}
