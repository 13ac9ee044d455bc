"""What is said of a search: its trials by rank, what moves the objective, what failed."""

from __future__ import annotations

import json as jsonlib
import math
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from habitus.search.beside import SAID, attacks_said

if TYPE_CHECKING:
    from habitus.search.results import SearchResult, TrialResult

N_SHOWN = 20
N_REASONS = 5
MOST_COLUMNS = 7
"""Of settings and measures: what else was measured gives way."""


def print_search(found: SearchResult, *, as_json: bool) -> None:
    """Print a search for a person, or as JSON."""
    if as_json:
        typer.echo(jsonlib.dumps(search_summary(found), indent=1))
        return
    from habitus.cli.terminal import counted, in_lines, printable, table

    run, counts = found.run, found.counts()
    objective = f"{run.objective} ({'less' if run.direction == 'minimize' else 'more'} is better)"
    by = "; chosen by labels" if run.supervised else ""
    typer.echo(in_lines(printable(f"{run.detector} on {run.data}, by {objective}{by}")))
    told = [f"{counts['done']:,} of {counted(run.n_trials, 'trial')} done"]
    told += [f"{counts[state]:,} {state}" for state in ("pruned", "failed") if counts[state]]
    if found.n_ended < run.n_trials:
        told.append(f"{run.n_trials - found.n_ended:,} to go (habitus search ... --resume)")
    typer.echo(", ".join(told))
    ranked = [trial for trial in found.trials if trial.rank is not None]
    if run.beside_attacks:
        typer.echo(in_lines(f"{SAID}: whoever takes a trial by its AUC has chosen by attacks"))
    if ranked:
        names = list(found.plan.space.parameters)
        # What is the same of all trials tells nothing of any.
        measures = [
            name
            for name in ranked[0].measures
            if len(ranked) == 1 or len({trial.measures.get(name) for trial in ranked}) > 1
        ]
        if len(names) + len(measures) > MOST_COLUMNS:
            measures = []
        beside = (">AUC beside",) if run.beside_attacks else ()
        columns = ("#", ">trial", f">{run.objective}", *(f">{name}" for name in names),
                   *(f">{name}" for name in measures), *beside, ">seconds")  # fmt: skip
        table(
            columns, [_row(t, names, measures, has_beside=bool(beside)) for t in ranked[:N_SHOWN]]
        )
    if len(ranked) > N_SHOWN:
        typer.echo(f"and {len(ranked) - N_SHOWN:,} more: --json prints all")
    if found.importance:
        shares = ", ".join(f"{name} {share:.0%}" for name, share in found.importance.items())
        typer.echo(in_lines(f"what moves {run.objective} (fANOVA): {shares}"))
    for reason, n in Counter(t.reason for t in found.trials if t.reason).most_common(N_REASONS):
        first = next(trial.trial for trial in found.trials if trial.reason == reason)
        where = f"logs/trial-{first:04}.log"
        typer.echo(in_lines(printable(f"{counted(n, 'trial')} failed: {reason} ({where})")))
    lost = [trial for trial in found.trials if trial.lost]
    if lost:
        where = f"{lost[0].lost[0]} (logs/trial-{lost[0].trial:04}.log)"
        typer.echo(
            in_lines(printable(f"{counted(len(lost), 'trial')} lost and run again: {where}"))
        )
    for note, n in Counter(note for t in ranked for note in t.notes).most_common(N_REASONS):
        typer.echo(in_lines(printable(f"{counted(n, 'trial')}: {note}")))
    if ranked:
        best = ranked[0]
        settings = ", ".join(f"{name}={_told(value)}" for name, value in best.settings.items())
        told_best = f"best: trial {best.trial}, {run.objective} {_told(best.value)}: {settings}"
        typer.echo(in_lines(printable(told_best)))
        typer.echo(in_lines(printable(f"train it: habitus train --from {found.path}#1 -o MODEL")))


def _row(
    trial: TrialResult, names: list[str], measures: list[str], *, has_beside: bool
) -> tuple[str, ...]:
    beside = (_told(None if trial.beside is None else trial.beside.auc),) if has_beside else ()
    return (
        str(trial.rank), str(trial.trial), _told(trial.value),
        *(_told(trial.settings.get(name)) for name in names),
        *(_told(trial.measures.get(name)) for name in measures),
        *beside,
        "" if trial.seconds is None else f"{trial.seconds:.1f}",
    )  # fmt: skip


def _told(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def search_summary(found: SearchResult) -> dict[str, Any]:
    """The search for programs."""
    best = found.best
    return {
        "search": {
            **found.run.model_dump(mode="json", exclude={"schema_version", "study"}),
            "fixed_settings": found.plan.file.settings,
            "attacks": attacks_said(found.run),
        },
        "finished": found.is_finished,
        "counts": found.counts(),
        "trials": [_for_programs(trial) for trial in found.trials],
        "best": None if best is None else _for_programs(best),
        "importance": found.importance,
    }


def _for_programs(trial: TrialResult) -> dict[str, Any]:
    told = asdict(trial)
    value = told["value"]
    return {**told, "value": value if value is not None and math.isfinite(value) else None}
