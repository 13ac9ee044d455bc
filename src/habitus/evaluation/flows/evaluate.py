"""Evaluating: detectors of flows under a protocol, or models on disk on labelled flows."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.flow import flow_detector_names, get_flow_detector
from habitus.errors import HabitusError, ProtocolError, UsageError
from habitus.evaluation.flows.judging import Contender, JudgedFlows, judged
from habitus.evaluation.flows.one_feature import ONE_FEATURE
from habitus.evaluation.flows.protocols import LEARNED_FROM, FlowProtocol
from habitus.evaluation.flows.results import FlowResult, FlowResults, FlowTrial
from habitus.evaluation.flows.summing import (
    figures_of,
    files_of,
    groups_by_source,
    groups_by_split,
)
from habitus.evaluation.flows.trials import Trial
from habitus.flows.labelled import LabelledFile, LabelledFlows, joined
from habitus.models.versions import versions_with
from habitus.progress import SILENT, Progress
from habitus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from habitus.evaluation.doctor.findings import Finding
    from habitus.models.flow_model import FlowModel

AS_GIVEN = "as given"


def evaluate_flows(
    flows: LabelledFlows,
    protocol: FlowProtocol,
    contenders: Sequence[Contender] = (),
    *,
    other: LabelledFlows | None = None,
    seed: int = 1,
    command: str = "",
    findings: Sequence[Finding] = (),
    progress: Progress = SILENT,
) -> FlowResults:
    """Fit detectors and judge them, split after split, beside the one-feature baseline.

    Args:
        contenders: what to judge; by default every detector of flows with its defaults.
        other: what is learned from instead, for a protocol that takes it.
        seed: makes every random choice.
        findings: what the data doctor says of the flows.

    Raises:
        UsageError: if a detector or a setting is unknown, or a class has too few files.
        ProtocolError: if the protocol does not fit the flows.
    """
    chosen = list(contenders) or [Contender(name) for name in flow_detector_names()]
    refuse_unknown(chosen)
    if not flows.n_malicious and protocol.labels == "told":
        raise UsageError(
            f"{flows.name}: no flow is labelled malicious, so nothing can be found or missed",
            *flows.notes,
        )
    if other is not None and not protocol.takes_other:
        raise UsageError(f"{protocol.name} learns from the data themselves: leave --train-data out")
    whole = flows if other is None else _with_other(flows, other)
    trials = protocol.plan(whole, seed)
    if protocol.caution and not trials:
        raise ProtocolError(f"{protocol.name}: nothing to judge: is this its data?")
    made = []
    for trial in trials:
        results, reasons = [], []
        for one in (*chosen, Contender(ONE_FEATURE)):
            try:
                results.append(_judged(whole, trial, one, seed, progress))
            except UsageError as error:
                # As a classifier, where normal flows alone are learned: the others go on.
                reasons.append(f"{trial.name}: {error}")
        made.append((trial, results, reasons))
    said = [reason for _, _, reasons in made for reason in reasons]
    if not any(results for _, results, _ in made):
        raise UsageError(said[0])
    return _results(
        flows, seed=seed, command=command, findings=findings,
        protocol=protocol.name, title=protocol.title, caution=protocol.caution,
        train_data=None if other is None else other.name,
        warnings=[*flows.notes, *said],
        trials=[_told(trial, results) for trial, results, _ in made if results],
    )  # fmt: skip


def refuse_unknown(contenders: Sequence[Contender]) -> None:
    """Raise UsageError if a detector or a setting is unknown, before any work."""
    for one in contenders:
        get_flow_detector(one.detector).with_settings(one.settings)


def evaluate_flow_models(
    flows: LabelledFlows,
    models: Mapping[str, FlowModel],
    *,
    seed: int = 1,
    command: str = "",
    findings: Sequence[Finding] = (),
    progress: Progress = SILENT,
) -> FlowResults:
    """Judge labelled flows by models as they are, each by its own decision.

    Args:
        models: by what the user calls them.

    Raises:
        UsageError: if a model can judge none of the flows.
        InputError: if the flows lack a column that a model needs.
    """
    progress.stage("judging", len(models))
    trial = Trial(AS_GIVEN, "file", ((),))
    results, warnings = [], list(flows.notes)
    for name, model in models.items():
        begin = time.perf_counter()
        try:
            scores = model.scores(flows.flows)
        except HabitusError as error:
            raise type(error)(f"{name}: {error.args[0]}", *error.args[1:]) from None
        rows = np.flatnonzero(np.isfinite(scores))
        if not len(rows):
            raise UsageError(f"{name}: none of the {len(flows):,} flows tells what it needs")
        run = JudgedFlows(
            scores=scores[rows], malicious=flows.malicious[rows],
            alerts=np.asarray(model.decision.is_alert(scores[rows])),
            files=flows.file_of[rows], rows=rows, models=np.zeros(len(rows), dtype=np.int64),
            is_probability=model.detector.score_unit == "probability",
            n_unscoreable=len(flows) - len(rows),
        )  # fmt: skip
        results.append(
            _result(
                flows,
                trial,
                [run],
                name=name,
                detector=model.detector.name,
                settings=model.detector.settings.model_dump(),
                digest=model.digest,
                unit=model.detector.score_unit,
                seconds=time.perf_counter() - begin,
                seed=seed,
                notes=model.notes,
            )
        )
        if _learned_this(model, flows):
            warnings.append(
                f"{name} learned from these very flows: the numbers say what it remembers, and "
                "nothing of others; a protocol such as flows/file holds files out"
            )
        progress.advance(1)
    return _results(
        flows, seed=seed, command=command, findings=findings, protocol="",
        title="models as they are, on labelled flows", caution="", train_data=None,
        warnings=warnings,
        trials=[_told(trial, results).model_copy(update={"kind": "nothing"})],
    )  # fmt: skip


def _learned_this(model: FlowModel, flows: LabelledFlows) -> bool:
    learned = model.provenance.data_sha256
    return bool(learned) and learned == flows.sha256


def _judged(
    flows: LabelledFlows, trial: Trial, one: Contender, seed: int, progress: Progress
) -> FlowResult:
    begin = time.perf_counter()
    runs = [
        judged(flows, splits, one, seed=seed + number, progress=progress)
        for number, splits in enumerate(trial.runs)
    ]
    is_baseline = one.detector == ONE_FEATURE
    made = None if is_baseline else get_flow_detector(one.detector)
    settings = dict(one.settings)
    told = " ".join(f"{name}={value}" for name, value in settings.items())
    return _result(
        flows, trial, runs, name=f"{one.detector} {told}".strip(), detector=one.detector,
        settings={} if made is None else made.with_settings(settings).settings.model_dump(),
        digest="", unit="share" if made is None else made.score_unit,
        seconds=time.perf_counter() - begin, seed=seed,
        notes=tuple(dict.fromkeys(note for run in runs for note in run.warnings)),
    )  # fmt: skip


def _result(
    flows: LabelledFlows, trial: Trial, runs: Sequence[JudgedFlows], *, name: str, detector: str,
    settings: dict[str, bool | int | float | str | None], digest: str, unit: str, seconds: float,
    seed: int, notes: Sequence[str],
) -> FlowResult:  # fmt: skip
    return FlowResult(
        name=name, detector=detector, is_baseline=detector == ONE_FEATURE, settings=settings,
        model_digest=digest, score_unit=unit,
        figures=figures_of(runs, flows, trial, seed=seed),
        sources=groups_by_source(runs, flows),
        splits=groups_by_split(runs, trial),
        files=files_of(runs, flows), seconds=seconds, notes=tuple(notes),
    )  # fmt: skip


def _told(trial: Trial, results: Sequence[FlowResult]) -> FlowTrial:
    return FlowTrial(
        name=trial.name, kind=trial.kind, caution=trial.caution,
        is_shortcut_prone=trial.kind in {"random rows", "time"}, n_runs=len(trial.runs),
        results=tuple(results),
    )  # fmt: skip


def _results(
    flows: LabelledFlows, *, seed: int, command: str, findings: Sequence[Finding], protocol: str,
    title: str, caution: str, train_data: str | None, warnings: Sequence[str],
    trials: Sequence[FlowTrial],
) -> FlowResults:  # fmt: skip
    return FlowResults(
        habitus_version=__version__, versions=versions_with("scikit-learn", "polars"),
        created=datetime.now(UTC).isoformat(timespec="seconds"), command=command,
        protocol=protocol, title=title, caution=caution, data=flows.name,
        data_sha256=flows.sha256, train_data=train_data, n_benign=flows.n_benign,
        n_malicious=flows.n_malicious, n_files=flows.n_files(), n_unlabelled=flows.n_unlabelled,
        seed=seed, warnings=tuple(dict.fromkeys(warnings)),
        findings=tuple(one for one in findings if one.severity != "note"), trials=tuple(trials),
    )  # fmt: skip


def _with_other(flows: LabelledFlows, other: LabelledFlows) -> LabelledFlows:
    """Both, the other's sources marked as what is learned from."""
    if (flows.extraction is None) != (other.extraction is None):
        raise ProtocolError(
            f"{flows.name} and {other.name}: one holds captures and the other does not; flows of "
            "two programs would be told apart instead of benign ones from malicious ones"
        )
    marked = tuple(
        LabelledFile(f.name, f"{LEARNED_FROM}{f.source or other.name}", f.category, f.confidence)
        for f in other.files
    )
    both = joined([flows, replace(other, files=marked)])
    return replace(both, name=flows.name, sha256=flows.sha256)
