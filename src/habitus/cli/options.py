"""Options that several commands share, and the text forms of their values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from habitus.base import model_path
from habitus.errors import UsageError

if TYPE_CHECKING:
    from habitus.decisions.budget import Budget

Model = Annotated[
    Path,
    typer.Argument(parser=model_path, help="The model's folder; base: the one that is shipped."),
]
Data = Annotated[
    str, typer.Option("--data", help="A data set's name (see `data list`), or a file or folder.")
]
Format = Annotated[
    str | None, typer.Option("--format", help="The files' format; by default recognised.")
]
Abi = Annotated[
    str | None, typer.Option("--abi", help="Whose numbers call numbers are: i386, x86_64, aarch64.")
]
Strict = Annotated[bool, typer.Option("--strict", help="Stop at the first broken line.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Makes every random choice.")]
# As `habitus.alerts.explanation.MAX_STRETCH`, which is too slow to import for --help.
Stretch = Annotated[
    int, typer.Option("--stretch", min=1, max=200, help="Calls in the stretch explained.")
]
FalseAlarms = Annotated[
    str,
    typer.Option(
        "--false-alarms", help="Budget of the threshold: a share of normal traces, or 2/day."
    ),
]
Confidence = Annotated[
    str | None,
    typer.Option("--confidence", help="Keep the budget this surely, as 95%; else on average."),
]
Merge = Annotated[
    float | None,
    typer.Option("--merge", help="Alarms of one recording within so many seconds (60) are one."),
]
Extrapolate = Annotated[
    bool,
    typer.Option(
        "--extrapolate", help="Where the data cannot show so fine a budget, go by a fitted tail."
    ),
]
Decision = Annotated[
    str | None,
    typer.Option("--decision", help="Which of the model's: trace (default) or rolling:W."),
]
Protocol = Annotated[
    str | None, typer.Option("--protocol", help="By default the one that fits the data.")
]

Engine = Annotated[
    str | None,
    typer.Option(
        help="Work side by side: local, or ray (RAY_ADDRESS, or a local cluster). By default not."
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(min=1, help="Of --engine, jobs at once; by default one for each processor."),
]


def share(text: str, option: str) -> float:
    """The number that ``1%`` or ``0.01`` is.

    Raises:
        UsageError: if it is neither; the message names the option.
    """
    try:
        return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise UsageError(f"{option}: a share such as 95% or 0.95 is wanted, not {text!r}") from None


def budget(
    false_alarms: str, confidence: str | None, merge_seconds: float, *, extrapolated: bool
) -> Budget:
    """The budget that options tell.

    Raises:
        UsageError: if one is not allowed.
    """
    from habitus.decisions.budget import Budget

    return Budget.parse(
        false_alarms,
        confidence=None if confidence is None else share(confidence, "--confidence"),
        merge_seconds=merge_seconds,
        extrapolated=extrapolated,
    )


def settings(pairs: list[str]) -> dict[str, object]:
    """Settings from ``name=value`` texts.

    Raises:
        UsageError: if one is no such pair, or a name stands twice.
    """
    made: dict[str, object] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name or name in made:
            raise UsageError(f"--set: wants each setting once, as name=value, not {pair!r}")
        made[name] = value
    return made
