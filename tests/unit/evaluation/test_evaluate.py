"""Evaluation: the numbers, what is said beside them, and the files they are kept in."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from adfa_tree import FOLDERS, VALIDATION, adfa_tree
from sklearn.metrics import roc_auc_score

import habitus
from habitus.datasets.source import Source
from habitus.errors import DataHomeError, ProtocolError
from habitus.evaluation.evaluate import evaluate_models
from habitus.evaluation.judged import judged_of
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.models.training import fit_model
from habitus.traces.traceset import Label, TraceInfo

if TYPE_CHECKING:
    from habitus.evaluation.results import Results

SCHEMA = json.loads((Path(habitus.__file__).parent / "schemas" / "results.schema.json").read_text())


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HABITUS_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(adfa_tree(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def models(tree: str) -> dict[str, habitus.Model]:
    return {
        "ngram": habitus.train("ngram", tree, settings={"order": 3}, false_alarms=0.2),
        "stide": habitus.train("stide", tree, settings={"n": 9}, false_alarms=0.2),
    }


def valid(results: Results) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(results.to_json())
    jsonschema.Draft202012Validator(SCHEMA).validate(read)
    return read


def test_the_schemas_are_schemas() -> None:
    for path in (Path(habitus.__file__).parent / "schemas").glob("*.json"):
        jsonschema.Draft202012Validator.check_schema(json.loads(path.read_text()))


def test_results_say_what_was_judged(models: dict[str, habitus.Model], tree: str) -> None:
    results = habitus.evaluate(models, tree, command="habitus evaluate")
    read = valid(results)
    assert read["schema_version"] == 1
    assert [r["model"] for r in read["results"]] == ["ngram", "stide"]
    ngram, stide = read["results"]
    assert (ngram["n_normal"], ngram["n_attack"]) == (len(VALIDATION), 2 * len(FOLDERS))
    assert ngram["n_known_normals"] == 2
    assert ngram["n_left_out"] == 0
    assert ngram["n_distinct_normals"] == len(set(VALIDATION))
    assert ngram["n_with_novel_attack"] == 2 * len(FOLDERS)
    # All but the two known ones and the three `... 20`: 252 is no call of training.
    assert ngram["n_with_novel_normal"] == len(VALIDATION) - 2
    assert set(ngram["per_attack"]) == {"Adduser", "Hydra_FTP"}
    assert ngram["per_attack"]["Adduser"]["n"] == 20
    assert ngram["supervised"] is False
    assert ngram["trained_on_this"] is True
    # The first attack trace has 8 calls, one fewer than a window; the others have enough.
    assert (stide["n_unscoreable"], stide["n_unscoreable_attack"]) == (1, 1)
    assert stide["n_attack"] == 2 * len(FOLDERS) - 1
    assert any("too short for stide" in warning for warning in read["warnings"])


def test_the_numbers_are_those_of_the_scores(models: dict[str, habitus.Model], tree: str) -> None:
    (result,) = habitus.evaluate({"m": models["ngram"]}, tree).results
    traces = habitus.read_traces(tree)
    judged = traces.select(np.array([info.split != "training" for info in traces.infos]))
    scores, labels = models["ngram"].scores(judged), judged.labels
    assert result.auc == pytest.approx(roc_auc_score(labels == Label.ATTACK, scores))
    assert result.auc_ci95[0] <= result.auc <= result.auc_ci95[1]
    threshold = models["ngram"].decision.threshold
    at = result.at_threshold
    assert at is not None
    assert at.n_false_alarms == int(np.sum(scores[labels == 0] > threshold))
    assert at.n_detected == int(np.sum(scores[labels == 1] > threshold))
    assert at.dr == at.n_detected / result.n_attack
    for rate, found in result.dr_at_fpr.items():
        assert found.achieved_fpr <= float(rate)
        assert found.dr_ci95[0] <= found.dr <= found.dr_ci95[1]
    distinct = np.array([len(set(judged.trace(i))) for i in range(judged.n_traces)])
    area = roc_auc_score(labels == Label.ATTACK, distinct)
    assert result.baselines[0].auc == pytest.approx(max(area, 1 - area))
    assert result.baselines[0].stranger == ("more" if area > 0.5 else "fewer")


def test_the_same_seed_gives_the_same_numbers(models: dict[str, habitus.Model], tree: str) -> None:
    def numbers(seed: int) -> dict[str, Any]:
        (result,) = habitus.evaluate({"m": models["ngram"]}, tree, seed=seed).results
        return result.model_dump(exclude={"score_seconds", "calls_per_second", "seed"})

    assert numbers(1) == numbers(1)


def test_another_aggregation_has_no_threshold(models: dict[str, habitus.Model], tree: str) -> None:
    results = habitus.evaluate({"m": models["ngram"]}, tree, aggregation="quantile:0.7")
    assert results.results[0].at_threshold is None
    assert results.results[0].aggregation == "quantile:0.7"
    valid(results)


def test_what_a_reader_must_know_is_said(models: dict[str, habitus.Model], tree: str) -> None:
    warnings = habitus.evaluate(models, tree).warnings
    assert any("2 of the normal traces judged equal one that" in w for w in warnings)
    traces = habitus.read_traces(tree)
    two_normals = traces.select(np.flatnonzero(traces.labels == Label.NORMAL)[:2])
    elsewhere = fit_model("ngram", two_normals, data="elsewhere")
    (said, *_) = habitus.evaluate({"m": elsewhere}, tree).warnings
    assert said.startswith("m was trained on 'elsewhere' (all), not on the training part")


def test_a_thousand_copies_of_one_attack_are_told_to_be_few() -> None:
    normal = [f"unm-ps:{i} unm-ps:{k}" for i in range(8) for k in range(8)]
    attack = ["unm-ps:9 unm-ps:9", "unm-ps:9 unm-ps:8"] * 10
    traces = habitus.TraceSet.from_names(
        [trace.split() for trace in (*normal, *attack)],
        infos=[
            TraceInfo(str(i), "s", Label(i >= len(normal)), group=str(i))
            for i in range(len(normal) + len(attack))
        ],
    )
    protocol = get_protocol("unm/ps")
    model = fit_model("ngram", training_part(traces, protocol)[0], part=protocol.name)
    source = Source("x", Path("x"), "")
    results = evaluate_models({"m": model}, traces, source, protocol, replicates=10)
    assert (
        "the 32 normal and 20 attack traces are 32 and 2 independent observations (equal sequences "
        "or one recording are one), which is few: the intervals are too narrow"
    ) in results.warnings


def test_a_recording_is_an_attack_if_one_of_its_threads_is() -> None:
    labels = [Label.NORMAL, Label.ATTACK, Label.NORMAL, Label.ATTACK, Label.NORMAL]
    infos = [
        TraceInfo(str(i), "s", label, attack="shell" if label else "", group=group)
        for i, (label, group) in enumerate(zip(labels, "aabbc", strict=True))
    ]
    traces = habitus.TraceSet.from_names([["x"]] * 5, infos=infos)
    scores = np.array([1.0, 2.0, 5.0, 4.0, 3.0])
    judged = judged_of(traces, scores, np.zeros(5, dtype=bool), get_protocol("folder"))
    assert judged.labels.tolist() == [Label.ATTACK, Label.ATTACK, Label.NORMAL]
    assert judged.attacks.tolist() == ["shell", "shell", ""]
    assert judged.scores.tolist() == [2, 5, 3]


def test_a_detector_that_does_not_clear_the_baseline_is_told_so(
    models: dict[str, habitus.Model], tree: str
) -> None:
    results = habitus.evaluate({"m": models["ngram"]}, tree)
    best = max(results.results[0].baselines, key=lambda baseline: baseline.auc)
    said = any("does not clear the trivial baseline" in w for w in results.warnings)
    assert said == (best.auc >= results.results[0].auc)


def test_final_is_recorded_with_every_run(
    models: dict[str, habitus.Model], tree: str, tmp_path: Path
) -> None:
    for run in (1, 2):
        results = habitus.evaluate({"m": models["ngram"]}, tree, protocol="adfa-ld/final")
        assert valid(results)["final_runs"] == run
        assert any("once a release" in w for w in results.warnings) == (run > 1)
    lines = (tmp_path / "home" / "final-runs.jsonl").read_text().splitlines()
    assert [json.loads(line)["protocol"] for line in lines] == ["adfa-ld/final"] * 2
    assert habitus.evaluate({"m": models["ngram"]}, tree).final_runs is None


def test_a_damaged_ledger_is_told_and_not_lost(
    models: dict[str, habitus.Model], tree: str, tmp_path: Path
) -> None:
    ledger = tmp_path / "home" / "final-runs.jsonl"
    ledger.parent.mkdir()
    ledger.write_text('{"protocol": "adfa-ld/fi')
    with pytest.raises(DataHomeError, match=r"final-runs\.jsonl:1"):
        habitus.evaluate({"m": models["ngram"]}, tree, protocol="adfa-ld/final")
    assert ledger.read_text().startswith('{"protocol": "adfa-ld/fi')


def recordings(folder: Path) -> Path:
    """Recordings of two threads; two normal recordings are the same sequences."""
    for i in range(6):
        threads = ["openat read close", f"openat {'read ' * (i // 2)}close exit_group"]
        write_recording(folder / "normal" / f"run-{i}.strace", threads)
    for kind in ("shell", "miner"):
        for i in range(3):
            threads = ["openat read close", "socket connect " * (i + 3)]
            write_recording(folder / "attack" / kind / f"run-{i}.strace", threads)
    return folder


def write_recording(path: Path, threads: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [
        f"{70 + number}  1700000000.{i:06} {call}() = 0\n"
        for number, calls in enumerate(threads)
        for i, call in enumerate(calls.split())
    ]
    path.write_text("".join(lines))


def test_the_folder_protocol_judges_recordings_by_their_strangest_thread(tmp_path: Path) -> None:
    folder = recordings(tmp_path / "mine")
    model = habitus.train("ngram", str(folder), false_alarms=0.4)
    results = habitus.evaluate({"m": model}, str(folder))
    read = valid(results)["results"][0]
    assert read["unit"] == "recording"
    assert read["n_attack"] == 6
    assert read["auc"] == 1
    assert {kind: found["n"] for kind, found in read["per_attack"].items()} == {
        "shell": 3, "miner": 3,
    }  # fmt: skip


def test_unlabelled_traces_are_counted_but_are_no_files_that_were_left_out(tmp_path: Path) -> None:
    folder = recordings(tmp_path / "mine")
    write_recording(folder / "other" / "run.strace", ["openat read"] * 40)
    model = habitus.train("ngram", str(folder), protocol="folder", false_alarms=0.4)
    results = habitus.evaluate({"m": model}, str(folder))
    assert results.reading is not None
    assert results.reading.n_skipped == 40
    assert "files-left-out" not in {finding.id for finding in results.findings}


def test_the_folder_protocol_never_divides_identical_sequences(tmp_path: Path) -> None:
    """No normal thread that is judged equals one that was learned, in whatever recording."""
    folder = recordings(tmp_path / "mine")
    model = habitus.train("ngram", str(folder), false_alarms=0.4)
    traces = habitus.read_traces(folder)
    normal = traces.select(traces.labels == Label.NORMAL)
    known = model.memory.knows(normal)
    (result,) = habitus.evaluate({"m": model}, str(folder)).results
    judged = normal.select(~known)
    recordings_of = [len({info.group for info in part.infos}) for part in (normal, judged)]
    assert result.n_known_normals == known.sum()
    assert result.n_left_out == recordings_of[0] - recordings_of[1] > 0
    assert result.n_normal == len({info.group for info in judged.infos})
    learned = {bytes(digest) for digest in model.memory.digests}
    assert not learned & {bytes(digest) for digest in judged.sequence_digests()}


def test_when_every_normal_was_learned_there_is_nothing_to_judge(tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    for i in range(3):
        write_recording(folder / "normal" / f"run-{i}.strace", ["openat read close"])
        write_recording(folder / "attack" / f"run-{i}.strace", ["socket connect"])
    model = habitus.train("ngram", str(folder))
    with pytest.raises(
        ProtocolError, match=r"3 normal recordings are left out.*record different runs"
    ):
        habitus.evaluate({"m": model}, str(folder))


def test_data_without_attacks_fit_no_protocol(models: dict[str, habitus.Model], tree: str) -> None:
    with pytest.raises(ProtocolError, match="normal/ and attack/"):
        habitus.evaluate(models, f"{tree}/Training_Data_Master")


def test_a_table_holds_what_the_results_hold(
    models: dict[str, habitus.Model], tree: str, tmp_path: Path
) -> None:
    results = habitus.evaluate(models, tree)
    paths = results.write(tmp_path / "out")
    assert [path.name for path in paths] == [
        "scores.arrow", "results.json", "results.csv", "report.html",
    ]  # fmt: skip
    assert json.loads(paths[1].read_text()) == valid(results)
    rows = list(csv.DictReader(paths[2].read_text().splitlines()))
    assert [row["model"] for row in rows] == ["ngram", "stide"]
    for row, result in zip(rows, results.results, strict=True):
        assert None not in row
        assert float(row["auc"]) == result.auc
        assert float(row["auc_ci95_low"]) == result.auc_ci95[0]
        assert float(row["dr_at_fpr_0.01"]) == result.dr_at_fpr["0.01"].dr
        assert float(row["achieved_fpr_0.01"]) == result.dr_at_fpr["0.01"].achieved_fpr
        assert float(row["auc_Adduser"]) == result.per_attack["Adduser"].auc
    assert "order=3 floor=341.0" in rows[0]["settings"]


def test_the_schema_refuses_what_are_no_results(
    models: dict[str, habitus.Model], tree: str
) -> None:
    read = valid(habitus.evaluate({"m": models["ngram"]}, tree))
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for name in read:
        assert not validator.is_valid({k: v for k, v in read.items() if k != name}), name
    result = read["results"][0]
    for name in result:
        cut = {k: v for k, v in result.items() if k != name}
        assert not validator.is_valid({**read, "results": [cut]}), name
    for wrong in ({"auc": 1.2}, {"auc": None}, {"extra": 1}, {"unit": "thread"}, {"n_normal": -1}):
        assert not validator.is_valid({**read, "results": [{**result, **wrong}]}), wrong
    assert not validator.is_valid({**read, "schema_version": 2})


def test_a_model_never_saved_is_judged_too(models: dict[str, habitus.Model], tree: str) -> None:
    unsaved = replace(models["ngram"], digest="")
    assert valid(habitus.evaluate({"m": unsaved}, tree))["results"][0]["model_digest"] == ""


def test_a_model_that_knows_few_of_the_calls_is_told(tmp_path: Path) -> None:
    for folder, calls in (("normal", "mount umount2"), ("attack", "reboot swapon mount")):
        for i in range(12):
            path = tmp_path / folder / f"{i}.txt"
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"{calls} " * (i + 2))
    other = habitus.fit_model(
        "stide", habitus.TraceSet.from_names([["openat", "read", "close"] * 3] * 20)
    )
    own = habitus.train("stide", str(tmp_path))
    for model, is_told in ((other, True), (own, False)):
        results = habitus.evaluate({"m": model}, str(tmp_path))
        said = [line for line in results.warnings if "of the calls judged are unknown to m" in line]
        assert bool(said) is is_told
