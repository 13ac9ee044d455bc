"""``habitus evaluate`` of flows: models of flows as they are, or a protocol that fits detectors."""

from __future__ import annotations

import json as jsonlib
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from habitus.evaluation.flows.protocols import FlowProtocol
    from habitus.evaluation.flows.results import FlowResult, FlowResults, FlowTrial, Rates
    from habitus.flows.labelled import LabelledFlows
    from habitus.models.flow_model import FlowModel
    from habitus.progress import Progress

MAX_DESCRIPTION = 64 << 20
"""As much of a ``model.json`` as `habitus.models.files` takes."""


def is_of_flows(named: Sequence[Path]) -> bool:
    """Whether what is to be evaluated is a protocol of flows, or models of flows.

    Raises:
        UsageError: if it is several things at once.
    """
    from habitus.evaluation.flows.protocols import FLOW_PROTOCOLS
    from habitus.models.files import MODEL_FILE

    protocols = [
        one for one in named if str(one) in FLOW_PROTOCOLS and not (one / MODEL_FILE).exists()
    ]
    if protocols and len(named) > 1:
        raise UsageError(f"{protocols[0]} is a protocol of flows, and stands alone")
    if protocols:
        return True
    kinds = [_tells_of_flows(one / MODEL_FILE) for one in named]
    if any(kinds) and not all(kinds):
        traces, flows = named[kinds.index(False)], named[kinds.index(True)]
        raise UsageError(
            f"{traces} is a model of traces and {flows} one of flows: evaluate them apart"
        )
    return all(kinds)


def _tells_of_flows(described: Path) -> bool:
    """Whether a model says that it is of flows; whoever loads it tells what else is wrong."""
    try:
        with described.open("rb") as file:
            told = jsonlib.loads(file.read(MAX_DESCRIPTION))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(told, dict) and told.get("kind") == "flows"


def refuse_of_traces(options: Mapping[str, object]) -> None:
    """Raise UsageError if an option was given that is for traces."""
    _refuse(options, "is for models of traces")


def refuse_of_flows(options: Mapping[str, object]) -> None:
    """Raise UsageError if an option was given that is for flows."""
    _refuse(options, "is for flows: habitus evaluate PROTOCOL, as habitus protocols lists them")


def _refuse(options: Mapping[str, object], why: str) -> None:
    for name, value in options.items():
        if value:
            raise UsageError(f"{name} {why}")


def evaluate(
    named: Sequence[Path], data: str, *, detectors: Sequence[str], settings: Sequence[str],
    train_data: str | None, malicious: Sequence[str], format: str | None, seed: int,
    output: Path | None, json: bool,
) -> None:  # fmt: skip
    """Judge, print and keep."""
    from habitus.cli import options
    from habitus.cli.terminal import TerminalProgress, printable, warn
    from habitus.evaluation.flows.doctor.checkup import check_flows
    from habitus.evaluation.flows.evaluate import (
        evaluate_flow_models,
        evaluate_flows,
        refuse_unknown,
    )
    from habitus.evaluation.flows.judging import Contender
    from habitus.evaluation.flows.protocols import FLOW_PROTOCOLS
    from habitus.evaluation.flows.writing import write_flow_results

    protocol = FLOW_PROTOCOLS.get(str(named[0]))
    if protocol is None:
        refuse_of_models({"--detector": detectors, "--set": settings, "--train-data": train_data})
    if settings and len(detectors) != 1:
        raise UsageError("--set is of one detector: name it with --detector")
    chosen = [Contender(name, options.settings(list(settings))) for name in detectors]
    refuse_unknown(chosen)
    command = shlex.join(["habitus", *sys.argv[1:]])
    with TerminalProgress() as progress:
        if protocol is None:
            models = _models(named)
            flows = _read(data, None, malicious, format, progress, list(models.values()))
            results = evaluate_flow_models(
                flows, models, seed=seed, command=command, progress=progress,
                findings=check_flows(flows, seed=seed, progress=progress).findings,
            )  # fmt: skip
        else:
            flows = _read(data, protocol, malicious, format, progress)
            other = (
                None if train_data is None else _read(train_data, None, malicious, format, progress)
            )
            results = evaluate_flows(
                flows, protocol, chosen, other=other, seed=seed, command=command,
                progress=progress,
                findings=check_flows(flows, seed=seed, progress=progress).findings,
            )  # fmt: skip
    # First shown, then kept: a full disk must not cost the user what was computed.
    if json:
        typer.echo(results.to_json(), nl=False)
    else:
        print_flow_results(results)
    warn(f"note: {line}" for line in results.warnings)
    for path in write_flow_results(results, output) if output else []:
        typer.echo(f"wrote {printable(str(path))}", err=json)


