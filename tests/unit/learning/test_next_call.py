"""Learning window by window: which windows, and what a step of them costs."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn import functional

from habitus.errors import UsageError
from habitus.learning.next_call import NextCallTask, windows_to_learn
from habitus.learning.windows import Windows
from habitus.networks.recurrent import RecurrentNetwork
from habitus.traces.traceset import offsets_of

N_SYMBOLS = 4


def columns(traces: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    calls = [call for trace in traces for call in trace]
    return np.array(calls, dtype=np.uint16), offsets_of(list(map(len, traces)))


def rows(windows: Windows) -> list[list[int]]:
    return windows.batch(slice(None), torch.device("cpu"))[0].tolist()


def chosen(
    learned: list[list[int]], judged: list[list[int]], first: int = 0, stop_share: float = 0.5
) -> tuple[list[list[int]], list[list[int]], int]:
    some, others, n_traces = windows_to_learn(
        columns(learned), columns(judged),
        n_symbols=N_SYMBOLS, length=2, first=first, stop_share=stop_share,
    )  # fmt: skip
    return rows(some), rows(others), n_traces


def test_all_windows_of_traces_in_the_order_in_which_they_were_read() -> None:
    learned, judged, n_traces = chosen([[0, 1, 2, 3], [0, 1], [3, 3, 3]], [[1, 2, 3], [0]])
    assert learned == [[0, 1, 2], [1, 2, 3], [3, 3, 3]]
    assert judged == [[1, 2, 3]]
    assert n_traces == 1


def test_of_the_first_so_many_the_last_are_held_out() -> None:
    """Four windows of six, a quarter of them held out: one, which lies in the second trace."""
    traces = [[0, 1, 2, 3, 0], [1, 1, 1], [2, 2, 2, 2]]
    learned, judged, n_traces = chosen(traces, [], first=4, stop_share=0.25)
    assert learned == [[0, 1, 2], [1, 2, 3], [2, 3, 0]]
    assert judged == [[1, 1, 1]]
    assert n_traces == 1


def test_traces_that_are_given_to_judge_are_judged_whole() -> None:
    learned, judged, n_traces = chosen([[0, 1, 2, 3, 0]], [[1, 1, 1], [2, 2, 2, 2]], first=2)
    assert learned == [[0, 1, 2], [1, 2, 3]]
    assert judged == [[1, 1, 1], [2, 2, 2], [2, 2, 2]]
    assert n_traces == 2


def test_the_repository_s_split_of_its_windows() -> None:
    """20,298 windows of 19 calls and the next, 5 % held out: 19,283 and 1,015."""
    trace = np.arange(30_000) % N_SYMBOLS
    some, others, n_traces = windows_to_learn(
        (trace.astype(np.uint16), np.array([0, 30_000])), columns([]),
        n_symbols=N_SYMBOLS, length=19, first=20_298, stop_share=0.05,
    )  # fmt: skip
    assert (len(some), len(others), n_traces) == (19_283, 1_015, 1)
    assert some.batch(slice(0, 50), torch.device("cpu"))[0].shape == (50, 20)


def test_one_window_is_learned_and_none_judged() -> None:
    assert chosen([[0, 1, 2]], [], first=9) == ([[0, 1, 2]], [], 0)


def test_no_trace_long_enough_is_told() -> None:
    with pytest.raises(UsageError, match=r"more than 2 calls.*set a shorter window"):
        chosen([[0, 1], []], [[0, 1, 2]])


def task(
    learned: list[list[int]], judged: list[list[int]], *, batch: int = 3, unknown_share: float = 0
) -> NextCallTask:
    torch.manual_seed(1)
    network = RecurrentNetwork(
        N_SYMBOLS, kind="lstm", cells=(5,), embedding=3, tied=False, dropout=0.0, dropout_input=0.0
    )
    some, others = (Windows.of(*columns(t), N_SYMBOLS, 3, merge=1) for t in (learned, judged))
    return NextCallTask(
        network, some, others, n_held_out=7, batch=batch, unknown_share=unknown_share
    )


def cost(network: RecurrentNetwork, window: list[int]) -> float:
    """What the last call of a window costs after the others, in nats."""
    with torch.no_grad():
        features, _ = network(torch.tensor([window[:-1]]), network.fresh(1))
        logits = network.logits(features[:, -1])
    return float(functional.cross_entropy(logits, torch.tensor(window[-1:])))


def test_an_epoch_learns_every_window_once() -> None:
    made = task([[0, 1, 2, 3, 0, 1, 2, 3, 0, 1]], [])
    plan = made.plan(np.random.default_rng(1))
    assert sorted(np.concatenate(plan).tolist()) == list(range(8))
    assert [len(step) for step in plan] == [3, 3, 2]
    assert made.n_calls == 8
    again = made.plan(np.random.default_rng(1))
    assert all(np.array_equal(a, b) for a, b in zip(plan, again, strict=True))


def test_an_epoch_of_many_windows_learns_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("habitus.learning.next_call.EPOCH_WINDOWS", 5)
    made = task([[0, 1, 2, 3, 0, 1, 2, 3, 0, 1]], [])
    drawn = np.concatenate(made.plan(np.random.default_rng(1)))
    assert len(drawn) == len(set(drawn.tolist())) == made.n_calls == 5


def test_a_step_costs_the_mean_over_the_last_calls_of_its_windows() -> None:
    made = task([[0, 1, 2, 3, 3]], [])
    learned = made.learn(np.array([0, 2]), torch.zeros(0))
    wanted = (cost(made.network, [0, 1, 2]) + cost(made.network, [2, 3, 3])) / 2
    assert float(learned.loss.detach()) == pytest.approx(wanted, rel=1e-5)
    assert learned.n_calls == 2
    assert learned.carried.shape == (0,)


def test_judging_is_of_those_held_out_and_of_calls_that_there_is_a_number_for() -> None:
    """Symbol 9 is outside the vocabulary: it can be read, and not be guessed."""
    made = task([[0, 1, 2]], [[0, 1, 9, 1, 3]])
    with torch.inference_mode():
        judged = made.judge()
    wanted = (cost(made.network, [1, 4, 1]) + cost(made.network, [4, 1, 3])) / 2
    assert judged.loss == pytest.approx(wanted, rel=1e-5)
    assert made.n_held_out == 7


@pytest.mark.parametrize(
    "held_out",
    [[[0]], [], [[9, 9, 9, 9]], [[0, 1, 9], [2, 3, 9]]],
    ids=["too short", "none", "unknown", "an unknown one to be guessed"],
)
def test_without_any_held_out_the_learned_ones_are_judged(held_out: list[list[int]]) -> None:
    made = task([[0, 1, 2, 3]], held_out)
    wanted = (cost(made.network, [0, 1, 2]) + cost(made.network, [1, 2, 3])) / 2
    with torch.inference_mode():
        assert made.judge().loss == pytest.approx(wanted, rel=1e-5)
    assert made.n_held_out == 0


def test_some_calls_are_read_as_unknown_and_guessed_all_the_same() -> None:
    made = task([[0, 1, 2]], [], unknown_share=1.0)
    loss = float(made.learn(np.array([0]), torch.zeros(0)).loss.detach())
    unknown = made.network.unknown
    assert loss == pytest.approx(cost(made.network, [unknown, unknown, 2]), rel=1e-5)
