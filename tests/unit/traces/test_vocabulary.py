"""`Vocabulary`: what a detector knows, and the symbol of everything else."""

from __future__ import annotations

import numpy as np
import pytest

from habitus.errors import UsageError
from habitus.traces.traceset import TraceInfo, TraceSet
from habitus.traces.vocabulary import UNKNOWN, Vocabulary


def test_only_the_names_that_occur_are_learned_and_sorted() -> None:
    traces = TraceSet(
        np.array([2, 0], np.uint16), np.array([0, 2]), ("read", "never", "close"),
        (TraceInfo("t", "f"),),
    )  # fmt: skip
    vocabulary = Vocabulary.of(traces)
    assert vocabulary.names == ("close", "read")
    assert len(vocabulary) == 2
    assert "read" in vocabulary
    assert "never" not in vocabulary


def test_a_call_outside_is_the_unknown_symbol_whatever_the_alphabet() -> None:
    vocabulary = Vocabulary(("close", "openat", "read"))
    traces = TraceSet.from_names([["read", "bpf", "openat"], ["ptrace", "close"]])
    assert vocabulary.encode(traces).tolist() == [2, 65_535, 1, 65_535, 0]
    assert int(UNKNOWN) == 65_535
    assert vocabulary.encode(traces).dtype == np.uint16


def test_empty_traces_encode_to_nothing() -> None:
    assert Vocabulary(("close",)).encode(TraceSet.from_names([[]])).tolist() == []
    assert Vocabulary.of(TraceSet.from_names([])).names == ()
    assert Vocabulary(()).encode(TraceSet.from_names([["read"]])).tolist() == [65_535]


def test_a_name_may_stand_in_it_once_and_the_unknown_symbol_stays_free() -> None:
    with pytest.raises(UsageError, match="different names"):
        Vocabulary(("read", "read"))
    assert len(Vocabulary(tuple(map(str, range(65_535))))) == 65_535
    with pytest.raises(UsageError, match="at most 65535"):
        Vocabulary(tuple(map(str, range(65_536))))
