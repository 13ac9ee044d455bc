"""``habitus detect``."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Unpack

import typer

from habitus.cli import options
from habitus.cli.app import EXIT_ALERTS, app, command
from habitus.cli.detecting import STDOUT, open_sinks, records_kept, refuse_to_replace, say
from habitus.cli.terminal import counted, novelty, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from habitus.alerts.judgement import TraceScore
    from habitus.alerts.record import Record
    from habitus.alerts.tally import TraceTally
    from habitus.api.options import FileOptions
    from habitus.models.model import Model
    from habitus.progress import Progress
    from habitus.traces.report import ReadReport


@command(
    app,
    "detect",
    "habitus detect models/ngram traces/ -o alerts.jsonl\n"
    "habitus detect models/net capture.pcap -o alerts.jsonl\n"
    "habitus detect models/ngram recordings/ -o alerts.jsonl --engine local --jobs 4\n"
    "tcpdump -w - | habitus detect models/net -\n"
    "strace -f -ttt -o '|habitus detect models/ngram - >&2' ls > /dev/null",
)
def detect(
    model: options.Model,
    paths: Annotated[
        list[str], typer.Argument(help="Files, folders, archives, data sets; - for stdin.")
    ],
    all_: Annotated[
        bool,
        typer.Option("--all", help="A record for every trace or flow; alerts alone are explained."),
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the records, a JSON line each.")
    ] = None,
    decision: options.Decision = None,
    stretch: options.Stretch = 20,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    engine: options.Engine = None,
    jobs: options.Jobs = None,
    json: options.Json = False,
) -> None:
    """Judge traces, or flows, and raise alerts.

    Ends with status 1 if there is an alert, with 0 if there is none. Traces are read once, in
    memory that does not grow with them, unless the model's score is a median or a quantile, which
    keeps 4 bytes a call. Where they cannot be read on, the records so far are kept and the status
    is 2.

    A model of flows takes captures, which become flows as those did that it has learned, and flows
    of other programs; each is judged as it ends.

    --engine judges the files of folders, and whatever else is named, side by side; the records are
    the same, in the same order.
    """
    from habitus.cli.detect_flows import detect_in_flows
    from habitus.cli.explain_flows import refuse_trace_options
    from habitus.errors import UsageError
    from habitus.models.files import load_model
    from habitus.models.flow_model import FlowModel

    if jobs is not None and engine is None:
        raise UsageError("--jobs: is how many jobs --engine runs at once: say which, as local")
    loaded = load_model(model)
    if paths.count("-") > 1:
        raise UsageError("standard input (-) can be read once, and stands there more than once")
    refuse_to_replace(paths, output)
    if isinstance(loaded, FlowModel):
        refuse_trace_options(model, {"--decision": decision, "--abi": abi})
        n_alerts = detect_in_flows(
            loaded, model, paths, all_flows=all_, output=output, format=format, strict=strict,
            as_json=json, engine=engine, jobs=jobs,
        )  # fmt: skip
    else:
        n_alerts = _detect_in_traces(
            loaded, model, paths, all_traces=all_, output=output, as_json=json, decision=decision,
            stretch_calls=stretch, engine=engine, jobs=jobs, format=format, abi=abi, strict=strict,
        )  # fmt: skip
    if n_alerts:
        raise typer.Exit(EXIT_ALERTS)


def _detect_in_traces(
    model: Model, folder: Path, paths: list[str], *, all_traces: bool, output: Path | None,
    as_json: bool, decision: str | None, stretch_calls: int, engine: str | None, jobs: int | None,
    **files: Unpack[FileOptions],
) -> int:  # fmt: skip
    """Judge traces and write their records; returns how many are alerts."""
    from habitus.alerts.tally import TraceTally
    from habitus.cli.interrupts import pipe_outlives_interrupt
    from habitus.cli.shipped import threshold_notes
    from habitus.cli.terminal import TerminalProgress, warn, warn_of
    from habitus.errors import HabitusError
    from habitus.traces.report import ReadReport

    reports = [ReadReport() for _ in paths]
    tally, n_records, failure = TraceTally(), 0, None
    to_stdout = as_json or str(output) in STDOUT
    with ExitStack() as stack:
        sinks = open_sinks(stack, output, to_stdout)
        progress = stack.enter_context(TerminalProgress())
        if "-" in paths:
            stack.enter_context(pipe_outlives_interrupt())
        if engine is None:
            records = _one_by_one(
                model, paths, reports, tally, all_traces=all_traces, decision=decision,
                stretch_calls=stretch_calls, progress=progress, **files,
            )  # fmt: skip
        else:
            from habitus.bulk.traces import HowToJudge, judge_in_bulk
            from habitus.engines.choosing import engine_of

            runner = stack.enter_context(closing(engine_of(engine, jobs)))
            how = HowToJudge(
                all_traces=all_traces, decision=decision, stretch_calls=stretch_calls,
                format=files.get("format"), abi=files.get("abi"), strict=files.get("strict", False),
            )  # fmt: skip
            records = judge_in_bulk(
                runner, model, folder, paths, how, tally=tally, reports=reports, progress=progress
            )
        try:
            for record in records:
                for sink in sinks:
                    sink.emit(record)
                if not sinks:
                    progress.pause()
                    _print_record(record)
                n_records += 1
        except HabitusError as error:
            # What has been found is kept: a damaged file must not hide the alerts before it.
            if not n_records:
                raise
            failure = error
    for report in reports:
        warn_of(report)
    warn(threshold_notes(model, folder))
    if tally.n_strangers:
        warn([_strangers(tally.n_strangers, tally.n_traces)])
    if failure is not None:
        kept = records_kept(n_records, output)
        raise HabitusError(*str(failure).split("\n"), kept) from failure
    say(_summary(tally, reports), to_stderr=to_stdout)
    return tally.n_alerts


def _one_by_one(
    model: Model, paths: list[str], reports: list[ReadReport], tally: TraceTally, *,
    all_traces: bool, decision: str | None, stretch_calls: int, progress: Progress,
    **files: Unpack[FileOptions],
) -> Iterator[Record]:  # fmt: skip
    """The records of one path after the other, each as soon as its trace is judged."""
    from habitus import api
    from habitus.alerts.record import alert_record

    def judge(path: str, report: ReadReport) -> Iterator[TraceScore]:
        return api.judge(
            model, path, decision=decision, stretch_calls=stretch_calls, progress=progress,
            report=report, **files,
        )  # fmt: skip

    for judged in _each(judge, paths, reports):
        tally.add(judged)
        if judged.is_alert or all_traces:
            yield alert_record(model, judged)


def _each(
    judge: Callable[[str, ReadReport], Iterator[TraceScore]],
    paths: list[str],
    reports: list[ReadReport],
) -> Iterator[TraceScore]:
    """The traces of all paths; what the system says of one that cannot be read on names it."""
    from habitus.errors import InputError

    for path, report in zip(paths, reports, strict=True):
        try:
            yield from judge(path, report)
        except OSError as error:
            raise InputError(f"{error.filename or path}: cannot be read: {error}") from error


def _summary(tally: TraceTally, reports: list[ReadReport]) -> str:
    n_calls = sum(report.n_calls for report in reports)
    text = (
        f"{counted(tally.n_alerts, 'alert')} in {counted(tally.n_traces, 'trace')}, "
        f"{counted(n_calls, 'call')}"
    )
    if tally.n_unscoreable:
        text += f"; {tally.n_unscoreable:,} too short to be scored, which says nothing of them"
    return text


def _strangers(n_strangers: int, n_traces: int) -> str:
    """What to say of traces that a model cannot know anything of."""
    return (
        f"{n_strangers:,} of {counted(n_traces, 'trace')} make no call that this model knows, so "
        "that their scores say nothing: is it a model of this program, and are --format, --abi and "
        "the path (which names the program of UNM's traces) right?"
    )


def _print_record(record: Record) -> None:
    """One line a trace: its score and where it is strangest."""
    ours = record["habitus"]
    shown = {"alert": "ALERT", "merged": "merged", "normal": "normal", "not_scoreable": "short"}
    verdict = shown[record["verdict"]]
    line = f"{verdict:6}  {record['score']:8.4f}  {ours['trace']['name']}"
    explanation = ours["explanation"]
    if record["verdict"] == "alert" and explanation:
        calls = explanation["calls"]
        strangest = max(calls, key=lambda call: call["surprise"] or 0.0)
        line += (
            f"  strangest {explanation['position_unit']}s {calls[0]['position']}-"
            f"{calls[-1]['position']}: {strangest['name']}"
        )
        if strangest["novel"]:
            line += f" ({novelty(strangest['read_as'])})"
        elif strangest["expected"] and strangest["expected"][0]["name"] != strangest["name"]:
            line += f" where {strangest['expected'][0]['name']} was expected"
    typer.echo(printable(line))
