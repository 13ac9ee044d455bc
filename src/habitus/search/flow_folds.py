"""`fold-auc`: detectors of flows, judged by labelled flows of folds that they have not learned.

Labels are what such a detector learns, so that every result is supervised by its nature.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from habitus.datasets.source import input_path
from habitus.errors import UsageError
from habitus.evaluation.metrics import roc

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import polars as pl

    from habitus.engines.base import Context
    from habitus.progress import Progress

TASK = "habitus.search.flow_folds:run_flow_trial"
FLOWS = "flows"
_MALICIOUS, _FILE = "\0malicious", "\0file"
_FLOW_DETECTORS = "habitus.detectors.flow"

_read: WeakKeyDictionary[Any, pl.DataFrame] = WeakKeyDictionary()


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
    table = _table(context)
    labels = table[_MALICIOUS].to_numpy()
    files = np.array(table[_FILE].to_list(), dtype=object)
    flows = table.drop(_MALICIOUS, _FILE)
    detectors = import_module(_FLOW_DETECTORS)
    made = detectors.get_flow_detector(arguments["detector"]).with_settings(arguments["settings"])
    # Which flows are held out together is one thing for all trials.
    parts, warning = import_module(f"{_FLOW_DETECTORS}.folds").held_out_folds(
        labels, files, arguments["folds"], 0
    )
    areas, notes = [], [warning] if warning else []
    for learned, held_out in parts:
        one = made.unfitted()
        known = labels[learned] if made.needs_labels else None
        rows = learned if made.needs_labels else learned[~labels[learned]]
        one.fit(flows[rows], known, files[rows], seed=arguments["seed"])
        scores = one.score(flows[held_out])
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


def _table(context: Context) -> pl.DataFrame:
    import polars as pl

    if context not in _read:
        _read[context] = pl.read_ipc(context.shared(FLOWS).to_pybytes(), use_pyarrow=False)
    return _read[context]
