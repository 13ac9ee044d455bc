"""How fast LSTMs learn, score and follow threads, beside the same network in plain PyTorch."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from common import Store, table, test_data, write_page
from neural_work import (
    FLOOR,
    MEMORY_CALLS,
    MEMORY_CELLS,
    MEMORY_TRACES,
    learning_settings,
    network_of,
    peak_beyond_columns,
    per_call_us,
    scoring,
    serving,
    streaming,
    training,
)
from plain_lstm import PlainLstm, matrix_rate, plain_scoring, plain_step, plain_training

from habitus import TraceSet
from habitus.datasets.source import find_source
from habitus.detectors.neural.reader import Reader
from habitus.detectors.neural.stepping import FEW_ROWS, Stepper
from habitus.evaluation.protocols import get_protocol
from habitus.traces.vocabulary import Vocabulary

# Layers and cells; updates, and one in how many test traces, that take a second or two.
NETWORKS = {
    "1x128": (1, 128, 60, 4), "1x200": (1, 200, 40, 4), "2x200": (2, 200, 30, 4),
    "2x400": (2, 400, 12, 8),
}  # fmt: skip
THREADS = (1, 16, 64, 256)
SERVING_ROWS = (1, 16, 64, 256, 512)
CORES = torch.get_num_threads()
COUNTS = sorted({1, os.cpu_count() or 1})


def multiplied(layers: int, cells: int, n_symbols: int) -> int:
    """Weights that a call is multiplied by: two operations each, and six where it is learned."""
    return layers * 4 * cells * (2 * cells) + cells * n_symbols


def measure(store: Store, train: TraceSet, test: TraceSet) -> int:
    """Run everything; the calls that networks know."""
    vocabulary = Vocabulary.of(train)
    settings = learning_settings()
    # As by default something is taken off every surprise; what, does not matter to the speed.
    discount = np.ones((len(vocabulary) + 2, len(vocabulary)), dtype=np.float32)
    store.measure(
        {f"matrix {by}": partial(matrix_rate, by, CORES) for by in ("PyTorch", "ONNX Runtime")}
    )
    for name, (layers, cells, updates, part) in NETWORKS.items():
        torch.manual_seed(1)
        plain = PlainLstm(len(vocabulary), layers, cells, settings.dropout)
        network = network_of(len(vocabulary), layers, cells)
        reader = Reader(network, FLOOR, CORES, discount)
        some = test.select(np.arange(0, test.n_traces, part))
        calls, offsets = reader.symbols(vocabulary.encode(some)), some.offsets
        learned = (settings.batch, settings.stretch, updates)
        contenders: dict[str, Callable[[], float]] = {
            f"train plain {name}": partial(plain_training, plain, *learned),
            f"train {name}": training(train, layers, cells, updates),
            f"score plain {name}": partial(plain_scoring, plain, calls, offsets),
            f"score {name}": partial(scoring, reader, calls, offsets, share=False),
            f"score shared {name}": partial(scoring, reader, calls, offsets, share=True),
        }
        for n in THREADS:
            step = plain_step(plain, n)
            contenders[f"stream plain {name} {n}"] = partial(per_call_us, step, n)
            contenders[f"stream {name} {n}"] = streaming(reader, vocabulary, n)
        for count in COUNTS:
            stepper = Stepper(network, count)
            for rows in SERVING_ROWS:
                serve = serving(stepper, network.n_state, rows)
                contenders[f"serve {name} {count} {rows}"] = serve
        store.measure(contenders)
    store.measure({f"memory {n}": partial(peak_beyond_columns, n) for n in MEMORY_TRACES})
    return len(vocabulary)


def rates(store: Store, kind: str, factor: int, n_symbols: int) -> list[tuple[str, ...]]:
    """Rows of training or of scoring."""
    limit = max(store.median("matrix PyTorch"), store.median("matrix ONNX Runtime"))
    rows: list[tuple[str, ...]] = []
    for name, (layers, cells, _, _) in NETWORKS.items():
        ours, plain = store.median(f"{kind} {name}"), store.median(f"{kind} plain {name}")
        done = factor * multiplied(layers, cells, n_symbols)
        shares = [f"{100 * rate * done / 1e9 / limit:.0f} %" for rate in (plain, ours)]
        row = [name, f"{plain / 1e3:.1f}", f"{ours / 1e3:.1f}", f"{100 * ours / plain:.0f} %"]
        if kind == "score":
            row.append(f"{store.median(f'score shared {name}') / 1e3:.1f}")
        rows.append((*row, *shares))
    return rows


def streams(store: Store) -> list[tuple[str, ...]]:
    """Rows of streaming."""
    rows: list[tuple[str, ...]] = []
    for name in NETWORKS:
        for n in THREADS:
            ours, plain = (
                store.median(f"stream {name} {n}"),
                store.median(f"stream plain {name} {n}"),
            )
            times, rate = f"{plain / ours:.1f}", f"{1e3 / ours:.1f}"
            rows.append((name, f"{n}", f"{plain:.1f}", f"{ours:.1f}", times, rate))
    return rows


def served(store: Store) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    """The table of steps by rows and processor threads."""
    head = ("network, processor threads", *(f"{rows} traces" for rows in SERVING_ROWS))
    body = [
        (f"{name}, {n}", *(f"{store.median(f'serve {name} {n} {r}'):.2f}" for r in SERVING_ROWS))
        for name in NETWORKS
        for n in COUNTS
    ]
    return head, body


def page(store: Store, train: TraceSet, test: TraceSet, n_symbols: int) -> list[str]:
    """The page's lines."""
    settings = learning_settings()
    by_torch, by_onnx = (store.median(f"matrix {by}") for by in ("PyTorch", "ONNX Runtime"))
    few, many = (store.median(f"memory {n}") for n in MEMORY_TRACES)
    widths = "cells, and an embedding as wide"
    head = ("network", "PyTorch, k calls/s", "Habitus, k calls/s", "of PyTorch's")
    shares = ("PyTorch, of the matrix rate", "Habitus")
    return [
        "# Speed of the neural detectors",
        "",
        f"LSTMs of so many layers x {widths}, over the {n_symbols} calls of ADFA-LD's training "
        f"traces, beside the same network in plain PyTorch (`benchmarks/plain_lstm.py`): {CORES} "
        f"processor thread{'s' if CORES > 1 else ''}, every contender in turn, medians of "
        f"{store.runs} runs. *Of the matrix rate*: two operations for each weight that a call is "
        "multiplied by, six where it is learned, as a share of what this machine reaches in one "
        f"large product of float32 matrices in the same run: {by_torch:.0f} GFLOP/s by PyTorch, "
        f"{by_onnx:.0f} by ONNX Runtime; the higher counts.",
        "",
        "## Training",
        "",
        f"`lstm` on {train.n_traces} training traces, between one update and the next, "
        f"{settings.batch} traces x {settings.stretch} calls at most: drawing, filling up, "
        "unknown calls, clipping, the running mean of the weights, sums and progress included. "
        "PyTorch learns full batches of random calls that lie ready, and counts nothing.",
        "",
        *table((*head, *shares), rates(store, "train", 6, n_symbols)),
        "",
        "## Scoring whole traces",
        "",
        f"Every fourth of the {test.n_traces:,} traces of `adfa-ld/dev` (2x400: every eighth). "
        "PyTorch reads 64 traces x 100 calls, sorted by length. Habitus reads each call of each "
        "trace in the column compared; *with sharing*, as it does by default, what traces begin "
        "with alike is read once, which is no speed of the network's.",
        "",
        *table((*head, "with sharing", *shares), rates(store, "score", 2, n_symbols)),
        "",
        "The first layer's product with the embedding is a table here, so some of those operations "
        "are never made.",
        "",
        "## Following threads",
        "",
        "One call of each followed thread arrives at a time: everything that `stream()` does "
        "with it, its baseline included, beside one step of PyTorch in inference mode that is "
        "handed its states ready-made.",
        "",
        *table(
            ("network", "threads followed", "PyTorch, us a call", "Habitus, us a call",
             "times quicker", "k calls/s"),
            streams(store),
        ),
        "",
        "## Steps by processor threads",
        "",
        "Microseconds a call of one step of so many traces by ONNX Runtime, as Habitus takes it: "
        f"up to {FEW_ROWS} traces on one processor thread whatever there is, so that lines with "
        "more threads measure the same there, and do not tell whether that is quicker.",
        "",
        *table(*served(store)),
        "",
        "## Memory",
        "",
        f"Scoring {MEMORY_TRACES[0]:,} and {MEMORY_TRACES[1]:,} traces of {MEMORY_CALLS} random "
        f"calls (1x{MEMORY_CELLS}) adds {few:.0f} and {many:.0f} MB to a process at its peak, what "
        "is returned left out: columns of calls, and the states of what is read side by side, of "
        "which there is a bound.",
    ]  # fmt: skip


def main() -> None:
    """Measure, and write the page."""
    store = Store(f"neural_speed_{CORES}")  # another number of threads is another measurement
    traces = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read()
    protocol = get_protocol("adfa-ld/dev")
    train, test = traces.select(protocol.training(traces)), traces.select(protocol.test(traces))
    n_symbols = measure(store, train, test)
    write_page("neural_speed", page(store, train, test, n_symbols), "neural_speed.py")


if __name__ == "__main__":
    main()
