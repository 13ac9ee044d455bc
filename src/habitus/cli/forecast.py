"""``habitus model forecast``."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING, Annotated

import typer

from habitus.cli import options
from habitus.cli.app import command
from habitus.cli.model import Folder, group

if TYPE_CHECKING:
    from habitus.decisions.decision import Decision
    from habitus.models.flow_model import FlowModel


@command(
    group,
    "forecast",
    "habitus model forecast models/ngram --traces 5000\n"
    "habitus model forecast models/ngram --days 30 --json",
)
def forecast(
    folder: Folder,
    traces: Annotated[
        int,
        typer.Option(
            "--traces",
            "--flows",
            min=1,
            max=10**9,
            help="Normal traces, or benign flows, that will be judged.",
        ),
    ] = 1000,
    days: Annotated[
        float | None,
        typer.Option(
            "--days", min=0.0, max=36_500.0, help="Days that will be watched; by default 1."
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Tell how many false alarms a model will raise, before it is used.

    It holds for normal traces drawn like those that its thresholds were set on: whether yours still
    are, `habitus check-drift` tells.
    """
    from habitus.cli.model_text import expectations
    from habitus.cli.shipped import threshold_notes
    from habitus.cli.terminal import in_lines, warn
    from habitus.errors import UsageError
    from habitus.models.files import load_model
    from habitus.models.flow_model import FlowModel

    loaded = load_model(folder)
    if isinstance(loaded, FlowModel):
        if days is not None:
            raise UsageError(
                "--days: a model of flows does not know how many flows there are a day; say how "
                "many will be judged (--flows)"
            )
        _print_flow_forecast(loaded, str(folder), traces, as_json=json)
        return
    model = loaded
    by_day, days = days is not None, 1.0 if days is None else days
    if json:
        told = [_forecast_record(decision, traces, days) for decision in model.decisions]
        typer.echo(jsonlib.dumps({"model": str(folder), "decisions": told}, indent=1))
    else:
        for decision in model.decisions:
            typer.echo(f"{decision.rule}, threshold {decision.threshold:.4g}")
            for line in expectations(decision, traces, days, by_day=by_day):
                typer.echo(in_lines(f"  {line}"))
    warn([*model.warnings(), *threshold_notes(model, folder)])


def _print_flow_forecast(model: FlowModel, name: str, n_flows: int, *, as_json: bool) -> None:
    from habitus.cli.flow_model_text import expected_record, flow_expectations
    from habitus.cli.terminal import in_lines, warn

    if as_json:
        told = {"model": name, "threshold": model.decision.threshold}
        typer.echo(jsonlib.dumps({**told, "expected": expected_record(model, n_flows)}, indent=1))
    else:
        typer.echo(f"flows, threshold {model.decision.threshold:.4g} {model.detector.score_unit}")
        for line in flow_expectations(model, n_flows):
            typer.echo(in_lines(f"  {line}"))
    warn(model.warnings())


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
        "alarms_in_days_ci95": None if told is None else told.interval_in(days),
    }
