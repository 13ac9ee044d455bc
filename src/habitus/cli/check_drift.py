"""``habitus check-drift``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from habitus.cli import options
from habitus.cli.app import EXIT_ALERTS, app, command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.drift.result import Drift, Shift

_NAMES = {"score": "score", "novel": "calls never learned", "unseen": "orders never learned"}
_LABEL_WIDTH = 8


@command(
    app,
    "check-drift",
    "habitus check-drift models/ngram this-week/\n"
    "habitus check-drift models/ngram this-week/ --json > drift.json",
)
def check_drift(
    model: options.Model,
    traces: Annotated[
        str,
        typer.Argument(
            metavar="NAME|PATH", help="New traces, presumed normal, from after the training."
        ),
    ],
    seed: options.Seed = 1,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Tell whether new normal traces are still what a model's thresholds were set on.

    Ends with status 1 if they have drifted, with 0 if nothing shows it. Scores, calls and orders of
    calls that were never learned, and the count of alarms are tested, each for being stranger;
    of all tests together one in twenty errs where nothing has changed. Traces in folders of attacks
    are left out.
    """
    from habitus import api
    from habitus.cli.terminal import TerminalProgress, warn, warn_of
    from habitus.traces.report import ReadReport

    report = ReadReport()
    with TerminalProgress() as progress:
        drift = api.check_drift(
            model, traces, seed=seed, format=format, abi=abi, strict=strict,
            progress=progress, report=report,
        )  # fmt: skip
    warn_of(report)
    if json:
        typer.echo(drift.to_json(), nl=False)
    else:
        print_drift(drift)
    warn(f"note: {line}" for line in drift.notes)
    if drift.verdict == "drifted":
        raise typer.Exit(EXIT_ALERTS)


def print_drift(drift: Drift) -> None:
    """Print the verdict, what was measured, the pictures, and what to do."""
    from habitus.cli.terminal import console, printable, table
    from habitus.drift.words import alarms_sentence

    def say(text: str, hanging: str = "  ") -> None:
        typer.echo(_filled(printable(text), hanging))

    say(drift.sentence, "")
    for alarms in drift.alarms:
        say(f"alarms by {alarms.decision}: {alarms_sentence(alarms)}")
    table(_COLUMNS, [*map(_row, drift.shifts), _lengths(drift)])
    for shift in drift.shifts:
        if picture := list(_picture(drift, shift, console().width)):
            typer.echo("\n".join([*picture, ""]))
    if drift.n_novel_calls:
        say(_novel(drift))
    if drift.changed_calls:
        changed = (f"{c.name} {c.learned:.1%} -> {c.new:.1%}" for c in drift.changed_calls)
        say(f"known calls whose share changed most: {', '.join(changed)}")
    typer.echo("what to do:")
    for line in drift.advice:
        say(f"  - {line}", "    ")


def _filled(text: str, hanging: str) -> str:
    """Text in lines on a terminal; one line for programs."""
    import sys

    from habitus.cli.layout import wrapped
    from habitus.cli.terminal import console

    return wrapped(text, console().width, hanging=hanging) if sys.stdout.isatty() else text


def _row(shift: Shift) -> tuple[str, ...]:
    scale = "{:.4g}" if shift.measure == "score" else "{:.1%}"
    name = " ".join(filter(None, (_NAMES[shift.measure], shift.decision)))
    stranger = "-" if shift.superiority is None else f"{shift.superiority:.0%}"
    p = "-" if shift.p_adjusted is None else f"{shift.p_adjusted:.2g}"
    return (name, *_moved(shift.reference, shift.new, scale), stranger, p)


def _lengths(drift: Drift) -> tuple[str, ...]:
    return ("calls in a sequence", *_moved(*drift.lengths, "{:,.0f}"), "", "")


def _moved(before: dict[str, float], now: dict[str, float], form: str) -> Iterator[str]:
    """Each quantile of both sides."""
    for share in ("0.5", "0.9", "0.99"):
        ends = (form.format(side[share]) if share in side else "-" for side in (before, now))
        yield " -> ".join(ends)


def _novel(drift: Drift) -> str:
    """Which calls are new, and where."""
    from habitus.cli.terminal import counted

    told = [f"{c.name} ({c.count:,} in {counted(c.n_traces, 'trace')})" for c in drift.novel_calls]
    left = drift.n_novel_calls - len(told)
    more = [f"and {left:,} more"] if left else []
    where = "; ".join(f"{t.name} ({t.n_novel:,} of {t.n_calls:,})" for t in drift.novel_traces)
    return (
        f"{counted(drift.n_novel_calls, 'call')} never learned: {', '.join(told + more)}; "
        f"mostly in {where}"
    )


def _picture(drift: Drift, shift: Shift, width: int) -> Iterator[str]:
    """Both sides of a score as bars, one above the other, with the threshold as a line."""
    import sys

    from habitus.cli.layout import BARS, bars

    found = shift.histogram
    if (
        shift.measure != "score"
        or found is None
        or not _can_show(f"{BARS}│└┘", sys.stdout.encoding)
    ):
        return
    room = width - 2 - _LABEL_WIDTH
    sides = [bars(counts, found.n_below, room, BARS) for counts in (found.reference, found.new)]
    for label, side in zip(("before", "now"), sides, strict=True):
        yield f"  {label:<{_LABEL_WIDTH}}{side}".rstrip()
    alarms = next(a for a in drift.alarms if a.decision == shift.decision)
    mark, told = sides[0].index("│"), f"{alarms.threshold:.4g} {alarms.unit}"
    line = f"{'':{mark}}└ {told}" if mark + len(told) + 2 <= room else f"{told + ' ┘':>{mark + 1}}"
    yield f"  {'':{_LABEL_WIDTH}}{line}"


def _can_show(text: str, encoding: str | None) -> bool:
    try:
        text.encode(encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


_COLUMNS = ("", ">half below", ">90 % below", ">99 % below", ">stranger in", ">p")
