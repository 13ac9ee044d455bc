"""Training on flows: fit a detector, and score flows it has not learned to say what to expect."""

from __future__ import annotations

import hashlib
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from habitus.decisions.budget import Budget
from habitus.detectors.flow import get_flow_detector
from habitus.detectors.flow.classifier import FlowClassifier
from habitus.detectors.flow.flowmeter_import import PARAMETER_FILES, import_flowmeter
from habitus.detectors.flow.folds import held_out_folds
from habitus.errors import HabitusError, UsageError
from habitus.models.flow_model import (
    HALF,
    FlowDecision,
    FlowModel,
    FlowProvenance,
    LearnedFile,
    decided,
)
from habitus.models.flow_population import FlowPopulation, Unit
from habitus.models.versions import versions_with
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.detectors.flow.base import FlowDetector
    from habitus.flows.labelled import LabelledFlows

    Fold = tuple[NDArray[np.int64], NDArray[np.int64]]

DEFAULT_FOLDS = 5
DEFAULT_FALSE_ALARMS = "1%"
MAX_FILES = 1000
MIN_FLOWS = 2
"""Of each class that is learned: with fewer nothing can be held out."""


def fit_flow_model(
    detector: str,
    data: LabelledFlows,
    *,
    settings: Mapping[str, object] | None = None,
    false_alarms: Budget | str | float | None = None,
    folds: int = DEFAULT_FOLDS,
    seed: int = 1,
    progress: Progress = SILENT,
) -> FlowModel:
    """Fit a detector of flows and set its threshold.

    What is to be expected is told by cross-fitting: the flows are divided into folds, by whole
    files where there are enough of them, and each is scored by a detector fitted on the others.
    Such a detector has learned a little less, so that it errs on the quiet side. A classifier's
    held-out log-odds are made probabilities by the final model's calibration, which rises, so that
    what lies above a threshold is the same either way.

    Args:
        settings: the detector's settings by name.
        false_alarms: the share of benign flows that may raise an alarm; by default none is set for
            a classifier, which alerts from a probability of .5 on, and 1 % for others.
        folds: of the cross-fitting, at most.
        seed: makes every random choice.

    Raises:
        UsageError: if there is too little to learn from, or a setting is not allowed.
        InputError: if a column holds no numbers.
    """
    made = get_flow_detector(detector).with_settings(settings or {})
    budget = _budget(false_alarms, made)
    learned = _learnable(made, data)
    labels = learned.malicious if made.needs_labels else None
    started = time.perf_counter()
    try:
        made.fit(learned.flows, labels, learned.file_names, progress, seed=seed)
    except HabitusError as error:
        raise type(error)(f"{data.name}: {error.args[0]}", *error.args[1:]) from None
    trained = time.perf_counter()
    population, told = cross_fitted(made, learned, folds=folds, seed=seed, progress=progress)
    return FlowModel(
        detector=made,
        decision=FlowDecision(threshold=HALF) if budget is None else decided(population, budget),
        provenance=FlowProvenance(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions_with("polars", *(["scikit-learn"] if made.needs_labels else [])),
            seed=seed,
            data=data.name,
            data_sha256=data.sha256,
            n_benign=learned.n_benign,
            n_malicious=learned.n_malicious,
            n_left_out=data.n_unlabelled + len(data) - len(learned),
            benign=data.benign_labels,
            malicious=data.malicious_labels,
            n_files=learned.n_files(),
            files=_files(learned),
            extraction=data.extraction,
            train_seconds=round(trained - started, 4),
            calibrate_seconds=round(time.perf_counter() - trained, 4),
        ),
        population=population.kept(seed),
        notes=(*data.notes, *made.warnings(), *told),
    )


def flowmeter_model(folder: str | os.PathLike[str]) -> FlowModel:
    """The model that FlowMeter's four files of parameters hold (`import_flowmeter`).

    Nothing is known of the flows that it was fitted on: it has no population and no normal ranges.

    Raises:
        InputError: if a file is missing, or does not hold as many numbers as it must.
    """
    detector = import_flowmeter(folder)
    path = Path(folder)
    content = b"".join((path / f"{name}.txt").read_bytes() for name in PARAMETER_FILES)
    return FlowModel(
        detector=detector,
        decision=FlowDecision(threshold=HALF),
        provenance=FlowProvenance(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions_with("polars"), seed=0, data=str(folder),
            data_sha256=hashlib.sha256(content).hexdigest(), n_benign=0, n_malicious=0,
            n_left_out=0, benign=(), malicious=(), n_files=0, files=(), extraction=None,
            train_seconds=0.0, calibrate_seconds=0.0,
        ),
        notes=tuple(detector.warnings()),
    )  # fmt: skip


def _budget(given: Budget | str | float | None, detector: FlowDetector) -> Budget | None:
    if given is None:
        is_probability = detector.score_unit == "probability"
        return None if is_probability else Budget.parse(DEFAULT_FALSE_ALARMS)
    return given if isinstance(given, Budget) else Budget.parse(given)


