"""Models on disk: what is written comes back, and nothing else is ever believed."""

from __future__ import annotations

import os
import shutil
import struct
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from model_folders import (
    SETTINGS,
    TRACES,
    forge,
    rewrite,
    seal,
    small_folder,
    small_model,
    timed_model,
)

from habitus import sealed
from habitus.decisions.budget import Budget
from habitus.decisions.population import Population
from habitus.errors import ModelError, UsageError
from habitus.models.files import (
    MANIFEST_FILE,
    MODEL_FILE,
    WEIGHTS_FILE,
    load_model,
    save_model,
    verify_model,
)
from habitus.models.memory import Memory
from habitus.models.training import fit_model
from habitus.traces.traceset import TraceSet

FILES = (MODEL_FILE, WEIGHTS_FILE, MANIFEST_FILE)
JUDGED = TraceSet.from_names([list("abcXab"), [], ["b"], list("abcabc")])
every_detector = pytest.mark.parametrize("detector", SETTINGS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return small_folder(tmp_path / "model")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@every_detector
def test_a_model_comes_back_as_it_was(detector: str, tmp_path: Path) -> None:
    model = save_model(small_model(detector), tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.digest == model.digest
    assert loaded.decisions == model.decisions
    assert loaded.provenance == model.provenance
    assert loaded.detector.vocabulary == model.detector.vocabulary
    assert np.array_equal(loaded.scores(JUDGED), model.scores(JUDGED), equal_nan=True)
    for column in ("symbols", "offsets", "names", "digests"):
        before, after = getattr(model.memory, column), getattr(loaded.memory, column)
        assert np.array_equal(before, after), column
    for column in ("digests", "counts", "n_calls", "rules", "method", "folds", "data_sha256"):
        before, after = getattr(model.population, column), getattr(loaded.population, column)
        assert np.array_equal(before, after), column
    for column in ("scores", "novel", "unseen"):
        before, after = getattr(model.population, column), getattr(loaded.population, column)
        assert np.array_equal(before, after, equal_nan=True), column
    assert loaded.memory.knows(JUDGED).tolist() == model.memory.knows(JUDGED).tolist()


def test_alarms_by_the_day_come_back(tmp_path: Path) -> None:
    model = timed_model()
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.decisions == model.decisions
    for before, after in zip(
        model.population.alarm_rates, loaded.population.alarm_rates, strict=True
    ):
        assert before is not None
        assert after is not None
        for column in ("scores", "steps", "recordings", "seconds", "merge_seconds"):
            assert np.array_equal(getattr(before, column), getattr(after, column)), column
    again = Budget.parse("50/day", merge_seconds=5)
    assert loaded.with_budget(again).decisions == model.with_budget(again).decisions


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        ({"population__seconds": np.zeros(2)}, "last no time"),
        ({"population__seconds": np.array([np.nan, 1.0])}, "last no time"),
        ({"population__seconds": np.array([1e300, 1.0])}, "last no time"),
        ({"population__seconds": np.array([60.0])}, "belongs to no recording"),
        ({"population__moments.1.scores": None}, "is missing or of another type"),
        (
            {
                "population__moments.1.scores": np.array([1.0, 2.0]),
                "population__moments.1.steps": np.array([1, -1], np.int8),
                "population__moments.1.recordings": np.zeros(2, np.int64),
            },
            "the steps of the model's alarms are damaged",
        ),
        ({"population__moments.1.steps": np.zeros(0, np.int8)}, "has the shape"),
    ],
)
def test_hostile_alarms_are_refused(tmp_path: Path, arrays: dict[str, Any], complaint: str) -> None:
    save_model(timed_model(), tmp_path / "model")
    forge(tmp_path / "model", **arrays)
    with pytest.raises(ModelError, match=complaint):
        load_model(tmp_path / "model")


def test_the_same_model_is_the_same_bytes_wherever_it_is_saved(tmp_path: Path) -> None:
    model = small_model()
    first, second = save_model(model, tmp_path / "a"), save_model(model, tmp_path / "b")
    assert first.digest == second.digest == verify_model(tmp_path / "a")
    assert contents(tmp_path / "a") == contents(tmp_path / "b")
    again = save_model(load_model(tmp_path / "a"), tmp_path / "c")
    assert again.digest == first.digest


