"""``habitus explain`` by a model of flows."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from habitus.cli.detect_flows import ends, notes_on_origin, number

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from habitus.alerts.record import Record
    from habitus.models.flow_model import FlowModel

BAR_CELLS = 16
"""Characters of the longest bar."""
IN_WORDS, SHOWN = 3, 24
"""Features that are told in words, and in the table: those that add or take away most."""


def explain_of_flows(
    model: FlowModel, file: str, *, flow: str | None, format: str | None, strict: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Explain a flow, or several of one name, for a person or as JSON."""
    from habitus import api
    from habitus.cli.terminal import TerminalProgress, console, warn
    from habitus.flows.either import EitherReport

    report = EitherReport()
    with TerminalProgress() as progress:
        records = api.explain_flows(
            model, file, flow=flow, format=format, strict=strict, progress=progress, report=report
        )
    warn(report.warnings())
    warn(notes_on_origin(model, report))
    if as_json:
        typer.echo(jsonlib.dumps(records, indent=1, allow_nan=False))
        return
    out = console()
    for i, record in enumerate(records):
        if i:
            out.print()
        print_explained_flow(out, model, record)


def print_explained_flow(out: Console, model: FlowModel, record: Record) -> None:
    """Print a judged flow: a verdict, whose it is, what the model says in words, and a table."""
    from rich.text import Text

    from habitus.cli.terminal import printable

    for line in [*_head(record), *_score(model, record)]:
        out.print(Text(printable(line)), soft_wrap=True)
    contributions = record["habitus"]["contributions"]
    if contributions is None:
        return
    for line in _words(contributions):
        out.print(Text(printable(line)), soft_wrap=True)
    _print_table(out, contributions)
    total, base = contributions["total"], contributions["base"]
    unit = contributions["unit"]
    begins = f"{base:+.2f} before any feature, " if abs(base) >= 0.005 else ""
    out.print(f"together {begins}{total:+.2f} {unit} with all of them")


def _head(record: Record) -> list[str]:
    """Whose flow it is, where it stands, and how much it carried."""
    verdict = {"alert": "ALERT", "normal": "normal", "not_scoreable": "no score"}
    flow = record["habitus"]["flow"]
    if flow["first_frame"] is not None:
        place = f"{flow['source']}, frames {flow['first_frame']:,} to {flow['last_frame']:,}"
    else:
        place = f"{flow['source']}, line {flow['line'] or 0:,}"
    when = []
    if flow["start"] is not None:
        when.append(f"from {flow['start']}")
    if flow["duration_us"] is not None:
        when.append(f"for {flow['duration_us'] / 1e6:,.3f} s")
    there, back = _side(flow["forward"]), _side(flow["backward"])
    lines = [f"{verdict[record['verdict']]}: {ends(record)}", f"in {place}"]
    if when:
        lines.append(" ".join(when))
    lines.append(f"{there} there, {back} back")
    if record["community_id"]:
        lines.append(f"Community ID {record['community_id']}")
    if flow["label"]:
        lines.append(f"its file calls it {flow['label']}")
    return lines


def _side(side: dict[str, Any]) -> str:
    from habitus.cli.terminal import counted

    packets = "unknown packets" if side["packets"] is None else counted(side["packets"], "packet")
    kinds = {"raw_bytes": "bytes", "ip_bytes": "bytes of IP", "payload_bytes": "bytes carried"}
    told = next(
        (f" ({side[key]:,} {of})" for key, of in kinds.items() if side[key] is not None), ""
    )
    return packets + told


def _score(model: FlowModel, record: Record) -> list[str]:
    if record["verdict"] == "not_scoreable":
        return ["it does not tell what every flow of training told, so that it has no score"]
    unit = record["habitus"]["unit"]
    what = "probability of malicious" if unit == "probability" else f"score in {unit}"
    share, n = record["habitus"]["benign_as_high"], len(model.population.benign)
    if share is None:
        rarity = "the model keeps no benign flows to hold that against"
    else:
        above = round(share * (1 + n)) - 1
        rarity = f"{above:,} of {n:,} benign flows that were held out score as high"
    return [f"{what} {record['score']:.4g}, threshold {record['threshold']:.4g}; {rarity}"]


