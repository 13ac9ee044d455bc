"""An LSTM language model as one writes it in an afternoon with PyTorch: the peer for speed."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

PLAIN_BATCH, PLAIN_STRETCH = 64, 100
MATRIX = (512, 512, 2048)
"""Rows, inner size, columns of the product that the machine is judged by."""
MATRIX_SECONDS = 0.5


class PlainLstm(nn.Module):
    """Embedding -> LSTM -> what comes next."""

    def __init__(self, n_symbols: int, layers: int, cells: int, dropout: float) -> None:
        super().__init__()
        self.n_symbols = n_symbols
        self.embedding = nn.Embedding(n_symbols + 2, cells)
        between = dropout if layers > 1 else 0.0
        self.lstm = nn.LSTM(cells, cells, layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(dropout)
        self.output = nn.Linear(cells, n_symbols)

    def forward(self, symbols: Tensor, state: tuple[Tensor, Tensor] | None) -> tuple[Tensor, ...]:
        x, (hidden, cell) = self.lstm(self.dropout(self.embedding(symbols)), state)
        return self.output(self.dropout(x)), hidden, cell


def plain_training(network: PlainLstm, batch: int, stretch: int, updates: int) -> float:
    """Calls learned a second: full batches of random calls, ready-made; nothing is counted."""
    network.train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=2e-3)
    calls = torch.randint(0, network.n_symbols, (updates + 3, batch, stretch + 1))
    state, started = None, 0.0
    for number, chunk in enumerate(calls):
        if number == 3:  # once it runs
            started = time.perf_counter()
        logits, hidden, cell = network(chunk[:, :-1], state)
        state = (hidden.detach(), cell.detach())
        loss = functional.cross_entropy(logits.flatten(0, 1), chunk[:, 1:].flatten())
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
    return updates * batch * stretch / (time.perf_counter() - started)


def plain_scoring(network: PlainLstm, calls: np.ndarray, offsets: np.ndarray) -> float:
    """Calls scored a second: traces sorted by length, the ends of a batch's shorter ones filled."""
    network.eval()
    lengths = np.diff(offsets)
    out = np.empty(len(calls), dtype=np.float32)
    started = time.perf_counter()
    order = np.argsort(-lengths, kind="stable")
    with torch.inference_mode():
        for begin in range(0, len(order), PLAIN_BATCH):
            _score_batch(network, calls, offsets, order[begin : begin + PLAIN_BATCH], out)
    return len(calls) / (time.perf_counter() - started)


def _score_batch(
    network: PlainLstm, calls: np.ndarray, offsets: np.ndarray, rows: np.ndarray, out: np.ndarray
) -> None:
    """Write what the calls of some traces cost, the longest of them first."""
    begins, lengths = offsets[rows], np.diff(offsets)[rows]
    state = None
    for first in range(0, int(lengths[0]), PLAIN_STRETCH):
        n = int(np.count_nonzero(lengths > first))
        steps = np.arange(first, min(first + PLAIN_STRETCH, int(lengths[0])))
        places = begins[:n, np.newaxis] + np.minimum(steps, lengths[:n, np.newaxis] - 1)
        wanted = calls[places]
        read = np.where(steps, calls[places - 1], network.n_symbols + 1)
        if state is not None:
            state = tuple(part[:, :n].contiguous() for part in state)
        logits, *state = network(torch.from_numpy(read), state)
        known = torch.from_numpy(np.minimum(wanted, network.n_symbols - 1))
        costs = -logits.log_softmax(-1).gather(-1, known[..., None])[..., 0].numpy()
        is_there = steps < lengths[:n, np.newaxis]
        out[places[is_there]] = costs[is_there]


def plain_step(network: PlainLstm, n_threads: int) -> Callable[[], object]:
    """One more call of each thread: what it costs, and the states after it."""
    calls = np.arange(n_threads) % network.n_symbols
    layers, cells = network.lstm.num_layers, network.lstm.hidden_size
    hidden, cell = (torch.zeros(layers, n_threads, cells) for _ in range(2))

    def step() -> np.ndarray:
        nonlocal hidden, cell
        network.eval()
        with torch.inference_mode():
            logits, hidden, cell = network(torch.from_numpy(calls)[:, None], (hidden, cell))
            chances = logits[:, 0].softmax(-1).numpy()
        costs: np.ndarray = -np.log(chances[np.arange(n_threads), calls])
        return costs

    return step


def matrix_rate(by: str, n_threads: int) -> float:
    """GFLOP/s of one large product of float32 matrices, over and over."""
    rows, inner, columns = MATRIX
    weight = np.full((inner, columns), 0.1, dtype=np.float32)
    x = np.full((rows, inner), 0.1, dtype=np.float32)
    multiply = _by_onnx(weight, n_threads) if by == "ONNX Runtime" else _by_torch(weight)
    multiply(x)
    started, times = time.perf_counter(), 0
    while time.perf_counter() - started < MATRIX_SECONDS:
        multiply(x)
        times += 1
    return 2e-9 * rows * inner * columns * times / (time.perf_counter() - started)


def _by_torch(weight: np.ndarray) -> Callable[[np.ndarray], object]:
    tensor, out = torch.from_numpy(weight), torch.empty(MATRIX[0], MATRIX[2])
    return lambda x: torch.mm(torch.from_numpy(x), tensor, out=out)


def _by_onnx(weight: np.ndarray, n_threads: int) -> Callable[[np.ndarray], object]:
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "product",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["B", weight.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["B", weight.shape[1]])],
        [numpy_helper.from_array(weight, "w")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = n_threads
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return lambda x: session.run(None, {"x": x})
