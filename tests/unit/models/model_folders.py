"""Small models on disk, and models whose maker meant ill: wrong within, and yet with a manifest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors.numpy import load_file, save_file

from habitus.decisions.budget import Budget
from habitus.models.files import MANIFEST_FILE, MODEL_FILE, WEIGHTS_FILE, save_model
from habitus.models.training import fit_model
from habitus.traces.traceset import TraceInfo, TraceSet

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.models.model import Model

TRACES = [list("abcabc"), list("abcab"), list("bcabca"), list("abcabc"), list("aabbc")]
SETTINGS = {"stide": {"n": 2}, "ngram": {"order": 2}}


def small_model(detector: str = "ngram") -> Model:
    return fit_model(
        detector,
        TraceSet.from_names(TRACES),
        settings=SETTINGS[detector],
        false_alarms=0.2,
        data="made up",
        data_sha256="0" * 64,
    )


def timed_model() -> Model:
    """Of two recordings of a minute each, with a decision about the last two calls."""
    infos = [TraceInfo(f"t{i}", "made up", group=f"run-{i % 2}") for i in range(len(TRACES))]
    traces = TraceSet.from_names([3 * trace for trace in TRACES], infos=infos)
    times = np.concatenate([np.linspace(0, 60e9, n).astype(np.int64) for n in traces.lengths])
    return fit_model(
        "ngram", replace(traces, times_ns=times), settings={"order": 2}, rolling=["2"],
        false_alarms=Budget.parse("0.2", merge_seconds=5),
    )  # fmt: skip


def small_folder(folder: Path, detector: str = "ngram") -> Path:
    save_model(small_model(detector), folder)
    return folder


def seal(folder: Path) -> None:
    """Make the manifest fit whatever the files hold, as whoever forges a model would."""
    lines = [
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in sorted((MODEL_FILE, WEIGHTS_FILE))
    ]
    (folder / MANIFEST_FILE).write_text("".join(lines))


def forge(folder: Path, **arrays: np.ndarray | None) -> None:
    """Replace arrays (``detector__parent`` is ``detector.parent``; None takes one away)."""
    path = folder / WEIGHTS_FILE
    held: dict[str, Any] = load_file(path)
    for name, array in arrays.items():
        key = name.replace("__", ".")
        if array is None:
            del held[key]
        else:
            held[key] = array
    save_file(held, path)
    seal(folder)


def rewrite(folder: Path, **changes: Any) -> None:
    """Replace parts of ``model.json``; a double underscore goes one level down."""
    path = folder / MODEL_FILE
    described = json.loads(path.read_text())
    for name, value in changes.items():
        *above, last = name.split("__")
        place = described
        for key in above:
            place = place[int(key) if key.isdigit() else key]
        place[last] = value
    path.write_text(json.dumps(described))
    seal(folder)
