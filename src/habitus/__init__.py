"""Habitus: learns how programs normally behave and says when, where and why they stop.

The names below are the public interface; everything else may change. They are imported when first
used, so that ``import habitus`` costs nothing.

>>> import habitus
>>> habitus.detector_names()
('ngram', 'stide')
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from habitus.version import __version__

if TYPE_CHECKING:
    from habitus.alerts.explanation import Explanation
    from habitus.alerts.flow_judging import FlowJudge, FlowVerdicts
    from habitus.alerts.judgement import TraceScore
    from habitus.api.comparing import compare
    from habitus.api.data import check, convert, read_data, sample
    from habitus.api.drifting import check_drift
    from habitus.api.ensembling import train_ensemble
    from habitus.api.flows import detect_flows, explain_flows, judge_flows, train_flows
    from habitus.api.judging import detect, explain, judge, source_lines
    from habitus.api.learning import evaluate, train
    from habitus.api.options import FileOptions
    from habitus.api.searching import draw_search, load_search, run_search
    from habitus.decisions.budget import Budget
    from habitus.detectors import detector_names, get_detector, register_detector
    from habitus.detectors.base import DetectorSettings, Expectation, SequenceDetector
    from habitus.detectors.flow import (
        flow_detector_names,
        get_flow_detector,
        register_flow_detector,
    )
    from habitus.detectors.flow.base import Contributions, FlowDetector
    from habitus.drift.result import Drift
    from habitus.errors import HabitusError, ModelError
    from habitus.evaluation.comparing.comparison import Comparisons
    from habitus.evaluation.doctor.checkup import Checkup
    from habitus.evaluation.results import Results
    from habitus.flows.either import EitherReport
    from habitus.flows.extracting import extract_flows
    from habitus.flows.labelled import LabelledFlows
    from habitus.flows.labelled_reading import read_labelled_flows
    from habitus.flows.reading import flow_record_tables, read_flow_records
    from habitus.flows.record_report import FlowReport
    from habitus.flows.report import CaptureReport
    from habitus.flows.saving import write_flows
    from habitus.flows.tracker import TrackSettings
    from habitus.learning.session import Session
    from habitus.models.files import load_model, save_model, verify_model
    from habitus.models.flow_model import FlowModel
    from habitus.models.flow_training import fit_flow_model, flowmeter_model
    from habitus.models.model import Model
    from habitus.models.training import fit_model
    from habitus.progress import SILENT, Progress
    from habitus.search.report.picture import Picture
    from habitus.search.results import SearchResult
    from habitus.traces.converting import Written
    from habitus.traces.formats import format_names, get_format, register_format
    from habitus.traces.formats.native import append_native, write_native
    from habitus.traces.formats.plain_writer import write_plain
    from habitus.traces.reading import TraceReader, read_traces
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import Label, TraceInfo, TraceSet, join
    from habitus.traces.vocabulary import UNKNOWN, Vocabulary

_HOMES = {
    "Budget": "habitus.decisions.budget",
    "CaptureReport": "habitus.flows.report",
    "Checkup": "habitus.evaluation.doctor.checkup",
    "Comparisons": "habitus.evaluation.comparing.comparison",
    "Contributions": "habitus.detectors.flow.base",
    "DetectorSettings": "habitus.detectors.base",
    "Drift": "habitus.drift.result",
    "EitherReport": "habitus.flows.either",
    "Expectation": "habitus.detectors.base",
    "Explanation": "habitus.alerts.explanation",
    "FileOptions": "habitus.api.options",
    "FlowDetector": "habitus.detectors.flow.base",
    "FlowJudge": "habitus.alerts.flow_judging",
    "FlowModel": "habitus.models.flow_model",
    "FlowReport": "habitus.flows.record_report",
    "FlowVerdicts": "habitus.alerts.flow_judging",
    "HabitusError": "habitus.errors",
    "Label": "habitus.traces.traceset",
    "LabelledFlows": "habitus.flows.labelled",
    "Model": "habitus.models.model",
    "ModelError": "habitus.errors",
    "Picture": "habitus.search.report.picture",
    "Progress": "habitus.progress",
    "ReadReport": "habitus.traces.report",
    "Results": "habitus.evaluation.results",
    "SILENT": "habitus.progress",
    "SearchResult": "habitus.search.results",
    "SequenceDetector": "habitus.detectors.base",
    "Session": "habitus.learning.session",
    "TraceInfo": "habitus.traces.traceset",
    "TraceReader": "habitus.traces.reading",
    "TraceScore": "habitus.alerts.judgement",
    "TraceSet": "habitus.traces.traceset",
    "TrackSettings": "habitus.flows.tracker",
    "UNKNOWN": "habitus.traces.vocabulary",
    "Vocabulary": "habitus.traces.vocabulary",
    "Written": "habitus.traces.converting",
    "append_native": "habitus.traces.formats.native",
    "check": "habitus.api.data",
    "check_drift": "habitus.api.drifting",
    "compare": "habitus.api.comparing",
    "convert": "habitus.api.data",
    "detect": "habitus.api.judging",
    "detect_flows": "habitus.api.flows",
    "detector_names": "habitus.detectors",
    "draw_search": "habitus.api.searching",
    "evaluate": "habitus.api.learning",
    "explain": "habitus.api.judging",
    "explain_flows": "habitus.api.flows",
    "extract_flows": "habitus.flows.extracting",
    "fit_flow_model": "habitus.models.flow_training",
    "fit_model": "habitus.models.training",
    "flow_detector_names": "habitus.detectors.flow",
    "flow_record_tables": "habitus.flows.reading",
    "flowmeter_model": "habitus.models.flow_training",
    "format_names": "habitus.traces.formats",
    "get_detector": "habitus.detectors",
    "get_flow_detector": "habitus.detectors.flow",
    "get_format": "habitus.traces.formats",
    "join": "habitus.traces.traceset",
    "judge": "habitus.api.judging",
    "judge_flows": "habitus.api.flows",
    "load_model": "habitus.models.files",
    "load_search": "habitus.api.searching",
    "read_data": "habitus.api.data",
    "read_flow_records": "habitus.flows.reading",
    "read_labelled_flows": "habitus.flows.labelled_reading",
    "read_traces": "habitus.traces.reading",
    "register_detector": "habitus.detectors",
    "register_flow_detector": "habitus.detectors.flow",
    "register_format": "habitus.traces.formats",
    "run_search": "habitus.api.searching",
    "sample": "habitus.api.data",
    "save_model": "habitus.models.files",
    "source_lines": "habitus.api.judging",
    "train": "habitus.api.learning",
    "train_ensemble": "habitus.api.ensembling",
    "train_flows": "habitus.api.flows",
    "verify_model": "habitus.models.files",
    "write_flows": "habitus.flows.saving",
    "write_native": "habitus.traces.formats.native",
    "write_plain": "habitus.traces.formats.plain_writer",
}

__all__ = [  # noqa: RUF022 - plainly sorted; a test holds it against the table above
    "Budget",
    "CaptureReport",
    "Checkup",
    "Comparisons",
    "Contributions",
    "DetectorSettings",
    "Drift",
    "EitherReport",
    "Expectation",
    "Explanation",
    "FileOptions",
    "FlowDetector",
    "FlowJudge",
    "FlowModel",
    "FlowReport",
    "FlowVerdicts",
    "HabitusError",
    "Label",
    "LabelledFlows",
    "Model",
    "ModelError",
    "Picture",
    "Progress",
    "ReadReport",
    "Results",
    "SILENT",
    "SearchResult",
    "SequenceDetector",
    "Session",
    "TraceInfo",
    "TraceReader",
    "TraceScore",
    "TraceSet",
    "TrackSettings",
    "UNKNOWN",
    "Vocabulary",
    "Written",
    "__version__",
    "append_native",
    "check",
    "check_drift",
    "compare",
    "convert",
    "detect",
    "detect_flows",
    "detector_names",
    "draw_search",
    "evaluate",
    "explain",
    "explain_flows",
    "extract_flows",
    "fit_flow_model",
    "fit_model",
    "flow_detector_names",
    "flow_record_tables",
    "flowmeter_model",
    "format_names",
    "get_detector",
    "get_flow_detector",
    "get_format",
    "join",
    "judge",
    "judge_flows",
    "load_model",
    "load_search",
    "read_data",
    "read_flow_records",
    "read_labelled_flows",
    "read_traces",
    "register_detector",
    "register_flow_detector",
    "register_format",
    "run_search",
    "sample",
    "save_model",
    "source_lines",
    "train",
    "train_ensemble",
    "train_flows",
    "verify_model",
    "write_flows",
    "write_native",
    "write_plain",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'habitus' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
