"""`fold-auc`: what trials of flows share of each other's work changes nothing of what they find."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from habitus.detectors.flow import get_flow_detector
from habitus.detectors.flow.folds import held_out_folds
from habitus.evaluation.metrics import roc
from habitus.search import flow_folds
from made_flows import made_flows

if TYPE_CHECKING:
    from pathlib import Path

FLOWS, MALICIOUS, FILES = made_flows(300)
TRIALS = (
    ("logistic", {"features": "volume"}, 3),
    ("logistic", {"features": "gaps", "penalty": "l1"}, 3),
    ("logistic", {"features": "volume", "first_packets": 2}, 4),
    ("flow-outlier", {"features": "volume"}, 4),
    ("logistic", {"features": "volume"}, 3),
)


class Here:
    """A context of this process."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def shared(self, name: str) -> pa.Buffer:
        assert name == flow_folds.FLOWS
        return pa.memory_map(str(self._path)).read_buffer()

    def ask(self, word: Any) -> Any:
        raise AssertionError(word)


@pytest.fixture
def context(tmp_path: Path) -> Here:
    table = FLOWS.with_columns(
        pl.Series(flow_folds._MALICIOUS, MALICIOUS),
        pl.Series(flow_folds._FILE, FILES.astype(str), dtype=pl.String),
    )
    table.write_ipc(tmp_path / "flows.arrow")
    return Here(tmp_path / "flows.arrow")


def by_hand(detector: str, settings: dict[str, Any], folds: int) -> float:
    """Each fold from the table, as a user would do it."""
    areas = []
    for learned, held_out in held_out_folds(MALICIOUS, FILES, folds, 0)[0]:
        made = get_flow_detector(detector).with_settings(settings)
        labels = MALICIOUS[learned] if made.needs_labels else None
        rows = learned if made.needs_labels else learned[~MALICIOUS[learned]]
        made.fit(FLOWS[rows], labels, FILES[rows], seed=1)
        scores, truth = made.score(FLOWS[held_out]), MALICIOUS[held_out]
        areas.append(roc(scores[~truth], scores[truth]).auc)
    return float(np.mean(areas))


def test_trials_of_one_process_find_what_they_would_alone(context: Here) -> None:
    for detector, settings, folds in TRIALS:
        asked = {"detector": detector, "settings": settings, "seed": 1, "folds": folds}
        found = flow_folds.run_flow_trial(asked, context)
        assert found["value"] == by_hand(detector, settings, folds)
        assert found["measures"]["folds"] == len(held_out_folds(MALICIOUS, FILES, folds, 0)[0])
