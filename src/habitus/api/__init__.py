"""The public functions: what the command line does, for programs.

Each takes a path or a name wherever the command line does, and returns objects instead of text.
They are imported when first used: whoever judges flows need not wait for what evaluates traces.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from habitus.api.comparing import compare
    from habitus.api.data import check, convert, read_data, sample
    from habitus.api.drifting import check_drift
    from habitus.api.ensembling import train_ensemble
    from habitus.api.flows import detect_flows, explain_flows, judge_flows, train_flows
    from habitus.api.judging import detect, explain, judge, source_lines
    from habitus.api.learning import evaluate, train
    from habitus.api.options import FileOptions
    from habitus.api.searching import load_search, run_search

_HOMES = {
    "FileOptions": "habitus.api.options",
    "check": "habitus.api.data",
    "check_drift": "habitus.api.drifting",
    "compare": "habitus.api.comparing",
    "convert": "habitus.api.data",
    "detect": "habitus.api.judging",
    "detect_flows": "habitus.api.flows",
    "evaluate": "habitus.api.learning",
    "explain": "habitus.api.judging",
    "explain_flows": "habitus.api.flows",
    "judge": "habitus.api.judging",
    "judge_flows": "habitus.api.flows",
    "load_search": "habitus.api.searching",
    "read_data": "habitus.api.data",
    "run_search": "habitus.api.searching",
    "sample": "habitus.api.data",
    "source_lines": "habitus.api.judging",
    "train": "habitus.api.learning",
    "train_ensemble": "habitus.api.ensembling",
    "train_flows": "habitus.api.flows",
}

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
    "load_search",
    "read_data",
    "run_search",
    "sample",
    "source_lines",
    "train",
    "train_ensemble",
    "train_flows",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'habitus.api' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
