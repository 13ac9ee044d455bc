"""``habitus detect`` by a model of flows."""

from __future__ import annotations

from contextlib import ExitStack, closing
from pathlib import PurePath
from typing import TYPE_CHECKING

import typer

from habitus.cli.detecting import STDOUT, open_sinks, records_kept, say
from habitus.cli.terminal import counted, printable

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.alerts.flow_judging import FlowTally
    from habitus.alerts.record import Record
    from habitus.flows.either import EitherReport
    from habitus.models.flow_model import FlowModel

SHOWN = 3
"""Features of an alert in its line."""


def detect_in_flows(
    model: FlowModel, folder: Path, paths: list[str], *, all_flows: bool, output: Path | None,
    format: str | None, strict: bool, as_json: bool, engine: str | None, jobs: int | None,
) -> int:  # fmt: skip
    """Judge flows and write their records; returns how many are alerts."""
    from habitus.alerts.flow_judging import FlowJudge
    from habitus.cli.interrupts import pipe_outlives_interrupt
    from habitus.cli.terminal import TerminalProgress, warn
    from habitus.errors import HabitusError
    from habitus.flows.either import EitherReport

    report, judge = EitherReport(), FlowJudge(model)
    to_stdout = as_json or str(output) in STDOUT
    n_records, failure = 0, None
    with ExitStack() as stack:
        sinks = open_sinks(stack, output, to_stdout)
        progress = stack.enter_context(TerminalProgress())
        if "-" in paths:
            stack.enter_context(pipe_outlives_interrupt())
        if engine is None:
            from habitus import api

            records = api.detect_flows(
                model, paths, all_flows=all_flows, format=format, strict=strict,
                progress=progress, report=report, judge=judge,
            )  # fmt: skip
        else:
            from habitus.bulk.flows import HowToJudgeFlows, judge_flows_in_bulk
            from habitus.engines.choosing import engine_of

            runner = stack.enter_context(closing(engine_of(engine, jobs)))
            how = HowToJudgeFlows(all_flows=all_flows, format=format, strict=strict)
            records = judge_flows_in_bulk(
                runner, model, folder, paths, how, judge=judge, report=report, progress=progress
            )
        try:
            for record in records:
                for sink in sinks:
                    sink.emit(record)
                if not sinks:
                    progress.pause()
                    typer.echo(printable(flow_line(record)))
                n_records += 1
        except HabitusError as error:
            # What has been found is kept: a damaged file must not hide the alerts before it.
            if not judge.tally.n_flows:
                raise type(error)(
                    *error.args,
                    "this model is of network flows: it takes captures, or flows as "
                    "other programs write them",
                ) from error
            if not n_records:
                raise
            failure = error
    warn(report.warnings())
    warn(notes_on_origin(model, report))
    warn(_unscoreable(judge.tally))
    if failure is not None:
        kept = records_kept(n_records, output)
        raise HabitusError(*str(failure).split("\n"), kept) from failure
    say(_summary(judge.tally, report), to_stderr=to_stdout)
    return judge.tally.n_alerts


def flow_line(record: Record) -> str:
    """One line a flow: its score, whose it is, and what adds most to it."""
    shown = {"alert": "ALERT", "normal": "normal", "not_scoreable": "no score"}
    parts = [f"{shown[record['verdict']]:8}  {record['score']:8.4f}  {ends(record)}"]
    contributions = record["habitus"]["contributions"]
    if record["verdict"] == "alert" and contributions:
        features = [one for one in contributions["features"] if one["adds"] > 0][:SHOWN]
        told = (f"{one['feature']} {number(one['value'])} ({one['adds']:+.2f})" for one in features)
        parts.append(", ".join(told))
    return "  ".join([*parts, _place(record["habitus"]["flow"])])


def ends(record: Record) -> str:
    """``TCP 10.0.0.1:4000 > 10.0.0.2:22 (ssh?)``."""
    service = record["habitus"]["flow"]["service_guess"]
    guess = f" ({service}?)" if service else ""
    return (
        f"{record['proto'] or '?'} {_end(record['src_ip'], record['src_port'])} > "
        f"{_end(record['dest_ip'], record['dest_port'])}{guess}"
    )


def _end(ip: str | None, port: int | None) -> str:
    if ip is None:
        return "?"
    if not port:
        return ip
    return f"[{ip}]:{port}" if ":" in ip else f"{ip}:{port}"


def _place(flow: Record) -> str:
    """``capture.pcap:17``: the file and the flow's first frame or its line."""
    place = flow["first_frame"] or flow["line"]
    name = PurePath(flow["source"] or "").name
    return f"[{name}:{place}]" if place else f"[{name}]"


def number(value: float | None) -> str:
    """A value as a person writes it."""
    if value is None:
        return "undefined"
    if abs(value) >= 1e15 or 0 < abs(value) < 1e-3:
        return f"{value:.3g}"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 1e4 else f"{value:,.4g}"


def notes_on_origin(model: FlowModel, report: EitherReport) -> list[str]:
    """What to say where the model has learned flows of another making."""
    n_made, n_read = report.captures.n_flows, report.records.n_flows
    others = sorted(set(report.records.formats) - {"habitus"})
    if model.provenance.extraction is not None and others:
        said = (
            f"note: the model has learned flows that Habitus makes of captures, and {n_read:,} of "
            f"these were counted by {', '.join(others)}: what that does not tell is undefined, and "
            "scores may differ from those of the same packets"
        )
        return [said]
    if model.provenance.extraction is None and n_made and model.provenance.n_flows:
        said = (
            f"note: the model has learned a table of flows, and {n_made:,} of these were made of "
            "packets here: flows that end by another rule score otherwise"
        )
        return [said]
    return []


def _unscoreable(tally: FlowTally) -> list[str]:
    if not tally.n_unscoreable:
        return []
    names = [name for name, _ in tally.silent.most_common(4)]
    more = len(tally.silent) - len(names)
    told = ", ".join(names) + (f" and {more} more" if more > 0 else "")
    said = (
        f"{tally.n_unscoreable:,} of {counted(tally.n_flows, 'flow')} cannot be scored, which says "
        f"nothing of them: they do not tell {told}"
    )
    return [said]


def _summary(tally: FlowTally, report: EitherReport) -> str:
    text = f"{counted(tally.n_alerts, 'alert')} in {counted(tally.n_flows, 'flow')}"
    if report.captures.n_captures:
        text += f", {counted(report.captures.packets.n_ok, 'packet')}"
    if tally.n_unscoreable:
        text += f"; {tally.n_unscoreable:,} without a score"
    return text
