"""All commands, registered by being imported."""

from __future__ import annotations

from habitus.cli import data, demo, detect, evaluate, explain, lists, model, train

__all__ = ["data", "demo", "detect", "evaluate", "explain", "lists", "model", "train"]
