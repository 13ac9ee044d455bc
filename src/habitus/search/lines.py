"""On which line of a TOML file a key stands, which Python's reader does not tell."""

from __future__ import annotations

import tomllib
from typing import Any


def line_of(text: str, keys: tuple[str | int, ...]) -> int | None:
    """The line, from 1, on which the statement begins that gives a key its value.

    A statement is whole where all lines up to its last one can be read as TOML: a key belongs to
    the first statement after which it is there. Of a key that is nowhere, the nearest above it that
    is; None if there is none.

    >>> line_of("a = 1\\n\\n[b]\\nc = [\\n  2,\\n]\\n", ("b", "c"))
    4
    """
    for n in range(len(keys), 0, -1):
        found = _line(text, keys[:n])
        if found is not None:
            return found
    return None


def _line(text: str, keys: tuple[str | int, ...]) -> int | None:
    lines = text.splitlines(keepends=True)
    begin = 0
    for end in range(1, len(lines) + 1):
        try:
            read = tomllib.loads("".join(lines[:end]))
        except tomllib.TOMLDecodeError:  # in the midst of a value
            continue
        if _has(read, keys):
            return begin + 1
        begin = end
    return None


def _has(value: Any, keys: tuple[str | int, ...]) -> bool:
    for key in keys:
        if isinstance(value, dict) and key in value:
            value = value[str(key)]
        elif isinstance(value, list) and isinstance(key, int) and key < len(value):
            value = value[key]
        else:
            return False
    return True
