"""What stands in a journal, taken for what it should be or for nothing."""

from __future__ import annotations

import math
from typing import Any


def number_of(value: Any) -> float:
    """A finite number.

    Raises:
        ValueError: if it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"no number: {value!r:.40}")
    return float(value)


def whole_of(value: Any) -> int:
    """A whole number.

    Raises:
        TypeError: if it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"no whole number: {value!r:.40}")
    return value