def _learnable(detector: FlowDetector, data: LabelledFlows) -> LabelledFlows:
    """What is learned of labelled flows: of detectors of the normal, the benign ones alone.

    Raises:
        UsageError: if that is too little.
    """
    counted = f"{data.n_benign:,} benign and {data.n_malicious:,} malicious"
    if not detector.needs_labels:
        if data.n_benign < MIN_FLOWS:
            raise UsageError(
                f"{data.name}: {detector.name} learns benign flows, at least {MIN_FLOWS}, and "
                f"there are {counted}",
                "give more flows that are known to be benign",
            )
        return data.select(~data.malicious)
    fewest = min(data.n_benign, data.n_malicious)
    if not fewest:
        which = "malicious" if data.n_malicious else "benign"
        other = "benign" if data.n_malicious else "malicious"
        alone = "" if data.n_malicious else ", or learn the benign ones alone: flow-outlier"
        flows = "1 flow is" if len(data) == 1 else f"all {len(data):,} flows are"
        raise UsageError(
            f"{data.name}: {flows} {which}, and {detector.name} learns to tell two classes apart",
            f"add flows that are {other}{alone}",
        )
    if fewest < MIN_FLOWS:
        raise UsageError(
            f"{data.name}: {detector.name} learns from at least {MIN_FLOWS} flows of each class, "
            f"and there are {counted}",
            "add flows of the class that is rare; a model worth its name wants hundreds of each",
        )
    return data


def cross_fitted(
    detector: FlowDetector, data: LabelledFlows, *, folds: int, seed: int, progress: Progress
) -> tuple[FlowPopulation, list[str]]:
    """Flows scored by detectors like a fitted one that have not learned them.

    Returns:
        The population; and what a user should hear.
    """
    parts, unit = _folds(detector, data, folds, seed)
    if not parts:
        return FlowPopulation.nothing(), [
            "nothing could be held out, so that nothing is known of what to expect: add flows"
        ]
    progress.stage("scoring what was held out", len(parts))
    codes = np.unique(data.file_of, return_inverse=True)[1].astype(np.int32)
    rows, scores = [], []
    for learned, held_out in parts:
        one = _uncalibrated(detector)
        labels = data.malicious[learned] if detector.needs_labels else None
        try:
            one.fit(data.flows[learned], labels, data.file_names[learned], seed=seed)
        except UsageError:  # of these flows nothing tells one from another
            continue
        matrix, sound = one.inputs.told(data.flows[held_out])
        rows.append(held_out[sound])
        scores.append(one.uncalibrated_matrix(np.asfortranarray(matrix[sound])))
        progress.advance(1)
    if not rows or not sum(map(len, rows)):
        return FlowPopulation.nothing(), [
            "no flow that was held out could be scored, so that nothing is known of what to expect"
        ]
    order = np.concatenate(rows)
    return FlowPopulation(
        scores=detector.calibrated(np.concatenate(scores)),
        malicious=data.malicious[order],
        groups=codes[order],
        method="cross-fitting",
        unit=unit,
        folds=len(parts),
        data_sha256=data.sha256,
    ), []


def _uncalibrated(detector: FlowDetector) -> FlowDetector:
    """An unfitted one of the same settings that does not calibrate: of a fold nobody asks it."""
    if not isinstance(detector, FlowClassifier):
        return detector.unfitted()
    return type(detector)(detector.settings.model_copy(update={"calibrate": "none"}))


def _folds(
    detector: FlowDetector, data: LabelledFlows, n_folds: int, seed: int
) -> tuple[list[Fold], Unit]:
    """Rows to learn from and rows held out, and whether these are whole files."""
    if detector.needs_labels:
        parts, warning = held_out_folds(data.malicious, data.file_names, n_folds, seed)
        return parts, "flow" if warning else "file"
    names, codes = np.unique(data.file_names.astype(str), return_inverse=True)
    unit: Unit = "file" if len(names) > 1 else "flow"
    units = codes if unit == "file" else np.arange(len(data))
    sizes = np.bincount(units)
    # The largest first, each into the part that has least: parts of about one size.
    order = np.random.default_rng(seed).permutation(len(sizes))
    order = order[np.argsort(-sizes[order], kind="stable")]
    n = min(n_folds, len(sizes))
    part_of, filled = np.zeros(len(sizes), dtype=np.int64), np.zeros(n)
    if unit == "flow":
        part_of[order] = np.arange(len(sizes)) % n
    else:
        for one in order.tolist():
            part_of[one] = int(filled.argmin())
            filled[part_of[one]] += sizes[one]
    of_row = part_of[units]
    return [(np.flatnonzero(of_row != k), np.flatnonzero(of_row == k)) for k in range(n)], unit


def scored_flows(model: FlowModel, data: LabelledFlows) -> FlowPopulation:
    """What a model makes of other flows, to set its threshold on.

    Raises:
        InputError: if they lack what the model needs.
    """
    scores = model.scores(data.flows)
    sound = np.isfinite(scores)
    codes = np.unique(data.file_of, return_inverse=True)[1].astype(np.int32)
    if not sound.any():
        return FlowPopulation.nothing()
    return FlowPopulation(
        scores[sound], data.malicious[sound], codes[sound], "other flows", "file",
        data_sha256=data.sha256,
    ).kept(model.provenance.seed)  # fmt: skip


def _files(data: LabelledFlows) -> tuple[LearnedFile, ...]:
    """Those with a flow, in their order: the groups of the model's population are their numbers."""
    n = len(data.files)
    benign = np.bincount(data.file_of[~data.malicious], minlength=n).tolist()
    malicious = np.bincount(data.file_of[data.malicious], minlength=n).tolist()
    learned = [
        LearnedFile(name=file.name, n_benign=n_benign, n_malicious=n_malicious)
        for file, n_benign, n_malicious in zip(data.files, benign, malicious, strict=True)
        if n_benign or n_malicious
    ]
    return tuple(learned[:MAX_FILES])
