"""The card's colours: whatever the scheme, text and marks stand out from their ground."""

from __future__ import annotations

import re
from importlib import resources

import pytest


def luminance(colour: str) -> float:
    """As WCAG 2.2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_everything_stands_out_from_its_ground(scheme: int) -> None:
    style = (resources.files("habitus.evaluation.card") / "card.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", blocks[scheme]))
    text = {"ink", "quiet", "mark", "clear", "open", "failed", "normal", "attack"}
    text |= {f"series-{i}" for i in range(6)}
    for ground in ("ground", "raised"):
        for name in text:
            assert contrast(colours[name], colours[ground]) >= 4.5, (name, ground)
        for level in range(4):
            assert contrast(colours[f"heat-{level}"], colours[ground]) >= 3, (level, ground)
