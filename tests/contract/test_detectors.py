"""What holds for every detector: those that Habitus brings, and one defined here."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from typer.testing import CliRunner

import habitus
import habitus.detectors
from habitus.cli import commands  # noqa: F401 - registers the commands
from habitus.cli.app import app
from habitus.detectors.whole import TraceDetector
from habitus.errors import ModelError, UsageError
from habitus.models.training import fit_model
from habitus.progress import SILENT, Progress
from segments import segmented, whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector, State


class RaritySettings(habitus.DetectorSettings):
    """Settings of `Rarity`."""

    smoothing: float = Field(1.0, gt=0, le=1e6, description="calls added to every count")


class Rarity(habitus.SequenceDetector):
    """A detector as its user would write one: a call is as strange as it is rare."""

    name: ClassVar[str] = "rarity"
    summary: ClassVar[str] = "how rare a call is, wherever it stands"
    Settings: ClassVar[type[habitus.DetectorSettings]] = RaritySettings
    memory_calls: ClassVar[int] = 0

    def fit(
        self,
        normal: habitus.TraceSet,
        held_out: habitus.TraceSet | None = None,  # noqa: ARG002
        progress: Progress = SILENT,  # noqa: ARG002
        *,
        seed: int = 1,  # noqa: ARG002
    ) -> None:
        self.vocabulary = habitus.Vocabulary.of(normal)
        self.counts = np.bincount(self.vocabulary.encode(normal), minlength=len(self.vocabulary))

    def surprise(self, traces: habitus.TraceSet) -> NDArray[np.float32]:
        mass = np.append(self.counts, 0) + self.settings.smoothing
        symbols = np.minimum(self.vocabulary.encode(traces), len(self.counts))
        return -np.log(mass / mass.sum())[symbols].astype(np.float32)

    def state(self) -> State:
        return {"counts": self.counts}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        counts = state.get("counts")
        if counts is None or counts.shape != (len(self.vocabulary),) or counts.dtype != np.int64:
            raise ModelError("the counts are missing or do not fit the vocabulary")
        self.counts = counts.astype(np.int64)


@pytest.fixture(autouse=True, scope="module")
def _rarity_is_registered() -> Iterator[None]:
    """Known here and nowhere else."""
    with pytest.MonkeyPatch.context() as patch:
        registry = habitus.detectors._DETECTORS
        patch.setattr(registry, "_made", dict(registry._made))
        habitus.register_detector(Rarity)
        yield


NAMES = [*habitus.detector_names(), Rarity.name]
every_detector = pytest.mark.parametrize("name", NAMES)

NORMAL = [list("abcabcabd"), list("abdabc"), list("cab"), list("abcabcabd"), [], ["a"]]
# What sets a threshold, and what tells a training when to stop, is not learned: of different
# traces as long as a window some are left even so.
MANY_NORMAL = [*NORMAL, *(list("abc" * n + "abd" + "abc" * (n % 3)) for n in range(2, 10))]
STRANGE = [list("abcabXYcab"), [], ["a"], ["X"], list("dddddddd"), list("abcabcabd")]


@cache
def fitted(name: str) -> SequenceDetector:
    """Fitted once for all tests: scoring changes nothing, as one of them shows."""
    detector = habitus.get_detector(name).with_settings({})
    detector.fit(whole(NORMAL))
    return detector


def restored(origin: SequenceDetector) -> SequenceDetector:
    """Another detector, made from what a model keeps of the first."""
    clone = type(origin).with_settings(origin.settings.model_dump(mode="json"))
    clone.vocabulary = habitus.Vocabulary(origin.vocabulary.names)
    clone.restore({name: array.copy() for name, array in origin.state().items()})
    return clone


def same(first: NDArray[np.float32], second: NDArray[np.float32]) -> bool:
    return np.array_equal(first, second, equal_nan=True)


def as_streamed(
    detector: SequenceDetector, found: NDArray[np.float32], wanted: NDArray[np.float32]
) -> bool:
    """Whether a stream gave what it must: the same, but for the rounding a detector declares."""
    assert detector.stream_error <= 1e-4
    return np.allclose(found, wanted, rtol=0, atol=detector.stream_error, equal_nan=True)


@every_detector
def test_surprise_is_one_float32_a_call_and_higher_is_stranger(name: str) -> None:
    surprise = fitted(name).surprise(whole(STRANGE))
    assert surprise.dtype == np.float32
    assert surprise.shape == (sum(map(len, STRANGE)),)
    assert not np.isinf(surprise).any()
    long_normal, long_strange = whole([list("abc") * 9]), whole([list("XYZ") * 9])
    detector = fitted(name)
    assert np.nanmean(detector.surprise(long_strange)) > np.nanmean(detector.surprise(long_normal))


@every_detector
def test_scoring_changes_nothing(name: str) -> None:
    detector = fitted(name)
    before = {key: array.copy() for key, array in detector.state().items()}
    judged = whole(STRANGE)
    calls = judged.calls.copy()
    first = detector.surprise(judged)
    detector.expected(detector.vocabulary.symbols_of(("a", "X")))
    detector.stream().push(judged)
    assert same(detector.surprise(judged), first)
    assert np.array_equal(judged.calls, calls)
    assert detector.state().keys() == before.keys()
    for key, array in detector.state().items():
        assert np.array_equal(array, before[key]), key


@every_detector
def test_a_clone_equals_its_origin(name: str) -> None:
    origin, judged = fitted(name), whole(STRANGE)
    clone = restored(origin)
    assert same(clone.surprise(judged), origin.surprise(judged))
    assert clone.memory_calls == origin.memory_calls
    history = origin.vocabulary.symbols_of(("a", "b"))
    assert clone.expected(history) == origin.expected(history)


@every_detector
def test_a_state_without_its_arrays_is_refused(name: str) -> None:
    clone = habitus.get_detector(name).with_settings({})
    clone.vocabulary = fitted(name).vocabulary
    with pytest.raises(ModelError):
        clone.restore({})


@every_detector
def test_the_same_seed_repeats(name: str) -> None:
    first, second = (fit_model(name, whole(MANY_NORMAL), seed=8) for _ in range(2))
    assert first.decisions == second.decisions
    assert np.array_equal(first.population.scores, second.population.scores, equal_nan=True)
    for key, array in first.detector.state().items():
        assert np.array_equal(array, second.detector.state()[key]), key


@every_detector
def test_a_saved_model_scores_like_the_one_in_memory(name: str, tmp_path: Path) -> None:
    model = fit_model(name, whole(MANY_NORMAL))
    habitus.save_model(model, tmp_path / "model")
    loaded = habitus.load_model(tmp_path / "model")
    judged = whole(STRANGE)
    assert same(loaded.detector.surprise(judged), model.detector.surprise(judged))
    assert same(loaded.scores(judged), model.scores(judged))
    assert loaded.decisions == model.decisions
    assert loaded.detector.settings == model.detector.settings


TRACES = st.lists(st.lists(st.sampled_from("abcdX"), max_size=16), min_size=1, max_size=4)


@every_detector
@given(data=st.data(), traces=TRACES)
def test_a_stream_equals_the_whole_however_it_is_cut(
    name: str, data: st.DataObject, traces: list[list[str]]
) -> None:
    detector = fitted(name)
    stream = detector.stream()
    found: dict[str, list[float]] = {f"t{i}": [] for i in range(len(traces))}
    for batch in data.draw(segmented(traces)):
        surprise = stream.push(batch)
        assert surprise.dtype == np.float32
        for row, info in enumerate(batch.infos):
            found[info.name] += surprise[batch.offsets[row] : batch.offsets[row + 1]].tolist()
    joined = np.array([s for surprises in found.values() for s in surprises], dtype=np.float32)
    assert as_streamed(detector, joined, detector.surprise(whole(traces)))


@every_detector
def test_streams_do_not_share_what_they_remember(name: str) -> None:
    detector = fitted(name)
    begun = habitus.TraceSet.from_names(
        [list("abcabcabc")], infos=[habitus.TraceInfo("t", "memory", ends=False)]
    )
    rest = habitus.TraceSet.from_names(
        [list("abdabXabc")], infos=[habitus.TraceInfo("t", "memory", first_call=9)]
    )
    wanted = detector.surprise(whole([list("abcabcabcabdabXabc")]))
    assert np.isfinite(wanted[9:]).all(), "no value would equal any other"
    one, other = detector.stream(), detector.stream()
    parts = [one.push(begun), other.push(begun), one.push(rest), other.push(rest)]
    assert as_streamed(detector, np.concatenate(parts[::2]), wanted)
    assert as_streamed(detector, np.concatenate(parts[1::2]), wanted)


@every_detector
def test_calls_never_seen_are_no_error_and_no_cheaper_than_known_ones(name: str) -> None:
    detector = fitted(name)
    judged = whole([["Q"] * 40])
    assert np.nanmin(detector.surprise(judged)) >= np.nanmax(
        detector.surprise(whole([list("abc") * 9]))
    )


@every_detector
def test_nothing_to_score_is_no_error(name: str) -> None:
    detector = fitted(name)
    assert detector.surprise(whole([])).shape == (0,)
    assert detector.surprise(whole([[], []])).shape == (0,)
    assert detector.surprise(whole([["a"]])).shape == (1,)


def monotonous(n: int, *others: str) -> habitus.TraceSet:
    """A trace of one call n times, and others beside it."""
    coded = [np.zeros(n, np.uint16), *(np.array(["ab".index(c) for c in o]) for o in others)]
    return habitus.TraceSet(
        np.concatenate(coded).astype(np.uint16),
        np.cumsum([0, *map(len, coded)]),
        ("a", "b") if others else ("a",),
        tuple(habitus.TraceInfo(f"loop-{i}", "memory") for i in range(len(coded))),
    )


@every_detector
def test_one_call_a_million_times(name: str) -> None:
    """Nothing drifts, overflows or piles up in a monotonous trace, learned or judged."""
    n = 1_000_000
    loop = monotonous(n)
    surprise = fitted(name).surprise(loop)
    assert len(np.unique(surprise[n // 2 :])) == 1
    # That a known call may be another is what there is to learn: of one call alone nothing is.
    # The other trace knows the loop's windows, too: some detectors count the traces that do.
    learned = habitus.get_detector(name).with_settings({})
    learned.fit(monotonous(n // 2, "a" * 20 + "baabbaab"), loop)
    surprise = learned.surprise(loop)
    assert len(np.unique(surprise[n // 2 :])) == 1
    assert abs(surprise[-1]) < 0.01
    for detector in (fitted(name), learned):
        if isinstance(detector, TraceDetector):
            assert np.isfinite(detector.trace_scores(loop)).all()


@every_detector
def test_bad_settings_are_named(name: str) -> None:
    detector = habitus.get_detector(name)
    with pytest.raises(UsageError, match=rf"{name}: there is no setting 'nonsense'"):
        detector.with_settings({"nonsense": 1})
    for setting in detector.Settings.model_fields:
        for value in ("many", "", "-1", "nan", "1e400"):
            with pytest.raises(UsageError, match=rf"{name}: {setting}={value}: "):
                detector.with_settings({setting: value})


@every_detector
def test_settings_are_explained_and_their_defaults_work(name: str) -> None:
    detector = habitus.get_detector(name)
    assert detector.name == name
    assert detector.summary
    for setting, field in detector.Settings.model_fields.items():
        assert field.description, f"{setting} says nothing of itself"
        as_text = str(field.default)
        assert getattr(detector.with_settings({setting: as_text}).settings, setting) == (
            field.default
        )


def test_a_name_is_taken_once() -> None:
    class Impostor(Rarity):
        name: ClassVar[str] = "stide"

    with pytest.raises(UsageError, match="'stide'"):
        habitus.register_detector(Impostor)

    class Twin(Rarity):
        pass

    with pytest.raises(UsageError, match="'rarity'"):
        habitus.register_detector(Twin)
    assert habitus.register_detector(Rarity) is Rarity
    with pytest.raises(UsageError, match="rarity, redundancy, stide"):
        habitus.get_detector("nobody")


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """One's own traces, a recording a file, as the folder protocol wants them."""
    folder = tmp_path / "recordings"
    normal, attack = "openat read close", "socket connect dup2 execve"
    for i in range(8):
        (folder / "normal").mkdir(parents=True, exist_ok=True)
        (folder / "attack" / "shell").mkdir(parents=True, exist_ok=True)
        calls = " ".join([normal] * (i + 4))
        (folder / "normal" / f"run-{i}.txt").write_text(f"{calls} exit_group\n")
        (folder / "attack" / "shell" / f"run-{i}.txt").write_text(" ".join([attack] * (i + 3)))
    return folder


