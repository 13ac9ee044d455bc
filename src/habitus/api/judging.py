"""Judging traces, and explaining one."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING, Unpack

from habitus.alerts.explanation import MAX_STRETCH, Explanation, explain_score
from habitus.alerts.record import Record, alert_record
from habitus.alerts.rolling import RollingScorer
from habitus.alerts.scoring import DEFAULT_STRETCH, Scorer
from habitus.datasets.source import input_path
from habitus.errors import InputError, UsageError
from habitus.files.inputs import open_inputs
from habitus.models.files import load_trace_model
from habitus.progress import SILENT, Progress
from habitus.traces.reading import TraceReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.alerts.judgement import TraceScore
    from habitus.api.options import FileOptions, Place
    from habitus.models.model import Model
    from habitus.traces.report import ReadReport

MAX_LINE_BYTES = 1 << 20


def detect(
    model: Model | Place,
    path: Place,
    *,
    all_traces: bool = False,
    decision: str | None = None,
    stretch_calls: int = DEFAULT_STRETCH,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
    **files: Unpack[FileOptions],
) -> Iterator[Record]:
    """Judge every trace of ``path``, in memory that does not grow with it, and yield records.

    Args:
        path: a file, a folder, an archive, a data set's name, or ``-`` for standard input.
        all_traces: yield a record for every trace, not only for alerts; alerts alone are
            explained.
        decision: which of the model's decisions judges; by default the one about whole traces. A
            rolling one may raise several alerts in a trace.
        stretch_calls: length of the stretch that explains a trace.
        report: filled while reading.
        files: how to read files (`FileOptions`).

    Raises:
        HabitusError: while reading, if the input cannot be read.
    """
    model = _loaded(model)
    for judged in judge(
        model, path, decision=decision, stretch_calls=stretch_calls,
        progress=progress, report=report, **files,
    ):  # fmt: skip
        if judged.is_alert or all_traces:
            yield alert_record(model, judged)


def judge(
    model: Model | Place,
    path: Place,
    *,
    explain_all: bool = False,
    decision: str | None = None,
    stretch_calls: int = DEFAULT_STRETCH,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
    **files: Unpack[FileOptions],
) -> Iterator[TraceScore]:
    """Judge every trace of ``path`` and yield what `detect` makes records of."""
    model = _loaded(model)
    if not 1 <= stretch_calls <= MAX_STRETCH:
        raise UsageError(f"a stretch is 1 to {MAX_STRETCH} calls, not {stretch_calls}")
    row = model.row_of(decision)
    reader = TraceReader(input_path(path), progress=progress, report=report, **files)
    if row:
        yield from RollingScorer(model, row, stretch_calls).run(reader)
    else:
        yield from Scorer(model, stretch_calls, stretch_of_all=explain_all).run(reader)


def explain(
    model: Model | Place,
    path: Place,
    *,
    trace: str | None = None,
    decision: str | None = None,
    stretch_calls: int = DEFAULT_STRETCH,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
    **files: Unpack[FileOptions],
) -> tuple[TraceScore, Explanation]:
    """Judge one trace of ``path`` and explain it.

    Args:
        trace: its name; by default the strangest trace is explained.
        decision: which of the model's decisions judges; of a rolling one the strangest alarm is
            explained, by the window of calls that raised it.

    Raises:
        HabitusError: if the input cannot be read, or there is no such trace or none to explain.
    """
    model = _loaded(model)
    row = model.row_of(decision)
    strangest: TraceScore | None = None
    for judged in judge(
        model, path, explain_all=True, decision=decision, stretch_calls=stretch_calls,
        progress=progress, report=report, **files,
    ):  # fmt: skip
        if trace is not None and judged.info.name != trace:
            continue
        if strangest is None or _rank(judged) > _rank(strangest):
            strangest = judged
        if trace is not None and not row:
            break  # a rolling decision may raise more alarms in the trace
    if strangest is None:
        raise UsageError(
            f"{path}: holds no trace called {trace!r}; `habitus detect --all` lists them"
        )
    explanation = explain_score(model, strangest)
    if explanation is None and row:
        raise UsageError(
            f"{path}: {strangest.info.name} raises no alarm by {model.decisions[row].rule}; "
            "without --decision it is explained as a whole"
        )
    if explanation is None:
        raise InputError(
            f"{path}: {strangest.info.name} makes no calls: there is nothing to explain"
        )
    return strangest, explanation


def source_lines(
    path: str | os.PathLike[str], source: str, explanation: Explanation
) -> dict[int, str]:
    """The lines of the source that an explanation's calls stand on, by line number.

    Empty where calls have no lines, and for standard input, which cannot be read again.
    """
    wanted = {call.position for call in explanation.calls}
    if explanation.position_unit != "line" or str(path) == "-":
        return {}
    lines: dict[int, str] = {}
    for file in open_inputs(input_path(path), on_skip=lambda *_: None):
        if file.source == source:
            for number in range(1, max(wanted) + 1):
                line = part = file.stream.readline(MAX_LINE_BYTES)
                while len(part) == MAX_LINE_BYTES and not part.endswith(b"\n"):
                    part = file.stream.readline(MAX_LINE_BYTES)  # the rest of a line is no line
                if number in wanted:
                    lines[number] = line.decode("utf-8", "replace").strip()
            break
    return lines


def _loaded(model: Model | Place) -> Model:
    return load_trace_model(model) if isinstance(model, str | os.PathLike) else model


def _rank(judged: TraceScore) -> tuple[bool, float, int]:
    """Alarms first, then the strangest; of traces that cannot be scored, the longest."""
    return (judged.is_alert, judged.score if judged.scoreable else -math.inf, judged.n_calls)
