"""Records of judged flows: one JSON object a line, with the head of Suricata's EVE format.

Who talked to whom stands under EVE's names (``src_ip``, ``dest_port``, ``proto`` ...), so that
tools that read EVE take the records in; everything of ours is in ``score``, ``verdict`` and
``habitus``. The schema is ``habitus/schemas/flow-alert.schema.json``.
"""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.flows.flowtable import SOURCE
from habitus.flows.formats.base import LABEL, LINE
from habitus.flows.protocols import NAMES
from habitus.flows.services import service_guess
from habitus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.alerts.flow_judging import FlowVerdicts
    from habitus.alerts.record import Record
    from habitus.detectors.flow.ranges import NormalRange
    from habitus.models.flow_model import FlowModel

RECORD_VERSION = 1
SIGNATURE_ID = 9_600_002
"""Beside that of alerts about traces."""
TOP = 5
"""Features of an alert that are told one by one, unless all are asked for."""
_SIGNATURES = {
    "probability": ("flow like malicious ones", "Malicious traffic"),
    "nats": ("unusual flow", "Behavioural anomaly"),
}
_SIDES, _KINDS = ("forward", "backward"), ("raw", "ip", "payload")


def flow_records(
    model: FlowModel,
    judged: FlowVerdicts,
    *,
    top: int | None = TOP,
    explain_all: bool = False,
) -> Iterator[Record]:
    """The records of judged flows, in their order.

    Args:
        top: so many features are told one by one, those that add most first, and the rest
            together; None: all.
        explain_all: whether what is no alert is explained, too, as far as it has a score.
    """
    explained = np.isfinite(judged.scores) if explain_all else judged.alerts
    explanations = _Explanations(model, judged.select(explained), top)
    place = np.cumsum(explained) - 1
    verdicts = zip(judged.scores.tolist(), judged.alerts.tolist(), strict=True)
    for row, (score, is_alert) in enumerate(verdicts):
        why = explanations.of(int(place[row])) if explained[row] else None
        yield _record(model, judged.flows.row(row, named=True), score, is_alert, why)


def _record(
    model: FlowModel, flow: dict[str, Any], score: float, is_alert: bool,
    contributions: Record | None,
) -> Record:  # fmt: skip
    detector = model.detector
    is_scored = math.isfinite(score)
    seen_ns = _first(flow, "end_ns", "start_ns")
    timestamp = _time(seen_ns)
    protocol = flow.get("protocol")
    record: Record = {
        "timestamp": timestamp or datetime.now(UTC).isoformat(timespec="microseconds"),
        "event_type": "alert" if is_alert else "flow",
        "src_ip": flow.get("source_ip"),
        "src_port": flow.get("source_port"),
        "dest_ip": flow.get("destination_ip"),
        "dest_port": flow.get("destination_port"),
        "proto": None if protocol is None else NAMES.get(protocol, str(protocol)),
        "community_id": flow.get("community_id"),
        "score": score if is_scored else 0.0,
        "threshold": model.decision.threshold,
        "verdict": ("alert" if is_alert else "normal") if is_scored else "not_scoreable",
    }
    share = model.population.share_as_high(score) if is_scored else None
    if is_alert:
        signature, category = _SIGNATURES[detector.score_unit]
        none_as_high = share is not None and share <= 1 / (1 + len(model.population.benign))
        record["alert"] = {
            "action": "allowed",  # as EVE says of what was only observed
            "gid": 1,
            "signature_id": SIGNATURE_ID,
            "rev": 1,
            "signature": f"Habitus {detector.name}: {signature}",
            "category": category,
            # EVE's 1 is severe: no benign flow that was held out scores as high.
            "severity": 1 if none_as_high else 2,
        }
    record["habitus"] = {
        "record_version": RECORD_VERSION,
        "version": __version__,
        "timestamp_is": "detection" if timestamp is None else "capture",
        "detector": detector.name,
        "model_digest": model.digest,
        "unit": detector.score_unit,
        "flow": _flow(flow),
        "benign_as_high": share,
        "contributions": contributions,
    }
    return record


def _flow(flow: dict[str, Any]) -> Record:
    """Where a flow stands, when it was, and how much it carried."""
    frame = flow.get("first_frame")
    ports = flow.get("destination_port"), flow.get("source_port")
    return {
        "source": flow.get(SOURCE),
        "first_frame": frame,
        "last_frame": flow.get("last_frame"),
        # Of a flow that tells its frames a line is that of a table made on the way.
        "line": flow.get(LINE) if frame is None else None,
        "start": _time(flow.get("start_ns")),
        "end": _time(flow.get("end_ns")),
        "duration_us": flow.get("duration_us"),
        "service_guess": service_guess(flow.get("protocol"), *ports),
        "label": flow.get(LABEL),
        **{
            side: {
                "packets": flow.get(f"{side}_packets"),
                **{f"{kind}_bytes": flow.get(f"{side}_{kind}_bytes") for kind in _KINDS},
            }
            for side in _SIDES
        },
    }


class _Explanations:
    """What each feature adds to the scores of some flows."""

    def __init__(self, model: FlowModel, judged: FlowVerdicts, top: int | None) -> None:
        if not len(judged):
            return
        detector = model.detector
        inputs = detector.inputs
        self._matrix = inputs.matrix(judged.flows)
        self._adds = detector.contributions(judged.flows)
        self._totals = self._adds.totals()
        self._top = len(self._adds.features) if top is None else top
        self._columns: dict[str, list[int]] = {}
        for column, one in enumerate(inputs.inputs):
            self._columns.setdefault(one.feature, []).append(column)
        self._units = {one.feature: one.unit for one in inputs.inputs}
        self._ranges = detector.ranges
        self._codes = {
            feature: judged.flows[feature].to_list()
            for feature, columns in self._columns.items()
            if len(columns) > 1
        }

    def of(self, row: int) -> Record:
        """In JSON's terms."""
        adds = self._adds.values[row]
        order = np.argsort(-adds, kind="stable").tolist()
        shown, rest = order[: self._top], order[self._top :]
        return {
            "unit": self._adds.unit,
            "base": self._adds.base,
            "total": float(self._totals[row]),
            "features": [self._feature(row, at, float(adds[at])) for at in shown],
            "others": {"n_features": len(rest), "adds": float(adds[rest].sum())},
        }

    def _feature(self, row: int, at: int, adds: float) -> Record:
        name = self._adds.features[at]
        columns = self._columns[name]
        is_code = len(columns) > 1
        value = self._codes[name][row] if is_code else _finite(self._matrix[row, columns[0]])
        normal = None if is_code or not self._ranges else _range(self._ranges[columns[0]])
        return {
            "feature": name, "value": value, "unit": self._units[name], "normal": normal,
            "adds": adds,
        }  # fmt: skip


def _range(one: NormalRange) -> Record:
    told = one.null_share < 1
    return {
        "low": one.low if told else None,
        "median": one.median if told else None,
        "high": one.high if told else None,
        "null_share": one.null_share,
    }


def _first(flow: dict[str, Any], *names: str) -> Any:
    return next((flow[name] for name in names if flow.get(name) is not None), None)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _time(time_ns: int | None) -> str | None:
    """ISO 8601, UTC; None of what is no date."""
    if time_ns is None:
        return None
    try:
        moment = datetime.fromtimestamp(time_ns // 10**9, UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.replace(microsecond=time_ns % 10**9 // 1000).isoformat(timespec="microseconds")
