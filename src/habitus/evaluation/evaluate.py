"""Evaluation: judge a protocol's test traces with models, and say how good that was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from habitus.decisions.rule import Rule
from habitus.decisions.scores import aggregation_of, score_unit
from habitus.errors import ProtocolError
from habitus.evaluation import ledger
from habitus.evaluation.baselines import trivial_baselines
from habitus.evaluation.bootstrap import cluster_bootstrap
from habitus.evaluation.breakdown import per_attack, per_folder, subset
from habitus.evaluation.caveats import caveats_of
from habitus.evaluation.cost import memory_of, peak_rss_bytes
from habitus.evaluation.curves import histogram, pr_curve, roc_curve
from habitus.evaluation.doctor.examination import grave_findings
from habitus.evaluation.judged import Judged, judged_of, n_units
from habitus.evaluation.metrics import roc
from habitus.evaluation.notable import N_SHOWN, Notable
from habitus.evaluation.protocols import Protocol, test_part
from habitus.evaluation.protocols.base import count_unlabelled
from habitus.evaluation.results import AtThreshold, Detection, Reading, Result, Results
from habitus.evaluation.score_file import scores_digest
from habitus.evaluation.scoring import Scoring, ScoringHere
from habitus.evaluation.unit_scores import ScoreKeeper
from habitus.models.training import versions
from habitus.progress import SILENT, Progress
from habitus.traces.traceset import Label
from habitus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.datasets.source import Source
    from habitus.models.model import Model
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

FALSE_ALARM_RATES = (0.001, 0.01, 0.05)


def evaluate_models(
    models: Mapping[str, Model],
    traces: TraceSet,
    source: Source,
    protocol: Protocol,
    *,
    aggregation: str | None = None,
    decision: str | None = None,
    seed: int = 1,
    replicates: int = 1000,
    command: str = "",
    progress: Progress = SILENT,
    report: ReadReport | None = None,
    abi: str | None = None,
    scoring: Scoring | None = None,
) -> Results:
    """Judge ``traces`` under ``protocol`` with each of ``models`` (by what the user calls them).

    Nothing here is chosen by looking at attacks; the one exception, the direction of the trivial
    baselines, flatters the baselines.

    Args:
        source: where ``traces`` came from.
        aggregation: overrides each model's own; its threshold then does not apply.
        decision: which of the models' decisions is judged, ``trace`` or ``rolling:W``; what a
            rolling one says of a trace is its highest score.
        seed, replicates: of the bootstrap.
        command: the command that makes these results again.
        report: what the reading of ``traces`` left out, to be kept with the results; traces
            without a label are added to it.
        abi: whose numbers the user said that they hold.
        scoring: makes the scores; by default this process does.

    Raises:
        ProtocolError: if the protocol does not fit the traces.
    """
    rules = {name: _rule_of(model, aggregation, decision) for name, model in models.items()}
    test = test_part(traces, protocol)
    progress.stage("checking the data")
    findings = grave_findings(traces, protocol, report, abi=abi)
    if report is not None:  # after the findings, which hold what was left out against files
        count_unlabelled(traces, report)
    n_final = ledger.runs(protocol.name) + 1 if protocol.is_final else None
    keeper = ScoreKeeper(test, protocol)
    scoring = ScoringHere() if scoring is None else scoring
    scoring.begin(test)
    results = []
    warnings = []
    for name, model in models.items():
        progress.stage(f"evaluating {name}")
        result, said = _evaluate_one(
            name,
            model,
            test,
            source,
            protocol,
            rules[name],
            seed,
            replicates,
            progress,
            keeper,
            scoring,
        )
        results.append(result)
        warnings += said
    if n_final is not None:
        ledger.record(protocol.name, results)
        if n_final > 1:
            warnings.append(
                f"{protocol.name} has been scored {n_final} times with this version here: it is "
                "for once a release, and no default may change because of it"
            )
    return Results(
        habitus_version=__version__,
        versions=versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command,
        final_runs=n_final,
        peak_rss_bytes=peak_rss_bytes(),
        reading=None if report is None else Reading.of(report),
        warnings=tuple(dict.fromkeys(warnings)),
        findings=findings,
        results=tuple(results),
        scores_sha256=scores_digest(keeper.kept),
        scores=keeper.kept,
    )


def _evaluate_one(
    name: str,
    model: Model,
    test: TraceSet,
    source: Source,
    protocol: Protocol,
    rule: Rule,
    seed: int,
    replicates: int,
    progress: Progress,
    keeper: ScoreKeeper,
    scoring: Scoring,
) -> tuple[Result, list[str]]:
    is_known = model.memory.knows(test) & (test.labels == Label.NORMAL)
    n_known, n_left_out = int(is_known.sum()), 0
    if protocol.leaves_out_known:
        # What was learned, and what is no different from it: our own splits divide no sequence.
        n_left_out = n_units(test, protocol) - n_units(test.select(~is_known), protocol)
        test = test.select(~is_known)
    left_out = is_known & protocol.leaves_out_known
    scores, seconds = scoring.scores(name, model, np.flatnonzero(~left_out), rule)
    keeper.add(name, scores, ~is_known if protocol.leaves_out_known else None)
    is_unknown = model.detector.vocabulary.novel(test)  # (n_calls,)
    judged = judged_of(test, scores, _holds_any(is_unknown, test.offsets), protocol)
    normal, attack = judged.of(Label.NORMAL), judged.of(Label.ATTACK)
    if not len(normal.scores) or not len(attack.scores):
        raise ProtocolError(
            f"{protocol.name}: {name} can score {len(normal.scores)} normal and "
            f"{len(attack.scores)} attack {protocol.unit}s, and needs both"
            + (
                f"; {n_left_out} normal {protocol.unit}s are left out, because they hold nothing "
                "that it was not trained on: record different runs"
                if n_left_out
                else ""
            )
        )
    curve = roc(normal.scores, attack.scores)
    intervals = cluster_bootstrap(
        normal.scores, attack.scores, normal.clusters, attack.clusters,
        FALSE_ALARM_RATES, seed=seed, replicates=replicates,
    )  # fmt: skip
    detections = {}
    for rate in FALSE_ALARM_RATES:
        dr, achieved = curve.detection_at(rate)
        detections[f"{rate:g}"] = Detection(
            dr=dr, dr_ci95=intervals.detection[rate], achieved_fpr=achieved
        )
    at_threshold = _at_threshold(model, rule, normal, attack, protocol)
    threshold = None if at_threshold is None else at_threshold.threshold
    n_folders, folders = per_folder(test, normal, attack, FALSE_ALARM_RATES, threshold)
    progress.stage(f"explaining what {name} finds strange", 2 * N_SHOWN + 2)
    notable = Notable(model, test, normal, attack, threshold, progress)
    result = Result(
        protocol=protocol.name,
        caution=protocol.caution,
        model=name,
        model_digest=model.digest,
        detector=model.detector.name,
        settings=model.detector.settings.model_dump(mode="json"),
        decision=str(rule),
        aggregation=str(rule.aggregation),
        score_unit=score_unit(model.detector, str(rule)),
        unit=protocol.unit,
        auc=curve.auc,
        auc_ci95=intervals.auc,
        dr_at_fpr=detections,
        fpr_at_dr90=curve.false_alarms_at(0.9),
        at_threshold=at_threshold,
        roc=roc_curve(curve, intervals.roc),
        pr=pr_curve(curve, len(normal.scores), len(attack.scores), intervals),
        histogram=histogram(normal.scores, attack.scores),
        per_attack=per_attack(normal, attack, FALSE_ALARM_RATES, seed=seed, replicates=replicates),
        n_folders=n_folders,
        per_folder=folders,
        with_novel=subset(normal, attack, FALSE_ALARM_RATES, novel=True),
        without_novel=subset(normal, attack, FALSE_ALARM_RATES, novel=False),
        strangest_normals=notable.strangest_normals(),
        most_normal_attacks=notable.most_normal_attacks(),
        typical_normal=notable.typical_normal(),
        strongest_attack=notable.strongest_attack(),
        n_normal=len(normal.scores),
        n_attack=len(attack.scores),
        n_unscoreable=judged.n_unscoreable,
        n_unscoreable_attack=judged.n_unscoreable_attack,
        n_distinct_normals=len(np.unique(normal.sequences)),
        n_known_normals=n_known,
        n_left_out=n_left_out,
        n_with_novel_normal=int(normal.novel.sum()),
        n_with_novel_attack=int(attack.novel.sum()),
        n_calls=test.n_calls,
        seed=seed,
        supervised=False,
        data=source.name,
        data_sha256=source.sha256,
        trained_on_this=model.provenance.data_sha256 == source.sha256,
        train_seconds=model.provenance.train_seconds,
        score_seconds=seconds,
        calls_per_second=test.n_calls / seconds,
        memory=memory_of(name, model),
        baselines=trivial_baselines(test.select(np.isfinite(scores)), protocol, FALSE_ALARM_RATES),
    )
    n_independent = tuple(len(np.unique(side.clusters)) for side in (normal, attack))
    share_unknown = float(np.mean(is_unknown))
    return result, caveats_of(result, model, protocol, n_independent, share_unknown)


def _holds_any(calls: NDArray[np.bool_], offsets: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n_traces,) bool: whether one of a trace's calls is such a one."""
    return np.diff(np.append(0, np.cumsum(calls))[offsets]) > 0


