"""The public functions: what the command line does, for programs.

Each takes a path or a name wherever the command line does, and returns objects instead of text.
"""

from __future__ import annotations

from habitus.api.comparing import compare
from habitus.api.data import check, convert, sample
from habitus.api.drifting import check_drift
from habitus.api.flows import detect_flows, explain_flows, judge_flows, train_flows
from habitus.api.judging import detect, explain, judge, source_lines
from habitus.api.learning import evaluate, train
from habitus.api.options import FileOptions

__all__ = [
    "FileOptions",
    "check",
    "check_drift",
    "compare",
    "convert",
    "detect",
    "detect_flows",
    "evaluate",
    "explain",
    "explain_flows",
    "judge",
    "judge_flows",
    "sample",
    "source_lines",
    "train",
    "train_flows",
]
