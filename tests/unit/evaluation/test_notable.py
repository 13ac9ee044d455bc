"""Traces worth a look, and what a model takes up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from adfa_tree import adfa_tree

import habitus
from habitus.evaluation.card.shown import scale_of, shown_of
from habitus.evaluation.cost import memory_of, peak_rss_bytes
from habitus.evaluation.judged import judged_of
from habitus.evaluation.notable import Notable
from habitus.evaluation.protocols import get_protocol
from habitus.models.files import load_model, save_model
from habitus.progress import SILENT
from habitus.traces.traceset import Label, TraceInfo

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.evaluation.results import Result


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(adfa_tree(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def model(tree: str) -> habitus.Model:
    return habitus.train("ngram", tree, settings={"order": 3}, false_alarms=0.2)


@pytest.fixture(scope="module")
def result(model: habitus.Model, tree: str) -> Result:
    return habitus.evaluate({"m": model}, tree).results[0]


def test_the_strangest_normals_are_those_with_the_highest_scores(
    model: habitus.Model, tree: str, result: Result
) -> None:
    traces = habitus.read_traces(tree)
    scores = dict(zip(traces.names, model.scores(traces), strict=True))
    judged = [i for i in traces.infos if i.split != "training"]
    normals = {i.name: scores[i.name] for i in judged if i.label is Label.NORMAL}
    attacks = {i.name: scores[i.name] for i in judged if i.label is Label.ATTACK}
    distinct = {
        tuple(traces.trace(row)): normals[info.name]
        for row, info in enumerate(traces.infos)
        if info.name in normals
    }
    shown = result.strangest_normals
    assert [trace.rank for trace in shown] == [1, 2, 3, 4, 5]
    assert [trace.score for trace in shown] == sorted(distinct.values())[::-1][:5]
    for trace in shown:
        assert trace.score == normals[trace.name]
        assert trace.n_beyond == sum(score <= trace.score for score in attacks.values())
        assert trace.label == "normal"
    for trace in result.most_normal_attacks:
        assert trace.score == attacks[trace.name]
        assert trace.n_beyond == sum(score >= trace.score for score in normals.values())
        assert trace.is_alert == model.decision.is_alert(trace.score)
    assert result.most_normal_attacks[0].score == min(attacks.values())


def test_a_typical_normal_and_the_strongest_attack_stand_beside_them(
    model: habitus.Model, tree: str, result: Result
) -> None:
    traces = habitus.read_traces(tree)
    scores = model.scores(traces)
    judged = [info.split != "training" for info in traces.infos]
    attacks = scores[judged & (traces.labels == Label.ATTACK)]
    typical, strongest = result.typical_normal, result.strongest_attack
    assert typical is not None
    assert strongest is not None
    assert strongest.score == attacks.max()
    assert typical.label == "normal"
    normals = np.sort(scores[judged & (traces.labels == Label.NORMAL)])
    # Normals that equal a training trace are not judged; the median lies among the others.
    assert normals[0] <= typical.score < result.strangest_normals[0].score
    assert typical.explanation is not None


def test_equal_sequences_are_shown_once_and_counted(model: habitus.Model) -> None:
    calls = [["a", "a", "a"], ["read", "b", "b"], ["a", "a", "a"], ["a", "a", "a"], ["read"] * 3]
    infos = [TraceInfo(name, "s", Label.NORMAL) for name in "vwxyz"]
    infos += [TraceInfo("attack", "s", Label.ATTACK)]
    test = habitus.TraceSet.from_names([*calls, ["a", "a", "a"]], infos=infos)
    scores = np.array([9.0, 5, 9, 9, 1, 7])
    judged = judged_of(test, scores, np.zeros(6, dtype=bool), get_protocol("adfa-ld"))
    sides = judged.of(Label.NORMAL), judged.of(Label.ATTACK)
    shown = Notable(model, test, *sides, 5.0, SILENT).strangest_normals()
    assert [(t.name, t.n_equal, t.n_beyond, t.is_alert) for t in shown] == [
        ("v", 3, 1, True), ("w", 1, 0, False), ("z", 1, 0, False),
    ]  # fmt: skip
    (attack,) = Notable(model, test, *sides, None, SILENT).most_normal_attacks()
    assert (attack.n_equal, attack.n_beyond, attack.is_alert) == (1, 3, None)


def test_a_shown_trace_is_explained_as_in_an_alert(
    model: habitus.Model, tree: str, result: Result
) -> None:
    trace = result.strangest_normals[0]
    _, explanation = habitus.explain(model, tree, trace=trace.name)
    record = trace.explanation
    assert record is not None
    assert record["first_call"] == explanation.first_call
    assert [call["name"] for call in record["calls"]] == [c.name for c in explanation.calls]
    assert record["strip"] == list(explanation.strip)


def test_strips_are_measured_by_the_threshold_where_it_is_their_measure(
    model: habitus.Model, result: Result
) -> None:
    threshold = model.decision.threshold
    assert scale_of(result) == threshold
    trace = result.strangest_normals[0]
    record: dict[str, Any] = dict(trace.explanation or {})
    record["strip"] = [None, 0.0, threshold / 2, threshold, 1.5 * threshold, 9 * threshold]
    shown = shown_of(trace.model_copy(update={"explanation": record}), result)
    assert [cell.level for cell in shown.strip] == [None, 0, 0, 1, 2, 3]
    assert [cell.height for cell in shown.strip] == pytest.approx([0, 0.06, 0.25, 0.5, 0.75, 1])
    whole = result.model_copy(update={"aggregation": "whole"})
    assert scale_of(whole) is None
    own = shown_of(trace.model_copy(update={"explanation": record}), whole)
    assert max(cell.height for cell in own.strip) == 1
    assert own.strip[3].height == pytest.approx(1 / 9)


def test_a_model_says_what_it_takes_up(model: habitus.Model, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    save_model(model, folder)
    loaded = load_model(folder)
    found = memory_of(str(folder), loaded)
    assert found.disk == sum(path.stat().st_size for path in folder.iterdir())
    assert found.detector == sum(array.nbytes for array in model.detector.state().values())
    assert found.remembered >= model.memory.symbols.nbytes
    assert memory_of("nowhere", loaded).disk is None
    assert memory_of("null\0byte", loaded).disk is None
    other = habitus.fit_model("ngram", habitus.TraceSet.from_names([["a", "b"]] * 3))
    save_model(other, folder)
    assert memory_of(str(folder), loaded).disk is None, "another model stands there now"


def test_the_process_has_had_some_memory() -> None:
    kept = np.ones(30_000_000)
    assert peak_rss_bytes() > kept.nbytes
