"""The public functions: what the command line does, for programs.

Each takes a path or a name wherever the command line does, and returns objects instead of text.
"""

from __future__ import annotations

from habitus.api.comparing import compare
from habitus.api.data import check, convert, sample
from habitus.api.drifting import check_drift
from habitus.api.judging import detect, explain, judge, source_lines
from habitus.api.learning import evaluate, train
from habitus.api.options import FileOptions
from habitus.api.searching import load_search, run_search

__all__ = [
    "FileOptions",
    "check",
    "check_drift",
    "compare",
    "convert",
    "detect",
    "evaluate",
    "explain",
    "judge",
    "load_search",
    "run_search",
    "sample",
    "source_lines",
    "train",
]
