"""``habitus flows``: extract, convert, features, info."""

from __future__ import annotations

import json as jsonlib
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Annotated

import typer

from habitus.cli import flow_options as given
from habitus.cli import options
from habitus.cli.app import app, command

if TYPE_CHECKING:
    from habitus.flows.features.feature import Feature

group = typer.Typer(
    help="Make flows of packets, or read those of other programs, and look at captures.",
    no_args_is_help=True,
)
app.add_typer(group, name="flows")

STDOUT = "/dev/stdout"


@command(
    group,
    "extract",
    "habitus flows extract capture.pcap -o flows.parquet\n"
    "habitus flows extract captures/ -o flows.csv --idle 60 --columns cicflowmeter\n"
    "RAY_ADDRESS=head:6379 habitus flows extract captures/ -o flows.parquet --engine ray\n"
    "tcpdump -w - | habitus flows extract - -o - | head",
)
def extract(
    captures: given.Captures,
    output: given.Output,
    columns: given.Columns = "habitus",
    to: given.To = None,
    idle: given.Idle = 120,
    active: given.Active = 1800,
    linger: given.Linger = 5,
    flags: given.ByFlags = True,
    activity: given.Activity = 5,
    subflow: given.Subflow = 1,
    max_flows: given.MaxFlows = 1_000_000,
    first: given.First = 20,
    outer: given.Outer = False,
    jobs: given.Jobs = None,
    engine: options.Engine = None,
    json: options.Json = False,
) -> None:
    """Turn captures into bidirectional flows with their features, a row each.

    A flow is what two endpoints (address and port) say to each other by one protocol in one VLAN;
    forward is the direction of who began. All times are the capture's. What could not be read is
    counted and told.
    """
    from habitus.cli.flows_text import print_written
    from habitus.cli.interrupts import pipe_outlives_interrupt
    from habitus.cli.terminal import TerminalProgress, counted, warn
    from habitus.files.named import refuse_output_in_input
    from habitus.flows.captures import refuse_capture_as_output
    from habitus.flows.extracting import extract_flows
    from habitus.flows.report import CaptureReport
    from habitus.flows.saving import write_flows
    from habitus.flows.writing import kind_of

    kind, path = kind_of(output, to), _place(output, as_json=json)
    report = CaptureReport()
    settings = given.track_settings(
        idle_s=idle, active_s=active, linger_s=linger, by_flags=flags, activity_s=activity,
        subflow_s=subflow, max_flows=max_flows, first=first,
    )  # fmt: skip
    for capture in captures:
        refuse_output_in_input(capture, path, folders=False)
    refuse_capture_as_output(captures, path)
    with ExitStack() as stack:
        progress = stack.enter_context(TerminalProgress())
        stack.enter_context(pipe_outlives_interrupt("writing flows of", captures))
        if engine is None:
            tables = extract_flows(
                captures, settings, outer=outer, n_jobs=jobs, progress=progress, report=report
            )
        else:
            from habitus.bulk.captures import extract_in_bulk
            from habitus.engines.choosing import engine_of

            runner = stack.enter_context(closing(engine_of(engine, jobs)))
            tables = extract_in_bulk(
                runner, captures, settings, outer=outer, progress=progress, report=report
            )
        write_flows(path, tables, columns=columns, to=kind)
    warn(report.warnings())
    record = {
        "path": output, "columns": columns, "kind": kind,
        "settings": {**settings.model_dump(), "outer": outer}, **report.record(),
    }  # fmt: skip
    told = f"{counted(report.n_flows, 'flow')} of {counted(report.packets.n_ok, 'packet')}"
    print_written(record, told, as_json=json, is_stdout=path == STDOUT)


