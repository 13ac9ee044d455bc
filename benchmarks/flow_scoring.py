"""How fast models of flows score flows and explain them, and the whole command on a capture.

Flows are those of the labelled Zeek logs, over and over: real columns, real nulls. The capture is
the made one of `flow_speed.py`; its models learn the captures that Habitus ships.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from common import ROOT, WORK, Store, table, test_data, write_page
from made_capture import write_capture

from habitus import flow_detector_names, save_model, train_flows
from habitus.datasets.network import network_path

if TYPE_CHECKING:
    import polars as pl

FLOWS, EXPLAINED = 1_000_000, 10_000
FEWER = {"boosting": 200_000}
"""What is slower need not run as long."""
PACKETS, CAPTURED_FLOWS = 1_000_000, 20_000
WORDS = ("scores of a matrix", "scores of a table", "contributions")


def rate(work: Callable[[], object], n: int) -> float:
    """Flows a second."""
    started = time.perf_counter()
    work()
    return n / (time.perf_counter() - started)


def command_seconds(model: Path, capture: Path) -> float:
    """The whole `habitus detect`, from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        call = [sys.executable, "-m", "habitus", "detect", str(model), str(capture)]
        started = time.perf_counter()
        done = subprocess.run(
            [*call, "-o", f"{folder}/alerts.jsonl"], check=False, capture_output=True
        )
        assert done.returncode in {0, 1}, done.stderr  # noqa: S101
        return time.perf_counter() - started


def scoring_contenders(folder: Path) -> dict[str, Callable[[], float]]:
    """Of every detector: from a matrix, from a table, and with contributions."""
    import polars as pl

    logs = test_data() / "zeek-labelled"
    contenders: dict[str, Callable[[], float]] = {}
    for name in flow_detector_names():
        n = FEWER.get(name, FLOWS)
        model = train_flows(name, logs)
        inputs = model.detector.inputs
        flows = pl.concat(_tables(folder), rechunk=True)
        flows = flows.filter(pl.Series(inputs.scoreable(flows)))
        flows = pl.concat([flows] * -(-n // len(flows)), rechunk=True)[:n]
        matrix = np.asfortranarray(inputs.matrix(flows))
        model.scores(flows[:10])
        model.detector.contributions(flows[:10])
        works: tuple[tuple[Callable[[], object], int], ...] = (
            (partial(model.detector.score_matrix, matrix), n),
            (partial(model.scores, flows), n),
            (partial(model.detector.contributions, flows[:EXPLAINED]), EXPLAINED),
        )
        contenders |= {
            f"{name}: {word}": partial(rate, *work) for word, work in zip(WORDS, works, strict=True)
        }
    return contenders


def _tables(folder: Path) -> list[pl.DataFrame]:
    from habitus import flow_record_tables

    return list(flow_record_tables(folder))


def main() -> None:
    """Measure, and write the page."""
    store = Store("flow_scoring")
    WORK.mkdir(exist_ok=True)
    capture = WORK / "detected.pcap"
    write_capture(capture, PACKETS, CAPTURED_FLOWS)
    with tempfile.TemporaryDirectory() as folder:
        commands: dict[str, Callable[[], float]] = {}
        for name in flow_detector_names():
            save_model(train_flows(name, network_path()), Path(folder) / name)
            commands[f"{name}: command"] = partial(command_seconds, Path(folder) / name, capture)
        for command in commands.values():
            command()  # so that loops are compiled
        store.measure(commands)
    store.measure(scoring_contenders(test_data() / "zeek-labelled"))
    write_page("flow_scoring", page(store), "flow_scoring.py")
    capture.unlink()


def page(store: Store) -> list[str]:
    """The page's lines."""
    rows = [
        (
            f"`{name}`",
            *(f"{store.median(f'{name}: {word}') / 1e6:.3g}" for word in WORDS),
            f"{store.median(f'{name}: command'):.2f}",
            store.spread(f"{name}: command"),
        )
        for name in flow_detector_names()
    ]
    return [
        "# Speed of judging flows",
        "",
        "Millions of flows a second, one process, of Zeek's labelled connections over and over: "
        "scores from the matrix that a model computes with; from a table, of which that matrix is "
        "made first; and what each feature adds to each score. Beside it the seconds that the "
        "whole command takes, from its start to its end, `habitus detect MODEL capture.pcap`: "
        f"{PACKETS / 1e6:.0f} M packets, {CAPTURED_FLOWS:,} flows (`benchmarks/made_capture.py`), "
        f"models of the shipped captures. Medians of {store.runs} runs.",
        "",
        *table(
            ("", *(f"{word}, M/s" for word in WORDS), "command, s", "smallest and largest"), rows
        ),
    ]


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
