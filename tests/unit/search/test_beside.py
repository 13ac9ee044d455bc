"""Attacks beside a search: what is measured of them is right, and moves nothing."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from search_data import plan, traces

import habitus
from habitus.datasets.source import find_source
from habitus.decisions.scores import aggregation_of, trace_scores
from habitus.detectors import get_detector
from habitus.errors import InputError, ProtocolError, UsageError
from habitus.evaluation.protocols import PROTOCOLS
from habitus.search.beside import SAID, Beside, attacks_said, look_beside, threshold_of
from habitus.search.checks import check_beside, objective_of
from habitus.search.objectives import FOLD_AUC
from habitus.search.parts import (
    BESIDE,
    JUDGED,
    LEARNED,
    RECORDING,
    parts_of,
    protocol_of,
    with_beside,
    write_parts,
)
from habitus.search.results import read_result
from habitus.search.run_folder import Run, RunFolder, check_same
from habitus.search.search_file import Judging
from habitus.search.trial import run_trial
from habitus.traces.traceset import Label, TraceSet, join

if TYPE_CHECKING:
    from pathlib import Path

    import pyarrow as pa

FOLDER = PROTOCOLS["folder"]


@pytest.fixture(scope="module")
def both() -> TraceSet:
    return join([traces(40), traces(12, seed=2, label=Label.ATTACK)])


@pytest.fixture(scope="module")
def parts(both: TraceSet) -> dict[str, TraceSet]:
    made = parts_of(both, FOLDER, Judging(), 1, supervised=False)
    return with_beside(made, both, FOLDER)


@pytest.fixture(scope="module")
def detector(parts: dict[str, TraceSet]):
    made = get_detector("ngram").with_settings({"order": 2})
    made.fit(parts[LEARNED], None, seed=1)
    return made


def test_what_is_beside_is_the_protocol_s_test_part_and_nothing_learned(
    both: TraceSet, parts: dict[str, TraceSet]
) -> None:
    named = {info.name for info in parts[BESIDE].infos}
    judged = both.select(FOLDER.test(both))
    assert named <= {info.name for info in judged.infos}
    assert int(np.sum(parts[BESIDE].labels == Label.ATTACK)) == 12
    for name in (LEARNED, JUDGED):
        assert not named & {info.name for info in parts[name].infos}


def test_normals_that_were_learned_are_left_out_where_the_protocol_says_so(
    both: TraceSet,
) -> None:
    twice = join([both, replace(both, infos=tuple(replace(i, name=f"{i.name}+", group=f"{i.group}+")
                                                  for i in both.infos))])  # fmt: skip
    made = with_beside(parts_of(twice, FOLDER, Judging(), 1, supervised=False), twice, FOLDER)
    learned = {bytes(d) for n in (LEARNED, JUDGED) for d in made[n].sequence_digests()}
    normal = made[BESIDE].select(made[BESIDE].labels == Label.NORMAL)
    assert FOLDER.leaves_out_known
    assert normal.n_traces
    assert not learned & {bytes(d) for d in normal.sequence_digests()}


def test_the_numbers_are_those_of_the_scores(detector, parts: dict[str, TraceSet]) -> None:
    found = Beside.of(json.loads(json.dumps(look_beside(detector, parts))))
    assert found is not None
    how = aggregation_of(detector)
    scores = trace_scores(detector, parts[BESIDE], how)
    is_attack = parts[BESIDE].labels == Label.ATTACK
    normal, attack = scores[~is_attack], scores[is_attack]
    pairs = [(a > n) + 0.5 * (a == n) for a in attack for n in normal]
    assert found.auc == pytest.approx(np.mean(pairs))
    assert (found.n_normal, found.n_attack) == (len(normal), len(attack))
    assert found.attack_quartiles == pytest.approx(np.quantile(attack, [0.25, 0.5, 0.75]))
    assert found.normal_quartiles == pytest.approx(np.quantile(normal, [0.25, 0.5, 0.75]))
    kept = trace_scores(detector, parts[JUDGED], how)
    assert found.held_out_median == pytest.approx(np.median(kept))
    assert found.threshold == kept.max()  # of so few, one is more than 1 %
    assert found.detection == np.mean(attack > kept.max())
    assert found.false_alarms == 0.01


def test_the_area_is_the_one_that_evaluate_gives_a_model_of_the_same_traces() -> None:
    traces_, protocol = find_source("demo").read(), PROTOCOLS["demo"]
    made = with_beside(
        parts_of(traces_, protocol, Judging(), 1, supervised=False), traces_, protocol
    )
    one = get_detector("ngram").with_settings({"order": 4})
    one.fit(join([made[LEARNED], made[JUDGED]]), None, seed=1)
    model = habitus.train("ngram", "demo", settings={"order": 4})
    judged = habitus.evaluate({"model": model}, "demo").results[0]
    found = look_beside(one, made)
    assert found["auc"] == pytest.approx(judged.auc)
    assert (found["n_normal"], found["n_attack"]) == (judged.n_normal, judged.n_attack)


def test_attacks_move_nothing_but_what_is_said_of_them(detector, parts) -> None:
    """The same search with other attacks has the same threshold and the same validation."""
    other = join([parts[BESIDE], replace(traces(30, seed=9), infos=tuple(
        replace(i, label=Label.ATTACK, name=f"new-{i.name}", group=i.name + "+", split=RECORDING)
        for i in traces(30, seed=9).infos))])  # fmt: skip
    one, two = (look_beside(detector, {**parts, BESIDE: test}) for test in (parts[BESIDE], other))
    assert one["auc"] != two["auc"]
    for key in ("threshold", "held_out_median", "normal_quartiles", "false_alarm_rate"):
        assert one[key] == two[key]


@pytest.mark.parametrize(
    ("scores", "share", "expected"),
    [
        (range(1, 201), 0.01, 198),  # 199 and 200 lie above it
        (range(1, 101), 0.01, 99),
        (range(1, 100), 0.01, 99),  # not even one of 99 is 1 %
        ([3.0], 0.5, 3.0),
        ([1, 2, 2, 2], 0.5, 2),  # ties stay silent
        ([np.nan, np.nan, 1.0, 2.0], 0.25, 1.0),  # one of four may alert
    ],
)
def test_at_most_the_share_of_normals_exceeds_the_threshold(scores, share, expected) -> None:
    values = np.array(list(scores), dtype=float)
    found = threshold_of(values, share)
    assert found == expected
    assert np.sum(values > found) <= share * len(values)


def test_without_any_score_there_is_no_threshold(parts: dict[str, TraceSet]) -> None:
    made = get_detector("stide").with_settings({"n": 64})
    made.fit(parts[LEARNED], None, seed=1)
    found = look_beside(made, parts)
    assert found["auc"] == 0.5
    assert found["n_unscored"] == parts[BESIDE].n_traces
    for key in ("attack_quartiles", "threshold", "held_out_median", "detection"):
        assert found[key] is None
    assert Beside.of(json.loads(json.dumps(found))) is not None


def test_a_recording_is_as_strange_as_its_strangest_thread(detector, parts) -> None:
    test = parts[BESIDE]
    pairs = tuple(
        replace(info, split=RECORDING, group=f"{info.label.name}-{i // 2}")
        for i, info in enumerate(test.infos)
    )
    found = look_beside(detector, {**parts, BESIDE: replace(test, infos=pairs)})
    assert found["n_normal"] + found["n_attack"] == len({info.group for info in pairs})
    scores = trace_scores(detector, test, aggregation_of(detector))
    groups: dict[str, float] = {}
    for info, score in zip(pairs, scores, strict=True):
        groups[info.group] = max(score, groups.get(info.group, -np.inf))
    attack = [score for group, score in groups.items() if group.startswith("ATTACK")]
    assert found["attack_quartiles"] == pytest.approx(np.quantile(attack, [0.25, 0.5, 0.75]))


def test_a_final_protocol_is_looked_at_by_no_search(both: TraceSet) -> None:
    made = parts_of(both, FOLDER, Judging(), 1, supervised=False)
    with pytest.raises(ProtocolError, match="only once a release"):
        with_beside(made, both, replace(FOLDER, is_final=True))
    with pytest.raises(UsageError, match="no labelled attacks"):
        with_beside(made, both, None)


def test_trials_that_see_attacks_are_development_unless_a_protocol_is_named(
    both: TraceSet,
) -> None:
    splits = ["training", "validation"] * 20 + ["attack"] * 12
    like_adfa = replace(
        both,
        infos=tuple(replace(i, split=s) for i, s in zip(both.infos, splits, strict=True)),
    )
    taken = {
        (name, sees): protocol_of(like_adfa, "x", name, sees_attacks=sees)
        for name in (None, "adfa-ld")
        for sees in (False, True)
    }
    assert {key: made.name for key, made in taken.items() if made is not None} == {
        (None, False): "adfa-ld",
        (None, True): "adfa-ld/dev",
        ("adfa-ld", False): "adfa-ld",
        ("adfa-ld", True): "adfa-ld",
    }
    assert protocol_of(both, "x", None, sees_attacks=True) is FOLDER
    assert (
        protocol_of(both.select(both.labels == Label.NORMAL), "x", None, sees_attacks=True) is None
    )


def test_what_goes_by_labels_has_no_attacks_beside() -> None:
    check_beside("nll", supervised=False)
    with pytest.raises(UsageError, match="leave one of them out"):
        check_beside("attack-auc", supervised=True)
    with pytest.raises(UsageError, match="detectors of flows"):
        check_beside(FOLD_AUC, supervised=False)


def run_of(**changes: Any) -> Run:
    made = plan()
    told = {
        "search": "x", "storage": None, "detector": "ngram", "objective": objective_of(
            made, supervised=False), "direction": "minimize", "unit": "nats", "supervised": False,
        "seed": 1, "n_trials": made.n_trials, "data": "x", "data_sha256": "", "protocol": None,
        "format": None, "abi": None,
    }  # fmt: skip
    return Run.of(**{**told, **changes})


def test_what_was_asked_for_is_kept_and_going_on_asks_for_the_same(tmp_path: Path) -> None:
    kept, new = run_of(beside_attacks=True), run_of()
    with pytest.raises(UsageError, match="differs in --beside-attacks"):
        check_same(tmp_path, kept, plan(), new, plan())
    folder = RunFolder(tmp_path / "run")
    folder.begin(kept, plan())
    assert folder.read()[0].beside_attacks
    assert attacks_said(kept) == SAID
    assert attacks_said(new) == "no attack was looked at"
    old = json.loads((tmp_path / "run" / "run.json").read_text())
    del old["beside_attacks"]  # of a search that was begun before there was the question
    (tmp_path / "run" / "run.json").write_text(json.dumps(old))
    assert not folder.read()[0].beside_attacks


def test_a_trial_s_name_where_a_search_s_is_wanted_is_told(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run").begin(run_of(), plan())
    with pytest.raises(InputError, match=r"run#1: no search .*run is one, and its folder alone"):
        read_result(tmp_path / "run#1")
    with pytest.raises(InputError, match=r"no run.json\)$"):
        read_result(tmp_path / "other#1")


class Files:
    """A context whose files lie in a folder."""

    def __init__(self, parts: dict[str, TraceSet], folder: Path) -> None:
        self._paths = write_parts(parts, folder)

    def shared(self, name: str) -> pa.Buffer:
        import pyarrow as pa

        return pa.memory_map(str(self._paths[name])).read_buffer()

    def ask(self, word: Any) -> Any:
        return word["epoch"] >= 2


def arguments(detector: str, settings: dict[str, Any], **more: Any) -> dict[str, Any]:
    told = {"objective": "nll", "aggregation": None, "seed": 1, "rungs": [], "folds": 10}
    return {"detector": detector, "settings": settings, **told, **more}


def test_a_trial_s_value_is_the_same_with_attacks_beside(
    parts: dict[str, TraceSet], tmp_path: Path
) -> None:
    context = Files(parts, tmp_path)
    without = run_trial(arguments("ngram", {"order": 3}), context)
    beside = run_trial(arguments("ngram", {"order": 3}, beside_attacks=True), context)
    found = beside.pop("beside")
    assert beside == without
    assert Beside.of(found) is not None


SMALL = {"window": 5, "cells": 4, "embedding": 4, "epochs": 3, "batch": 8}


def test_a_network_s_trial_tells_its_epochs(parts: dict[str, TraceSet], tmp_path: Path) -> None:
    context = Files(parts, tmp_path)
    told = run_trial(arguments("lstm", SMALL), context)
    assert told["curve"]["epochs"] == list(range(1, told["epochs"] + 1))
    assert all(isinstance(loss, float) for loss in told["curve"]["held_out_loss"])
    watched = run_trial(arguments("lstm", SMALL, rungs=[1, 2], beside_attacks=True), context)
    assert watched["pruned_after"] == 2
    assert watched["curve"]["epochs"] == [1, 2]
    assert watched["curve"]["loss"] == told["curve"]["loss"][:2]
    assert "beside" not in watched  # it did not come to its end


@pytest.mark.parametrize(
    "outcome",
    [
        {"curve": {"epochs": [1, 2], "loss": [1.0], "held_out_loss": [1.0, 2.0]}},
        {"curve": {"epochs": ["<b>"], "loss": [1.0], "held_out_loss": [1.0]}},
        {"curve": "x"},
        {"beside": {"auc": 1}},
        {"beside": []},
    ],
)
def test_a_journal_that_tells_something_else_is_damaged(outcome: Any, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run = run_of()
    folder.begin(run, plan())
    ledger = folder.ledger(run, plan(), may_begin=True)
    ledger.begin(1, {"order": 1, "smoothing": "witten-bell"})
    ledger.finish(1, "done", 1.0, outcome)
    with pytest.raises(InputError, match="trial 1 is damaged"):
        read_result(tmp_path / "run")


def test_what_is_beside_comes_back_from_the_journal(
    detector, parts: dict[str, TraceSet], tmp_path: Path
) -> None:
    folder, run = RunFolder(tmp_path / "run"), run_of(beside_attacks=True)
    folder.begin(run, plan())
    told = look_beside(detector, parts)
    ledger = folder.ledger(run, plan(), may_begin=True)
    ledger.begin(1, {"order": 1, "smoothing": "witten-bell"})
    ledger.finish(1, "done", 1.0, {"beside": told})
    trial = read_result(tmp_path / "run").trials[0]
    assert trial.beside is not None
    assert json.loads(json.dumps(asdict(trial.beside))) == json.loads(json.dumps(told))
