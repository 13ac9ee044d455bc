"""``habitus train``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from habitus.cli import options
from habitus.cli.app import app, command


@command(
    app,
    "train",
    "habitus train ngram --data adfa-ld -o models/ngram --set order=12\n"
    "habitus train stide --data recordings/ -o models/stide --false-alarms 0.5%\n"
    "habitus train ngram --data recordings/ -o models/live --rolling 200 --false-alarms 2/day",
)
def train(
    detector: Annotated[str, typer.Argument(help="A detector's name (see `habitus detectors`).")],
    data: options.Data,
    output: Annotated[Path, typer.Option("-o", "--output", help="The model's folder.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, as name=value; repeatable.")
    ] = None,
    aggregation: Annotated[
        str | None,
        typer.Option(help="A trace's score: mean (default), median, quantile:Q or worst:W."),
    ] = None,
    rolling: Annotated[
        list[str] | None,
        typer.Option(
            help="Also judge the last W calls after every call: W or W:AGGREGATION; repeatable."
        ),
    ] = None,
    false_alarms: options.FalseAlarms = "1%",
    confidence: options.Confidence = None,
    merge: options.Merge = 60.0,
    extrapolate: options.Extrapolate = False,
    calibrate: Annotated[
        str | None,
        typer.Option(help="Set thresholds by cross-fitting:FOLDS, or on held-out:SHARE of traces."),
    ] = None,
    protocol: options.Protocol = None,
    seed: options.Seed = 1,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Train a detector on normal traces and keep the model.

    Its thresholds are set for a false-alarm budget on normal traces that were not learned, and what
    is to be expected of them is told before they are used. Of a data set with a protocol
    (see `habitus protocols`), the protocol's training part is learned; of other data, everything
    that does not lie in a folder named attack.
    """
    from habitus import api
    from habitus.cli.model_text import print_model
    from habitus.cli.terminal import TerminalProgress, warn, warn_of
    from habitus.datasets.notices import first_use_notice
    from habitus.models.files import refuse_unusable_place, save_model
    from habitus.traces.report import ReadReport

    refuse_unusable_place(output)
    budget = options.budget(false_alarms, confidence, merge, extrapolated=extrapolate)
    report = ReadReport()
    with TerminalProgress() as progress:
        made = api.train(
            detector,
            data,
            settings=options.settings(set_ or []),
            protocol=protocol,
            aggregation=aggregation,
            rolling=rolling or [],
            false_alarms=budget,
            calibration=calibrate,
            seed=seed,
            format=format,
            abi=abi,
            strict=strict,
            progress=progress,
            report=report,
        )
    saved = save_model(made, output)
    warn_of(report)
    warn(first_use_notice(saved.provenance.data_sha256))
    warn(saved.warnings())
    print_model(saved, str(output), as_json=json)