def test_a_model_that_remembers_nothing_comes_back(tmp_path: Path) -> None:
    bare = replace(small_model(), memory=Memory.nothing(), population=Population.nothing())
    save_model(bare, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.memory.names == ()
    with pytest.raises(UsageError, match="keeps no scores"):
        loaded.with_budget(Budget.parse(0.1))


def test_names_of_any_bytes_come_back(tmp_path: Path) -> None:
    """File names are bytes: those that are no UTF-8 must not keep a model from being saved."""
    odd = "caf\udce9\n\x1b[31m.txt"
    model = fit_model("ngram", TraceSet.from_names(TRACES), data=odd)
    memory = replace(model.memory, names=(odd, *model.memory.names[1:]))
    save_model(replace(model, memory=memory), tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.memory.names[0] == odd
    assert loaded.provenance.data == "caf\\xe9\n\x1b[31m.txt"


@every_detector
@pytest.mark.parametrize("name", FILES)
def test_every_flipped_byte_is_refused(detector: str, name: str, tmp_path: Path) -> None:
    path = small_folder(tmp_path / "model", detector) / name
    sound = path.read_bytes()
    for place in range(len(sound)):
        for bits in (0x01, 0x20, 0x80):
            flipped = bytearray(sound)
            flipped[place] ^= bits
            path.write_bytes(flipped)
            with pytest.raises(ModelError, match="damaged or was altered"):
                load_model(path.parent)
    path.write_bytes(sound)
    load_model(path.parent)


@every_detector
@pytest.mark.parametrize("name", [MODEL_FILE, WEIGHTS_FILE])
def test_every_flipped_byte_under_a_forged_manifest_loads_or_is_refused(
    detector: str, name: str, tmp_path: Path
) -> None:
    """Whoever can write the manifest can lie, but not crash whoever loads and uses the model."""
    folder = small_folder(tmp_path / "model", detector)
    sound = (folder / name).read_bytes()
    n_refused = 0
    for place in range(len(sound)):
        flipped = bytearray(sound)
        flipped[place] ^= 0x01 if place % 2 else 0x80
        (folder / name).write_bytes(flipped)
        seal(folder)
        try:
            loaded = load_model(folder)
        except ModelError:
            n_refused += 1
            continue
        scores = loaded.scores(JUDGED)
        assert scores.shape == (JUDGED.n_traces,)
        with suppress(UsageError):  # no score that a threshold could be set on
            loaded.with_budget(Budget.parse(0.5))
    assert n_refused > len(sound) / 2


@pytest.mark.parametrize("name", FILES)
def test_every_truncation_is_refused(folder: Path, name: str) -> None:
    sound = (folder / name).read_bytes()
    for length in range(len(sound)):
        (folder / name).write_bytes(sound[:length])
        with pytest.raises(ModelError):
            load_model(folder)
        if name != MANIFEST_FILE and length % 7 == 0 and length < len(sound) - 1:
            seal(folder)
            with pytest.raises(ModelError):
                load_model(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing"):
        load_model(folder)


def test_an_added_file_is_named(folder: Path) -> None:
    (folder / "extra.pickle").write_bytes(b"")
    with pytest.raises(ModelError, match=r"extra\.pickle"):
        load_model(folder)


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_a_link_is_refused(folder: Path, name: str, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    (folder / name).rename(moved)
    (folder / name).symlink_to(moved)
    with pytest.raises(ModelError, match=rf"{name}: not a regular file"):
        load_model(folder)


def test_a_pipe_or_a_folder_in_place_of_a_file_is_refused(folder: Path) -> None:
    (folder / MODEL_FILE).unlink()
    os.mkfifo(folder / MODEL_FILE)
    with pytest.raises(ModelError, match="not a regular file"):
        load_model(folder)
    (folder / MODEL_FILE).unlink()
    (folder / MODEL_FILE).mkdir()
    with pytest.raises(ModelError, match="not a regular file"):
        load_model(folder)


def test_a_file_larger_than_any_of_ours_is_refused_unread(folder: Path) -> None:
    with (folder / MANIFEST_FILE).open("ab") as file:
        file.truncate(1 << 40)  # a hole: it takes no room
    with pytest.raises(ModelError, match="larger than any"):
        load_model(folder)


@pytest.mark.parametrize(
    "line", ["../model.json", "/etc/passwd", "sub/../../model.json", "model.json/../model.json"]
)
def test_a_manifest_that_names_other_paths_is_refused(folder: Path, line: str) -> None:
    manifest = (folder / MANIFEST_FILE).read_text()
    (folder / MANIFEST_FILE).write_text(manifest.replace("model.json", line))
    with pytest.raises(ModelError, match=r"MANIFEST\.sha256"):
        load_model(folder)
    (folder / MANIFEST_FILE).write_text(manifest + f"{'0' * 64}  {line}\n")
    with pytest.raises(ModelError, match=r"MANIFEST\.sha256"):
        load_model(folder)


def test_a_place_without_a_model_is_told_as_such(tmp_path: Path) -> None:
    for place in (tmp_path / "nowhere", tmp_path / "file"):
        (tmp_path / "file").write_text("")
        with pytest.raises(ModelError, match="no model here"):
            load_model(place)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="is missing"):
        load_model(tmp_path / "empty")


def test_a_digest_pins_a_model(folder: Path) -> None:
    digest = verify_model(folder)
    assert verify_model(folder, digest=digest.upper()) == digest
    with pytest.raises(ModelError, match=rf"its digest is {digest}"):
        verify_model(folder, digest="0" * 64)
    rewrite(folder, provenance__data="something else")
    with pytest.raises(ModelError, match="another model"):
        load_model(folder, digest=digest)


def safetensors(header: bytes, body: bytes = b"", declared: int | None = None) -> bytes:
    return struct.pack("<Q", len(header) if declared is None else declared) + header + body


def one_array(dtype: str, shape: str, end: int) -> bytes:
    header = f'{{"detector.parent":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[0,{end}]}}}}'
    return safetensors(header.encode(), b"\0" * min(end, 64))


@pytest.mark.parametrize(
    "weights",
    [
        b"",
        b"\0" * 7,
        safetensors(b"{}", declared=1 << 63),
        safetensors(b"{}", declared=(1 << 64) - 1),
        safetensors(b"{}", declared=1 << 33),
        safetensors(b"[" * 100_000),
        safetensors(b'{"a":' * 50_000),
        safetensors(b"\xff\xfe\x00"),
        safetensors(b"{}"),
        one_array("I32", "[1099511627776]", 1 << 42),
        one_array("I32", "[8589934592,8589934592]", 0),
        one_array("I32", "[0,4611686018427387904]", 0),
        one_array("I32", f"[{','.join(['1'] * 100)}]", 4),
        one_array("I32", "[]", 4),
        one_array("I32", "[-1]", 4),
        one_array("BF16", "[1]", 2),
        one_array("F4", "[2]", 1),
        one_array("F8_E4M3", "[1]", 1),
        one_array("nonsense", "[1]", 4),
    ],
)
def test_hostile_weights_are_refused(folder: Path, weights: bytes) -> None:
    (folder / WEIGHTS_FILE).write_bytes(weights)
    seal(folder)
    with pytest.raises(ModelError):
        load_model(folder)


def changed(column: str, place: int, value: int) -> dict[str, Any]:
    """One entry of a column of the small model's trie, with another value."""
    array = small_model().detector.state()[column].copy()
    array[place] = value
    return {f"detector__{column}": array}


@pytest.mark.parametrize(
    ("arrays", "complaint"),
    [
        (changed("parent", 2, 2), "parent does not stand before it"),
        (changed("parent", 2, 99), "parent does not stand before it"),
        (changed("parent", 2, -5), "parent does not stand before it"),
        (changed("symbol", 1, 3), "not in the vocabulary"),
        (changed("symbol", 1, 65_535), "not in the vocabulary"),
        (changed("count", 1, -1), "count is not between"),
        (changed("count", 1, 0), "count is not between"),
        (changed("count", 1, 1 << 62), "count is not between"),
        (changed("count", 0, -1), "the number of calls, -1,"),
        (changed("symbol", 3, 0), "damaged"),
        ({"detector__parent": None}, "'parent' is missing"),
        ({"detector__count": np.zeros(3, np.float64)}, "'count' is missing or of another type"),
        ({"detector__symbol": np.zeros((2, 2), np.uint16)}, "'symbol' is missing or of another"),
        ({"detector__parent": np.zeros(1, np.int32)}, "different lengths"),
        ({"memory__offsets": np.zeros(0, np.int64)}, "do not fit together"),
        ({"memory__offsets": np.array([0, 99, 5, 6, 22], np.int64)}, "do not fit together"),
        ({"memory__symbols": np.full(22, 9, np.uint16)}, "do not fit together"),
        ({"population__counts": np.full(4, 1 << 62, np.int64)}, "do not fit together"),
        ({"population__counts": np.array([-1, 2, 2, 2], np.int64)}, "do not fit together"),
        ({"population__scores": np.zeros((1, 3))}, r"has the shape \(1, 3\)"),
        ({"population__scores": np.zeros((2, 4))}, r"has the shape \(2, 4\)"),
        ({"population__scores": np.full((1, 4), np.inf)}, "do not fit together"),
        ({"population__novel": np.full(4, 1.5)}, "do not fit together"),
        ({"population__unseen": np.full(4, -0.1)}, "do not fit together"),
        ({"population__n_calls": None}, "is missing or of another type"),
        ({"population__digests": np.zeros(3, np.uint8)}, "has the shape"),
        ({"population__seconds": np.ones(3)}, "holds what no model does"),
        ({"memory__digests": np.zeros(3, np.uint8)}, "do not fit together"),
        ({"memory__names": np.frombuffer(b'["a"]', np.uint8)}, "do not fit together"),
        ({"memory__names": np.frombuffer(b"[1, 2, 3, 4]", np.uint8)}, "do not fit together"),
        ({"memory__names": np.frombuffer(b"{}", np.uint8)}, "do not fit together"),
        ({"memory__names": np.frombuffer(b"[" * 100_000, np.uint8)}, "names are damaged"),
        ({"memory__names": np.frombuffer(b"\xff\xff", np.uint8)}, "names are damaged"),
        (changed("count", 0, 1 << 62), "the number of calls"),
        ({"detector__extra": np.zeros(1)}, r"holds what no model does: detector\.extra"),
        ({"memory__extra": np.zeros(1)}, r"holds what no model does: memory\.extra"),
        ({"extra": np.zeros(1)}, "holds what no model does: extra"),
    ],
)
def test_hostile_arrays_are_refused(folder: Path, arrays: dict[str, Any], complaint: str) -> None:
    forge(folder, **arrays)
    with pytest.raises(ModelError, match=complaint):
        load_model(folder)


def test_a_window_without_its_suffix_is_refused(tmp_path: Path) -> None:
    """Of the order-2 model, `ab` stays and its suffix `b` goes."""
    folder = small_folder(tmp_path / "model")
    forge(
        folder,
        detector__parent=np.array([0, 0, 1], np.int32),
        detector__symbol=np.array([0, 0, 1], np.uint16),
        detector__count=np.array([9, 5, 4], np.int64),
    )
    with pytest.raises(ModelError, match=r"window 2 .* its suffix is missing"):
        load_model(folder)


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"schema_version": 2}, "schema_version"),
        ({"extra": 1}, "extra"),
        ({"detector": "nobody"}, "no detector is named 'nobody'"),
        ({"detector": "os:system"}, "no detector is named"),
        ({"settings__nonsense": 1}, "nonsense"),
        ({"settings__order": 0}, "order"),
        ({"settings__order": 10**6}, "order"),
        ({"settings__order": 1}, "longer than the order"),
        ({"settings__floor": float("nan")}, "floor"),
        ({"vocabulary": ["a", "a", "b"]}, "vocabulary"),
        ({"vocabulary": ["a"]}, "not in the vocabulary"),
        ({"vocabulary": [1, 2, 3]}, "vocabulary"),
        ({"decisions": []}, "no decision"),
        ({"decisions__0__threshold": float("inf")}, "threshold"),
        ({"decisions__0__rule": "trace:worst:0"}, "rule"),
        ({"decisions__0__rule": "rolling:9"}, "first decision is not about whole traces"),
        ({"decisions__0__rule": "trace:whole"}, "whole is not for"),
        ({"decisions__0__calibration__budget__alarms": -1}, "alarms"),
        ({"decisions__0__calibration__budget__alarms": 1e308}, "a share of traces is below 1"),
        ({"decisions__0__calibration__n_traces": 0}, "n_traces"),
        ({"decisions__0__calibration__n_traces": 10**400}, "n_traces"),
        ({"population__method": "magic"}, "method"),
        ({"population__merge_seconds": -1.0}, "merge_seconds"),
        ({"provenance__seed": -1}, "seed"),
        ({"provenance__n_traces": -1}, "n_traces"),
        ({"provenance__n_traces": 1 << 70}, "n_traces"),
        ({"provenance__train_seconds": float("inf")}, "train_seconds"),
    ],
)
def test_hostile_descriptions_are_refused(
    folder: Path, changes: dict[str, Any], place: str
) -> None:
    rewrite(folder, **changes)
    with pytest.raises(ModelError, match=place):
        load_model(folder)


