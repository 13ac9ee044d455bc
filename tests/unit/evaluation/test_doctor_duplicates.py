"""Duplicates and near-duplicates: what is counted, of what, and how grave it is."""

from __future__ import annotations

import numpy as np
import pytest
from examinations import examined, nothing, only, traces_of, with_infos
from hypothesis import given
from hypothesis import strategies as st

from habitus.evaluation.doctor import near_duplicates as near
from habitus.evaluation.doctor.duplicates import (
    attacks_equal_learned,
    attacks_equal_normals,
    normals_equal_learned,
    repeated_traces,
)
from habitus.evaluation.doctor.examination import examined_of

A, B, C = "open read close", "open write close", "socket connect"


def test_repeated_traces_are_counted_by_part() -> None:
    data = examined(learned=[A, B], normal=[A, A, A, B, B, C])
    finding = only(repeated_traces, data)
    assert finding.parts == ("normal",)
    assert (finding.count, finding.out_of) == (3, 6)
    assert finding.numbers == {"distinct": 3, "most_frequent": 3}
    assert finding.examples == ("normal/0 stands 3 times", "normal/3 stands 2 times")
    assert finding.severity == "warning"


def test_normals_that_were_learned_are_told_with_what_they_equal() -> None:
    finding = only(normals_equal_learned, examined(learned=[B, A], normal=[A, C, A, *"stuvw"]))
    assert (finding.count, finding.out_of) == (2, 8)
    assert finding.numbers == {"distinct": 1}
    assert finding.examples == ("normal/0 = learned/1", "normal/2 = learned/1")
    assert finding.severity == "serious"


@pytest.mark.parametrize(("n_others", "severity"), [(3, "serious"), (98, "warning"), (999, "note")])
def test_severity_goes_by_the_share(n_others: int, severity: str) -> None:
    others = [" ".join(["read"] * (i + 2)) for i in range(n_others)]
    finding = only(normals_equal_learned, examined(learned=[A], normal=[A, *others]))
    assert finding.severity == severity


def test_attacks_equal_to_normals_and_to_learned_traces_are_told_apart() -> None:
    data = examined(learned=[A], normal=[B, C], attack=[A, B, B, "mount"])
    equal, learned = only(attacks_equal_normals, data), only(attacks_equal_learned, data)
    assert (equal.count, learned.count, equal.out_of) == (2, 1, 4)
    assert learned.examples == ("attack/0 = learned/0",)


def test_ordinary_threads_in_an_attack_s_recording_are_no_more_than_a_warning() -> None:
    """The attack hides only where every thread of its recording is as a normal one."""
    traces = traces_of(normal=[A, B], attack=[A, "mount", A, B])
    groups = ["n0", "n1", "a0", "a0", "a1", "a1"]
    hidden = with_infos(traces, thread=range(6), group=groups)
    finding = only(attacks_equal_normals, examined_of(hidden))
    assert "of 2 recordings 1 wholly" in finding.title
    assert (finding.count, finding.severity) == (3, "serious")
    seen = with_infos(traces, thread=range(6), group=[*groups[:4], "a0", "a0"])
    assert only(attacks_equal_normals, examined_of(seen)).severity == "warning"


def test_data_without_duplicates_give_no_finding() -> None:
    data = examined(learned=[A], normal=[B], attack=[C])
    for check in (
        repeated_traces, normals_equal_learned, attacks_equal_normals, attacks_equal_learned,
    ):  # fmt: skip
        assert nothing(check, data)


def windows(trace: str) -> set[tuple[str, ...]]:
    calls = trace.split()
    return {tuple(calls[i : i + near.WINDOW]) for i in range(len(calls) - near.WINDOW + 1)}


TRACES = st.lists(
    st.lists(st.sampled_from("abc"), min_size=6, max_size=30).map(" ".join), min_size=1, max_size=6
)


@given(learned=TRACES, judged=TRACES)
def test_containment_is_that_of_sets_of_windows(learned: list[str], judged: list[str]) -> None:
    data = examined(learned=learned, normal=judged)
    n = len(learned)
    judged_at = np.arange(n, n + len(judged))
    ((share, holder, done),) = near.containment(data, np.arange(n), [judged_at])
    assert done == len(judged)
    for i, trace in enumerate(judged):
        mine = windows(trace)
        held = [len(mine & windows(other)) for other in learned]
        assert share[i] == max(held) / len(mine)
        assert held[holder[i]] == max(held)


def test_windows_must_stand_in_one_single_learned_trace() -> None:
    """Halves that two learned traces hold make no near-duplicate."""
    left, right = " ".join("abcdefghijklmn"), " ".join("nopqrstuvwxyz")
    assert nothing(near.near_duplicates, examined(learned=[left, right], normal=[left + right[1:]]))


def test_near_duplicates_count_every_copy_and_no_duplicates_proper() -> None:
    long = [f"c{i}" for i in range(60)]
    nearly = [*long[:59], "other"]
    data = examined(learned=[long], normal=[long, nearly, nearly, "a b c d e f g"])
    finding = only(near.near_duplicates, data)
    # 54 of the 55 windows: all but the one that ends in `other`.
    assert (finding.count, finding.out_of, finding.numbers["distinct"]) == (2, 3, 1)
    assert finding.examples == ("normal/1 is 98% in learned/0",)
    assert finding.severity == "serious"


def test_large_data_are_sampled_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    long = [f"c{i}" for i in range(60)]
    judged = [[*long[: 59 - i], "other"] for i in range(9)]
    data = examined(learned=[long], normal=judged)
    monkeypatch.setattr(near, "MAX_CALLS", 240)
    first = only(near.near_duplicates, data)
    assert 3 <= first.numbers["looked_at"] <= 4
    assert "of 9 sequences, held against 1 of 1)" in first.title
    assert only(near.near_duplicates, data) == first
    monkeypatch.setattr(near, "MAX_CALLS", 10_000)
    monkeypatch.setattr(near, "MAX_WORK", 100)
    assert only(near.near_duplicates, data).numbers["looked_at"] == 2


def test_one_trace_too_long_to_look_at_takes_no_other_with_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    long = [f"c{i}" for i in range(60)]
    nearly = [*long[:59], "other"]
    monkeypatch.setattr(near, "MAX_CALLS", 100)
    data = examined(learned=[long * 3, long], normal=[nearly * 3, nearly])
    finding = only(near.near_duplicates, data)
    assert finding.examples == ("normal/1 is 98% in learned/1",)
    assert "1 of 2 sequences, held against 1 of 2)" in finding.title


def test_an_alphabet_too_large_for_exact_numbers_is_hashed() -> None:
    traces = [[f"c{i}" for i in range(k, k + 1700)] for k in (0, 10)]
    data = examined(learned=traces[:1], normal=traces[1:])
    ((share, _, _),) = near.containment(data, np.array([0]), [np.array([1])])
    assert len(data.traces.alphabet) ** near.WINDOW > 1 << 64
    assert share[0] == 1685 / 1695
