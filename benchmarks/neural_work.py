"""What `neural_speed.py` measures of Habitus: learning, scoring, following threads, memory."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np

from habitus import TraceSet, get_detector
from habitus.detectors.neural.reader import Reader
from habitus.detectors.neural.recurrent_model import RecurrentSettings
from habitus.detectors.neural.stepping import Stepper
from habitus.detectors.neural.threads import ThreadStream
from habitus.networks.recurrent import RecurrentNetwork
from habitus.progress import Silent
from habitus.traces.traceset import TraceInfo
from habitus.traces.vocabulary import Vocabulary

FLOOR = 1e-4
WARM_UPDATES = 3
STREAMED_SECONDS = 0.3
MEMORY_CELLS, MEMORY_TRACES, MEMORY_CALLS = 200, (6_000, 60_000), 20


class Clock(Silent):
    """When training told of each of its updates."""

    def __init__(self) -> None:
        self.told: list[tuple[float, int]] = []

    def advance(self, steps: int) -> None:
        """Note the time."""
        if steps:
            self.told.append((time.perf_counter(), steps))

    @property
    def rate(self) -> float:
        """Calls learned a second, once it runs."""
        told = self.told[WARM_UPDATES:]
        return sum(steps for _, steps in told[1:]) / (told[-1][0] - told[0][0])


def learning_settings() -> RecurrentSettings:
    """Those that `lstm` learns by when nothing is set."""
    return cast("RecurrentSettings", get_detector("lstm").Settings())


def training(train: TraceSet, layers: int, cells: int, updates: int) -> Callable[[], float]:
    """Calls that `lstm` learns a second, between updates: neither reading nor judging is in it."""
    settings = {"layers": layers, "cells": cells, "embedding": cells}
    made = learning_settings()
    # Judging takes place after the last update, and is kept short.
    judged, learned = train.select(np.arange(4)), train.select(np.arange(4, train.n_traces))
    limits = {"epochs": 1, "calls": made.batch * made.stretch * (updates + WARM_UPDATES)}

    def run() -> float:
        clock = Clock()
        get_detector("lstm").with_settings(settings | limits).fit(learned, judged, clock)
        return clock.rate

    return run


def network_of(n_symbols: int, layers: int, cells: int) -> RecurrentNetwork:
    """A network as untrained as its peer: what it costs does not depend on its weights."""
    made = RecurrentNetwork(
        n_symbols, kind="lstm", cells=[cells] * layers, embedding=cells, tied=False, dropout=0,
        dropout_input=0,
    )  # fmt: skip
    return made.eval().requires_grad_(False)


def scoring(reader: Reader, calls: np.ndarray, offsets: np.ndarray, share: bool) -> float:
    """Calls scored a second."""
    started = time.perf_counter()
    reader.score(calls, offsets, share=share)
    return len(calls) / (time.perf_counter() - started)


def per_call_us(work: Callable[[], object], n_calls: int) -> float:
    """Microseconds a call of work that is done over and over."""
    work()
    started, times = time.perf_counter(), 0
    while time.perf_counter() - started < STREAMED_SECONDS:
        work()
        times += 1
    return (time.perf_counter() - started) / times / n_calls * 1e6


def streaming(reader: Reader, vocabulary: Vocabulary, n_threads: int) -> Callable[[], float]:
    """Microseconds a call, where one call of each thread arrives at a time."""
    stream = ThreadStream(reader, vocabulary, 0.0)
    names = [str(thread) for thread in range(n_threads)]
    pushes = []
    for call in range(64):
        infos = tuple(TraceInfo(name, "made up", first_call=1 + call, ends=False) for name in names)
        calls = np.arange(call, call + n_threads) % len(vocabulary)
        offsets = np.arange(n_threads + 1)
        pushes.append(TraceSet(calls.astype(np.uint16), offsets, vocabulary.names, infos))
    turn = itertools.cycle(pushes)
    return lambda: per_call_us(lambda: stream.push(next(turn)), n_threads)


def serving(stepper: Stepper, n_state: int, rows: int) -> Callable[[], float]:
    """Microseconds a call of one step of so many traces."""
    symbols, states = np.ones(rows, dtype=np.int64), np.zeros((rows, n_state), dtype=np.float32)
    return lambda: per_call_us(lambda: stepper.step(symbols, states), rows)


def peak_beyond_columns(n_traces: int) -> float:
    """Of a new process, MB that scoring so many traces adds, less what their columns take."""
    call = [sys.executable, __file__, str(n_traces)]
    return float(json.loads(subprocess.run(call, check=True, capture_output=True).stdout))


def score_and_tell(n_traces: int) -> None:
    """Score made-up traces, and print the MB that it took beyond their columns."""
    reader = Reader(network_of(150, 1, MEMORY_CELLS), FLOOR, 1)
    random = np.random.default_rng(1)
    calls = random.integers(0, 150, n_traces * MEMORY_CALLS)
    offsets = np.arange(0, len(calls) + 1, MEMORY_CALLS)
    reader.surprise(calls[: offsets[100]], offsets[:101])
    before = resident_bytes("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is told anew from here
    surprise = reader.surprise(calls, offsets)
    print((resident_bytes("VmHWM") - before - surprise.nbytes) / 1e6)


def resident_bytes(kind: str) -> int:
    """Of this process: ``VmRSS`` now, ``VmHWM`` at its peak."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(kind))


if __name__ == "__main__":  # a process of its own, whose memory is measured
    score_and_tell(int(sys.argv[1]))
