"""Making an ensemble of models that were trained before."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Unpack

from habitus.datasets.source import find_source
from habitus.decisions.budget import Budget
from habitus.errors import UsageError
from habitus.evaluation.protocols import (
    default_protocol,
    get_protocol,
    held_out_part,
    training_part,
)
from habitus.models.ensembling import ensemble_model
from habitus.models.files import load_trace_model
from habitus.models.training import DEFAULT_FALSE_ALARMS
from habitus.progress import SILENT, Progress
from habitus.storage import readable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.api.options import FileOptions, Place
    from habitus.models.model import Model
    from habitus.traces.report import ReadReport


def train_ensemble(
    models: Sequence[Place] | Mapping[str, Model],
    data: str,
    *,
    settings: Mapping[str, object] | None = None,
    protocol: str | None = None,
    rolling: Sequence[str] = (),
    false_alarms: Budget | str | float = DEFAULT_FALSE_ALARMS,
    seed: int = 1,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
    **files: Unpack[FileOptions],
) -> Model:
    """Make one model of several: an `ensemble`, settled on the normal traces of ``data``.

    The members are kept within it; their folders are not needed any more. It is settled on those
    traces alone that no member had learned when it scored them: of traces that a member learned by
    cross-fitting, the scores that its folder keeps.

    Args:
        models: folders of models, or models by name.
        data: whose normal traces: those that the members were trained on, or others.
        settings: ``combine`` and what else the ensemble is set by.
        protocol, rolling, false_alarms, seed, report, files: as for `train`.

    Raises:
        HabitusError: if a model or the data cannot be read, a model is one of flows, an ensemble or
            given twice, or too few traces are new to all members.
    """
    if isinstance(models, Mapping):
        members = dict(models)
    else:
        members = {}
        for place in models:
            name = readable(os.fspath(place))
            if name in members:
                raise UsageError(f"{name}: is named twice, and would count twice")
            members[name] = load_trace_model(place)
    budget = false_alarms if isinstance(false_alarms, Budget) else Budget.parse(false_alarms)
    source = find_source(data)
    traces = source.read(progress=progress, report=report, **files)
    chosen = default_protocol(traces, data) if protocol is None else get_protocol(protocol)
    normal, part = training_part(traces, chosen)
    held_out = held_out_part(traces, chosen)
    if held_out is not None:  # a part that no member learns, where the data have one
        normal = held_out
    return ensemble_model(
        members, normal, settings=settings, rolling=rolling, false_alarms=budget, seed=seed,
        progress=progress, data=data, data_sha256=source.sha256, part=part,
    )  # fmt: skip
