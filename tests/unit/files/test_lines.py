"""Whole lines out of blocks, wherever the blocks begin."""

from __future__ import annotations

import io
from typing import cast

import pytest

from habitus.files import lines
from habitus.files.inputfile import InputFile


@pytest.mark.parametrize("before", [0, 1, 50, 99])
@pytest.mark.parametrize("length", [99, 100, 101, 150, 199, 200, 201, 1000])
def test_a_lines_length_alone_decides_whether_it_is_read(
    monkeypatch: pytest.MonkeyPatch, before: int, length: int
) -> None:
    for name in ("BLOCK_BYTES", "MAX_LINE_BYTES"):
        monkeypatch.setattr(lines, name, 100)
    wanted = [b"b" * before, b"x" * length, b"after"]
    stream = io.BufferedReader(cast("io.RawIOBase", io.BytesIO(b"\n".join(wanted))))
    overlong: list[bool] = []
    blocks = lines.line_blocks(InputFile("f", "f", stream), lambda: overlong.append(True))
    read = b"".join(blocks).splitlines()
    assert read == [line for line in wanted if len(line) <= 100]
    assert len(overlong) == (length > 100)


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (b"a\n\n b\r\nc", [b"a", b" b\r"]),  # c may go on behind the head
        (b"a\nb\n", [b"a", b"b"]),
        (b"a\nb\nc\nd\ne", [b"a", b"b", b"c"]),
        (b"\n\n\na\nb", [b"a"]),
        (b"\n\n\n\n", []),
        (b"a", [b"a"]),
        (b"\na", [b"a"]),
        (b" \t\r", []),
        (b"", []),
    ],
)
def test_the_first_lines_of_a_head_are_whole_and_not_blank(head: bytes, found: list[bytes]) -> None:
    assert lines.first_lines(head, 3) == found
