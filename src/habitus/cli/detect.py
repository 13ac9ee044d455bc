"""``habitus detect``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from habitus.cli import options
from habitus.cli.app import EXIT_ALERTS, app, command

if TYPE_CHECKING:
    from habitus.alerts.record import Record
    from habitus.traces.report import ReadReport


@command(
    app,
    "detect",
    "habitus detect models/ngram traces/ -o alerts.jsonl\n"
    "strace -f -ttt -o '|habitus detect models/ngram - >&2' ls > /dev/null",
)
def detect(
    model: Annotated[Path, typer.Argument(help="The model's folder.")],
    paths: Annotated[
        list[str], typer.Argument(help="Files, folders, archives, data sets; - for stdin.")
    ],
    all_: Annotated[
        bool, typer.Option("--all", help="A record for every trace; alerts alone are explained.")
    ] = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Write the records, a JSON line each.")
    ] = None,
    stretch: options.Stretch = 20,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Judge traces and raise alerts.

    Ends with status 1 if there is an alert, with 0 if there is none. Traces are read once, in
    memory that does not grow with them.
    """
    from habitus import api
    from habitus.alerts.record import alert_record
    from habitus.alerts.sinks import json_lines_file
    from habitus.cli.terminal import TerminalProgress, printable, warn_of
    from habitus.models.files import load_model
    from habitus.traces.report import ReadReport

    loaded = load_model(model)
    reports = [ReadReport() for _ in paths]
    counts = {"alert": 0, "normal": 0, "not_scoreable": 0}
    with ExitStack() as stack:
        sinks = []
        if output is not None:
            sinks.append(stack.enter_context(json_lines_file(output)))
        if json:
            sinks.append(stack.enter_context(json_lines_file("-")))
        progress = stack.enter_context(TerminalProgress())
        for path, report in zip(paths, reports, strict=True):
            for judged in api.judge(
                loaded, path, stretch_calls=stretch,
                format=format, abi=abi, strict=strict, progress=progress, report=report,
            ):  # fmt: skip
                counts[judged.verdict] += 1
                if not (judged.is_alert or all_):
                    continue
                record = alert_record(loaded, judged)
                for sink in sinks:
                    sink.emit(record)
                if not sinks:
                    progress.pause()
                    _print_record(record)
    for report in reports:
        warn_of(report)
    summary = _summary(counts, reports)
    typer.echo(printable(summary), err=json)
    if counts["alert"]:
        raise typer.Exit(EXIT_ALERTS)


def _summary(counts: dict[str, int], reports: list[ReadReport]) -> str:
    from habitus.cli.terminal import counted

    n_traces = sum(counts.values())
    n_calls = sum(report.n_calls for report in reports)
    text = (
        f"{counted(counts['alert'], 'alert')} in {counted(n_traces, 'trace')}, "
        f"{counted(n_calls, 'call')}"
    )
    if counts["not_scoreable"]:
        text += f"; {counts['not_scoreable']:,} too short to be scored, which says nothing of them"
    return text


def _print_record(record: Record) -> None:
    """One line a trace: its score and where it is strangest."""
    from habitus.cli.terminal import printable

    ours = record["habitus"]
    verdict = {"alert": "ALERT", "normal": "normal", "not_scoreable": "short"}[record["verdict"]]
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
            line += " (never seen)"
        elif strangest["expected"]:
            line += f" where {strangest['expected'][0]['name']} was expected"
    typer.echo(printable(line).replace("\n", "\\n"))  # a name must not forge a line
