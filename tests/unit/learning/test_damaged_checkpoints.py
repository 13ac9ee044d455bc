"""A checkpoint may be damaged, or made by anyone: it is refused by name, and ends no other way."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from small_training import kept_in, trained

from habitus.errors import ModelError
from habitus.sealed import MANIFEST_FILE, arrays_of, write_sealed

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]


def cut(folder: Path) -> None:
    path = folder / "arrays.safetensors"
    path.write_bytes(path.read_bytes()[:-40])


def flipped(folder: Path) -> None:
    path = folder / "arrays.safetensors"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)


def with_one_more(folder: Path) -> None:
    (folder / "notes.txt").write_text("mine")


def without_manifest(folder: Path) -> None:
    (folder / MANIFEST_FILE).unlink()


@pytest.mark.parametrize(
    ("damage", "told"),
    [
        (cut, "damaged or was altered"),
        (flipped, "damaged or was altered"),
        (with_one_more, "notes.txt"),
        (without_manifest, "is missing"),
    ],
)
def test_a_damaged_folder_is_refused(
    unfinished: Path, tmp_path: Path, damage: Callable[[Path], None], told: str
) -> None:
    folder = tmp_path / "ck"
    shutil.copytree(unfinished, folder)
    damage(folder)
    with pytest.raises(ModelError, match=rf"ck.*{told}"):
        trained(kept_in(folder, resume=True))


def resealed(
    unfinished: Path, folder: Path, change: Callable[[Arrays, dict[str, Any]], object]
) -> Path:
    """A checkpoint whose content was changed by someone who can seal it again."""
    from safetensors.numpy import save

    contents = {file.name: file.read_bytes() for file in unfinished.iterdir()}
    arrays = arrays_of(contents["arrays.safetensors"], "arrays.safetensors")
    told = json.loads(contents["checkpoint.json"])
    change(arrays, told)
    made = {
        "checkpoint.json": json.dumps(told).encode(),
        "arrays.safetensors": save({n: np.asarray(a, order="C") for n, a in arrays.items()}),
    }
    write_sealed(folder, made, may_replace=lambda _: False)
    return folder


def array(name: str, value: Any) -> Callable[[Arrays, dict[str, Any]], object]:
    return lambda arrays, _: arrays.update({name: np.asarray(value)})


def without(name: str) -> Callable[[Arrays, dict[str, Any]], object]:
    return lambda arrays, _: arrays.pop(name)


def position(**values: Any) -> Callable[[Arrays, dict[str, Any]], object]:
    return lambda _, told: told["position"].update(values)


EIGHT = np.zeros(8, np.float32)
HOSTILE = {
    "weights of another shape": (array("weights.output.bias", EIGHT), "output.bias"),
    "weights of another type": (array("weights.output.bias", np.zeros(5)), "output.bias"),
    "weights that are no number": (
        array("best.output.bias", np.full(5, np.nan, np.float32)), "output.bias",
    ),
    "weights left out": (without("weights.output.bias"), "output.bias"),
    "no best weights": (
        lambda arrays, _: [arrays.pop(n) for n in list(arrays) if n.startswith("best.")],
        "history",
    ),
    "means of another shape": (array("average.output.bias", EIGHT), "means"),
    "an optimiser of more weights": (array("optimiser.99.exp_avg", EIGHT), "of weight 99"),
    "an optimiser of other names": (array("optimiser.0.momentum", EIGHT), "momentum, step of"),
    "an optimiser of no names": (array("optimiser.x", EIGHT), "'x'"),
    "an optimiser of other shapes": (array("optimiser.0.exp_avg", EIGHT), "of weight 0"),
    "an optimiser without a part": (without("optimiser.0.step"), "of weight 0"),
    "chance cut off": (array("random", np.zeros(7, np.uint8)), "chance"),
    "chance left out": (without("random"), "chance"),
    "a memory of another shape": (array("carried", EIGHT.reshape(2, 4)), "memory"),
    "a memory of no shape": (array("carried", np.float32(0)), "memory"),
    "a memory that is no number": (array("carried", np.full((4, 16), np.inf, "f4")), "carried"),
    "a memory left out": (without("carried"), "carried"),
    "an array of nobody's": (array("mine", EIGHT), "'mine'"),
    "a history left out": (without("history"), "history"),
    "a history of more epochs": (array("history", np.zeros((9, 7))), "epochs"),
    "a step beyond the epoch": (position(step=10**6), "stands at step 1000000 of 10"),
    "an epoch not yet done": (position(epoch=2), "epochs"),
    "a place that is no number": (position(calls="many"), r"position\.calls"),
    "a place below nothing": (position(updates=-1), r"position\.updates"),
    "a sum that is no number": (lambda _, told: told["sums"].update(loss=np.nan), r"sums\.loss"),
    "another version": (lambda _, told: told.update(schema_version=2), "schema_version"),
}  # fmt: skip


@pytest.mark.parametrize("made", HOSTILE)
def test_what_no_training_leaves_is_refused(unfinished: Path, tmp_path: Path, made: str) -> None:
    change, told = HOSTILE[made]
    folder = resealed(unfinished, tmp_path / "ck", change)
    with pytest.raises(ModelError, match=told) as caught:
        trained(kept_in(folder, resume=True))
    assert str(folder) in str(caught.value)


def with_header(told: object) -> bytes:
    """How a file of arrays begins that tells this of them."""
    header = json.dumps(told).encode()
    return len(header).to_bytes(8, "little") + header


@pytest.mark.parametrize(
    "content",
    [
        (1 << 60).to_bytes(8, "little") + b"{}",
        with_header({"a": {"dtype": "F32", "shape": [1 << 32], "data_offsets": [0, 1 << 34]}}),
        with_header({"a": {"dtype": "BF16", "shape": [2], "data_offsets": [0, 4]}}) + b"1234",
        b"",
    ],
    ids=["huge header", "huge array", "a type NumPy lacks", "empty"],
)
def test_arrays_that_are_none_are_refused(unfinished: Path, tmp_path: Path, content: bytes) -> None:
    made = {"checkpoint.json": (unfinished / "checkpoint.json").read_bytes()}
    write_sealed(
        tmp_path / "ck", made | {"arrays.safetensors": content}, may_replace=lambda _: False
    )
    with pytest.raises(ModelError, match="ck: "):
        trained(kept_in(tmp_path / "ck", resume=True))