def _rule_of(model: Model, aggregation: str | None, decision: str | None) -> Rule:
    """By which rule a model is judged: its own, or with another aggregation."""
    rule = Rule.parse(model.decisions[model.row_of(decision)].rule)
    if aggregation is None:
        return rule
    if rule.window is not None:
        return Rule.parse(f"rolling:{rule.window}:{aggregation}")
    return Rule(aggregation_of(model.detector, aggregation))


def _at_threshold(
    model: Model, rule: Rule, normal: Judged, attack: Judged, protocol: Protocol
) -> AtThreshold | None:
    decision = next((d for d in model.decisions if d.rule == str(rule)), None)
    if decision is None:
        return None
    n_normal, rate = len(normal.scores), decision.calibration.rate
    is_forecast = protocol.unit == "trace" and decision.calibration.tail is None
    false_alarms = int(np.sum(normal.scores > decision.threshold))
    detected = int(np.sum(attack.scores > decision.threshold))
    return AtThreshold(
        threshold=decision.threshold,
        budget=str(decision.calibration.budget),
        expected_fpr=rate.expected if is_forecast else None,
        expected_false_alarms_ci95=rate.interval(n_normal) if is_forecast else None,
        fpr=false_alarms / len(normal.scores),
        dr=detected / len(attack.scores),
        n_false_alarms=false_alarms,
        n_detected=detected,
    )
