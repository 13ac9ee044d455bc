"""Thresholds for programs never seen: how rules set them, and what is counted against them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from habitus import TraceSet
from habitus.traces.traceset import TraceInfo

if TYPE_CHECKING:
    from collections.abc import Callable

FAMILIES = ("files", "text")


@pytest.fixture
def rules(benchmark_script: Callable[[str], Any]) -> Any:
    return benchmark_script("strangers_rules")


def judged(rules: Any, programs: list[str], scores: list[float], lengths: list[int]) -> Any:
    infos = [
        TraceInfo(f"{FAMILIES[i % 2]}/scenario/01-01/{i:04}-{name}", "made here")
        for i, name in enumerate(programs)
    ]
    traces = TraceSet.from_names([["read"] * n for n in lengths], infos=infos)
    row = {
        "scores": {"mean": scores}, "unseen names": [0.0] * len(scores),
        "unseen pairs": [0.0] * len(scores),
    }  # fmt: skip
    return rules.Judged.of(traces, np.zeros(len(scores), dtype=np.int64), [row])


def test_what_was_never_learned_is_counted_by_trace(rules: Any) -> None:
    learned = TraceSet.from_names([["open", "read"], ["close"]])
    told = TraceSet.from_names([["open", "read", "close", "ptrace"], ["read"]])
    names, pairs = rules.unseen_shares(learned, told)
    assert names.tolist() == [0.25, 0.0]
    assert pairs.tolist() == [0.5, 0.0]  # read close, and close ptrace


def test_a_threshold_keeps_its_share_of_the_weight(rules: Any) -> None:
    scores = np.arange(100.0)
    assert rules.quantile(scores, np.ones(100), 0.05) == 94.0
    heavy = np.where(scores == 99.0, 1000.0, 1.0)
    assert rules.quantile(scores, heavy, 0.05) == 99.0


def test_programs_weigh_the_same_however_often_they_ran(rules: Any) -> None:
    programs = np.array(["ls"] * 4 + ["cat"])
    assert rules.even_weights(programs).tolist() == [0.25] * 4 + [1.0]
    alarms = np.array([True, True, False, False, False])
    assert rules.mean_of_programs(alarms, programs) == pytest.approx(0.25)


def test_rules_by_length_hold_traces_against_traces_as_long(rules: Any) -> None:
    known = judged(
        rules, ["ls"] * 200, [*range(100), *range(1000, 1100)], [10] * 100 + [5000] * 100
    )
    crossed = rules.Crossed(known, known)
    of = judged(rules, ["cat", "cat", "cat"], [500.0, 500.0, 500.0], [10, 5000, 100])
    assert rules.Rule().alarms(crossed, of, 0.05).tolist() == [False, False, False]
    # Between the two nothing is known, and so nothing alarms.
    assert rules.Rule(by_length=True).alarms(crossed, of, 0.05).tolist() == [True, False, False]


def test_rules_by_start_hold_threads_against_threads(rules: Any) -> None:
    scores = [float(score) for score in range(100)]
    one = judged(rules, ["ls"] * 100, scores, [10] * 100)
    known = replace(one, starting=np.arange(100) < 50)
    crossed = rules.Crossed(known, known)
    of = judged(rules, ["cat", "cat"], [60.0, 60.0], [10, 10])
    of = replace(of, starting=np.array([True, False]))
    assert rules.Rule(by_start=True).alarms(crossed, of, 0.05).tolist() == [True, False]


def test_a_trace_starts_a_program_by_execve(rules: Any) -> None:
    traces = TraceSet.from_names([["read"], ["close", "execve", "brk"], ["futex"]])
    assert rules.starts(traces).tolist() == [False, True, False]
    assert rules.starts(traces.select([0])).tolist() == [False]
    assert rules.starts(TraceSet.from_names([["read"]])).tolist() == [False]


def test_every_rule_alarms_at_its_rate_where_programs_are_alike(rules: Any) -> None:
    random = np.random.default_rng(0)
    programs = [f"p{i % 50}" for i in range(4000)]
    one = judged(rules, programs, random.normal(size=4000).tolist(), [100] * 4000)
    parts = np.arange(4000) % 50 % 5
    parted = replace(one, parts=parts)
    found = rules.judged_by_rules(rules.Crossed(parted, parted), {"text": one})
    for (name, rate), row in found.items():
        assert row["all"][0] == pytest.approx(rules.share_of(rate), rel=0.4), name