def refuse_of_models(options: Mapping[str, object]) -> None:
    """Raise UsageError if an option was given that is for protocols, which fit detectors."""
    _refuse(options, "is for a protocol of flows, which fits detectors; models judge as they are")


def _models(named: Sequence[Path]) -> dict[str, FlowModel]:
    from habitus.models.files import load_flow_model

    models = {str(one): load_flow_model(one) for one in named}
    made = {repr(model.provenance.extraction) for model in models.values()}
    if len(made) > 1:
        raise UsageError(
            "the models were trained on flows made in different ways: evaluate them one by one"
        )
    return models


def _read(
    data: str, protocol: FlowProtocol | None, malicious: Sequence[str], format: str | None,
    progress: Progress, models: Sequence[FlowModel] = (),
) -> LabelledFlows:  # fmt: skip
    """The labelled flows of what the user named."""
    from habitus.evaluation.flows.by_address import flows_of_recording
    from habitus.flows.labelled_reading import read_labelled_flows

    if protocol is not None and protocol.labels == "attacker":
        return flows_of_recording(data)
    settings = models[0].provenance.extraction if models else None
    return read_labelled_flows(
        data, malicious=malicious, format=format, settings=settings, progress=progress
    )


def print_flow_results(results: FlowResults) -> None:
    """Print each trial: the detectors beside the one-feature baseline."""
    from habitus.cli.terminal import in_lines, printable

    judged = (
        f"{results.n_benign:,} benign and {results.n_malicious:,} malicious flows of "
        f"{results.n_files:,} files"
    )
    name = results.protocol or "models as they are"
    caution = f" ({results.caution})" if results.caution else ""
    typer.echo(in_lines(printable(f"{name}: {judged}{caution}")))
    for trial in results.trials:
        _print_trial(trial)
    for finding in results.findings:
        typer.echo(in_lines(printable(f"{finding.severity}: {finding.title} [{finding.id}]")))
    if results.findings:
        told = shlex.join(["habitus", "flows", "check", results.data])
        typer.echo(in_lines(printable(f"what these do to results, and what to do: {told}")))


def _print_trial(trial: FlowTrial) -> None:
    from habitus.cli.terminal import in_lines, printable, table

    prone = " SHORTCUT-PRONE" if trial.is_shortcut_prone else ""
    caution = f" ({trial.caution})" if trial.caution else ""
    runs = f", mean of {trial.n_runs} runs" if trial.n_runs > 1 else ""
    typer.echo(in_lines(printable(f"{trial.name}{runs}:{prone}{caution}")))
    columns = (
        "detector", ">AUC", ">95 %", ">at 1 % false", ">detection", ">false alarms", ">false/hour",
        ">Brier",
    )  # fmt: skip
    table(columns, [_row(result) for result in trial.results])
    for result in trial.results:
        if result.is_baseline and result.notes:
            typer.echo(in_lines(f"the one feature, chosen in training: {'; '.join(result.notes)}"))
    if any(len(result.splits) > 1 for result in trial.results) and trial.n_runs == 1:
        _print_splits(trial)


def _print_splits(trial: FlowTrial) -> None:
    """Each split by itself, as captures are."""
    from habitus.cli.terminal import table

    names = [split.name for split in trial.results[0].splits]
    table(
        ("AUC by what is held out", *(f">{result.name}" for result in trial.results)),
        [
            (name, *(_number(result.splits[row].auc) for result in trial.results))
            for row, name in enumerate(names)
        ],
    )


def _row(result: FlowResult) -> tuple[str, ...]:
    """Files weigh equally; over flows in brackets."""
    figures = result.figures
    interval = figures.auc_ci95
    return (
        result.name,
        _two(figures.auc, "{:.3f}"),
        "-" if interval is None else f"{interval[0]:.2f}-{interval[1]:.2f}",
        _two(figures.detection_at_budget, "{:.1%}"),
        _two(figures.detection, "{:.1%}"),
        _two(figures.false_alarms, "{:.1%}"),
        "-" if figures.alarms_per_hour is None else f"{figures.alarms_per_hour:,.1f}",
        _two(figures.brier, "{:.3f}"),
    )


def _two(rates: Rates | None, form: str) -> str:
    return "-" if rates is None else f"{form.format(rates.files)} ({form.format(rates.flows)})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
