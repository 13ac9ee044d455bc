"""``habitus flows check``: the data doctor for labelled flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from habitus.cli import options
from habitus.cli.app import EXIT_ALERTS, command
from habitus.cli.flows import group

if TYPE_CHECKING:
    from habitus.evaluation.flows.doctor.checkup import FlowCheckup


@command(
    group,
    "check",
    "habitus flows check labels.csv\n"
    "habitus flows check conn.log.labeled --json\n"
    "habitus flows check flows.csv --malicious botnet",
)
def check(
    data: Annotated[
        str,
        typer.Argument(metavar="PATH", help="Labelled data: a table path,label[,group], or flows."),
    ],
    malicious: Annotated[
        list[str] | None, typer.Option("--malicious", help="A label that means so; again for more.")
    ] = None,
    format: options.Format = None,
    seed: options.Seed = 1,
    json: options.Json = False,
) -> None:
    """Look for what in labelled flows makes results better than they are.

    Columns that alone tell the label, captures that a model tells apart, reverse twins, copies,
    labels that are a host or a laboratory, clocks that cannot be right and more, each with what it
    does to a result and what to do. The exit status is 1 if something is serious.
    """
    from habitus.cli.terminal import TerminalProgress, warn
    from habitus.evaluation.flows.doctor.checkup import check_flows
    from habitus.flows.labelled_reading import read_labelled_flows
    from habitus.flows.record_report import FlowReport
    from habitus.flows.report import CaptureReport

    captures, records = CaptureReport(), FlowReport()
    with TerminalProgress() as progress:
        flows = read_labelled_flows(
            data, malicious=malicious or [], format=format, progress=progress,
            captures=captures, records=records,
        )  # fmt: skip
        checkup = check_flows(flows, n_twins=records.n_twins, seed=seed, progress=progress)
    for report in (captures, records):
        warn(report.warnings())
    if json:
        typer.echo(checkup.to_json(), nl=False)
    else:
        print_flow_checkup(checkup)
    warn(f"note: {line}" for line in checkup.notes)
    if checkup.is_serious:
        raise typer.Exit(EXIT_ALERTS)


def print_flow_checkup(checkup: FlowCheckup) -> None:
    """Print who recorded what, then the findings by severity."""
    from habitus.cli.findings_text import MAX_WIDTH, print_findings
    from habitus.cli.terminal import console, in_lines, printable, table

    typer.echo(in_lines(printable(f"{checkup.name}: sha256 {checkup.sha256}")))
    table(
        ("source", ">benign files", ">benign flows", ">malicious files", ">malicious flows",
         ">hours"),
        [
            (
                source.name or "-", f"{source.n_benign_files:,}", f"{source.n_benign:,}",
                f"{source.n_malicious_files:,}", f"{source.n_malicious:,}", f"{source.hours:,.2f}",
            )
            for source in checkup.sources
        ],
    )  # fmt: skip
    if checkup.n_unlabelled:
        typer.echo(f"{checkup.n_unlabelled:,} flows have no label, and are left out")
    print_findings(checkup.findings, min(console().width, MAX_WIDTH))
