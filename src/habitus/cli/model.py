"""``habitus model``: show, verify, threshold."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from habitus.cli import options
from habitus.cli.app import app, command

if TYPE_CHECKING:
    from habitus.models.model import Model

group = typer.Typer(help="Look at a model, check it, or set its threshold.", no_args_is_help=True)
app.add_typer(group, name="model")

Folder = Annotated[Path, typer.Argument(help="The model's folder.")]


@command(group, "show", "habitus model show models/ngram")
def show(folder: Folder, json: options.Json = False) -> None:
    """Show what a model is and how it came about."""
    from habitus.models.files import load_model

    print_model(load_model(folder), str(folder), as_json=json)


@command(
    group,
    "verify",
    "habitus model verify models/ngram\nhabitus model verify models/ngram --digest 3f5a...",
)
def verify(
    folder: Folder,
    digest: Annotated[
        str | None, typer.Option("--digest", help="The SHA-256 the model must have.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Check every byte of a model; print its digest."""
    from habitus.cli.terminal import printable
    from habitus.models.files import verify_model

    found = verify_model(folder, digest=digest)
    line = jsonlib.dumps({"model": str(folder), "digest": found}) if json else f"{found}  {folder}"
    typer.echo(printable(line))


@command(
    group,
    "threshold",
    "habitus model threshold models/ngram --false-alarms 0.5%\n"
    "habitus model threshold models/ngram --false-alarms 1% --data fresh-normals/",
)
def threshold(
    folder: Folder,
    false_alarms: options.FalseAlarms,
    data: Annotated[
        str | None,
        typer.Option("--data", help="Normal traces to set it on; by default those of training."),
    ] = None,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Set a model's threshold anew, without training.

    Traces the model was trained on keep the scores that cross-fitting gave them. Of a data set with
    a protocol, the training part is used, so that no test trace sets a threshold.
    """
    from habitus.cli.terminal import TerminalProgress, warn, warn_of
    from habitus.datasets.source import find_source
    from habitus.evaluation.protocols import default_protocol, training_part
    from habitus.models.files import load_model, save_model
    from habitus.traces.report import ReadReport

    model = load_model(folder)
    budget = options.share(false_alarms)
    if data is None:
        model, _ = model.with_budget(budget)
    else:
        source, report = find_source(data), ReadReport()
        with TerminalProgress() as progress:
            traces = source.read(
                format=format, abi=abi, strict=strict, progress=progress, report=report
            )
            normal, _ = training_part(traces, default_protocol(traces, data))
            model, n_known = model.with_budget(budget, normal, source.sha256)
        warn_of(report)
        if 0 < n_known < normal.n_traces:
            warn([f"{n_known} of the {normal.n_traces} traces keep their cross-fitted scores"])
    saved = save_model(model, folder)
    warn(saved.warnings())
    print_model(saved, str(folder), as_json=json)


def print_model(model: Model, name: str, *, as_json: bool) -> None:
    """Print a model for a person, or as JSON."""
    from habitus.cli.terminal import printable
    from habitus.models.scores import score_unit

    decision, origin = model.decision, model.provenance
    calibration = decision.calibration
    settings = model.detector.settings.model_dump(mode="json")
    if as_json:
        summary = {
            "model": name,
            "digest": model.digest,
            "detector": model.detector.name,
            "settings": settings,
            "n_known_calls": len(model.detector.vocabulary),
            "decisions": [d.model_dump(mode="json") for d in model.decisions],
            "provenance": origin.model_dump(mode="json"),
        }
        typer.echo(jsonlib.dumps(summary, indent=1))
        return
    how = f"by {calibration.method}" + (
        f" in {calibration.folds} folds" if calibration.folds else ""
    )
    rows = {
        "model": name,
        "digest": model.digest,
        "detector": " ".join([model.detector.name, *(f"{k}={v}" for k, v in settings.items())]),
        "learned from": f"{origin.data} ({origin.part}): {origin.n_traces:,} traces, "
        f"{origin.n_sequences:,} of them distinct, {origin.n_calls:,} calls",
        "knows": f"{len(model.detector.vocabulary)} different calls",
        "alerts": f"when the {score_name(model)} of a trace is above "
        f"{decision.threshold:.4g} {score_unit(model.detector)}",
        "set": f"for {calibration.false_alarms * 100:g} % false alarms, {how}, on "
        f"{calibration.n_traces:,} normal traces ({calibration.n_over} of them above it)",
        "trained": f"{origin.created}, seed {origin.seed}, in {origin.train_seconds:.2f} s "
        f"(threshold {origin.calibrate_seconds:.2f} s)",
    }
    for label, text in rows.items():
        typer.echo(f"{label:>13}  {printable(text)}")


def score_name(model: Model) -> str:
    """What a trace's score is called."""
    from habitus.models.aggregation import WHOLE

    aggregation = model.decision.aggregation
    return "score" if aggregation == WHOLE else f"{aggregation} surprise"
