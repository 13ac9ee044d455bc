"""Writing `plain`: a trace a line, in the order in which traces end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import UsageError
from habitus.storage import atomic_write

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from habitus.traces.traceset import TraceSet

PLAIN_NAME = re.compile(rb"[A-Za-z_][A-Za-z0-9_.:-]{0,99}")


def write_plain(path: str | os.PathLike[str], batches: Iterable[TraceSet]) -> None:
    """Write batches to a new file of plain text, which appears whole or not at all.

    Calls alone are written: labels, names of traces, times and places are not in such a file. A
    trace that comes in segments waits, at two bytes a call, until its last one.

    Raises:
        UsageError: if a call's name could not be read back.
    """
    with atomic_write(path) as file:
        for line in _lines(batches):
            file.write(line)
            file.write(b"\n")


def _lines(batches: Iterable[TraceSet]) -> Iterator[bytes]:
    numbers: dict[str, int] = {}  # of all batches, so that segments can wait as numbers
    waiting: dict[str, list[NDArray[np.uint16]]] = {}
    words = np.zeros(0, dtype=object)
    for batch in batches:
        lookup = np.array([numbers.setdefault(name, len(numbers)) for name in batch.alphabet])
        if len(numbers) > len(words):
            words = np.array([_word(name) for name in numbers], dtype=object)
        calls = lookup.astype(np.uint16)[batch.calls] if len(lookup) else batch.calls
        for row, info in enumerate(batch.infos):
            part = calls[batch.offsets[row] : batch.offsets[row + 1]]
            if info.whole:
                yield b" ".join(words[part])
                continue
            parts = waiting.setdefault(info.name, [])
            parts.append(part.copy())
            if info.ends:
                yield b" ".join(words[np.concatenate(waiting.pop(info.name))])
    for parts in waiting.values():  # a reading that broke off
        yield b" ".join(words[np.concatenate(parts)])


def _word(name: str) -> bytes:
    word = name.encode()
    if PLAIN_NAME.fullmatch(word) is None:
        raise UsageError(
            f"the call name {name!r} cannot stand in plain text, where blanks divide calls; a "
            "native file keeps it (--to native)"
        )
    return word
