"""Judging the traces of many files by jobs: the same records in the same order as by one process.

A job reads some files of a folder as the whole folder would be read, under the same names. Rolling
decisions merge the alarms of a recording, whose traces may lie in several files, and a strict
reading ends with the first thing that is wrong: then a folder stays one job.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from habitus.alerts.record import alert_record
from habitus.alerts.rolling import RollingScorer
from habitus.alerts.scoring import Scorer
from habitus.alerts.tally import TraceTally
from habitus.bulk.failures import error_of, failed, given_up, told_defect, told_error
from habitus.bulk.models import share_model, shared_model
from habitus.bulk.pieces import Piece, entries_of, pieces_of, refuse_streams, standing_in
from habitus.bulk.running import SideBySide
from habitus.datasets.source import input_path
from habitus.engines.base import Ended, Engine, Job
from habitus.errors import HabitusError, InputError
from habitus.progress import SILENT, Progress
from habitus.traces.reading import TraceReader, refuse_no_traces
from habitus.traces.report import ReadReport

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator, Mapping, Sequence

    from habitus.alerts.judgement import TraceScore
    from habitus.alerts.record import Record
    from habitus.engines.base import Context
    from habitus.models.model import Model

TASK = "habitus.bulk.traces:judge_piece"
CHUNK = 200
"""Traces judged, or records, of which a job tells at a time."""


@dataclass(frozen=True)
class HowToJudge:
    """What all jobs do alike; as of `habitus.api.judging.judge`."""

    all_traces: bool
    decision: str | None
    stretch_calls: int
    format: str | None
    abi: str | None
    strict: bool


def judge_in_bulk(
    engine: Engine,
    model: Model,
    folder: str | os.PathLike[str],
    paths: Sequence[str],
    how: HowToJudge,
    *,
    tally: TraceTally,
    reports: Sequence[ReadReport],
    progress: Progress = SILENT,
) -> Iterator[Record]:
    """The records of all traces, or of the alerts among them, in the order of ``paths``.

    Args:
        engine: new; runs the jobs.
        folder: of the model.
        tally: counts what was judged.
        reports: of each path, filled with what was read and what was left out.

    Raises:
        UsageError: if a path is a stream, or there is no such decision or format.
        HabitusError: as by one process: what comes before it has been yielded.
    """
    refuse_streams(paths)
    model.row_of(how.decision)
    divides = not how.strict and model.row_of(how.decision) == 0
    pieces: list[Piece] = []
    missing = None
    for i, path in enumerate(paths):
        try:
            pieces += pieces_of(input_path(path), i, engine.slots, divides=divides)
        except HabitusError as error:  # told in its turn: what comes before it is judged
            missing = error
            break
    share_model(engine, folder)

    def job_of(piece: Piece) -> Job:
        arguments = {
            **asdict(how), "digest": model.digest, "cwd": str(Path.cwd()), "path": piece.path,
            "entries": piece.entries,
        }  # fmt: skip
        return Job(piece.path, TASK, arguments)

    told = SideBySide(engine, job_of, progress, "judging").run(pieces)
    for number, words in groupby(told, key=lambda pair: pair[0].number):
        yield from _of_path(words, tally, reports[number])
    if missing is not None:
        raise missing


def _of_path(
    told: Iterator[tuple[Piece, Any]], tally: TraceTally, report: ReadReport
) -> Iterator[Record]:
    """The records of what the user named."""
    last: list[dict[str, Any]] = []  # of traces whose end never came, told when all is read
    piece = None
    for piece, word in told:
        is_folder = piece.entries is not None
        if isinstance(word, Ended):
            _end(piece, word, report)
        elif word["at_end"] and is_folder:
            last.append(word)
        else:
            yield from _records(word, tally)
    for word in last:
        yield from _records(word, tally)
    if piece is not None and piece.entries is not None:
        refuse_no_traces(piece.path, report)


def _records(word: Mapping[str, Any], tally: TraceTally) -> list[Record]:
    tally.include(TraceTally(**word["tally"]))
    found: list[Record] = word["records"]
    return found


def _end(piece: Piece, ended: Ended, report: ReadReport) -> None:
    """A job is over; one that died costs a file of a folder, or ends all."""
    if ended.failure:
        if piece.entries is None:
            raise failed(piece, ended)
        report.add_skipped((piece.files or [piece.path])[0], given_up(ended))
        return
    report.add(report_of(ended.result["report"]))
    if ended.result["error"] is not None:
        raise error_of(ended.result["error"])


def told_report(report: ReadReport) -> dict[str, Any]:
    """A report in JSON's terms (`dataclasses.asdict` takes a counter for a list of pairs)."""
    return {**vars(report), "notes": dict(report.notes), "formats": dict(report.formats)}


