"""Training that was killed and goes on makes the model that it would have made without."""

from __future__ import annotations

import json
import shutil
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from small_training import (
    SETTINGS,
    Killed,
    KilledAfter,
    kept_in,
    killed,
    same,
    traces,
    trained,
)

from habitus.detectors import detector_names, get_detector
from habitus.detectors.neural.lstm import Lstm
from habitus.detectors.neural.network_detector import NetworkDetector
from habitus.errors import UsageError
from habitus.learning.history import Stopped
from habitus.learning.session import Session, TrainingWarning

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.detectors.base import State

UPDATES = 30
"""Of the small training, in three epochs."""
OPTIMISERS = ("adam", "adamw", "rmsprop", "sgd")


@cache
def uninterrupted(optimiser: str = "adamw") -> State:
    """What a training comes to that nothing happens to."""
    return trained(optimiser=optimiser).state()


@settings(max_examples=10)
@given(n_updates=st.integers(1, UPDATES - 1), optimiser=st.sampled_from(OPTIMISERS))
def test_wherever_it_was_killed_the_model_is_the_same(
    tmp_path_factory: pytest.TempPathFactory, n_updates: int, optimiser: str
) -> None:
    folder = tmp_path_factory.mktemp("killed") / "ck"
    killed(folder, n_updates, optimiser=optimiser)
    again = trained(kept_in(folder, resume=True), optimiser=optimiser)
    assert same(again.state(), uninterrupted(optimiser))


def test_killed_again_and_again(tmp_path: Path) -> None:
    folder = tmp_path / "ck"
    killed(folder, 4)
    for _ in range(3):
        with pytest.raises(Killed):
            trained(kept_in(folder, resume=True), KilledAfter(7))
    assert same(trained(kept_in(folder, resume=True)).state(), uninterrupted())


RECURRENT: dict[str, object] = {"cells": 8, "embedding": 4, "stretch": 6}
KINDS: dict[str, tuple[str, dict[str, object]]] = {
    "lstm": ("lstm", RECURRENT),
    "lstm of windows": ("lstm", RECURRENT | {"window": 3}),
    "latent": ("latent", RECURRENT),
    "transformer": ("transformer", {"width": 8, "heads": 2, "window": 5, "stretch": 6}),
    "autoencoder": ("autoencoder", {"hidden": 8, "code": 3, "embedding": 4}),
}
every_kind = pytest.mark.parametrize("kind", KINDS)


def fitted_kind(
    kind: str, session: Session, *progress: KilledAfter, **changed: object
) -> NetworkDetector:
    name, given_settings = KINDS[kind]
    made = get_detector(name).with_settings({"epochs": 3, "batch": 16, **given_settings, **changed})
    assert isinstance(made, NetworkDetector)
    made.session = session
    made.fit(traces(n_traces=40), None, *progress)
    return made


def kept_of(folder: Path) -> tuple[int, int, int]:
    """Epochs that were done, steps of the next, and traces that it goes on in the midst of."""
    position = json.loads((folder / "checkpoint.json").read_text())["position"]
    carried = load_file(folder / "arrays.safetensors")["carried"]
    return position["epoch"], position["step"], len(carried)


def test_every_network_is_among_them() -> None:
    networks = {n for n in detector_names() if issubclass(get_detector(n), NetworkDetector)}
    assert {name for name, _ in KINDS.values()} == networks


@every_kind
def test_of_every_detector(kind: str, tmp_path: Path) -> None:
    """Killed in the midst of an epoch, and of the traces that are read stretch by stretch."""
    whole = fitted_kind(kind, Session())
    with pytest.raises(Killed):
        fitted_kind(kind, kept_in(tmp_path / "ck"), KilledAfter(8))
    epoch, step, n_carried = kept_of(tmp_path / "ck")
    assert step > 0, "not where an epoch ends"
    reads_on = kind not in {"lstm of windows", "autoencoder"}
    assert (n_carried > 0) == reads_on
    again = fitted_kind(kind, kept_in(tmp_path / "ck", resume=True))
    assert len(again.history.epochs) == 3
    assert epoch < 3
    assert same(again.state(), whole.state())


@every_kind
def test_other_settings_do_not_go_on_from_it(kind: str, tmp_path: Path) -> None:
    with pytest.raises(Killed):
        fitted_kind(kind, kept_in(tmp_path / "ck"), KilledAfter(2))
    own: dict[str, dict[str, object]] = {
        "lstm": {"cells": 9}, "lstm of windows": {"window": 4}, "latent": {"k": 2},
        "transformer": {"window": 6}, "autoencoder": {"code": 4},
    }  # fmt: skip
    for changed in (own[kind], {"rate": 0.5}, {"weight_decay": 0.02}):
        ((name, _),) = changed.items()
        told = rf"was left by another training \({name}: .* there, .* now\)"
        with pytest.raises(UsageError, match=told):
            fitted_kind(kind, kept_in(tmp_path / "ck", resume=True), **changed)


