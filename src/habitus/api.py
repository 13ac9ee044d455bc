"""The public functions: what the command line does, for programs.

Each takes a path or a name wherever the command line does, and returns objects instead of text.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from habitus.alerts.explanation import MAX_STRETCH, Explanation, explain_score
from habitus.alerts.record import Record, alert_record
from habitus.alerts.scoring import DEFAULT_STRETCH, Scorer
from habitus.datasets.source import find_source, input_path
from habitus.errors import InputError, ProtocolError, UsageError
from habitus.evaluation.doctor.examination import check_data
from habitus.evaluation.evaluate import evaluate_models
from habitus.evaluation.protocols import default_protocol, get_protocol, training_part
from habitus.models.files import load_model
from habitus.models.training import DEFAULT_FALSE_ALARMS, fit_model
from habitus.progress import SILENT, Progress
from habitus.traces.converting import (
    SAMPLE_CALLS,
    SAMPLE_TRACES,
    Written,
    sample_of,
    target_of,
    write_traces,
)
from habitus.traces.inputs import open_inputs
from habitus.traces.reading import TraceReader
from habitus.traces.report import ReadReport
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from habitus.alerts.judgement import TraceScore
    from habitus.evaluation.doctor.checkup import Checkup
    from habitus.evaluation.protocols import Protocol
    from habitus.evaluation.results import Results
    from habitus.models.model import Model
    from habitus.traces.traceset import TraceSet

Place = str | os.PathLike[str]

MAX_LINE_BYTES = 1 << 20


def train(
    detector: str,
    data: str,
    *,
    settings: Mapping[str, object] | None = None,
    protocol: str | None = None,
    aggregation: str = "mean",
    false_alarms: float = DEFAULT_FALSE_ALARMS,
    seed: int = 1,
    format: str | None = None,  # noqa: A002 - the word users know from --format
    abi: str | None = None,
    strict: bool = False,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
) -> Model:
    """Train a detector on the normal traces of ``data`` and set its threshold.

    Args:
        detector: a name from `habitus.detector_names`.
        data: the name of a data set, or a path. Where a protocol fits the data, its training part
            is learned; otherwise everything that is not labelled an attack.
        settings: the detector's settings by name.
        protocol: whose training part to learn; by default the one that fits.
        aggregation: ``mean``, ``median``, ``quantile:Q`` or ``worst:W``.
        false_alarms: the budget of the threshold, a share of normal traces.
        seed: makes every random choice.
        report: filled with what was read and what was left out.

    Raises:
        HabitusError: if the data cannot be read or learned from, or a setting is not allowed.
    """
    source = find_source(data)
    traces = source.read(format=format, abi=abi, strict=strict, progress=progress, report=report)
    chosen = default_protocol(traces, data) if protocol is None else get_protocol(protocol)
    _count_unlabelled(traces, chosen, report)
    normal, part = training_part(traces, chosen)
    return fit_model(
        detector,
        normal,
        settings=settings,
        aggregation=aggregation,
        false_alarms=false_alarms,
        seed=seed,
        progress=progress,
        data=data,
        data_sha256=source.sha256,
        part=part,
    )


def evaluate(
    models: Place | Sequence[Place] | Mapping[str, Model],
    data: str,
    *,
    protocol: str | None = None,
    aggregation: str | None = None,
    seed: int = 1,
    format: str | None = None,  # noqa: A002
    abi: str | None = None,
    strict: bool = False,
    command: str = "",
    progress: Progress = SILENT,
    report: ReadReport | None = None,
) -> Results:
    """Judge the test part of ``data`` with models and measure how well that went.

    Args:
        models: a folder of a model, several, or models by name.
        data, protocol, format, abi, strict, report: as for `train`.
        aggregation: overrides each model's own.
        seed: of the bootstrap.
        command: the command that makes these results again, to be kept with them.

    Raises:
        HabitusError: if something cannot be read, or no protocol fits the data.
    """
    if isinstance(models, Mapping):
        loaded = dict(models)
    else:
        places = [models] if isinstance(models, str | os.PathLike) else models
        loaded = {str(place): load_model(place) for place in places}
    chosen = None if protocol is None else get_protocol(protocol)
    report = ReadReport() if report is None else report
    source = find_source(data)
    traces = source.read(format=format, abi=abi, strict=strict, progress=progress, report=report)
    chosen = chosen or default_protocol(traces, data)
    if chosen is None:
        raise ProtocolError(
            f"{data}: no protocol fits: to evaluate one's own traces, put them into the folders "
            "normal/ and attack/ (and train/)"
        )
    _count_unlabelled(traces, chosen, report)
    return evaluate_models(
        loaded,
        traces,
        source,
        chosen,
        aggregation=aggregation,
        seed=seed,
        command=command,
        progress=progress,
        report=report,
    )


def check(
    data: str,
    *,
    against: str | None = None,
    protocol: str | None = None,
    format: str | None = None,  # noqa: A002
    abi: str | None = None,
    strict: bool = False,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
) -> Checkup:
    """Look for what in ``data`` makes results on it better, or worse, than they are.

    Args:
        data: the name of a data set, or a path.
        against: other data, to be taken as what is learned.
        protocol: whose parts to check; by default split and labels give the parts.
        format, abi, strict, report: as for `train`; the first three hold for both data.

    Raises:
        HabitusError: if something cannot be read, or the protocol does not fit.
    """
    chosen = None if protocol is None else get_protocol(protocol)
    report = ReadReport() if report is None else report
    source = find_source(data)
    other = None if against is None else find_source(against)
    traces = source.read(format=format, abi=abi, strict=strict, progress=progress, report=report)
    return check_data(
        traces,
        source,
        protocol=chosen,
        against=None
        if other is None
        else other.read(format=format, abi=abi, strict=strict, progress=progress),
        against_source=other,
        abi=abi,
        report=report,
        progress=progress,
    )


def detect(
    model: Model | Place,
    path: Place,
    *,
    all_traces: bool = False,
    stretch_calls: int = DEFAULT_STRETCH,
    format: str | None = None,  # noqa: A002
    abi: str | None = None,
    strict: bool = False,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
) -> Iterator[Record]:
    """Judge every trace of ``path``, in memory that does not grow with it, and yield records.

    Args:
        path: a file, a folder, an archive, a data set's name, or ``-`` for standard input.
        all_traces: yield a record for every trace, not only for alerts; alerts alone are
            explained.
        stretch_calls: length of the stretch that explains a trace.
        report: filled while reading.

    Raises:
        HabitusError: while reading, if the input cannot be read.
    """
    model = _loaded(model)
    for judged in judge(
        model, path, stretch_calls=stretch_calls,
        format=format, abi=abi, strict=strict, progress=progress, report=report,
    ):  # fmt: skip
        if judged.is_alert or all_traces:
            yield alert_record(model, judged)


def judge(
    model: Model | Place,
    path: Place,
    *,
    explain_all: bool = False,
    stretch_calls: int = DEFAULT_STRETCH,
    format: str | None = None,  # noqa: A002
    abi: str | None = None,
    strict: bool = False,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
) -> Iterator[TraceScore]:
    """Judge every trace of ``path`` and yield what `detect` makes records of."""
    model = _loaded(model)
    if not 1 <= stretch_calls <= MAX_STRETCH:
        raise UsageError(f"a stretch is 1 to {MAX_STRETCH} calls, not {stretch_calls}")
    reader = TraceReader(
        input_path(path), format=format, abi=abi, strict=strict, progress=progress, report=report
    )
    yield from Scorer(model, stretch_calls, stretch_of_all=explain_all).run(reader)


def explain(
    model: Model | Place,
    path: Place,
    *,
    trace: str | None = None,
    stretch_calls: int = DEFAULT_STRETCH,
    format: str | None = None,  # noqa: A002
    abi: str | None = None,
    strict: bool = False,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
) -> tuple[TraceScore, Explanation]:
    """Judge one trace of ``path`` and explain it.

    Args:
        trace: its name; by default the strangest trace is explained.

    Raises:
        HabitusError: if the input cannot be read, or there is no such trace or none to explain.
    """
    model = _loaded(model)
    strangest: TraceScore | None = None
    for judged in judge(
        model, path, explain_all=True, stretch_calls=stretch_calls,
        format=format, abi=abi, strict=strict, progress=progress, report=report,
    ):  # fmt: skip
        if trace is not None:
            if judged.info.name == trace:
                strangest = judged
                break
        elif strangest is None or _rank(judged) > _rank(strangest):
            strangest = judged
    if strangest is None:
        raise UsageError(
            f"{path}: holds no trace called {trace!r}; `habitus detect --all` lists them"
        )
    explanation = explain_score(model, strangest)
    if explanation is None:
        raise InputError(
            f"{path}: {strangest.info.name} makes no calls: there is nothing to explain"
        )
    return strangest, explanation


def convert(
    path: Place,
    output: Place,
    *,
    to: str | None = None,
    format: str | None = None,  # noqa: A002
    abi: str | None = None,
    strict: bool = False,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
) -> Written:
    """Turn traces of any format into Habitus's own file, or into plain text, in bounded memory.

    Args:
        path: a file, a folder, an archive, a data set's name, or ``-`` for standard input.
        output: a new file, which appears whole or not at all.
        to: ``native`` or ``plain``; by default plain where ``output`` ends in ``.txt``.

    Raises:
        HabitusError: if the input cannot be read, or holds names that plain text cannot.
    """
    target = target_of(output, to)
    reader = TraceReader(
        input_path(path), format=format, abi=abi, strict=strict, progress=progress, report=report
    )
    return write_traces(output, reader, target)


def sample(
    data: str,
    output: Place,
    *,
    n_traces: int = SAMPLE_TRACES,
    max_calls: int = SAMPLE_CALLS,
    to: str | None = None,
    seed: int = 1,
    format: str | None = None,  # noqa: A002
    abi: str | None = None,
    strict: bool = False,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
) -> Written:
    """Write a small sample to share: names of calls and labels alone (`sample_of`).

    Raises:
        HabitusError: if the data cannot be read, or hold too little.
    """
    target = target_of(output, to)
    source = find_source(data)
    traces = source.read(format=format, abi=abi, strict=strict, progress=progress, report=report)
    drawn = sample_of(traces, n_traces=n_traces, max_calls=max_calls, seed=seed)
    return write_traces(output, [drawn], target)


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
    return load_model(model) if isinstance(model, str | os.PathLike) else model


def _count_unlabelled(
    traces: TraceSet, protocol: Protocol | None, report: ReadReport | None
) -> None:
    """Count the traces that a protocol can make nothing of, because no folder labels them."""
    if protocol is None or report is None:
        return
    for info in traces.infos:
        if info.label is Label.UNKNOWN:
            report.add_skipped(info.name, "lies in no folder named normal, attack or train")


def _rank(judged: TraceScore) -> tuple[float, int]:
    """Strangest first; of traces that cannot be scored, the longest."""
    return (judged.score if judged.scoreable else -math.inf, judged.n_calls)
