"""The report of a search: one page that needs neither a network nor a script.

It is laid out by the results card's templates and style sheet; every text goes through templates
that escape it, and the page's policy allows no script at all.
"""

from __future__ import annotations

import shlex
from collections import Counter
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from habitus.evaluation.card.parts import Table, area, counted, percent
from habitus.evaluation.card.templates import environment
from habitus.pictures.axes import short
from habitus.pictures.page import policy_of, printable
from habitus.search.beside import attacks_said
from habitus.search.report.drawn import draw, setting_names
from habitus.search.report.picture import (
    MAX_ROWS,
    NoPicture,
    Picture,
    sentence,
    value_of,
)
from habitus.search.report.tables import (
    failed_table,
    origin_table,
    searched_table,
    trials_table,
)

if TYPE_CHECKING:
    from habitus.search.results import SearchResult, TrialResult

N_TRIALS = 15
"""That are shown at once; the others, up to `MAX_ROWS`, are folded away."""
MAX_SLICES = 16
MAX_NOTES = 20
MAX_FILE = 20_000
"""Characters of the search file that are shown."""


@dataclass(frozen=True)
class _Shown:
    """A picture as the template wants it."""

    key: str
    title: str
    svg: Markup
    note: str
    table: Table


def report_page(found: SearchResult) -> str:
    """The report, one HTML page; of some hundred kilobytes, however many trials there are."""
    run = found.run
    best = found.best
    card = resources.files("habitus.evaluation.card") / "card.css"
    own = resources.files("habitus.search.report") / "report.css"
    names = setting_names(found)
    n_ranked = sum(trial.rank is not None for trial in found.trials)
    return environment("habitus.search", "report").get_template("search.html").render(
        style=Markup(card.read_text("utf-8") + own.read_text("utf-8")),  # noqa: S704 - ours
        scripts=[],
        policy=Markup(policy_of([])),  # noqa: S704
        title=found.plan.file.title or f"Which settings of {run.detector} rank first?",
        lead=_lead(found),
        caution=_caution(found),
        best=None if best is None else _best(best, found),
        standing=_standing(found),
        searched=searched_table(found),
        trials=trials_table(found, N_TRIALS),
        more_trials=trials_table(found, MAX_ROWS) if n_ranked > N_TRIALS else None,
        notes=_notes(found),
        parallel=_shown(found, "parallel"),
        importance=_shown(found, "importance"),
        slices=[
            shown
            for name in names[:MAX_SLICES]
            if not isinstance(shown := _shown(found, "slice", name), str)
        ],
        slices_left=max(0, len(names) - MAX_SLICES),
        curves=_shown(found, "curves"),
        agreement=_shown(found, "agreement"),
        attacks=_shown(found, "attacks"),
        said=sentence(attacks_said(run)),
        failed=failed_table(found),
        train=shlex.join(["habitus", "train", "--from", f"{found.path}#1", "-o", "MODEL"]),
        again=_again(found),
        file=_file(found),
        origin=origin_table(found),
    )  # fmt: skip


def _shown(found: SearchResult, what: str, setting: str | None = None) -> _Shown | str:
    """A picture, or why there is none."""
    try:
        picture: Picture = draw(found, what, setting)
    except NoPicture as why:
        return str(why)
    svg = Markup(picture.drawing.markup())  # noqa: S704 - its texts are escaped where it is drawn
    return _Shown(picture.key, picture.title, svg, picture.note, picture.table)


def _lead(found: SearchResult) -> str:
    run = found.run
    how = {"grid": "every point of a grid", "random": "by chance", "tpe": "by a Parzen estimator"}
    better = "less" if run.direction == "minimize" else "more"
    return (
        f"{counted(run.n_trials, 'configuration')} of {run.detector} on {run.data}, "
        f"{how[found.plan.file.method]}, ranked by {run.objective} ({better} is better)."
    )


def _caution(found: SearchResult) -> str:
    if found.run.beside_attacks:
        return (
            f"{attacks_said(found.run)}; whoever takes a trial by what is said of attacks here has "
            "chosen by attacks."
        )
    if found.run.supervised:
        return (
            f"{attacks_said(found.run)}: only attacks that had no part in it say how good the "
            "first is."
        )
    return (
        "no attack was looked at. What ranks first guesses normal behaviour best, which need not "
        "be what finds attacks best."
    )


def _best(trial: TrialResult, found: SearchResult) -> dict[str, Any]:
    beside = trial.beside
    told = ""
    if beside is not None:
        told = f"AUC {area(beside.auc)} of {counted(beside.n_attack, 'attack')} looked at beside"
        if beside.detection is not None:
            told += (
                f"; {percent(beside.detection)} of them found at the threshold that held-out "
                f"normals set, with {percent(beside.false_alarm_rate)} false alarms"
            )
        told += "."
    unit = f" {found.run.unit} a call" if found.run.unit == "nats" else ""
    return {
        "trial": trial.trial,
        "value": f"{value_of(trial):.4g}",
        "what": f"{found.run.objective}{unit}",
        "settings": [(name, short(value)) for name, value in trial.settings.items()],
        "beside": told,
    }


def _standing(found: SearchResult) -> dict[str, Any]:
    counts = found.counts()
    left = found.run.n_trials - found.n_ended
    told = [f"{counts[state]:,} {state}" for state in ("pruned", "failed", "running")]
    verdict = "All have ended" if not left else f"{left:,} to go: add --resume to the same command"
    grade = "open" if left else ("failed" if not counts["done"] else "clear")
    return {
        "grade": grade, "n_done": counts["done"], "n_trials": found.run.n_trials,
        "verdict": verdict, "counts": ", ".join(told),
    }  # fmt: skip


def _notes(found: SearchResult) -> list[str]:
    counts = Counter(note for t in found.trials if t.rank is not None for note in t.notes)
    return [f"{counted(n, 'trial')}: {note}" for note, n in counts.most_common(MAX_NOTES)]


def _again(found: SearchResult) -> str:
    """The command that runs the same search anew."""
    run = found.run
    words = ["habitus", "search", "run", str(found.path / "search.toml"), "--data", run.data]
    for option, value in (
        ("--protocol", run.protocol), ("--format", run.format), ("--abi", run.abi),
    ):  # fmt: skip
        words += [option, value] if value is not None else []
    asked_for = run.supervised and run.objective != "fold-auc"
    words += ["--supervised"] * asked_for + ["--beside-attacks"] * run.beside_attacks
    return shlex.join([*words, "-o", "ANOTHER-FOLDER"])


def _file(found: SearchResult) -> Markup:
    """The search file, line by line."""
    return Markup("\n").join(map(printable, found.plan.text[:MAX_FILE].splitlines()))
