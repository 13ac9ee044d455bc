"""The loss of a step, beside the mean over its calls one by one, with and without filling up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from habitus.learning.language import LanguageTask
from habitus.learning.pieces import Chunk, Pieces
from habitus.networks.recurrent import RecurrentNetwork

N_SYMBOLS = 4


def pieces_of(traces: list[list[int]]) -> Pieces:
    calls = np.array([call for trace in traces for call in trace], dtype=np.uint16)
    return Pieces.of(calls, np.cumsum([0, *map(len, traces)]), N_SYMBOLS)


def task_of(traces: list[list[int]], held_out: list[list[int]] | None = None) -> LanguageTask:
    torch.manual_seed(2)
    network = RecurrentNetwork(
        N_SYMBOLS, kind="lstm", cells=[8], embedding=3, tied=False, dropout=0, dropout_input=0
    )
    judged = held_out or []
    return LanguageTask(
        network, pieces_of(traces), pieces_of(judged), n_held_out=len(judged), batch=8, calls=10,
        unknown_share=0,
    )  # fmt: skip


@pytest.mark.parametrize(
    "traces", [[[0, 1, 2], [3, 3, 1]], [[0, 1, 2, 2, 1], [3, 0], [1]]], ids=["full", "filled up"]
)
def test_the_loss_is_the_mean_over_the_calls_there_are(traces: list[list[int]]) -> None:
    task = task_of(traces)
    step = Chunk(np.arange(len(traces)), 0, max(map(len, traces)))
    learned = task.learn(step, torch.zeros(0))
    losses, right = [], 0
    for trace in traces:
        state = task.network.fresh(1)
        for before, call in zip([task.network.start, *trace], trace, strict=False):
            features, state = task.network(torch.tensor([[before]]), state)
            logits = task.network.logits(features)[0, 0].detach()
            losses.append(-float(logits.log_softmax(0)[call]))
            right += int(logits.argmax()) == call
    assert learned.n_calls == len(losses)
    assert float(learned.loss.detach()) == pytest.approx(np.mean(losses), rel=1e-5)
    assert int(learned.n_right) == right
    with torch.inference_mode():
        judged = task.judge()
    assert judged.loss == pytest.approx(np.mean(losses), rel=1e-5)
    assert judged.accuracy == right / len(losses)


@pytest.mark.parametrize("held_out", [[[], []], [[N_SYMBOLS, N_SYMBOLS]]], ids=["empty", "unknown"])
def test_held_out_traces_that_tell_nothing_are_not_judged(held_out: list[list[int]]) -> None:
    learned = [[0, 1, 2], [3, 3, 1]]
    wanted, task = task_of(learned), task_of(learned, held_out)
    assert task.n_held_out == 0
    with torch.inference_mode():
        assert task.judge() == wanted.judge()