@every_detector
def test_through_the_public_api(name: str, recordings: Path, tmp_path: Path) -> None:
    model = habitus.train(name, str(recordings), false_alarms=0.2)
    assert model.provenance.part == "folder"
    # One of the four is held out where fitting several times would take too long.
    assert model.provenance.n_traces == (4 if habitus.get_detector(name).is_quick else 3)
    (result,) = habitus.evaluate({"mine": model}, str(recordings)).results
    assert result.auc == 1
    assert result.n_attack == 8
    saved = habitus.save_model(model, tmp_path / "model")
    loaded = habitus.load_model(tmp_path / "model", digest=saved.digest)
    records = list(habitus.detect(loaded, recordings / "attack"))
    assert [record["verdict"] for record in records] == ["alert"] * 8
    judged, explanation = habitus.explain(loaded, recordings / "attack" / "shell" / "run-0.txt")
    assert judged.is_alert
    assert [call.name for call in explanation.calls[:2]] == ["socket", "connect"]
    assert all(call.novel for call in explanation.calls)


@every_detector
def test_through_the_command_line(name: str, recordings: Path, tmp_path: Path) -> None:
    def run(*arguments: str, status: int = 0) -> str:
        result = CliRunner().invoke(app, list(arguments))
        assert result.exit_code == status, result.output
        return result.stdout

    model, data = str(tmp_path / "model"), str(recordings)
    assert name in [d["name"] for d in json.loads(run("detectors", "--json"))]
    trained = json.loads(run("train", name, "--data", data, "-o", model, "--json"))
    assert trained["detector"] == name
    results = json.loads(run("evaluate", model, "--data", data, "--json"))
    assert results["results"][0]["auc"] == 1
    lines = run("detect", model, f"{data}/attack", "--json", status=1).splitlines()
    assert len(lines) == 8
    record = json.loads(run("explain", model, f"{data}/attack", "--json"))
    assert record["verdict"] == "alert"
    assert json.loads(run("model", "verify", model, "--json"))["digest"] == trained["digest"]
