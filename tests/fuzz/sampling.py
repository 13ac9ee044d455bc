"""What a fuzzer leaves out of most inputs, and numbers that are smaller for its sake."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator

THOROUGH = True
"""Whether each input is read in every way; a fuzzer rather reads another input."""


def is_chosen(data: bytes, mask: int) -> bool:
    """Whether an input is among those of which more is asked: of a fuzzer's one in ``mask`` + 1."""
    return THOROUGH or not crc32(data) & mask


@contextmanager
def replaced(*changes: tuple[Any, str, object]) -> Iterator[None]:
    """Modules with other values for some names, for a while."""
    before = [(module, name, getattr(module, name)) for module, name, _ in changes]
    for module, name, value in changes:
        setattr(module, name, value)
    try:
        yield
    finally:
        for module, name, value in before:
            setattr(module, name, value)