@command(
    group,
    "convert",
    "habitus flows convert conn.log -o flows.parquet\n"
    "habitus flows convert logs/ webgoat_flow_stats.csv -o flows.csv --columns nfstream\n"
    "zcat eve.json.gz | habitus flows convert - --format suricata -o - | head",
)
def convert(
    files: Annotated[
        list[str],
        typer.Argument(help="Files of flows, folders or archives of them, or - for stdin."),
    ],
    output: given.Output,
    columns: given.Columns = "habitus",
    to: given.To = None,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            help="zeek, suricata, flowmeter, cicflowmeter, nfstream or habitus; by default "
            "recognised.",
        ),
    ] = None,
    keep_twins: Annotated[
        bool,
        typer.Option(
            "--keep-twins", help="Leave FlowMeter's two rows of one flow apart; else joined."
        ),
    ] = False,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Turn the flows of other programs into the table that `flows extract` writes.

    Read are Zeek's conn.log, Suricata's EVE, the CSV of FlowMeter, CICFlowMeter and NFStream, and
    what these commands write.
    What a program does not tell is null, and told; so is what was broken or left out.
    """
    from habitus.cli.flows_text import print_written
    from habitus.cli.interrupts import pipe_outlives_interrupt
    from habitus.cli.terminal import TerminalProgress, counted, warn
    from habitus.files.named import refuse_output_in_input
    from habitus.flows.reading import flow_record_tables
    from habitus.flows.record_report import FlowReport
    from habitus.flows.saving import write_flows
    from habitus.flows.writing import kind_of

    kind, path = kind_of(output, to), _place(output, as_json=json)
    report = FlowReport()
    for file in files:
        refuse_output_in_input(file, path)
    with TerminalProgress() as progress, pipe_outlives_interrupt("writing flows of", files):
        tables = flow_record_tables(
            files, format=format, strict=strict, merge_twins=not keep_twins, progress=progress,
            report=report,
        )  # fmt: skip
        write_flows(path, tables, columns=columns, to=kind)
    warn(report.warnings())
    warn(f"note: {line}" for line in report.remarks())
    record = {"path": output, "columns": columns, "kind": kind, **report.record()}
    counts = report.formats.most_common()
    formats = ", ".join(f"{name} {n:,}" if len(counts) > 1 else name for name, n in counts)
    told = f"{counted(report.n_flows, 'flow')} of {counted(report.n_files, 'file')} ({formats})"
    print_written(record, told, as_json=json, is_stdout=path == STDOUT)


def _place(output: str, *, as_json: bool) -> str:
    """Where flows are written."""
    from habitus.errors import UsageError

    if output not in {"-", STDOUT}:
        return output
    if as_json:
        raise UsageError(
            "--json: standard output holds the flows (-o -), and has no place for what was done; "
            "name a file, or leave --json out"
        )
    return STDOUT


@command(group, "features", "habitus flows features\nhabitus flows features --json")
def features(
    group_name: Annotated[
        str | None, typer.Option("--group", help="Only those of this group, such as tcp or gaps.")
    ] = None,
    json: options.Json = False,
) -> None:
    """List every feature of a flow: name, unit, meaning, formula, and when it is undefined."""
    from habitus.cli.terminal import table
    from habitus.errors import UsageError
    from habitus.flows.features.declared import features as declared

    groups = dict.fromkeys(feature.group for feature in declared())
    if group_name is not None and group_name not in groups:
        raise UsageError(f"there is no group {group_name!r}; there are {', '.join(groups)}")
    chosen = [f for f in declared() if group_name in {None, f.group}]
    if json:
        typer.echo(jsonlib.dumps([_record(feature) for feature in chosen], indent=1))
        return
    for name in groups:
        rows = [_row(feature) for feature in chosen if feature.group == name]
        if rows:
            table(("feature", "unit", "meaning", "formula", "null where"), rows, title=name)


@command(group, "info", "habitus flows info capture.pcap")
def info(captures: given.Captures, outer: given.Outer = False, json: options.Json = False) -> None:
    """Say what is in captures: packets, bytes, links, protocols, and what could not be read."""
    from habitus.cli.flows_text import print_info
    from habitus.cli.interrupts import pipe_outlives_interrupt
    from habitus.cli.terminal import TerminalProgress
    from habitus.flows.summary import summary_of

    with TerminalProgress() as progress, pipe_outlives_interrupt("telling of", captures):
        found = summary_of(captures, outer=outer, progress=progress)
    print_info(found, as_json=json)


def _record(feature: Feature) -> dict[str, str]:
    return {
        "name": feature.name, "group": feature.group, "kind": feature.kind, "unit": feature.unit,
        "meaning": feature.meaning, "formula": feature.formula, "null": feature.null,
    }  # fmt: skip


def _row(feature: Feature) -> tuple[str, ...]:
    return feature.name, feature.unit, feature.meaning, feature.formula, feature.null or "never"
