"""Draw the diagrams of the documentation: `python scripts/make_diagrams.py`.

Dark panels with light text, which stand on a light page as on a dark one.
"""

from __future__ import annotations

import math
from collections import Counter
from itertools import pairwise
from pathlib import Path

IMAGES = Path(__file__).parent.parent / "docs" / "images"
PANEL, TEXT, QUIET, LINE = "#272a35", "#f2f2ee", "#b9bdc9", "#6a7080"
CALM, STRANGE = "#5fc9b3", "#ff8f6b"
FONT = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"

LEARNED = (
    ("openat", "read", "write", "close"),
    ("openat", "read", "read", "write", "close"),
)
JUDGED = {
    "C": ("openat", "read", "read", "read", "write", "close"),
    "D": ("openat", "read", "socket", "connect", "write", "close"),
}
NEVER_SEEN = 0.01
"""The chance that is left to what was never seen."""

VERY = 2.0
"""Nats from which a bar is strange."""

PER_MILLION = {"attacks found": 9, "false alerts": 100}


def surprises(trace: tuple[str, ...]) -> list[float]:
    """What each call but the first costs, in nats, by what followed what in the learned traces."""
    pairs = Counter(pair for learned in LEARNED for pair in pairwise(learned))
    befores = Counter(call for learned in LEARNED for call in learned)
    return [
        # A difference, for -log(1) would be shown as -0.00.
        0.0 - math.log(pairs[before, call] / max(1, befores[before]) or NEVER_SEEN)
        for before, call in pairwise(trace)
    ]


def surprise_diagram() -> str:
    """The judged traces, a column a call, with the surprise of each as a bar."""
    cell, left, height = 74, 34, 92
    width = left + cell * 6 + 82
    parts = []
    for row, (name, trace) in enumerate(JUDGED.items()):
        base = 66 + row * 168
        costs = surprises(trace)
        parts.append(text(14, base + 26, name, TEXT, 20, "start"))
        parts.append(f'<path d="M{left} {base}H{left + cell * 6}" stroke="{LINE}"/>')
        for column, call in enumerate(trace):
            middle = left + cell * column + cell / 2
            parts.append(text(middle, base + 26, call, TEXT))
            if not column:
                continue  # no call came before it
            cost = costs[column - 1]
            bar = max(2.0, height * cost / -math.log(NEVER_SEEN))
            colour = STRANGE if cost > VERY else CALM
            parts.append(
                f'<rect x="{middle - 20:g}" y="{base - bar:.1f}" width="40" height="{bar:.1f}" '
                f'rx="2" fill="{colour}"/>'
            )
            parts.append(text(middle, base - bar - 8, f"{cost:.2f}", TEXT))
        end = left + cell * 6 + 41
        parts.append(text(end, base - 34, "mean", QUIET))
        parts.append(text(end, base - 8, f"{sum(costs) / len(costs):.2f}", TEXT, 24))
    title = "Surprise of each call of C, at most 1.10 nats, and of D, three times 4.61 nats"
    return panel(width, 284, title, parts)


def base_rate_diagram() -> str:
    """The alerts of a day as dots, the true ones among them."""
    n_true, n_false = PER_MILLION.values()
    a_row, step, left, top = 20, 27, 28, 32
    parts = []
    for i in range(n_true + n_false):
        x, y = left + i % a_row * step, top + i // a_row * step
        # A ring with a heart: the difference must not rest on colour alone.
        if i < n_true:
            parts.append(f'<circle cx="{x}" cy="{y}" r="7" fill="{STRANGE}"/>')
            parts.append(
                f'<circle cx="{x}" cy="{y}" r="11" fill="none" stroke="{STRANGE}" '
                'stroke-width="2"/>'
            )
        else:
            parts.append(f'<circle cx="{x}" cy="{y}" r="7" fill="none" stroke="{QUIET}"/>')
    below = top + math.ceil((n_true + n_false) / a_row) * step + 16
    told = f"{n_true} attacks among {n_true + n_false} alerts, of a million traces"
    parts.append(text(left - 8, below, told, TEXT, 15, "start"))
    return panel(2 * left + (a_row - 1) * step, below + 24, told, parts)


def text(x: float, y: float, said: str, colour: str, size: int = 15, anchor: str = "middle") -> str:
    """A line of text."""
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" fill="{colour}" font-size="{size}" '
        f'text-anchor="{anchor}">{said}</text>'
    )


def panel(width: float, height: float, title: str, parts: list[str]) -> str:
    """A whole picture."""
    inner = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" '
        f'role="img" font-family="{FONT}">\n<title>{title}</title>\n'
        f'<rect width="100%" height="100%" rx="8" fill="{PANEL}"/>\n{inner}\n</svg>\n'
    )


def main() -> None:
    """Write all diagrams."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    (IMAGES / "surprise.svg").write_text(surprise_diagram())
    (IMAGES / "base-rate.svg").write_text(base_rate_diagram())


if __name__ == "__main__":
    main()
