"""No detector's model holds a pickle, and loading one opens none."""

from __future__ import annotations

import _pickle
import pickle
from hashlib import sha256
from typing import TYPE_CHECKING, NoReturn

import joblib
import numpy as np
import pytest

import habitus
from habitus.errors import ModelError
from habitus.models.training import fit_model
from habitus.traces.traceset import TraceSet

if TYPE_CHECKING:
    from pathlib import Path

NORMAL = [list(3 * t) for t in ("abcabcabd", "abdabc", "cabcab", "abcabdabd", "dabcabc")]
every_detector = pytest.mark.parametrize("name", habitus.detector_names())


def a_model(name: str, folder: Path) -> habitus.Model:
    settings = {"states": 2} if name == "hmm" else {}
    return habitus.save_model(
        fit_model(name, TraceSet.from_names(NORMAL * 2), settings=settings), folder
    )


class Poison:
    """Whoever unpickles it runs it."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a pickle was opened",)


def forbidden(*arguments: object, **options: object) -> NoReturn:
    raise AssertionError("pickle was asked to load something")


@every_detector
def test_loading_and_scoring_unpickle_nothing(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = TraceSet.from_names([list("abcXab" * 3), list("abcabc" * 3)])
    a_model(name, tmp_path / "model")
    # Once before: what numba keeps of compiled loops are pickles of our own, in the user's cache.
    wanted = habitus.load_model(tmp_path / "model").scores(judged)
    for module in (pickle, _pickle):
        for attribute in ("load", "loads", "Unpickler"):
            monkeypatch.setattr(module, attribute, forbidden)
    monkeypatch.setattr(pickle, "_Unpickler", forbidden)
    monkeypatch.setattr(joblib, "load", forbidden)
    loaded = habitus.load_model(tmp_path / "model")
    assert np.array_equal(loaded.scores(judged), wanted, equal_nan=True)


@every_detector
@pytest.mark.parametrize("place", ["weights.pkl", "model.pkl", "estimator.joblib"])
def test_a_pickle_in_the_folder_is_refused_and_never_opened(
    name: str, place: str, tmp_path: Path
) -> None:
    a_model(name, tmp_path / "model")
    (tmp_path / "model" / place).write_bytes(pickle.dumps(Poison()))
    with pytest.raises(ModelError, match=f"holds what no model does: {place}"):
        habitus.load_model(tmp_path / "model")


@every_detector
def test_a_pickle_in_the_arrays_place_is_refused_and_never_opened(
    name: str, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    a_model(name, folder)
    (folder / "weights.safetensors").write_bytes(pickle.dumps(Poison()))
    names = ("model.json", "weights.safetensors")
    lines = (f"{sha256((folder / f).read_bytes()).hexdigest()}  {f}\n" for f in names)
    (folder / "MANIFEST.sha256").write_text("".join(lines))
    with pytest.raises(ModelError, match="not a file of arrays"):
        habitus.load_model(folder)


def test_the_poison_works() -> None:
    with pytest.raises(pytest.fail.Exception, match="a pickle was opened"):
        pickle.loads(pickle.dumps(Poison()))  # noqa: S301
