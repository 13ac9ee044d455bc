"""Alert records: one JSON object a line, with the head of Suricata's EVE format.

The head (``timestamp``, ``event_type``, ``alert``) lets tools that read EVE take the records in;
everything of ours is in ``score``, ``verdict`` and ``habitus``. The schema is
``habitus/schemas/alert.schema.json``.
"""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from habitus.alerts.explanation import Explanation, explain_score
from habitus.decisions.scores import score_unit
from habitus.traces.traceset import Label
from habitus.version import __version__

if TYPE_CHECKING:
    from habitus.alerts.judgement import TraceScore
    from habitus.models.model import Model

RECORD_VERSION = 1
SIGNATURE_ID = 9_600_001
"""In the range that Suricata leaves to local rules' users; one kind of alert so far."""

Record = dict[str, Any]

_FIRST_DATE_NS = 100_000_000 * 10**9  # earlier times are times of day, not dates


def alert_record(model: Model, judged: TraceScore, *, explain: bool = True) -> Record:
    """The record of one judged trace.

    ``event_type`` is ``alert`` for alerts and ``trace`` for the others. ``score`` is always a
    number: 0 for a trace too short to be scored, which ``verdict`` tells apart from normal.

    Args:
        explain: whether to explain the trace, where its strangest stretch was kept.
    """
    explanation = explain_score(model, judged) if explain else None
    timestamp, clock = _timestamp(explanation, judged.time_ns)
    decision, population = model.decisions[judged.decision], model.population
    record: Record = {
        "timestamp": timestamp,
        "event_type": "alert" if judged.is_alert else "trace",
        "score": judged.score if judged.scoreable else 0.0,
        "threshold": decision.threshold,
        "verdict": judged.verdict,
    }
    if judged.is_alert:
        record["alert"] = {
            "action": "allowed",  # as EVE says of what was only observed
            "gid": 1,
            "signature_id": SIGNATURE_ID,
            "rev": 1,
            "signature": f"Habitus {model.detector.name}: unusual sequence of system calls",
            "category": "Behavioural anomaly",
            # EVE's 1 is severe: stranger than every normal that the threshold was set on.
            "severity": 1 if population.n_as_strange(judged.decision, judged.score) == 0 else 2,
        }
    record["habitus"] = {
        "record_version": RECORD_VERSION,
        "version": __version__,
        "timestamp_is": clock,
        "detector": model.detector.name,
        "model_digest": model.digest,
        "decision": decision.rule,
        "aggregation": decision.aggregation,
        "unit": score_unit(model.detector, decision.rule),
        "trace": {
            "name": judged.info.name,
            "source": judged.info.source,
            "thread": judged.info.thread if judged.info.thread >= 0 else None,
            "label": None if judged.info.label is Label.UNKNOWN else judged.info.label.name.lower(),
            "n_calls": judged.n_calls,
            "n_novel_calls": judged.n_novel,
        },
        "stranger_normals": (
            population.share_as_strange(judged.decision, judged.score)
            if judged.scoreable and population.n_scored(judged.decision)
            else None
        ),
        "explanation": None if explanation is None else explanation_record(explanation),
    }
    return record


def explanation_record(explanation: Explanation) -> Record:
    """An explanation in JSON's terms."""
    record = dataclasses.asdict(explanation)
    if not explanation.members:
        del record["members"]  # it says nothing of a single detector
    for call in record["calls"]:
        call["expected"] = [
            {"name": n, "probability": float(f"{p:.3g}")} for n, p in call["expected"]
        ]
        call["time"] = None if call["time_ns"] is None else _time_text(call["time_ns"])
        del call["time_ns"]
    return record


def to_line(record: Record) -> str:
    """One record as one line of JSON, newline included."""
    return json.dumps(record, allow_nan=False, separators=(",", ":")) + "\n"


def _timestamp(explanation: Explanation | None, time_ns: int | None) -> tuple[str, str]:
    """(ISO 8601, what it is): of the strangest call, else of the trace's last, else of now."""
    calls = explanation.calls if explanation else ()
    dated = [call for call in calls if call.time_ns is not None and call.time_ns >= _FIRST_DATE_NS]
    if dated:
        strangest = max(dated, key=lambda call: -1.0 if call.surprise is None else call.surprise)
        time_ns = strangest.time_ns
    if time_ns is not None and time_ns >= _FIRST_DATE_NS:
        return _time_text(time_ns), "capture"
    return datetime.now(UTC).isoformat(timespec="microseconds"), "detection"


def _time_text(time_ns: int) -> str:
    if time_ns < _FIRST_DATE_NS:
        return str(timedelta(microseconds=time_ns // 1000))
    moment = datetime.fromtimestamp(time_ns // 10**9, UTC)
    return moment.replace(microsecond=time_ns % 10**9 // 1000).isoformat(timespec="microseconds")
