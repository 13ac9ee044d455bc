"""``habitus train`` of a detector of flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from habitus.decisions.budget import Budget

FLOW_OPTIONS = ("--malicious", "--idle", "--active")
TRACE_OPTIONS = (
    "--aggregation", "--rolling", "--calibrate", "--protocol", "--merge", "--extrapolate",
    "--resume", "--device", "--abi",
)  # fmt: skip


def refuse_others(detector: str, judges: str, given: Mapping[str, object]) -> None:
    """Refuse options that mean nothing to detectors of this kind.

    Args:
        given: options by name, None or False where they are not given.

    Raises:
        UsageError: of the first that is given.
    """
    foreign = TRACE_OPTIONS if judges == "flows" else FLOW_OPTIONS
    other = "traces of system calls" if judges == "flows" else "network flows"
    named = [name for name in foreign if given.get(name) not in (None, False)]
    if named:
        raise UsageError(
            f"{named[0]}: is for detectors of {other}, and {detector} is one of {judges}; leave it "
            "out"
        )


def train_on_flows(
    detector: str,
    data: str,
    output: Path,
    *,
    settings: Mapping[str, object],
    malicious: Sequence[str],
    budget: Budget | None,
    idle: float | None,
    active: float | None,
    format: str | None,
    seed: int,
    strict: bool,
    as_json: bool,
) -> None:
    """Train, save, and say what came of it."""
    from habitus import api
    from habitus.cli.flow_model_text import chance_warnings, print_flow_model
    from habitus.cli.flow_options import track_settings
    from habitus.cli.terminal import TerminalProgress, warn
    from habitus.flows.either import EitherReport
    from habitus.models.files import save_model

    spans = {"idle_s": idle, "active_s": active}
    extraction = track_settings(**{name: span for name, span in spans.items() if span is not None})
    report = EitherReport()
    with TerminalProgress() as progress:
        made = api.train_flows(
            detector, data, settings=settings, malicious=malicious, false_alarms=budget,
            extraction=extraction, format=format, strict=strict, seed=seed, progress=progress,
            report=report,
        )  # fmt: skip
        progress.stage("saving the model")
        saved = save_model(made, output)
    warn(report.warnings())
    warn([*saved.warnings(), *chance_warnings(saved)])
    print_flow_model(saved, str(output), as_json=as_json)
