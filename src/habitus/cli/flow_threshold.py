"""``habitus model threshold`` of a model of flows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from habitus.decisions.budget import Budget
    from habitus.models.flow_model import FlowModel


def set_flow_threshold(
    model: FlowModel, folder: Path, budget: Budget, *, data: str | None, malicious: Sequence[str],
    format: str | None, strict: bool, as_json: bool,
) -> None:  # fmt: skip
    """Set a threshold anew, on the model's own flows or on others; save, and print the model."""
    from habitus.cli.flow_model_text import chance_warnings, print_flow_model
    from habitus.cli.terminal import TerminalProgress, warn
    from habitus.datasets.source import input_path
    from habitus.errors import UsageError
    from habitus.flows.either import EitherReport
    from habitus.flows.labelled_reading import read_labelled_flows
    from habitus.models.files import save_model
    from habitus.models.flow_training import scored_flows

    population = None
    if data is not None:
        report = EitherReport()
        with TerminalProgress() as progress:
            labelled = read_labelled_flows(
                input_path(data), malicious=malicious, format=format,
                settings=model.provenance.extraction, strict=strict, progress=progress,
                captures=report.captures, records=report.records,
            )  # fmt: skip
            population = scored_flows(model, labelled)
        warn(report.warnings())
        warn(labelled.notes)
        if labelled.sha256 == model.provenance.data_sha256:
            raise UsageError(
                f"{data}: is what the model has learned, and it scores that too well to set a "
                "threshold on: leave --data out, for scores of flows that were held out"
            )
    elif malicious:
        raise UsageError(
            "--malicious: says which labels of --data mean malicious; give --data, too"
        )
    saved = save_model(model.with_budget(budget, population), folder)
    warn([*saved.warnings(), *chance_warnings(saved)])
    print_flow_model(saved, str(folder), as_json=as_json)
