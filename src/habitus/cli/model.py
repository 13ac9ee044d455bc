"""``habitus model``: show, verify, threshold."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import Annotated

import typer

from habitus.base import model_path
from habitus.cli import options
from habitus.cli.app import app, command
from habitus.cli.flow_options import Malicious

group = typer.Typer(help="Look at a model, check it, or set its threshold.", no_args_is_help=True)
app.add_typer(group, name="model")

Folder = options.Model


@command(group, "show", "habitus model show models/ngram")
def show(folder: Folder, json: options.Json = False) -> None:
    """Show what a model is and how it came about."""
    from habitus.cli.model_text import print_model
    from habitus.cli.shipped import threshold_notes
    from habitus.cli.terminal import warn
    from habitus.models.files import load_model
    from habitus.models.flow_model import FlowModel

    model = load_model(folder)
    if isinstance(model, FlowModel):
        from habitus.cli.flow_model_text import print_flow_model

        print_flow_model(model, str(folder), as_json=json)
        return
    print_model(model, str(folder), as_json=json)
    warn(threshold_notes(model, folder))


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
    "import-flowmeter",
    "habitus model import-flowmeter FlowMeter/ml/parameters -o models/flowmeter",
)
def import_flowmeter(
    parameters: Annotated[
        Path, typer.Argument(help="A folder of mean.txt, std.txt, weights.txt, intercept.txt.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The model's folder.")],
    json: options.Json = False,
) -> None:
    """Make a model of the parameters that FlowMeter ships.

    It gives FlowMeter's own probabilities, to compare with. What they are worth, its warnings say.
    """
    from habitus.cli.flow_model_text import print_flow_model
    from habitus.cli.terminal import warn
    from habitus.models.files import refuse_unusable_place, save_model
    from habitus.models.flow_training import flowmeter_model

    refuse_unusable_place(output)
    saved = save_model(flowmeter_model(parameters), output)
    warn(saved.warnings())
    print_flow_model(saved, str(output), as_json=json)


@command(
    group,
    "threshold",
    "habitus model threshold models/ngram --false-alarms 0.5% --confidence 95%\n"
    "habitus model threshold models/ngram --false-alarms 2/day --data fresh-normals/\n"
    "habitus model threshold base --false-alarms 1% --data my-normals/ -o models/mine\n"
    "habitus model threshold models/net --false-alarms 0.1% --data captures/labels.csv",
)
def threshold(
    folder: Folder,
    false_alarms: options.FalseAlarms,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", help="Normal traces, or flows, to set it on; by default the model's own."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            parser=model_path,
            metavar="<path>",
            help="Write another model there, and leave this one as it is.",
        ),
    ] = None,
    malicious: Malicious = None,
    decision: options.Decision = None,
    confidence: options.Confidence = None,
    merge: options.Merge = None,
    extrapolate: options.Extrapolate = False,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Set a model's thresholds anew, without training.

    With --data all of its decisions are set on those traces; ones that the model has learned keep
    the scores that cross-fitting gave them, or are left out. Of a data set with a protocol, the
    part meant for it is used, or else the training part, so that no test trace sets a threshold.

    Of a model of flows the benign ones of --data set it; they should be flows that it has not
    learned.

    A model that ships with Habitus stays as it is: -o says where the new one goes.
    """
    from habitus.cli.model_text import print_model
    from habitus.cli.terminal import TerminalProgress, warn, warn_of
    from habitus.datasets.source import find_source
    from habitus.errors import UsageError
    from habitus.evaluation.protocols import default_protocol, held_out_part, training_part
    from habitus.models.files import load_model, refuse_unusable_place, save_model
    from habitus.models.flow_model import FlowModel
    from habitus.traces.report import ReadReport

    place = folder if output is None else output
    refuse_unusable_place(place)
    loaded = load_model(folder)
    if isinstance(loaded, FlowModel):
        from habitus.cli.flow_threshold import set_flow_threshold
        from habitus.cli.train_flows import refuse_others

        given = {"--merge": merge, "--extrapolate": extrapolate, "--abi": abi}
        refuse_others(loaded.detector.name, "flows", given)
        if decision is not None:
            raise UsageError("--decision: a model of flows has one alone; leave it out")
        set_flow_threshold(
            loaded, place, options.budget(false_alarms, confidence, 60.0, extrapolated=False),
            data=data, malicious=malicious or (), format=format, strict=strict, as_json=json,
        )  # fmt: skip
        return
    model, merge = loaded, 60.0 if merge is None else merge
    if malicious:
        raise UsageError("--malicious: is for models of network flows, and this is one of traces")
    budget = options.budget(false_alarms, confidence, merge, extrapolated=extrapolate)
    if data is None:
        model = model.with_budget(budget, decision)
    else:
        if decision is not None:
            raise UsageError("--data sets all decisions of a model: leave --decision out")
        source, report = find_source(data), ReadReport()
        with TerminalProgress() as progress:
            traces = source.read(
                format=format, abi=abi, strict=strict, progress=progress, report=report
            )
            protocol = default_protocol(traces, data)
            normal = held_out_part(traces, protocol)
            if normal is None:
                normal, _ = training_part(traces, protocol)
            progress.stage("scoring normal traces")
            model, n_known = model.calibrated_on(normal, budget, source.sha256)
        warn_of(report)
        warn(_told_of_learned(normal.n_traces, n_known, model.population.n_traces))
    saved = save_model(model, place)
    warn(saved.warnings())
    print_model(saved, str(place), as_json=json)


def _told_of_learned(n_traces: int, n_known: int, n_used: int) -> list[str]:
    """What became of traces that the model had learned, where they are not simply all its own."""
    n_left_out = n_traces - n_used
    n_kept = n_known - n_left_out
    lines = []
    if 0 < n_kept < n_traces:
        lines.append(
            f"{n_kept:,} of the {n_traces:,} traces were learned by this model, and keep their "
            "cross-fitted scores"
        )
    if n_left_out:
        lines.append(
            f"{n_left_out:,} of the {n_traces:,} traces were learned by this model, which keeps no "
            "other score of them, and are left out"
        )
    return lines
