"""What doctors of data find, as text."""

from __future__ import annotations

import itertools
import textwrap
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from habitus.evaluation.doctor.findings import Finding

MAX_WIDTH = 100
"""Longer lines of text are hard to read, however wide the terminal."""
_HEADINGS = {"serious": "Serious", "warning": "Warnings", "note": "Notes"}


def print_findings(found: Sequence[Finding], width: int) -> None:
    """Print findings by severity, those of one kind together."""
    for severity, heading in _HEADINGS.items():
        findings = [finding for finding in found if finding.severity == severity]
        if findings:
            typer.echo(f"\n{heading} ({len(findings)})")
        for _, alike in itertools.groupby(findings, key=lambda finding: finding.id):
            typer.echo("\n".join(_lines(list(alike), width)))
    if not found:
        typer.echo("nothing found")


def _lines(findings: list[Finding], width: int) -> Iterator[str]:
    """Findings of one kind as lines of text, which nothing in them can forge."""
    from habitus.cli.terminal import printable

    def block(label: str, text: str) -> str:
        return textwrap.fill(
            printable(text), max(width, 30), initial_indent=label,
            subsequent_indent=" " * len(label), break_on_hyphens=False,
        )  # fmt: skip

    yield ""
    for finding in findings:
        yield block("  * ", f"{finding.title} [{finding.id}]")
        for example in finding.examples:
            yield block("    e.g.   ", example)
    yield block("    effect ", findings[0].effect)
    yield block("    do     ", findings[0].remedy)
