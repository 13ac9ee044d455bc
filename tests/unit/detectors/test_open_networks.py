"""Networks that read calls never seen as their kin: what they cost, and what stays strange."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_traces import fitted
from hypothesis import given, settings
from hypothesis import strategies as st

from habitus import TraceSet
from habitus.syscalls import dangerous_calls
from segments import segmented

if TYPE_CHECKING:
    from habitus.detectors.base import SequenceDetector

NORMAL = [
    ["openat", "fstat", "read", "read", "close", "setuid", "write"],
    ["openat", "read", "close", "socket", "connect", "sendto", "recvfrom", "close"],
    ["openat", "fstat", "mmap", "close", "write", "write"],
]
CALLS = sorted({call for trace in NORMAL for call in trace})
SETTINGS: dict[str, dict[str, object]] = {
    "lstm": {"cells": "8", "embedding": 4, "baseline": 0},
    "lstm of windows": {"cells": "8", "embedding": 4, "baseline": 0, "window": 2},
    "lstm beside a chain": {"cells": "8", "embedding": 4},
    "transformer": {"width": 8, "heads": 2, "layers": 1, "baseline": 0},
    "autoencoder": {"length": 2, "hidden": 8, "embedding": 4, "code": 4},
}


@cache
def network(name: str, kin_share: float = 0.05) -> SequenceDetector:
    detector = name.split(" ", maxsplit=1)[0]
    return fitted(detector, NORMAL, **SETTINGS[name], epochs=2, stop_share=0, kin_share=kin_share)


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "autoencoder"])
def test_an_unseen_call_costs_its_kin_and_what_it_borrows(name: str) -> None:
    opened, closed = network(name, 0.1), network(name, 0.0)
    novel = [novel for novel, known in opened.vocabulary.kin if known == "openat"]
    assert "open" in novel
    plain = closed.surprise(
        TraceSet.from_names([["setuid", "setuid", "openat", "fstat", "setuid"]])
    )
    met = opened.surprise(TraceSet.from_names([["setuid", "setuid", "open", "fstat", "setuid"]]))
    # The network reads openat; fstat, which has kin of its own, keeps nine parts in ten.
    assert met[2] - plain[2] == pytest.approx(np.log(len(novel) / 0.1), abs=1e-4)
    assert met[3] - plain[3] == pytest.approx(-np.log(0.9), abs=1e-4)
    assert met[4] - plain[4] == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("name", ["lstm", "transformer"])
def test_what_is_left_to_kin_is_what_they_stand_for_lost(name: str) -> None:
    opened, closed = network(name), network(name, 0.0)

    def share_of(detector: SequenceDetector, calls: list[str]) -> float:
        traces = TraceSet.from_names([["openat", "fstat", call] for call in calls])
        return float(np.exp(-detector.surprise(traces)[2::3].astype(float)).sum())

    novel = [novel for novel, _ in opened.vocabulary.kin]
    given_share = share_of(opened, [*CALLS, *novel])
    assert given_share == pytest.approx(share_of(closed, CALLS), rel=1e-4)
    assert given_share < 1


@pytest.mark.parametrize("name", ["lstm", "lstm of windows", "transformer"])
def test_expectations_and_chances_leave_the_share_to_kin(name: str) -> None:
    opened = network(name)
    history = opened.vocabulary.symbols_of(("openat", "fstat"))
    traces = TraceSet.from_names([["openat", "fstat", call] for call in CALLS])
    measured = np.exp(-opened.surprise(traces)[2::3].astype(float))
    predictor, expected = opened.predictor(), opened.expected(history, top=len(CALLS))
    assert predictor is not None
    assert expected is not None
    predictor.observe(history)
    np.testing.assert_allclose(predictor.chances(), measured, rtol=1e-4)
    assert dict(expected.calls) == pytest.approx(
        dict(zip(CALLS, measured.tolist(), strict=True)), rel=1e-4
    )


def test_windows_share_what_their_calls_borrow() -> None:
    opened, closed = network("autoencoder", 0.1), network("autoencoder", 0.0)
    n_novel = sum(known == "openat" for _, known in opened.vocabulary.kin)
    plain = closed.surprise(TraceSet.from_names([["setuid", "openat", "setuid", "setuid"]]))
    met = opened.surprise(TraceSet.from_names([["setuid", "open", "setuid", "setuid"]]))
    assert np.isnan(met[0])
    more = np.log(n_novel / 0.1) / 2
    np.testing.assert_allclose(met[1:] - plain[1:], [more, more, 0], atol=1e-4)


def test_a_squared_error_is_no_probability_to_borrow_of() -> None:
    opened = fitted(
        "autoencoder", NORMAL, **SETTINGS["autoencoder"], epochs=1, stop_share=0, target="embedding"
    )
    met, kin = (
        opened.surprise(TraceSet.from_names([["setuid", call, "read"]]))
        for call in ("open", "openat")
    )
    np.testing.assert_array_equal(met, kin)


@pytest.mark.parametrize("name", SETTINGS)
@settings(deadline=None, max_examples=10)
@given(
    trace=st.lists(st.sampled_from(CALLS), min_size=3, max_size=12),
    call=st.sampled_from([call for call in dangerous_calls() if call not in CALLS]),
    place=st.integers(0, 12),
)
def test_dangerous_calls_stay_as_strange(
    name: str, trace: list[str], call: str, place: int
) -> None:
    changed = list(trace)
    changed.insert(min(place, len(changed)), call)
    traces = TraceSet.from_names([changed])
    opened, closed = network(name).surprise(traces), network(name, 0.0).surprise(traces)
    defined = np.isfinite(closed)
    assert (opened[defined] >= closed[defined] - 1e-5).all()


@pytest.mark.parametrize("name", SETTINGS)
@settings(deadline=None, max_examples=10)
@given(
    data=st.data(),
    trace=st.lists(st.sampled_from([*CALLS, "open", "ptrace"]), min_size=1, max_size=12),
)
def test_a_stream_in_segments_reads_kin_as_whole_traces_do(
    name: str, data: st.DataObject, trace: list[str]
) -> None:
    detector = network(name)
    stream = detector.stream()
    parts = [stream.push(batch) for batch in data.draw(segmented([trace]))]
    whole = detector.surprise(TraceSet.from_names([trace]))
    np.testing.assert_allclose(np.concatenate(parts), whole, atol=1e-4)
