"""The shortcut alarm: what counting tells, against scikit-learn, and when it is chance."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from examinations import examined, nothing, only
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from habitus.evaluation.doctor.shortcuts import area_by_chance, shortcuts
from habitus.evaluation.doctor.statistics import areas_of_statistics

TRACES = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=8), min_size=1, max_size=6)


@given(normal=TRACES, attack=TRACES)
def test_areas_are_those_of_the_plain_statistics(
    normal: list[list[str]], attack: list[list[str]]
) -> None:
    data = examined(normal=normal, attack=attack)
    n = len(normal)
    found = areas_of_statistics(data, np.arange(n), np.arange(n, n + len(attack)))
    labels = [0] * n + [1] * len(attack)
    values = {"calls": [len(t) for t in normal + attack]}
    values["distinct calls"] = [len(set(t)) for t in normal + attack]
    for call in {c for t in normal + attack for c in t}:
        counts = [Counter(t)[call] for t in normal + attack]
        values[f"presence of {call}"] = [int(c > 0) for c in counts]
        values[f"share of {call}"] = [
            c / len(t) for c, t in zip(counts, normal + attack, strict=True)
        ]
    assert {area.name for area in found} == set(values)
    for area in found:
        more = roc_auc_score(labels, values[area.name])
        assert area.auc == pytest.approx(max(more, 1 - more))
        assert more == pytest.approx(0.5) or area.stranger == ("more" if more > 0.5 else "fewer")
    assert [a.auc for a in found] == sorted((a.auc for a in found), reverse=True)


@given(normal=TRACES, attack=TRACES, least=st.floats(0.5, 1))
def test_calls_that_are_passed_over_could_not_have_reached_it(
    normal: list[list[str]], attack: list[list[str]], least: float
) -> None:
    data = examined(normal=normal, attack=attack)
    n = len(normal)
    sides = np.arange(n), np.arange(n, n + len(attack))
    everything = {a.name: a.auc for a in areas_of_statistics(data, *sides)}
    kept = {a.name for a in areas_of_statistics(data, *sides, at_least=least)}
    assert all(auc <= least + 1e-12 for name, auc in everything.items() if name not in kept)


@given(TRACES)
def test_distinct_calls(traces: list[list[str]]) -> None:
    data = examined(normal=traces)
    assert data.distinct_calls.tolist() == [len(set(t)) for t in traces]


def many(calls: str, n: int) -> list[str]:
    """Different traces of the same calls, of two lengths in turn."""
    return [f"{calls} " + "read " * (i % 40 + 1) for i in range(n)]


def test_a_call_that_gives_the_label_away_is_named() -> None:
    data = examined(normal=many("open close", 40), attack=many("open mount", 40))
    finding = only(shortcuts, data)
    assert finding.severity == "serious"
    assert finding.numbers["auc"] == 1
    assert finding.title.startswith(
        "'absence of close' alone tells attacks from normals: AUC 1.000"
    )


def test_the_direction_on_distinct_traces_is_the_one_on_all() -> None:
    """A statistic that turns round when duplicates go reads below one half there."""
    normal = ["read " * 9] * 30 + ["read " * (i + 1) for i in range(4)]
    attack = ["read " * (5 + i % 3) + "open" for i in range(60)]
    finding = only(shortcuts, examined(normal=normal, attack=attack))
    shown = dict(e.split(": AUC ") for e in finding.examples)
    # 30 of 34 normals are longer than any attack; of the five distinct ones, one is.
    assert shown["fewer calls"] == "0.882, 0.200 on distinct normals"


def test_few_traces_look_like_a_shortcut_by_chance() -> None:
    data = examined(normal=["a b", "a c", "b c"], attack=["d e", "d f", "e f"])
    assert area_by_chance(3, 3, 14) > 1
    assert nothing(shortcuts, data)


def test_labels_that_nothing_tells_give_no_finding() -> None:
    traces = many("open close", 80)
    assert nothing(shortcuts, examined(normal=traces[::2], attack=traces[1::2]))
    assert nothing(shortcuts, examined(normal=traces))
