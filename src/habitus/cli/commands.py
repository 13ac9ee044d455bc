"""All commands, registered by being imported, in the order in which one meets them."""

from __future__ import annotations

from habitus.cli import (
    check,
    check_drift,
    check_flows,
    compare,
    convert,
    data,
    demo,
    detect,
    draw,
    evaluate,
    explain,
    flows,
    forecast,
    lists,
    model,
    sample,
    search,
    train,
)
from habitus.cli.app import app

__all__ = [
    "check",
    "check_drift",
    "check_flows",
    "compare",
    "convert",
    "data",
    "demo",
    "detect",
    "draw",
    "evaluate",
    "explain",
    "flows",
    "forecast",
    "lists",
    "model",
    "sample",
    "search",
    "train",
]

_ORDER = (
    "demo", "train", "evaluate", "compare", "detect", "check-drift", "explain", "sample", "convert",
    "detectors", "formats", "protocols", "warm",
)  # fmt: skip

app.registered_commands.sort(key=lambda command: _ORDER.index(str(command.name)))