def test_a_second_decision_about_a_trace_is_refused(folder: Path) -> None:
    decision = small_model().decision.model_dump(mode="json")
    rewrite(folder, decisions=[decision, {**decision, "threshold": 0.0}])
    with pytest.raises(ModelError, match="more than one decision about a trace"):
        load_model(folder)


@pytest.mark.parametrize("text", ["", "[]", "null", "[" * 100_000, '{"schema_version": 1', "\0"])
def test_a_description_that_is_none_is_refused(folder: Path, text: str) -> None:
    (folder / MODEL_FILE).write_text(text)
    seal(folder)
    with pytest.raises(ModelError, match=r"model\.json"):
        load_model(folder)


def test_a_model_replaces_a_model_and_what_is_left_of_one(folder: Path) -> None:
    other = save_model(small_model("stide"), folder)
    assert load_model(folder).digest == other.digest
    (folder / WEIGHTS_FILE).unlink()
    assert save_model(small_model(), folder).digest == verify_model(folder)
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


@pytest.mark.parametrize("held", ["notes.txt", ".hidden", "weights.safetensors"])
def test_a_folder_with_other_files_is_never_replaced(tmp_path: Path, held: str) -> None:
    place = tmp_path / "mine"
    place.mkdir()
    (place / held).write_text("precious")
    with pytest.raises(UsageError, match="holds other files"):
        save_model(small_model(), place)
    assert contents(place) == {held: b"precious"}
    shutil.rmtree(place)
    small_folder(place)
    (place / held).write_text("precious")
    if held != WEIGHTS_FILE:
        with pytest.raises(UsageError, match="holds other files"):
            save_model(small_model(), place)
    assert (place / held).read_text() == "precious"


