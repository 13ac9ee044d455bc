"""A trial of the grid search as the autoencoder's source does it: its scheme, in code of our own.

Each trial reads and re-windows all text files, numbers the calls of every folder anew, trains with
plain PyTorch, and tests on all attacks after every epoch. What is wrong with that as a method is
shown elsewhere (`encoding.py`); here it is what it costs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset, random_split

from habitus.engines.base import Context

N_CALLS = 440
"""Rows of the embedding: the source has 174, and fails beyond."""
VALIDATION_SHARE = 0.1


class Network(nn.Module):
    """Embedding -> three layers -> code -> three layers -> the embedding again."""

    def __init__(self, hidden: int, embedding: int, code: int, length: int) -> None:
        super().__init__()
        width = length * embedding
        self.embedding = nn.Embedding(N_CALLS, embedding)
        sizes = [width, hidden, hidden, hidden // 2, code]
        self.encoder = _layers(sizes)
        self.decoder = _layers(sizes[::-1])

    def forward(self, calls: Tensor) -> tuple[Tensor, Tensor]:
        wanted = self.embedding(calls).flatten(1)
        return self.decoder(self.encoder(wanted)), wanted


def _layers(sizes: Sequence[int]) -> nn.Sequential:
    made: list[nn.Module] = []
    for wide, narrow in pairwise(sizes):
        made += [nn.Linear(wide, narrow), nn.ReLU()]
    return nn.Sequential(*made[:-1])


def windows_of(folder: Path, length: int) -> Tensor:
    """(n, length) all windows of a folder's files, its calls numbered in the order of a set."""
    traces = [list(map(int, path.read_text().split())) for path in sorted(folder.glob("*.txt"))]
    number = {call: i for i, call in enumerate({call for trace in traces for call in trace})}
    windows: list[list[int]] = []
    for trace in traces:
        calls = [number[call] for call in trace]
        windows += [calls[begin : begin + length] for begin in range(len(calls) - length + 1)]
    return torch.tensor(windows, dtype=torch.long).reshape(-1, length)


def trial(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """One configuration, as a task of an engine: its measures are seconds of a processor."""
    del context
    settings = arguments["settings"]
    torch.manual_seed(arguments["seed"] % (1 << 31))
    length, batch = settings["length"], settings["batch"]
    started = time.process_time()
    root = Path(settings["folder"])
    learned = windows_of(root / "normal", length)
    attacks = torch.cat([windows_of(one, length) for one in sorted((root / "attack").iterdir())])
    n_validation = int(VALIDATION_SHARE * len(learned))
    parts = random_split(TensorDataset(learned), [len(learned) - n_validation, n_validation])
    training = DataLoader(parts[0], batch, shuffle=True)
    judged = (DataLoader(parts[1], batch), DataLoader(TensorDataset(attacks), batch))
    read = time.process_time()
    network = Network(settings["hidden"], settings["embedding"], settings["code"], length)
    optimiser = torch.optim.SGD(network.parameters(), lr=settings["rate"])
    on_attacks = 0.0
    for _ in range(settings["epochs"]):
        for (calls,) in training:
            optimiser.zero_grad()
            found, wanted = network(calls)
            loss = nn.functional.mse_loss(found, wanted)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        _loss(network, judged[0])
        before = time.process_time()
        on_attacks = _loss(network, judged[1])
        testing = time.process_time() - before
    ended = time.process_time()
    return {
        "value": on_attacks,
        "measures": {
            "reading": read - started,
            "epoch": (ended - read) / settings["epochs"],
            "attacks": testing,
            "windows": float(len(learned)),
        },
    }


def _loss(network: Network, loader: DataLoader[Any]) -> float:
    """The mean of batch means."""
    losses = []
    with torch.no_grad():
        for (calls,) in loader:
            found, wanted = network(calls)
            losses.append(float(nn.functional.mse_loss(found, wanted)))
    return sum(losses) / len(losses)
