"""``habitus compare``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from habitus.cli import options
from habitus.cli.app import app, command

if TYPE_CHECKING:
    from habitus.evaluation.comparing.comparison import Compared, ComparedModel, Comparison


@command(
    app,
    "compare",
    "habitus compare results:stide results:ngram\n"
    "habitus compare results/before results/after -o compare.html",
)
def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="What `evaluate -o` wrote; FOLDER:MODEL names one of its models."
        ),
    ],
    b: Annotated[str, typer.Argument(metavar="B", help="Likewise; differences are B - A.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="A page with both models' pictures.")
    ] = None,
    seed: options.Seed = 1,
    json: options.Json = False,
) -> None:
    """Tell whether one model is better than another, by the results kept of them.

    Both must be of one protocol, one data set and one version. Each difference has a paired
    interval: the same recordings or sequences are drawn for both models.
    """
    from habitus import api
    from habitus.cli.terminal import TerminalProgress, printable, warn

    with TerminalProgress() as progress:
        compared = api.compare(a, b, seed=seed, progress=progress)
    # First shown, then kept: a full disk must not cost the user what was computed.
    if json:
        typer.echo(compared.to_json(), nl=False)
    else:
        for comparison in compared.comparisons:
            _print(comparison)
    for comparison in compared.comparisons:
        warn(f"note: {line}" for line in comparison.notes)
    if output:
        from habitus.evaluation.comparing.page import write_comparison_page

        write_comparison_page(output, compared)
        typer.echo(f"wrote {printable(str(output))}", err=json)


def _print(comparison: Comparison) -> None:
    """Both models, what they reach and by how much they differ, on all attacks and on each type."""
    from habitus.cli.terminal import in_lines, printable, table
    from habitus.evaluation.comparing.comparison import verdict_sentence

    judged = f"{comparison.n_normal:,} normal and {comparison.n_attack:,} attack {comparison.unit}s"
    caution = f" ({comparison.caution})" if comparison.caution else ""
    typer.echo(in_lines(printable(f"{comparison.protocol}: {judged}{caution}")))
    for letter, model in (("A", comparison.a), ("B", comparison.b)):
        typer.echo(in_lines(printable(f"{letter}: {_described(model)}")))
    rates = list(comparison.dr_at_fpr)
    rows = [_row("AUC", comparison.auc)]
    rows += [_row(_at(rate), comparison.dr_at_fpr[rate].detection, 100) for rate in rates]
    table(("all attacks", *_COLUMNS), rows)
    typer.echo(in_lines(verdict_sentence(comparison)))
    kinds = [(f"{printable(kind)} ({of.n})", of) for kind, of in comparison.per_attack.items()]
    if len(kinds) > 1:
        rows = [_row(kind, of.auc) for kind, of in kinds]
        table(("AUC by attack", *_COLUMNS), rows)
        alike: dict[tuple[tuple[str, ...], ...], list[str]] = {}
        for rate in rates:  # with few normals, several rates are of no false alarm at all
            found = tuple(_row(kind, of.dr_at_fpr[rate], 100) for kind, of in kinds)
            alike.setdefault(found, []).append(rate)
        for found, same in alike.items():
            table((_at(*same), *_COLUMNS), found)
        typer.echo(
            in_lines(
                "of many intervals, about one in twenty excludes 0 by chance alone: say beforehand "
                "which one counts"
            )
        )


def _described(model: ComparedModel) -> str:
    settings = ", ".join(f"{name}={value}" for name, value in model.settings.items())
    kept = f", from {model.results}" if model.results else ""
    return f"{model.model} ({model.detector}: {settings}; {model.decision}{kept})"


def _at(*rates: str) -> str:
    return f"found at {', '.join(f'{float(rate) * 100:g}' for rate in rates)} % false"


def _row(name: str, found: Compared, scale: float = 1) -> tuple[str, ...]:
    """A measure's cells; with a scale of 100, rates in per cent and differences in points."""
    from habitus.evaluation.comparing.comparison import VERDICTS

    of_one, of_difference = ("{:.4f}", "{:+.4f}") if scale == 1 else ("{:.1f}%", "{:+.1f}")
    ends = "-"
    if found.ci95 is not None:
        low, high = (of_difference.format(scale * end) for end in found.ci95)
        ends = f"[{low},{high}]"  # one word, which no narrow column breaks
    return (
        name,
        *(of_one.format(scale * value) for value in (found.a, found.b)),
        of_difference.format(scale * found.difference),
        ends,
        VERDICTS[found.verdict],
    )


_COLUMNS = (">A", ">B", ">B - A", ">95 %", "interval")
