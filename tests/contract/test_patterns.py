"""Regular expressions mean the same in every Python that Habitus runs on."""

from __future__ import annotations

import re
from pathlib import Path

import habitus

# Before Python 3.11.5 a possessive group that fails half-way keeps what it had read.
_POSSESSIVE_GROUP = re.compile(r"(?<!\\)\)(?:[?*+]|\{\d*,?\d*\})\+|\(\?>")
_RAW_STRING = re.compile(r"""\br?b?r?(?P<quote>["'])(?:(?!(?P=quote))[^\\\n]|\\.)*(?P=quote)""")


def test_no_pattern_has_a_possessive_group() -> None:
    found = [
        f"{path.name}: {text}"
        for path in Path(habitus.__file__).parent.rglob("*.py")
        for text in (match[0] for match in _RAW_STRING.finditer(path.read_text(encoding="utf-8")))
        if text.startswith("r") and _POSSESSIVE_GROUP.search(text)
    ]
    assert found == []


def test_such_a_group_would_be_found() -> None:
    assert all(map(_POSSESSIVE_GROUP.search, ("(?:a)?+", "(ab){2,3}+", "(?>ab)", r"(a\))++")))
    assert not any(map(_POSSESSIVE_GROUP.search, (r"\d{1,7}+", r"\)++", "(?:a)?", r"[)]++ b")))
