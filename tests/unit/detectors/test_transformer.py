"""The transformer as a detector: its memory ends where it says, and cannot be made endless."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest

from habitus.detectors import get_detector
from habitus.errors import UsageError
from habitus.traces.traceset import TraceSet

if TYPE_CHECKING:
    from habitus.detectors.base import SequenceDetector

NORMAL = [list("abcabcabdabc" * 3), list("abdabcabcabc" * 2), list("cabcabcabd")]


@cache
def fitted() -> SequenceDetector:
    """It reaches 1 + 2 + 2 calls."""
    detector = get_detector("transformer").with_settings(
        {"layers": 2, "window": 3, "width": 8, "heads": 2, "epochs": 3}
    )
    detector.fit(TraceSet.from_names(NORMAL))
    return detector


def test_what_is_out_of_reach_is_forgotten() -> None:
    assert fitted().memory_calls == 5
    traces = [[first, *"abcabda"] for first in "abX"]
    rows = fitted().surprise(TraceSet.from_names(traces)).reshape(3, 8)
    assert np.array_equal(rows[0, 6:], rows[1, 6:])
    assert np.array_equal(rows[0, 6:], rows[2, 6:])
    # Where the first call can still be seen; what it costs itself says nothing of that.
    for row in (1, 2):
        assert (rows[0, 1:6] != rows[row, 1:6]).any()
    assert (rows[0, 5] != rows[1:, 5]).any(), "it reaches as far as it says"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layers": 64, "window": 4096}, "numbers to be remembered of each trace"),
        ({"width": 60, "heads": 4}, r"width \(60\) must be a multiple of twice the heads \(8\)"),
    ],
)
def test_what_cannot_be_built_is_refused(settings: dict[str, object], message: str) -> None:
    """A settings file from elsewhere must not make scoring take gigabytes."""
    with pytest.raises(UsageError, match=message):
        get_detector("transformer").with_settings(settings)