def test_a_file_or_a_link_is_never_replaced(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    (tmp_path / "link").symlink_to(folder)
    for place in (tmp_path / "file", tmp_path / "link"):
        with pytest.raises(UsageError, match="not a folder"):
            save_model(small_model(), place)
    assert (tmp_path / "file").read_text() == "precious"
    assert (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("broken", ["write_bytes", "rename", "chmod"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_model_appears_whole_or_not_at_all(
    folder: Path, broken: str, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever saving breaks off, the old model stands and nothing new lies about."""
    before, digest = contents(folder), verify_model(folder)
    if broken == "rename":
        monkeypatch.setattr("habitus.storage._exchange", lambda *_: False)
    real, calls = getattr(Path, broken), []

    def fail_at_the_second(self: Path, *arguments: Any, **options: Any) -> Any:
        calls.append(self)
        if len(calls) == (1 if broken == "chmod" else 2):
            raise error
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, broken, fail_at_the_second)
    with pytest.raises(type(error)):
        save_model(small_model("stide"), folder)
    monkeypatch.undo()
    assert contents(folder) == before
    assert verify_model(folder) == digest
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_whoever_loads_while_a_model_is_replaced_gets_one_of_them(folder: Path) -> None:
    models = [small_model("stide"), small_model()]
    digests = {save_model(model, folder).digest for model in models}
    stop = threading.Event()

    def replace_again_and_again() -> None:
        while not stop.is_set():
            for model in models:
                save_model(model, folder)

    writer = threading.Thread(target=replace_again_and_again)
    writer.start()
    try:
        loaded = {load_model(folder).digest for _ in range(300)}
    finally:
        stop.set()
        writer.join()
    assert loaded <= digests


def test_a_model_replaced_while_it_is_read_is_read_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, saved = sealed._read, []

    def replaced_meanwhile(path: Path, *rest: Any) -> bytes:
        if not saved and path.name == WEIGHTS_FILE:
            saved.append(save_model(small_model("stide"), folder))
        return real(path, *rest)

    monkeypatch.setattr(sealed, "_read", replaced_meanwhile)
    assert load_model(folder).digest == saved[0].digest


def test_a_model_that_never_comes_to_rest_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replaced_meanwhile(*_: object) -> bytes:
        save_model(small_model(), folder)
        raise ModelError("gone")

    monkeypatch.setattr(sealed, "_read", replaced_meanwhile)
    with pytest.raises(ModelError, match="replaced again and again"):
        load_model(folder)


def test_saving_does_not_change_what_is_remembered() -> None:
    assert small_model().memory.names == ("trace-0", "trace-1", "trace-2", "trace-4")
    assert small_model().population.n_traces == len(TRACES)
