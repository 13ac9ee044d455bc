"""What is judged, whatever recordings and attacks are called."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from habitus.evaluation.breakdown import per_attack, per_folder
from habitus.evaluation.judged import judged_of, numbered
from habitus.evaluation.protocols import Protocol, get_protocol
from habitus.evaluation.unit_scores import ScoreKeeper
from habitus.traces.traceset import Label, TraceInfo, TraceSet

RECORDINGS = get_protocol("folder")
TRACES = replace(RECORDINGS, unit="trace")


def traces_of(groups: list[str], attacks: list[str]) -> TraceSet:
    infos = [
        TraceInfo(str(i), "s", Label.ATTACK if attack else Label.NORMAL, attack, group)
        for i, (group, attack) in enumerate(zip(groups, attacks, strict=True))
    ]
    return TraceSet.from_names([["a"]] * len(groups), infos=infos)


def test_names_are_numbered_in_order() -> None:
    names, numbers = numbered(["b", "a", "b", "a\0", ""])
    assert names == ["", "a", "a\0", "b"]
    assert numbers.tolist() == [3, 1, 3, 2, 0]
    assert numbered([])[1].dtype == np.int64


@pytest.mark.parametrize("protocol", [TRACES, RECORDINGS])
def test_one_long_name_takes_no_more_memory_than_itself(protocol: Protocol) -> None:
    """Not its length times the number of traces: whoever made the data chose it."""
    n, long = 500, "x" * 200_000
    traces = traces_of(
        [long, *map(str, range(1, n))], ["", long, *("" if i % 2 else "k" for i in range(2, n))]
    )
    scores = np.arange(float(n))
    tracemalloc.start()
    judged = judged_of(traces, scores, np.zeros(n, bool), protocol)
    keeper = ScoreKeeper(traces, protocol)
    keeper.add("m", scores)
    sides = judged.of(Label.NORMAL), judged.of(Label.ATTACK)
    per_attack(*sides, (0.01,), seed=1, replicates=2)
    per_folder(traces, *sides, (0.01,), None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20 << 20
    assert keeper.kept.n_units == n


def test_recordings_whose_names_differ_by_a_null_are_two() -> None:
    traces = traces_of(["a", "a\0", "a"], ["", "k", ""])
    judged = judged_of(traces, np.array([1.0, 2, 3]), np.zeros(3, bool), RECORDINGS)
    assert judged.scores.tolist() == [3, 2]
    assert judged.labels.tolist() == [Label.NORMAL, Label.ATTACK]
    assert ScoreKeeper(traces, RECORDINGS).kept.names == ("a", "a\0")
