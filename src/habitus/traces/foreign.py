"""What a file is that no format reads: said by name where it is known, else the nearest format.

Nothing here decides what is read. A file comes here once no format has recognised it, and this only
finds the words that tell its owner what to do.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING

from habitus.traces.foreign_kinds import KINDS
from habitus.traces.formats import format_names, get_format

if TYPE_CHECKING:
    from habitus.traces.foreign_kinds import Kind

LEAST_ALIKE = 0.4
"""A format whose sample is less like a file than this is no guess worth making."""
_LOOKED_AT_LINES = 40
_LOOKED_AT_BYTES = 300
_SHOWN_BYTES = 120


def known_kind(head: bytes, format: str | None = None) -> Kind | None:  # noqa: A002
    """The kind of a file that is no trace; None if it is none that is known.

    Args:
        head: the file's first bytes, decompressed.
        format: the format that it was taken for, or None if none recognised it.
    """
    for kind in KINDS:
        if (format is None or kind.format == format) and kind.recognises(head):
            return kind
    return None


def nearest_format(head: bytes) -> str | None:
    """The format whose sample is most like a file by the shape of its lines; None if none is."""
    if b"\0" in head:
        return None
    shape = _shape(head)
    alike = {
        name: _cosine(shape, _shape(get_format(name).sample.encode())) for name in format_names()
    }
    best = max(alike, key=lambda name: alike[name], default=None)
    return best if best is not None and alike[best] >= LEAST_ALIKE else None


def reason(head: bytes) -> str:
    """Why a file is not read, in a few words."""
    kind = known_kind(head)
    return "no format recognises it" if kind is None else kind.reason


def refusal(head: bytes) -> str:
    """Why a file is not read, with the formats there are and the nearest of them."""
    said = f"{reason(head)}; {known_formats()}"
    kind = known_kind(head)
    nearest = None if kind is not None and kind.format else nearest_format(head)
    if nearest is None:
        return said
    sample = get_format(nearest).sample.split("\n", 1)[0][:_SHOWN_BYTES]
    return f"{said}; of these nearest, by the look of its lines alone: {nearest} ({sample})"


def known_formats() -> str:
    """All formats, by name."""
    return f"formats: {', '.join(format_names())} (what they are: habitus formats)"


def _shape(text: bytes) -> Counter[bytes]:
    """Trigrams of the shapes of lines: letters are ``a``, digits ``9``, runs of one are single."""
    counts: Counter[bytes] = Counter()
    for line in text.split(b"\n", _LOOKED_AT_LINES)[:_LOOKED_AT_LINES]:
        shape = re.sub(rb"[A-Za-z\x80-\xff]+", b"a", line[:_LOOKED_AT_BYTES].strip())
        shape = b"^" + re.sub(rb"\s+", b" ", re.sub(rb"[0-9]+", b"9", shape)) + b"$"
        counts.update(shape[i : i + 3] for i in range(len(shape) - 2))
    return counts


def _cosine(one: Counter[bytes], other: Counter[bytes]) -> float:
    product = sum(count * other[gram] for gram, count in one.items())
    norms = math.hypot(*one.values()) * math.hypot(*other.values())
    return product / norms if norms else 0.0
