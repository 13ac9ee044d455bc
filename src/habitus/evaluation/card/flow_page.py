"""The results card of flows: the gap first, then each trial, its files, and the doctor's words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from habitus.evaluation.card.flow_curves import flow_roc_figure, reliability_figure
from habitus.evaluation.card.flow_figures import alarms_figure, gap_figure, rows_of
from habitus.evaluation.card.page import rendered
from habitus.evaluation.card.parts import Table, counted, percent

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.evaluation.flows.results import FlowFile, FlowGroup, FlowResults, FlowTrial

_SHOWN_FILES = 20


def flow_card_page(results: FlowResults) -> str:
    """The results card of flows, one HTML page of about 5 MB, most of which is plotly.js."""
    return rendered(
        "flows.html",
        title=f"{results.protocol or 'models'}: results of flows",
        results=results,
        what=results.protocol or "models as they are",
        serious=[finding for finding in results.findings if finding.severity == "serious"],
        gap=gap_figure(results.trials),
        gap_told=gap_sentence(results),
        trials=[_trial(trial, number) for number, trial in enumerate(results.trials)],
        origin=_origin(results),
    )


def gap_sentence(results: FlowResults) -> str:
    """What random rows promise and files held out keep; empty where there are not both."""
    rows = next((trial for trial in results.trials if trial.kind == "random rows"), None)
    files = next((trial for trial in results.trials if trial.kind == "file"), None)
    if rows is None or files is None:
        return ""
    best = {
        r.name: r.figures.auc.files for r in rows.results if r.figures.auc and not r.is_baseline
    }
    kept = {r.name: r.figures.auc.files for r in files.results if r.figures.auc}
    common = [name for name in best if name in kept]
    if not common:
        return ""
    name = max(common, key=lambda one: best[one] - kept[one])
    return (
        f"By random rows {name} reads {best[name]:.3f}; of files that it has not seen, "
        f"{kept[name]:.3f}. The gap is what it knows of the recordings."
    )


def _trial(trial: FlowTrial, number: int) -> dict[str, Any]:
    pictures = (
        flow_roc_figure(trial, f"roc-{number}"),
        reliability_figure(trial, f"reliability-{number}"),
        alarms_figure(trial, f"alarms-{number}"),
    )
    return {
        "key": f"trial-{number}",
        "trial": trial,
        "judged": _judged(trial),
        "table": Table(
            "Files weigh equally (over flows); 1 % is of benign flows",
            ("detector", ">AUC", ">95 %", ">found at 1 %", ">rate reached", ">found",
             ">false alarms", ">an hour", ">Brier"),
            [rows_of(result) for result in trial.results],
        ),
        "figures": [picture for picture in pictures if picture is not None],
        "groups": list(_groups(trial)),
        "files": list(_files(trial)),
        "notes": [(r.name, note) for r in trial.results for note in r.notes],
    }  # fmt: skip


def _judged(trial: FlowTrial) -> str:
    figures = trial.results[0].figures
    parts = [
        f"{counted(n, f'{which} flow')} of {counted(files, 'file')}"
        for n, which, files in (
            (figures.n_benign, "benign", figures.n_benign_files),
            (figures.n_malicious, "malicious", figures.n_malicious_files),
        )
        if n
    ]
    hours = f", {figures.hours:.1f} h of benign capture" if figures.hours else ""
    runs = f"; mean of {trial.n_runs} seeds" if trial.n_runs > 1 else ""
    return f"{' and '.join(parts)}{hours}{runs}"


def _groups(trial: FlowTrial) -> Iterator[Table]:
    """By source, and by what was held out where that is few."""
    if any(len(result.sources) > 1 for result in trial.results):
        yield _group_table("By source, at each detector's own decision", trial, "sources")
    if trial.n_runs == 1 and any(len(result.splits) > 1 for result in trial.results):
        yield _group_table("By what was held out", trial, "splits")


def _group_table(caption: str, trial: FlowTrial, which: str) -> Table:
    rows = []
    for result in trial.results:
        groups: tuple[FlowGroup, ...] = getattr(result, which)
        rows += [
            (
                result.name, group.name, f"{group.n_benign:,}", f"{group.n_malicious:,}",
                "-" if group.auc is None else f"{group.auc:.3f}", percent(group.detection),
                percent(group.false_alarms),
            )
            for group in groups
        ]  # fmt: skip
    return Table(
        caption,
        ("detector", "of", ">benign", ">malicious", ">AUC", ">found", ">false alarms"),
        rows,
    )


def _files(trial: FlowTrial) -> Iterator[Table]:
    for result in trial.results:
        if result.is_baseline or not result.files:
            continue
        yield Table(
            f"{result.name}: the files judged worst",
            ("file", "what it holds", ">benign", ">of them alerts", ">malicious", ">of them found"),
            [_file(file) for file in result.files[:_SHOWN_FILES]],
        )


def _file(file: FlowFile) -> tuple[str, ...]:
    return (
        file.name, file.category or "-", f"{file.n_benign:,}", percent(file.alerts_benign),
        f"{file.n_malicious:,}", percent(file.alerts_malicious),
    )  # fmt: skip


def _origin(results: FlowResults) -> Table:
    rows = [
        ("data", results.data), ("SHA-256", results.data_sha256 or "-"),
        ("learned from", results.train_data or "the data themselves, as each trial says"),
        ("flows without a label", f"{results.n_unlabelled:,}"), ("seed", str(results.seed)),
        ("made", results.created),
        ("versions", ", ".join(f"{name} {v}" for name, v in results.versions.items())),
    ]  # fmt: skip
    return Table("Where the numbers come from", ("what", "which"), rows)
