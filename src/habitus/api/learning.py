"""Training and evaluation."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Unpack

from habitus.datasets.source import find_source
from habitus.errors import ProtocolError
from habitus.evaluation.evaluate import evaluate_models
from habitus.evaluation.protocols import (
    default_protocol,
    get_protocol,
    held_out_part,
    training_part,
)
from habitus.evaluation.protocols.base import count_unlabelled
from habitus.models.files import load_trace_model
from habitus.models.recipes import made_by
from habitus.models.training import DEFAULT_FALSE_ALARMS, fit_model
from habitus.progress import SILENT, Progress
from habitus.traces.report import ReadReport

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.api.options import FileOptions, Place
    from habitus.decisions.budget import Budget
    from habitus.evaluation.results import Results
    from habitus.learning.session import Session
    from habitus.models.model import Model


def train(
    detector: str,
    data: str,
    *,
    settings: Mapping[str, object] | None = None,
    protocol: str | None = None,
    aggregation: str | None = None,
    rolling: Sequence[str] = (),
    false_alarms: Budget | str | float = DEFAULT_FALSE_ALARMS,
    calibration: str | None = None,
    seed: int = 1,
    session: Session | None = None,
    base: Place | Model | None = None,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
    **files: Unpack[FileOptions],
) -> Model:
    """Train a detector on the normal traces of ``data`` and set its threshold.

    Args:
        detector: a name from `habitus.detector_names`, or of a recipe: ``best``.
        data: the name of a data set, or a path. Where a protocol fits the data, its training part
            is learned; otherwise everything that is not labelled an attack.
        settings: the detector's settings by name.
        protocol: whose training part to learn; by default the one that fits.
        aggregation: ``mean``, ``median``, ``quantile:Q`` or ``worst:W``; by default the
            detector's own: mostly the mean, or ``whole`` where it knows only whole traces.
        rolling: decisions about the last calls, after every call: ``200`` or ``200:median``.
        false_alarms: the budget of the thresholds: ``1%`` or .01 of normal traces, ``2/day``, or a
            `Budget`.
        calibration: on which normals thresholds are set: ``cross-fitting:FOLDS``,
            ``held-out:SHARE``; by default the protocol's own part, if it has one, else what the
            detector is quick enough for.
        seed: makes every random choice.
        session: of a detector that trains a network: where it keeps checkpoints, whether it goes on
            from one, and what it runs on. Its checkpoints stay until `Session.clear`: only its user
            knows when the model is safe.
        base: a trained model, or its folder, to start from. ``ngram``, ``adaptive`` and
            ``redundancy`` mix what it says with what they learn, by a weight that is learned, too;
            ``lstm`` begins with its weights.
        report: filled with what was read and what was left out.
        files: how to read files, as ``format="strace"`` or ``strict=True`` (`FileOptions`).

    Raises:
        HabitusError: if the data cannot be read or learned from, or a setting is not allowed.
    """
    detector, settings = made_by(detector, settings or {})
    if session is not None:
        session.check()
    started_from = load_trace_model(base) if isinstance(base, str | os.PathLike) else base
    source = find_source(data)
    traces = source.read(progress=progress, report=report, **files)
    chosen = default_protocol(traces, data) if protocol is None else get_protocol(protocol)
    if chosen is not None and report is not None:
        count_unlabelled(traces, report)
    normal, part = training_part(traces, chosen)
    held_out = None if calibration is not None else held_out_part(traces, chosen)
    return fit_model(
        detector,
        normal,
        settings=settings,
        aggregation=aggregation,
        rolling=rolling,
        false_alarms=false_alarms,
        calibration=calibration,
        held_out=held_out,
        seed=seed,
        session=session,
        base=started_from,
        base_name=str(base) if isinstance(base, str | os.PathLike) else "memory",
        progress=progress,
        data=data,
        data_sha256=source.sha256,
        part=part,
    )


def evaluate(
    models: Place | Sequence[Place] | Mapping[str, Model],
    data: str,
    *,
    protocol: str | None = None,
    aggregation: str | None = None,
    decision: str | None = None,
    seed: int = 1,
    command: str = "",
    engine: str | None = None,
    jobs: int | None = None,
    progress: Progress = SILENT,
    report: ReadReport | None = None,
    **files: Unpack[FileOptions],
) -> Results:
    """Judge the test part of ``data`` with models and measure how well that went.

    Args:
        models: a folder of a model, several, or models by name.
        data, protocol, report, files: as for `train`.
        aggregation: overrides each model's own.
        decision: which of the models' decisions is judged, such as ``rolling:200``.
        seed: of the bootstrap.
        command: the command that makes these results again, to be kept with them.
        engine: scores side by side: ``local``, or ``ray``; by default this process scores alone.
        jobs: of the engine, at once; by default one for each processor.

    Raises:
        HabitusError: if something cannot be read, or no protocol fits the data.
    """
    if isinstance(models, Mapping):
        loaded = dict(models)
    else:
        places = [models] if isinstance(models, str | os.PathLike) else models
        loaded = {str(place): load_trace_model(place) for place in places}
    chosen = None if protocol is None else get_protocol(protocol)
    report = ReadReport() if report is None else report
    source = find_source(data)
    traces = source.read(progress=progress, report=report, **files)
    chosen = chosen or default_protocol(traces, data)
    if chosen is None:
        raise ProtocolError(
            f"{data}: no protocol fits: to evaluate one's own traces, put them into the folders "
            "normal/ and attack/ (and train/)"
        )
    with ExitStack() as stack:
        scoring = None
        if engine is not None:
            from habitus.bulk.scores import ScoringInBulk
            from habitus.engines.choosing import engine_of

            runner = stack.enter_context(closing(engine_of(engine, jobs)))
            scoring = stack.enter_context(ScoringInBulk(runner, loaded, progress))
        return evaluate_models(
            loaded,
            traces,
            source,
            chosen,
            aggregation=aggregation,
            decision=decision,
            seed=seed,
            command=command,
            progress=progress,
            report=report,
            abi=files.get("abi"),
            scoring=scoring,
        )
