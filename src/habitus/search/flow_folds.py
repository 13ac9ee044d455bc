"""`fold-auc`: detectors of flows, judged by labelled flows of folds that they have not learned.

Labels are what such a detector learns, so that every result is supervised by its nature.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from habitus.datasets.source import input_path
from habitus.errors import MissingLibrary, UsageError
from habitus.evaluation.metrics import roc
from habitus.search.preparing import is_first, words_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import polars as pl
    from numpy.typing import NDArray

    from habitus.engines.base import Context
    from habitus.progress import Progress

TASK = "habitus.search.flow_folds:run_flow_trial"
PREPARE = "habitus.search.flow_folds:read_flows"
WARM = "habitus.search.flow_folds:warm_up"
FEW = 50
"""Flows of each class, of which enough is learned to load what learning needs."""
FLOWS = "flows"
_MALICIOUS, _FILE = "\0malicious", "\0file"
_FLOW_DETECTORS = "habitus.detectors.flow"

Fold = tuple["NDArray[np.int64]", "NDArray[np.int64]"]


@dataclass
class _Held:
    """What a process has read and divided already: most trials ask for the same again.

    Attributes:
        read: of the latest features alone, by their names; they take as much memory as the table.
        folds: by their number.
    """

    flows: pl.DataFrame
    labels: NDArray[np.bool_]
    files: NDArray[Any]
    read: tuple[Any, Any] = (None, None)
    folds: dict[int, tuple[list[Fold], str]] = field(default_factory=dict)


_held: WeakKeyDictionary[Any, _Held] = WeakKeyDictionary()


def write_flows(data: str, folder: Path, progress: Progress) -> dict[str, Path]:
    """Read labelled flows and put them where all trials read them."""
    import polars as pl

    labelled = import_module("habitus.flows.labelled_reading").read_labelled_flows(
        input_path(data), progress=progress
    )
    table = labelled.flows.with_columns(
        pl.Series(_MALICIOUS, labelled.malicious),
        pl.Series(_FILE, [str(name) for name in labelled.file_names], dtype=pl.String),
    )
    path = folder / f"{FLOWS}.arrow"
    table.write_ipc(path)
    return {FLOWS: path}


def run_flow_trial(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Fit a detector on all folds but one, in turn, and measure it on that one.

    Args:
        arguments: ``detector``, ``settings``, ``seed`` and ``folds``.

    Raises:
        UsageError: if a setting is not allowed, or no fold has both classes.
    """
    held = _held_of(context)
    labels, files = held.labels, held.files
    detectors = import_module(_FLOW_DETECTORS)
    made = detectors.get_flow_detector(arguments["detector"]).with_settings(arguments["settings"])
    read = _read(held, made)
    parts, warning = _folds(held, arguments["folds"])
    areas, notes = [], [warning] if warning else []
    for learned, held_out in parts:
        one = made.unfitted()
        known = labels[learned] if made.needs_labels else None
        rows = learned if made.needs_labels else learned[~labels[learned]]
        one.fit_read(read.rows(rows), known, files[rows], seed=arguments["seed"])
        scores = one.score_matrix(one.inputs.rows_of(read.rows(held_out)))
        judged = np.isfinite(scores)
        malicious = labels[held_out][judged]
        if malicious.any() and not malicious.all():
            areas.append(roc(scores[judged][~malicious], scores[judged][malicious]).auc)
        notes += one.warnings()
    if not areas:
        raise UsageError("no fold of these flows has both classes to judge by")
    spread = float(np.std(areas))
    return {
        "value": float(np.mean(areas)),
        "measures": {"auc_spread": spread if math.isfinite(spread) else 0.0, "folds": len(areas)},
        "notes": list(dict.fromkeys(notes)),
    }


def read_flows(arguments: Mapping[str, Any], context: Context) -> None:
    """Read the flows that a trial will ask for, and divide them; as of `run_flow_trial`."""
    _folds(_held_of(context), arguments["folds"])


def warm_up(arguments: Mapping[str, Any], context: Context) -> None:
    """Fit a detector of the trial's kind to a few flows, if this process never did.

    Raises:
        MissingLibrary: if the detector needs one. Whatever else goes wrong, the trial will tell.
    """
    if not is_first(context, arguments):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _use(arguments, _held_of(context))
    except MissingLibrary:
        raise
    except Exception:  # noqa: BLE001 - so few flows may not be what the detector can learn
        return


def _use(arguments: Mapping[str, Any], held: _Held) -> None:
    words = words_of(arguments["settings"])
    detector = import_module(_FLOW_DETECTORS).get_flow_detector(arguments["detector"])
    made = detector.with_settings(words)
    few = np.concatenate([np.flatnonzero(held.labels == label)[:FEW] for label in (False, True)])
    labels = held.labels[few]
    read = made.read(held.flows[few])
    rows = np.flatnonzero(~labels | made.needs_labels)
    known = labels[rows] if made.needs_labels else None
    made.fit_read(read.rows(rows), known, held.files[few][rows], seed=0)
    made.score_matrix(made.inputs.rows_of(read.rows(rows)))


def _held_of(context: Context) -> _Held:
    import polars as pl

    if context not in _held:
        table = pl.read_ipc(context.shared(FLOWS).to_pybytes(), use_pyarrow=False)
        _held[context] = _Held(
            flows=table.drop(_MALICIOUS, _FILE),
            labels=table[_MALICIOUS].to_numpy(),
            files=np.array(table[_FILE].to_list(), dtype=object),
        )
    return _held[context]


def _read(held: _Held, detector: Any) -> Any:
    """What the detector's features say of all flows."""
    settings = detector.settings
    asked = (settings.features, settings.first_packets)
    if held.read[0] != asked:
        held.read = (asked, detector.read(held.flows))
    return held.read[1]


def _folds(held: _Held, n: int) -> tuple[list[Fold], str]:
    """Which flows are held out together: one thing for all trials."""
    if n not in held.folds:
        folds = import_module(f"{_FLOW_DETECTORS}.folds").held_out_folds
        held.folds[n] = folds(held.labels, held.files, n, 0)
    return held.folds[n]
