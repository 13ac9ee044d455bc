"""Tables of a report: what was tried, what came of it, what failed, where it comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.evaluation.card.parts import Table, area, size
from habitus.pictures.axes import short
from habitus.search.beside import attacks_said
from habitus.search.report.picture import headings, told_value, value_of

if TYPE_CHECKING:
    from habitus.search.results import SearchResult

MAX_REASONS = 50


def searched_table(found: SearchResult) -> Table:
    """What was tried of each setting, and what stayed."""
    space = found.plan.space.parameters
    best = found.best
    rows = []
    for name, parameter in space.items():
        when = " and ".join(
            f"{other} is {' or '.join(map(short, values))}"
            for other, values in parameter.when.items()
        )
        found_best = None if best is None else best.settings.get(name)
        rows.append((name, parameter.told(), when or "always", told_value(found_best)))
    for name, value in found.plan.file.settings.items():
        rows.append((name, "stays", "always", short(value)))
    return Table("What was tried", ("setting", "values", "when", "best"), rows)


def trials_table(found: SearchResult, most: int) -> Table:
    ranked = [t for t in found.trials if t.rank is not None]
    names = list(found.plan.space.parameters)
    measures = list(ranked[0].measures) if ranked else []
    beside = [">AUC beside"] if found.run.beside_attacks else []
    rows = [
        (
            str(t.rank), str(t.trial), short(value_of(t)),
            *(told_value(t.settings.get(name)) for name in names),
            *(told_value(t.measures.get(name)) for name in measures),
            *([area(None if t.beside is None else t.beside.auc)] if beside else []),
            "" if t.seconds is None else f"{t.seconds:.1f}", size(t.peak_bytes),
        )
        for t in ranked[:most]
    ]  # fmt: skip
    more = f", the best {most} of {len(ranked):,}; --json prints all"
    return Table(
        f"Trials by rank{more if len(ranked) > most else ''}",
        (
            "rank", ">trial", f">{found.run.objective}", *headings(found, names),
            *(f">{name}" for name in measures), *beside, ">seconds", ">memory",
        ),
        rows,
    )  # fmt: skip


def failed_table(found: SearchResult) -> Table:
    by_reason: dict[str, list[int]] = {}
    for trial in found.trials:
        if trial.state == "failed":
            by_reason.setdefault(trial.reason, []).append(trial.trial)
    most = sorted(by_reason.items(), key=lambda item: (-len(item[1]), item[1][0]))
    rows = [
        (
            reason or "it did not say", f"{len(numbers):,}",
            ", ".join(map(str, numbers[:10])) + (" ..." if len(numbers) > 10 else ""),
            f"logs/trial-{numbers[0]:04}.log",
        )
        for reason, numbers in most[:MAX_REASONS]
    ]  # fmt: skip
    more = f", the most frequent {MAX_REASONS} of {len(most):,}" if len(most) > MAX_REASONS else ""
    return Table(f"Why trials failed{more}", ("reason", ">trials", "which", "log"), rows)


def origin_table(found: SearchResult) -> Table:
    run = found.run
    rows = [
        ("search file", run.search), ("data", run.data),
        ("SHA-256 of their content", run.data_sha256 or "-"),
        ("protocol", run.protocol or "the one that fits the data"), ("seed", str(run.seed)),
        ("begun", run.created),
        ("by", ", ".join(f"{name} {number}" for name, number in run.versions.items())),
        ("attacks", attacks_said(run)),
        ("trials kept in", "the folder's journal" if run.storage is None else "a database"),
    ]  # fmt: skip
    return Table("Data and versions", ("what", "which"), rows)
