"""JSON a line: what is refused, and the times."""

from __future__ import annotations

import pytest
from msgspec import Struct

from habitus.traces.events import BrokenLine
from habitus.traces.json_lines import JsonLines, time_ns


class Thing(Struct):
    number: int | None = None


LINES = JsonLines(Thing, "a thing", ("number",))


def test_what_the_struct_does_not_name_is_passed_over() -> None:
    line = '{"other": [1, {"number ": "é"}], "number": 7}\r'.encode()
    assert LINES.decode(line) == Thing(7)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"nonsense",
        b"[1]",
        b'{"number":1',
        b'{"number":1}}',
        b'{"number":NaN}',
        b'{"other":NaN}',
        b'{"number":1.5}',
        b'{"number":"1"}',
        b'{"number":' + b"9" * 5_000 + b"}",
        b'{"other":"\xff"}',
        b'{"\xff":1}',
        b'{"number":1,"number":2}',
        b'{"other":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"other":' * 100_000,
    ],
)
def test_anything_else_is_a_broken_line(line: bytes) -> None:
    with pytest.raises(BrokenLine, match=r"^not a thing: "):
        LINES.decode(line)


def test_a_head_may_end_within_a_line() -> None:
    assert list(LINES.sniffed(b'{"number":1}\n\n?\n{"num')) == [Thing(1), None]
    assert list(LINES.sniffed(b'{"num')) == [None]


@pytest.mark.parametrize(
    ("told", "nanoseconds"),
    [
        (1_700_000_000_000_000_001, 1_700_000_000_000_000_001),
        ("2023-11-14T22:13:20Z", 1_700_000_000_000_000_000),
        ("2023-11-14T22:13:20.000000001Z", 1_700_000_000_000_000_001),
        ("2023-11-14T23:13:20.5+01:00", 1_700_000_000_500_000_000),
        ("2023-11-14T21:13:20.5-0100", 1_700_000_000_500_000_000),
        ("2023-11-14 22:13:20", 1_700_000_000_000_000_000),
        ("01:00:00.25", 3_600_250_000_000),
        ("1969-12-31T23:59:59Z", -1),
        ("2023-02-30T00:00:00Z", -1),
        ("0000-01-01T00:00:00Z", -1),
        ("yesterday", -1),
        ("", -1),
        (None, -1),
        ("2" * 1_000_000, -1),
    ],
)
def test_times(told: int | str | None, nanoseconds: int) -> None:
    assert time_ns(told) == nanoseconds
