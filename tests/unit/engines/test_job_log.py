"""Logs that are shortened: their beginning, their end, and how much is missing between."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from habitus.engines.job_log import is_long, shorten

if TYPE_CHECKING:
    from pathlib import Path

MARK = re.compile(rb"\n\[(\d+) bytes are left out here\]\n")


def parts(path: Path) -> tuple[bytes, int, bytes]:
    """What is kept, and how much is told to be missing."""
    begin, told, end = MARK.split(path.read_bytes())
    return begin, int(told), end


def test_a_log_that_fits_stays(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_bytes(b"x" * 20)
    shorten(log, end_bytes=10)
    assert not is_long(log, end_bytes=8, slack_bytes=4)
    assert is_long(log, end_bytes=8, slack_bytes=3)
    assert log.read_bytes() == b"x" * 20
    shorten(log, end_bytes=8)
    assert parts(log) == (b"x" * 8, 4, b"x" * 8)


@pytest.mark.parametrize("step", [1, 7, 100, 3000])
def test_what_is_left_out_adds_up_however_often_it_is_shortened(step: int, tmp_path: Path) -> None:
    log = tmp_path / "log"
    written = b"".join(b"%07d\n" % n for n in range(1000))
    for begin in range(0, len(written), step):
        with log.open("ab") as file:
            file.write(written[begin : begin + step])
        if is_long(log, end_bytes=80, slack_bytes=50):
            shorten(log, end_bytes=80)
    shorten(log, end_bytes=80)
    assert parts(log) == (written[:80], len(written) - 160, written[-80:])


def test_who_adds_afterwards_goes_on_at_the_end(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with log.open("ab", buffering=0) as file:
        file.write(b"a" * 100)
        shorten(log, end_bytes=10)
        file.write(b"b" * 10)
        shorten(log, end_bytes=10)
    assert parts(log) == (b"a" * 10, 90, b"b" * 10)


def test_a_log_that_is_gone_or_none_stops_nothing(tmp_path: Path) -> None:
    shorten(tmp_path / "none", end_bytes=1)
    shorten(tmp_path, end_bytes=1)
