"""What tests of detectors draw at random, and how they fit a detector on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import strategies as st

from habitus.detectors import get_detector
from habitus.traces.traceset import TraceSet

if TYPE_CHECKING:
    from habitus.detectors.base import SequenceDetector


def traces_of(alphabet: str, min_traces: int) -> st.SearchStrategy[list[list[str]]]:
    """Few different calls, so that windows repeat; empty traces and traces of one call, too."""
    trace = st.lists(st.sampled_from(alphabet), max_size=14)
    return st.lists(trace, min_size=min_traces, max_size=6)


LEARNED = traces_of("abcd", 1).filter(any)
JUDGED = traces_of("abcdXY", 0)  # X and Y are calls that training never saw
HISTORY = st.lists(st.sampled_from("abcdX"), max_size=20)
LENGTHS = st.integers(1, 18)  # beyond every trace's length
FLOORS = st.sampled_from([1.0, 4.0, 6.0, 341.0])


def fitted(name: str, traces: list[list[str]], **settings: object) -> SequenceDetector:
    detector = get_detector(name).with_settings(settings)
    detector.fit(TraceSet.from_names(traces))
    return detector
