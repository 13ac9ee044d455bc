"""All commands, registered by being imported, in the order in which one meets them."""

from __future__ import annotations

from habitus.cli import check, convert, data, demo, detect, evaluate, explain, lists, model, train
from habitus.cli.app import app

__all__ = [
    "check",
    "convert",
    "data",
    "demo",
    "detect",
    "evaluate",
    "explain",
    "lists",
    "model",
    "train",
]

_ORDER = (
    "demo", "train", "evaluate", "detect", "explain", "convert", "detectors", "formats",
    "protocols", "warm",
)  # fmt: skip

app.registered_commands.sort(key=lambda command: _ORDER.index(str(command.name)))
