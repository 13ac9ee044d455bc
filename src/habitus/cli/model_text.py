"""What is said of a model: what it is, what it decides, and what to expect of it."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from habitus.decisions.decision import Decision
    from habitus.models.model import Model

LEAST_HOURS = 1.0
"""Of less than this nobody wants to hear what it would be in a day, unless they asked."""


def print_model(model: Model, name: str, *, as_json: bool) -> None:
    """Print a model for a person, or as JSON."""
    from habitus.cli.members_text import member_rows, members_summary
    from habitus.cli.terminal import printable
    from habitus.cli.training_text import training_rows, training_summary
    from habitus.decisions.scores import score_unit

    origin = model.provenance
    settings = model.detector.settings.model_dump(mode="json")
    if as_json:
        summary = {
            "model": name,
            "digest": model.digest,
            "detector": model.detector.name,
            "settings": settings,
            "n_known_calls": len(model.detector.vocabulary),
            "training": training_summary(model.detector),
            "base": base_summary(model),
            "members": members_summary(model.detector),
            "decisions": [d.model_dump(mode="json") for d in model.decisions],
            "provenance": origin.model_dump(mode="json"),
        }
        typer.echo(jsonlib.dumps(summary, indent=1))
        return
    learned = f"{origin.n_traces:,} traces, {origin.n_sequences:,} of them distinct"
    rows = [
        ("model", name),
        ("digest", model.digest),
        ("detector", " ".join([model.detector.name, *(f"{k}={v}" for k, v in settings.items())])),
        ("learned from", f"{origin.data} ({origin.part}): {learned}, {origin.n_calls:,} calls"),
        ("knows", f"{len(model.detector.vocabulary)} different calls"),
        *_base_rows(model),
        *training_rows(model.detector),
        *member_rows(model.detector),
    ]
    for decision in model.decisions:
        threshold = f"{decision.threshold:.4g} {score_unit(model.detector, decision.rule)}"
        rows.append(("alerts", f"when the {score_name(decision)} is above {threshold}"))
        rows.append(("set", _basis(decision)))
        rows += [("expect", line) for line in expectations(decision)]
    took = f"{origin.train_seconds:.2f} s (thresholds {origin.calibrate_seconds:.2f} s)"
    rows.append(("trained", f"{origin.created}, seed {origin.seed}, in {took}"))
    for label, text in rows:
        typer.echo(f"{label:>13}  {printable(text)}")


def base_summary(model: Model) -> dict[str, Any] | None:
    """What a model started from, for programs; None if from nothing."""
    origin = model.provenance
    if not origin.base:
        return None
    return {
        "model": origin.base,
        "digest": origin.base_digest,
        "share": model.detector.base_share,
    }


def _base_rows(model: Model) -> list[tuple[str, str]]:
    """What a model started from, and how much that counts."""
    from habitus.cli.members_text import DIGEST_SHOWN

    told = base_summary(model)
    if told is None:
        return []
    digest = f", digest {told['digest'][:DIGEST_SHOWN]}..." if told["digest"] else ""
    rows = [("starts from", f"{told['model']}{digest}")]
    if told["share"] is not None:
        rows.append(
            ("base's share", f"{told['share']:.0%} of what makes a call of its normals likely")
        )
    return rows


def _basis(decision: Decision) -> str:
    """For what, and on what, a threshold was set."""
    calibration = decision.calibration
    folds = f" in {calibration.folds} folds" if calibration.folds else ""
    counted = f"{calibration.n_traces:,} normal traces ({calibration.n_over} of them above it)"
    return f"for {calibration.budget}, by {calibration.method}{folds}, on {counted}"


def score_name(decision: Decision) -> str:
    """What is held against a threshold."""
    from habitus.decisions.aggregation import WHOLE
    from habitus.decisions.rule import Rule

    window = Rule.parse(decision.rule).window
    if decision.aggregation == WHOLE:
        return "score of a trace"
    what = "of a trace" if window is None else f"of the last {window:,} calls"
    return f"{decision.aggregation} surprise {what}"


def expectations(
    decision: Decision, n_traces: int = 1000, days: float | None = None, *, by_day: bool = False
) -> list[str]:
    """What a decision will cost, in words.

    Args:
        days: how many alarms there will be in so many; None for their rate.
        by_day: whether that was asked for, and is told however little was watched.
    """
    from habitus.decisions.forecast import told

    calibration = decision.calibration
    if calibration.tail is not None:
        share = f"{told(calibration.budget.alarms * 100)} %"
        lines = [f"{share} of normal traces, if the extrapolated tail holds; there is no interval"]
    else:
        rate = calibration.rate
        low, high = rate.interval(n_traces)
        about = "" if calibration.is_exact else "about "
        share = f"{about}{told(rate.expected * 100, 2)} % of normal traces on average"
        lines = [f"{share}; of the next {n_traces:,}, {low:,} to {high:,} (95 %)"]
    watched = calibration.alarms_a_day
    by_day = by_day or calibration.budget.per == "day"
    if watched is None and by_day:
        lines.append("nothing by the day: the normal traces that it was set on carry no time")
    elif watched is not None and (by_day or watched.hours >= LEAST_HOURS):
        within = watched.interval if days is None else watched.interval_in(days)
        interval = "" if within is None else f" ({told(within[0])} to {told(within[1])}, 95 %)"
        when = "a day" if days is None else f"in {days:g} {'day' if days == 1 else 'days'}"
        expected = told(watched.expected * (1 if days is None else days))
        lines.append(
            f"about {expected} alarms {when}{interval} while as much runs as was recorded: "
            f"{watched.seen:,} in {told(watched.hours)} hours of {watched.recordings:,} "
            f"recordings, those within {watched.merge_seconds:g} s counted once"
        )
    return lines