def report_of(told: Mapping[str, Any]) -> ReadReport:
    """A report that was told as JSON."""
    counters = {name: Counter(told[name]) for name in ("notes", "formats")}
    return ReadReport(**{**told, **counters})


def judge_piece(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Judge a piece's traces, and say what was found as it is found.

    Args:
        arguments: `HowToJudge`, and ``path``, ``entries``, ``digest`` of the model, and ``cwd``, in
            which paths are what they are to the user.

    Returns:
        ``report``, a `ReadReport`; and ``error``, by which reading ended, or None.
    """
    report, error = ReadReport(), None
    said = _Said(context)
    try:
        with standing_in(arguments["cwd"], arguments["path"]):
            model = shared_model(context, arguments["digest"])
            for judged, at_end in _judged(model, arguments, report):
                is_told = judged.is_alert or arguments["all_traces"]
                record = alert_record(model, judged) if is_told else None
                said.hear(judged, record, at_end=at_end)
    except HabitusError as caught:
        error = told_error(caught)
    except OSError as caught:
        where = caught.filename or arguments["path"]
        error = told_error(InputError(f"{where}: cannot be read: {caught}"))
    except Exception as caught:  # noqa: BLE001 - a defect is told once, not tried with each file
        error = told_defect(caught)
    said.flush()
    return {"report": told_report(report), "error": error}


def _judged(
    model: Model, arguments: Mapping[str, Any], report: ReadReport
) -> Iterator[tuple[TraceScore, bool]]:
    """Every judgement, and whether it had to wait for the end of all files."""
    row, stretch = model.row_of(arguments["decision"]), arguments["stretch_calls"]
    reader = TraceReader(
        arguments["path"], format=arguments["format"], abi=arguments["abi"],
        strict=arguments["strict"], report=report, entries=entries_of(arguments["entries"]),
    )  # fmt: skip
    scorer = RollingScorer(model, row, stretch) if row else Scorer(model, stretch)
    for batch in reader:
        yield from ((judged, False) for judged in scorer.push(batch))
    yield from ((judged, True) for judged in scorer.finish())


@dataclass
class _Said:
    """What a job has found and not yet said; of each word, all or nothing had to wait."""

    context: Context
    records: list[Record] = field(default_factory=list)
    tally: TraceTally = field(default_factory=TraceTally)
    n_judged: int = 0
    at_end: bool = False

    def hear(self, judged: TraceScore, record: Record | None, *, at_end: bool) -> None:
        """One more judgement."""
        if at_end != self.at_end:
            self.flush()
        self.at_end = at_end
        self.tally.add(judged)
        self.n_judged += 1
        if record is not None:
            self.records.append(record)
        if self.n_judged >= CHUNK:
            self.flush()

    def flush(self) -> None:
        """Say it."""
        if self.n_judged:
            self.context.ask(
                {"records": self.records, "tally": asdict(self.tally), "at_end": self.at_end}
            )
        self.records, self.tally, self.n_judged = [], TraceTally(), 0
