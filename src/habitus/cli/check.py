"""``habitus data check``: the data doctor."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from habitus.cli import options
from habitus.cli.app import command
from habitus.cli.data import group

if TYPE_CHECKING:
    from habitus.evaluation.doctor.checkup import Checkup, PartSummary


@command(
    group,
    "check",
    "habitus data check adfa-ld\n"
    "habitus data check recordings/ --protocol folder\n"
    "habitus data check today/ --against recordings/ --json",
)
def check(
    data: Annotated[str, typer.Argument(metavar="NAME|PATH", help="What to check.")],
    against: Annotated[
        str | None,
        typer.Option(
            "--against", metavar="NAME|PATH", help="Other data, taken as what is learned."
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol", help="Check its parts; by default folders and labels give them."
        ),
    ] = None,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Look for what in data makes results better, or worse, than they are.

    Duplicates, labels that a trivial statistic tells, calls never learned, wrong call tables, torn
    recordings, cut-off traces and more, each with what it does to a result and what to do.
    """
    from habitus import api
    from habitus.cli.terminal import TerminalProgress, warn_of
    from habitus.errors import UsageError
    from habitus.traces.report import ReadReport

    if _are_labelled_flows(data):
        raise UsageError(
            f"{data}: labels flows, and this checks traces", f"habitus flows check {data}"
        )
    report, against_report = ReadReport(), ReadReport()
    with TerminalProgress() as progress:
        checkup = api.check(
            data, against=against, protocol=protocol, format=format, abi=abi, strict=strict,
            progress=progress, report=report, against_report=against_report,
        )  # fmt: skip
    warn_of(against_report)  # findings tell what was left out of the data checked, and of no others
    if json:
        warn_of(report)
        typer.echo(checkup.to_json(), nl=False)
    else:
        print_checkup(checkup)


def print_checkup(checkup: Checkup) -> None:
    """Print the parts, then the findings by severity."""
    from habitus.cli.findings_text import MAX_WIDTH, print_findings
    from habitus.cli.terminal import console, printable, table

    width = min(console().width, MAX_WIDTH)
    under = f", protocol {checkup.protocol}" if checkup.protocol else ""
    typer.echo(printable(f"{checkup.name}{under}: sha256 {checkup.sha256}"))
    columns = (
        "part", "taken as", ">traces", ">distinct", ">calls", ">alphabet",
        ">shortest/median/longest", ">recordings", ">threads",
    )  # fmt: skip
    rows = [_row(part) for part in checkup.parts]
    if width < MAX_WIDTH:  # a column a part: few parts fit where many columns do not
        flipped = [
            (columns[i].lstrip(">"), *(row[i] for row in rows)) for i in range(1, len(columns))
        ]
        table(("part", *(f">{row[0]}" for row in rows)), flipped)
    else:
        table(columns, rows)
    if checkup.in_no_part:
        typer.echo(f"{checkup.in_no_part:,} traces are in no part: the protocol leaves them out")
    print_findings(checkup.findings, width)


def _row(part: PartSummary) -> tuple[str, ...]:
    return (
        part.name, part.role, f"{part.traces:,}", f"{part.distinct:,}", f"{part.calls:,}",
        f"{part.alphabet:,}", f"{part.shortest:,}/{part.median:,.0f}/{part.longest:,}",
        f"{part.recordings:,}", f"{part.threads:,}",
    )  # fmt: skip


def _are_labelled_flows(data: str) -> bool:
    """Whether what a user named is a table of labels of flows, or a folder with one."""
    from habitus.flows.labels_file import NAME, is_labels_file

    path = Path(data)
    table = path / NAME if path.is_dir() else path
    try:
        with table.open("rb") as file:
            return is_labels_file(file.read(1 << 12))
    except OSError:
        return False