@pytest.mark.parametrize(("left", "now"), [("lstm", "latent"), ("latent", "lstm")])
def test_another_detector_does_not_go_on_from_it(left: str, now: str, tmp_path: Path) -> None:
    """Of the same network, the same settings as far as both have them, and the same traces."""
    with pytest.raises(Killed):
        fitted_kind(left, kept_in(tmp_path / "ck"), KilledAfter(8))
    told = rf"was left by another training \(detector: {left} there, {now} now\)"
    with pytest.raises(UsageError, match=told):
        fitted_kind(now, kept_in(tmp_path / "ck", resume=True))


@pytest.mark.parametrize(
    ("changed", "ended"),
    [
        ({}, Stopped.EPOCHS),
        ({"calls": 300}, Stopped.CALLS),  # in the midst of an epoch
        ({"calls": 368}, Stopped.CALLS),  # where one ends
        ({"patience": 1, "rate": 1e-9, "average": 0, "epochs": 9}, Stopped.PATIENCE),
    ],
)
def test_what_had_ended_is_not_gone_on_with(
    tmp_path: Path, changed: dict[str, object], ended: Stopped
) -> None:
    """As after a kill while thresholds were set: nothing more is learned, not even an epoch."""
    folder = tmp_path / "ck"
    whole = trained(kept_in(folder), **changed)
    assert whole.history.stopped is ended
    again = trained(kept_in(folder, resume=True), KilledAfter(0), **changed)
    assert same(again.state(), whole.state())
    assert same(trained(**changed).state(), whole.state())


def test_calls_allowed_end_training_where_an_epoch_ends_without_another() -> None:
    """An epoch has 184 calls."""
    history = trained(calls=368).history
    assert [epoch.calls for epoch in history.epochs] == [184, 368]
    assert trained(calls=369).history.epochs[-1].calls > 369


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"rate": 0.5}, r"rate: 0\.002 there, 0\.5 now"),
        ({"seed": 2}, "seed: 1 there, 2 now"),
        ({"data": traces(2)}, "traces: "),
    ],
)
def test_another_training_does_not_go_on_from_it(
    unfinished: Path, changed: dict[str, Any], told: str
) -> None:
    before = {file.name: file.read_bytes() for file in unfinished.iterdir()}
    with pytest.raises(UsageError, match=f"was left by another training .*{told}"):
        trained(kept_in(unfinished, resume=True), **changed)
    assert {file.name: file.read_bytes() for file in unfinished.iterdir()} == before


def test_a_folder_that_is_there_or_not_there_is_told(unfinished: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="add --resume to go on with it, or take the folder away"):
        trained(kept_in(unfinished))
    with pytest.raises(UsageError, match="no unfinished training here"):
        trained(kept_in(tmp_path / "nothing", resume=True))
    with pytest.raises(UsageError, match="no folder of checkpoints"):
        trained(Session(resume=True))


def test_two_at_once_are_refused(tmp_path: Path) -> None:
    """The second is started while the first one is at it."""
    from habitus.learning.sole import sole_user

    folder = tmp_path / "models" / "ck"
    with sole_user(folder), pytest.raises(UsageError, match="another process is training into it"):
        trained(kept_in(folder))
    trained(kept_in(folder))
    assert [path.name for path in folder.parent.iterdir()] == ["ck"]


def test_a_full_disk_is_told_and_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("habitus.storage.os.fsync", full)
    with pytest.warns(TrainingWarning, match=r"no checkpoint can be kept \(.*No space left"):
        made = trained(kept_in(tmp_path / "ck"))
    assert same(made.state(), uninterrupted())
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_the_checkpoint_before(
    unfinished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "ck"
    shutil.copytree(unfinished, folder)

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("habitus.storage.os.fsync", full)
        with pytest.warns(TrainingWarning), pytest.raises(Killed):
            trained(kept_in(folder, resume=True), KilledAfter(5))
    assert same(trained(kept_in(folder, resume=True)).state(), uninterrupted())


def test_what_is_fitted_beside_runs_where_it_does_and_keeps_nothing(tmp_path: Path) -> None:
    session = Session(tmp_path / "ck", resume=True, device="cuda", keeps_interrupted=True)
    made = Lstm.with_settings(SETTINGS)
    made.session = session
    assert made.unfitted().session == Session(device="cuda")
    assert made.unfitted().settings == made.settings


def test_clearing_takes_away_checkpoints_alone(unfinished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ck"
    shutil.copytree(unfinished, folder)
    (tmp_path / ".ck.x1y2.partial").mkdir()
    Session(folder).clear()
    assert list(tmp_path.iterdir()) == []
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    Session(folder).clear()
    assert (folder / "notes.txt").exists()


@pytest.mark.parametrize("device", ["", "cuda:256", "gpu", "meta", "cuda:-1", "CPU", "cuda:1\n"])
def test_devices_that_are_none_are_refused(device: str) -> None:
    with pytest.raises(UsageError, match="say cpu, cuda or cuda:1"):
        Session(device=device).check()


def test_a_device_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(UsageError, match=r"'cuda:1' is not there: .* finds 1 CUDA device;"):
        trained(Session(device="cuda:1"))


def test_the_settings_of_these_tests_make_what_they_say() -> None:
    with pytest.raises(Killed):
        trained(None, KilledAfter(UPDATES - 1))
    assert len(trained(None, KilledAfter(UPDATES)).history.epochs) == 3
