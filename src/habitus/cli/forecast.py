"""``habitus model forecast``, and what is said of false alarms to come."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING, Annotated

import typer

from habitus.cli import options
from habitus.cli.app import command
from habitus.cli.model import Folder, group

if TYPE_CHECKING:
    from habitus.decisions.decision import Decision

LEAST_HOURS = 1.0
"""Of less than this nobody wants to hear what it would be in a day, unless they asked."""

@command(
    group,
    "forecast",
    "habitus model forecast models/ngram --traces 5000\n"
    "habitus model forecast models/ngram --days 30 --json",
)
def forecast(
    folder: Folder,
    traces: Annotated[
        int, typer.Option("--traces", min=1, max=10**9, help="Normal traces that will be judged.")
    ] = 1000,
    days: Annotated[
        float, typer.Option("--days", min=0.0, max=36_500.0, help="Days that will be watched.")
    ] = 1.0,
    json: options.Json = False,
) -> None:
    """Tell how many false alarms a model will raise, before it is used.

    It holds for normal traces drawn like those that its thresholds were set on: whether yours still
    are, `habitus check-drift` tells.
    """
    from habitus.cli.terminal import in_lines, warn
    from habitus.models.files import load_model

    model = load_model(folder)
    if json:
        told = [_forecast_record(decision, traces, days) for decision in model.decisions]
        typer.echo(jsonlib.dumps({"model": str(folder), "decisions": told}, indent=1))
    else:
        for decision in model.decisions:
            typer.echo(f"{decision.rule}, threshold {decision.threshold:.4g}")
            for line in expectations(decision, traces, days):
                typer.echo(in_lines(f"  {line}"))
    warn(model.warnings())


def expectations(decision: Decision, n_traces: int = 1000, days: float = 1.0) -> list[str]:
    """What a decision will cost, in words."""
    calibration = decision.calibration
    if calibration.tail is not None:
        share = f"{calibration.budget.alarms * 100:.3g} %"
        lines = [f"{share} of normal traces, if the extrapolated tail holds; there is no interval"]
    else:
        rate = calibration.rate
        low, high = rate.interval(n_traces)
        about = "" if calibration.is_exact else "about "
        share = f"{about}{rate.expected * 100:.2g} % of normal traces on average"
        lines = [f"{share}; of the next {n_traces:,}, {low:,} to {high:,} (95 %)"]
    told = calibration.alarms_a_day
    if told is not None and (told.hours >= LEAST_HOURS or calibration.budget.per == "day"):
        interval = (
            ""
            if told.interval is None
            else (f" ({told.interval[0] * days:.3g} to {told.interval[1] * days:.3g}, 95 %)")
        )
        when = "a day" if days == 1 else f"in {days:g} days"
        lines.append(
            f"about {told.expected * days:.3g} alarms {when}{interval} while as much runs as was "
            f"recorded: {told.seen:,} in {told.hours:.3g} hours of {told.recordings:,} recordings, "
            f"those within {told.merge_seconds:g} s counted once"
        )
    return lines


def _forecast_record(decision: Decision, n_traces: int, days: float) -> dict[str, object]:
    calibration = decision.calibration
    rate, told = calibration.rate, calibration.alarms_a_day
    exists = calibration.tail is None
    return {
        "decision": decision.rule,
        "threshold": decision.threshold,
        "is_exact": calibration.is_exact,
        "expected_rate": rate.expected if exists else None,
        "n_traces": n_traces,
        "expected_alarms": rate.expected * n_traces if exists else None,
        "alarms_ci95": list(rate.interval(n_traces)) if exists else None,
        "days": days,
        "expected_alarms_in_days": None if told is None else told.expected * days,
        "alarms_in_days_ci95": None
        if told is None or told.interval is None
        else [end * days for end in told.interval],
    }
