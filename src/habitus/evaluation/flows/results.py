"""Results of judging flows, as objects and as ``results.json``."""

from __future__ import annotations

import csv
import io
from typing import Literal

from habitus.evaluation.doctor.findings import Finding  # noqa: TC001 - pydantic needs it
from habitus.evaluation.flows.splits import SplitKind  # noqa: TC001 - likewise
from habitus.evaluation.result_parts import Interval, Part
from habitus.evaluation.result_text import indented
from habitus.models.model import FileText  # noqa: TC001 - likewise


class Rates(Part):
    """A number by which files weigh equally, and the same over flows."""

    files: float
    flows: float


class ReliabilityRow(Part):
    """Flows whose probability lies in one tenth, as `metrics.ReliabilityRow`."""

    low: float
    high: float
    n_flows: int
    n_files: int
    predicted: Rates
    observed: Rates


class FlowCurve(Part):
    """Detection over false alarms, files weighed equally: the mean of the models' own curves."""

    fpr: tuple[float, ...]
    tpr: tuple[float, ...]


class FlowFigures(Part):
    """What came of judging, the mean of the runs; None where one class alone was judged.

    Attributes:
        auc: over pairs of flows that one model judged; ``auc_pooled`` over all pairs of a run.
        auc_ci95: bootstrap of whole files; None where a class has but one, or where folds are told
            by their range; so ``detection_at_budget_ci95``.
        auc_runs: of each run, files weighed equally.
        detection_at_budget: at no more than 1 % false alarms, the threshold taken from the judged
            flows; ``budget_reached`` is the rate there, ``budget_alarms_per_hour`` what it costs.
        detection, false_alarms: at the model's own decision; ``alarms_per_hour`` its false ones.
        hours: how long the benign files were recorded; 0 where nobody knows.
        brier: mean squared error of probabilities; ``brier_of_share``: of saying the share of
            malicious flows each time. None where scores are no probabilities.
        reliability: of all runs together.
        curve: None where no model judged both classes.
    """

    n_benign: int
    n_malicious: int
    n_benign_files: int
    n_malicious_files: int
    n_unscoreable: int
    auc: Rates | None
    auc_ci95: Interval | None
    auc_runs: tuple[float, ...]
    auc_pooled: Rates | None
    detection_at_budget: Rates | None
    detection_at_budget_ci95: Interval | None
    budget_reached: Rates | None
    budget_alarms_per_hour: float | None
    detection: Rates | None
    false_alarms: Rates | None
    hours: float
    alarms_per_hour: float | None
    brier: Rates | None
    brier_of_share: Rates | None
    reliability: tuple[ReliabilityRow, ...]
    curve: FlowCurve | None


class FlowGroup(Part):
    """Some of the judged flows: those of one source, or of one split.

    Attributes:
        auc, detection, false_alarms: files weighed equally; None of one class.
    """

    name: FileText
    n_benign: int
    n_malicious: int
    auc: float | None
    detection: float | None
    false_alarms: float | None


class FlowFile(Part):
    """One judged file.

    Attributes:
        alerts: the share of its flows that is an alert, the mean of the runs.
    """

    name: FileText
    source: FileText
    category: FileText
    n_benign: int
    n_malicious: int
    alerts_benign: float | None
    alerts_malicious: float | None


class FlowResult(Part):
    """One detector in one trial.

    Attributes:
        name: the detector, with its settings where they are not the default; or the model's folder.
        detector: ``one feature`` for the baseline, which `is_baseline` marks.
        model_digest: empty where detectors were fitted for the trial.
        score_unit: ``probability``, ``nats``, or ``share`` of the baseline.
        sources, splits: the same flows in parts.
        files: those that are judged worst first, at most `MAX_FILES`.
        seconds: fitting and judging, all runs.
        notes: what was said when it was fitted, each once; of the baseline, which feature it took.
    """

    name: FileText
    detector: FileText
    is_baseline: bool
    settings: dict[str, bool | int | float | str | None]
    model_digest: str
    score_unit: str
    figures: FlowFigures
    sources: tuple[FlowGroup, ...]
    splits: tuple[FlowGroup, ...]
    files: tuple[FlowFile, ...]
    seconds: float
    notes: tuple[FileText, ...]


class FlowTrial(Part):
    """One trial of a protocol, with a result for each detector.

    Attributes:
        kind: what is held out: ``file``, ``source``, ``time``, ``random rows``; ``nothing`` where
            models on disk judge what they are given.
        caution: what to remember when reading its numbers.
        is_shortcut_prone: whether flows of one recording are learned and judged.
        n_runs: how many runs the figures are means of.
    """

    name: FileText
    kind: SplitKind | Literal["nothing"]
    caution: str
    is_shortcut_prone: bool
    n_runs: int
    results: tuple[FlowResult, ...]


class FlowResults(Part):
    """One evaluation of detectors, or of models, of flows.

    Attributes:
        protocol: empty where models on disk judge what they are given.
        train_data: what was learned from, where that is other data.
        warnings: what a reader must know before believing a number.
        findings: what the data doctor says of the flows, its notes left out.
    """

    schema_version: Literal[1] = 1
    kind: Literal["flows"] = "flows"
    habitus_version: str
    versions: dict[str, str]
    created: str
    command: FileText
    protocol: str
    title: str
    caution: str
    data: FileText
    data_sha256: str
    train_data: FileText | None
    n_benign: int
    n_malicious: int
    n_files: int
    n_unlabelled: int
    seed: int
    warnings: tuple[FileText, ...]
    findings: tuple[Finding, ...]
    trials: tuple[FlowTrial, ...]

    def to_json(self) -> str:
        """Indented JSON with a newline at its end; a list of numbers stands on one line."""
        return f"{indented(self.model_dump(mode='json'))}\n"

    def to_csv(self) -> str:
        """A line a detector and trial; nested numbers become columns such as ``auc_files``."""
        rows = [
            {"protocol": self.protocol, "trial": trial.name, "kind": trial.kind, **_line(result)}
            for trial in self.trials
            for result in trial.results
        ]
        text = io.StringIO()
        writer = csv.DictWriter(
            text, list(dict.fromkeys(name for row in rows for name in row)), lineterminator="\n"
        )
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()


def _line(result: FlowResult) -> dict[str, object]:
    """A result's line of a table."""
    row: dict[str, object] = {"name": result.name, "detector": result.detector}
    figures = result.figures.model_dump(mode="json", exclude={"reliability", "curve", "auc_runs"})
    for name, value in figures.items():
        match value:
            case {"files": files, "flows": flows}:
                row |= {f"{name}_files": files, f"{name}_flows": flows}
            case [low, high]:
                row |= {f"{name}_low": low, f"{name}_high": high}
            case _:
                row[name] = value
    return row | {"seconds": result.seconds}
