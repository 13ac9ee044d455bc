"""Text files in whole lines, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from habitus.files.inputfile import InputFile

BLOCK_BYTES = 1 << 20
MAX_LINE_BYTES = 1 << 20
OVERLONG = f"a line of more than {MAX_LINE_BYTES >> 20} MiB"


def line_blocks(file: InputFile, on_overlong: Callable[[], None]) -> Iterator[bytes]:
    """Blocks of whole lines, each ended by a newline, the last one too.

    A line longer than `MAX_LINE_BYTES` is left out; ``on_overlong`` hears of it between the blocks
    around it.
    """
    left = b""
    overlong = False
    while block := file.stream.read(BLOCK_BYTES):
        newline = block.find(b"\n")
        # Counted here, so that where blocks begin does not decide which lines are read.
        n_bytes = len(left) + (newline if newline >= 0 else len(block))
        if not overlong and n_bytes > MAX_LINE_BYTES:
            on_overlong()
            left, overlong = b"", True
        if overlong:
            if newline < 0:
                continue
            block, overlong = block[newline + 1 :], False
        block = left + block
        cut = block.rfind(b"\n") + 1
        if cut:
            yield block[:cut]
        left = block[cut:]
    if left:
        yield left + b"\n"


def first_lines(head: bytes, most: int) -> list[bytes]:
    """The first lines of a head, blank ones left out; one that it ends within only if alone."""
    *whole, rest = head.split(b"\n", most)
    found = [line for line in whole if line.strip()]
    return found or [line for line in rest.split(b"\n", 1)[:1] if line.strip()]


def shown(line: bytes, most: int = 60) -> str:
    """The first bytes of a line, quoted, whatever they are: for what is said of it."""
    start = line[:most].decode("utf-8", "backslashreplace").strip()
    return repr(start + "..." * (len(line) > most))


def as_text(block: bytes) -> NDArray[np.uint8]:
    """A block as compiled loops want it."""
    return np.frombuffer(block, dtype=np.uint8)