def _words(contributions: dict[str, Any]) -> list[str]:
    """What adds most, in words."""
    what = "malice" if contributions["unit"] == "log-odds" else "its being unusual"
    features = contributions["features"]
    raising = [one for one in features if one["adds"] > 0][:IN_WORDS]
    lines = [f"  {_told(one)}" for one in raising]
    if not lines:
        return [f"nothing speaks for {what}"]
    return [f"what speaks most for {what}:", *lines]


def _told(one: dict[str, Any]) -> str:
    unit = f" {one['unit']}" if one["unit"] and one["value"] is not None else ""
    return f"{one['feature']} is {number(one['value'])}{unit}{_beside(one)} ({one['adds']:+.2f})"


def _beside(one: dict[str, Any]) -> str:
    """How a value lies to the normal range."""
    normal, value = one["normal"], one["value"]
    if normal is None:
        return ""
    if value is None:
        return f", as of {normal['null_share']:.0%} of benign flows"
    if normal["median"] is None:
        return ", which no benign flow of training defines"
    if value > normal["high"]:
        return f", above what 95 % of benign flows have (up to {number(normal['high'])})"
    if value < normal["low"]:
        return f", below what 95 % of benign flows have (from {number(normal['low'])})"
    return f", within what is normal ({_range(normal)})"


def _range(normal: dict[str, Any]) -> str:
    return f"{number(normal['low'])} to {number(normal['high'])}"


def _print_table(out: Console, contributions: dict[str, Any]) -> None:
    """The features that matter most, with bars; where that would break words, as blocks."""
    from rich import box
    from rich.table import Table

    from habitus.cli.layout import blocks_of, widths_of

    adding = [one for one in contributions["features"] if one["adds"]]
    largest = sorted((abs(one["adds"]) for one in adding), reverse=True)[:SHOWN]
    features = [one for one in adding if abs(one["adds"]) >= largest[-1]]
    longest = max((abs(one["adds"]) for one in features), default=1.0)
    headings = ["feature", "value", "unit", "normal, 5 % to 95 %", contributions["unit"], ""]
    cells = [_cells(one) for one in features]
    bars = [_bar(one["adds"], longest) for one in features]
    plain = [[*row, bar.plain] for row, bar in zip(cells, bars, strict=True)]
    widths = widths_of([headings, *plain], out.width)
    if widths is None:
        for line in blocks_of(headings, plain, "", out.width):
            typer.echo(line)
    else:
        made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        for i, (heading, width) in enumerate(zip(headings, widths, strict=True)):
            made.add_column(heading, justify="right" if i in {1, 4} else "left", width=width)
        for row, bar in zip(cells, bars, strict=True):
            made.add_row(*row, bar)
        out.print(made)
    n_small = len(adding) - len(features)
    if n_small:
        rest = sum(one["adds"] for one in adding) - sum(one["adds"] for one in features)
        others = "feature adds" if n_small == 1 else "features add, together,"
        out.print(f"{n_small:,} other {others} {rest:+.3f} (--json tells of each)")
    n_silent = len(contributions["features"]) - len(adding)
    if n_silent:
        others = "feature adds" if n_silent == 1 else "features add"
        out.print(f"{n_silent:,} other {others} nothing")


def _cells(one: dict[str, Any]) -> list[str]:
    normal = one["normal"]
    told = "" if normal is None else "undefined" if normal["median"] is None else _range(normal)
    return [one["feature"], number(one["value"]), one["unit"], told, f"{one['adds']:+.3f}"]


def _bar(adds: float, longest: float) -> Text:
    """A bar, and its sign in letters for those without colours."""
    from rich.text import Text

    n_cells = max(1, round(BAR_CELLS * abs(adds) / longest))
    return Text("█" * n_cells if adds > 0 else "░" * n_cells, "red" if adds > 0 else "green")


def refuse_trace_options(model: Path, given: dict[str, object]) -> None:
    """Refuse what means nothing to a model of flows.

    Raises:
        UsageError: of the first option that is given.
    """
    from habitus.errors import UsageError

    named = [name for name, value in given.items() if value is not None]
    if named:
        raise UsageError(
            f"{named[0]}: is for models of traces, and {model} is one of network flows; leave it "
            "out"
        )
