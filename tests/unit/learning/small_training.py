"""Trainings of a second or less, which can be ended after any update and gone on with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from habitus.detectors.neural.lstm import Lstm
from habitus.learning.session import Session
from habitus.traces.traceset import TraceSet

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.detectors.base import State
    from habitus.progress import Progress

SETTINGS: dict[str, object] = {
    "cells": 8, "embedding": 4, "epochs": 3, "batch": 4, "stretch": 6, "warm_up": 2,
}  # fmt: skip


class Killed(BaseException):
    """As a kill: nobody expects it, and nobody puts things right after it."""


class KilledAfter:
    """Progress that is ended at an update."""

    def __init__(self, n_updates: int) -> None:
        self._left = n_updates + 1  # the first word is of what was done before

    def stage(self, label: str, total: int | None = None) -> None:
        pass

    def label(self, text: str) -> None:
        pass

    def advance(self, steps: int) -> None:  # noqa: ARG002 - as every progress
        if not self._left:
            raise Killed
        self._left -= 1


def traces(seed: int = 1, n_traces: int = 14) -> TraceSet:
    """Traces of 1 to 30 calls, most of which follow a rule."""
    random = np.random.default_rng(seed)
    made = []
    for _ in range(n_traces):
        start, length = random.integers(0, 5), random.integers(1, 31)
        noise = random.random(length) < 0.2
        calls = np.where(noise, random.integers(0, 5, length), (start + np.arange(length)) % 5)
        made.append([f"call{c}" for c in calls])
    return TraceSet.from_names(made)


def kept_in(folder: Path, **options: Any) -> Session:
    """A session with a checkpoint after every update."""
    return Session(folder, every_seconds=-1.0, **options)


def trained(
    session: Session | None = None,
    progress: Progress | None = None,
    *,
    seed: int = 1,
    data: TraceSet | None = None,
    **settings: object,
) -> Lstm:
    """A small language model."""
    made = Lstm.with_settings(SETTINGS | settings)
    if session is not None:
        made.session = session
    options = {} if progress is None else {"progress": progress}
    made.fit(traces() if data is None else data, None, seed=seed, **options)
    return made


def killed(folder: Path, n_updates: int, **options: Any) -> None:
    """Leave the checkpoint of a training killed in the update after so many."""
    with pytest.raises(Killed):
        trained(kept_in(folder), KilledAfter(n_updates), **options)


def same(one: State, other: State) -> bool:
    """Whether every array is the other's, bit by bit."""
    return one.keys() == other.keys() and all(
        one[name].tobytes() == other[name].tobytes() and one[name].shape == other[name].shape
        for name in one
    )
