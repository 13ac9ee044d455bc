"""Windows of traces, equal ones found, and learning them by weight."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from habitus.learning import windows as module
from habitus.learning.windows import Windows, WindowTask, blocks_of
from habitus.networks.windows import Target, WindowAutoencoder
from habitus.traces.traceset import offsets_of

TRACES = st.lists(st.lists(st.integers(0, 3), max_size=14), max_size=6)
LENGTHS = st.integers(1, 16)


def columns(traces: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([call for trace in traces for call in trace], dtype=np.uint16), offsets_of(
        list(map(len, traces))
    )


def plain(traces: list[list[int]], length: int) -> list[tuple[int, ...]]:
    """Every window, the slow way."""
    return [tuple(t[i : i + length]) for t in traces for i in range(len(t) - length + 1)]


@given(traces=TRACES, length=LENGTHS, block_bytes=st.integers(1, 60))
def test_blocks_hold_every_window_of_every_trace_and_no_other(
    traces: list[list[int]], length: int, block_bytes: int
) -> None:
    symbols, offsets = columns(traces)
    found, starts = [], []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK_BYTES", block_bytes)
        for block in blocks_of(symbols, offsets, length):
            found += [tuple(row) for row in block.distinct[block.which].tolist()]
            starts += block.starts.tolist()
            assert len(set(map(tuple, block.distinct.tolist()))) == len(block.distinct)
            assert np.bincount(block.which).tolist() == block.counts.tolist()
            for row, place in zip(block.distinct, block.first, strict=True):
                assert row.tolist() == symbols[place : place + length].tolist()
    assert found == plain(traces, length)
    assert starts == sorted(set(starts))


@given(traces=TRACES, length=LENGTHS, merge=st.integers(0, 4))
def test_weights_add_up_to_how_often_each_window_occurs(
    traces: list[list[int]], length: int, merge: int
) -> None:
    """Symbol 3 is outside a vocabulary of three, and so is what no vocabulary has."""
    symbols, offsets = columns(traces)
    windows = Windows.of(np.where(symbols == 3, 65_535, symbols), offsets, 3, length, merge=merge)
    rows, weights = windows.batch(slice(None), torch.device("cpu"))
    found: Counter[tuple[int, ...]] = Counter()
    stand_ins: Counter[tuple[int, ...]] = Counter()
    for row, weight in zip(rows.tolist(), weights.tolist(), strict=True):
        found[tuple(row)] += weight
        stand_ins[tuple(row)] += 1
        assert weight <= merge or not merge
    wanted = Counter(plain(traces, length))
    assert found == pytest.approx(wanted)
    assert windows.n_windows == wanted.total()
    for row, count in wanted.items():
        assert stand_ins[row] == (-(-count // merge) if merge else 1)


def task(target: Target, merge: int, **changes: object) -> WindowTask:
    traces = [[0, 1, 2, 0, 1, 2, 0, 1], [2, 2, 2, 2, 2, 2], [0]]
    symbols, offsets = columns(traces)
    torch.manual_seed(5)
    network = WindowAutoencoder(3, length=3, embedding=4, hidden=8, layers=1, code=2, target=target)
    learned = Windows.of(symbols, offsets, 3, 3, merge=merge)
    nothing = Windows.of(symbols[:0], offsets[:1], 3, 3)
    asked = {"n_held_out": 0, "batch": 1000, "unknown_share": 0.0} | changes
    return WindowTask(network, learned, asked.pop("held_out", nothing), **asked)


def gradients(one: WindowTask) -> tuple[float, int, list[torch.Tensor]]:
    (step,) = one.plan(np.random.default_rng(1))
    learned = one.learn(step, torch.zeros(0))
    learned.loss.backward()
    found = [p.grad for p in one.network.parameters() if p.grad is not None]
    return learned.loss.item(), learned.n_calls, found


@pytest.mark.parametrize("target", ["calls", "embedding"])
def test_merged_windows_teach_what_each_by_itself_would(target: Target) -> None:
    """Six windows of the first trace, of three kinds, and four equal ones of the second."""
    loss, n_calls, wanted = gradients(task(target, 1))
    assert n_calls == 10
    for merge in (0, 2, 3):
        merged = gradients(task(target, merge))
        assert merged[:2] == (pytest.approx(loss, rel=1e-5), 10)
        torch.testing.assert_close(merged[2], wanted)
    assert len(task(target, 0).plan(np.random.default_rng(1))[0]) == 4


@pytest.mark.parametrize("target", ["calls", "embedding"])
def test_what_is_judged_is_what_is_learned_where_nothing_is_held_out(target: Target) -> None:
    one = task(target, 0, n_held_out=2)
    with torch.inference_mode():
        judged = one.judge()
    assert judged.loss == pytest.approx(gradients(one)[0], rel=1e-5)
    assert one.n_held_out == 0


def test_a_call_without_a_number_is_not_judged() -> None:
    """In a window of one known and two unknown calls, a third of that call's loss is all."""
    symbols, offsets = columns([[1, 3, 3]])
    one = task("calls", 1, held_out=Windows.of(symbols, offsets, 3, 3), n_held_out=1)
    with torch.inference_mode():
        windows = torch.tensor([[1, 3, 3]])
        chances = one.network.logits(one.network(windows))[0, 0].log_softmax(-1)
        judged = one.judge()
    assert judged.loss == pytest.approx(-float(chances[1]) / 3, rel=1e-5)
    assert judged.accuracy == pytest.approx(float(chances.argmax() == 1) / 3)


def test_an_epoch_of_very_many_windows_is_a_draw(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EPOCH_WINDOWS", 4)
    one = task("calls", 1, batch=3)
    plans = [one.plan(np.random.default_rng(seed)) for seed in (1, 1, 2)]
    assert [len(step) for step in plans[0]] == [3, 1]
    assert one.n_calls == 4
    assert np.array_equal(plans[0][0], plans[1][0])
    assert not np.array_equal(np.concatenate(plans[0]), np.concatenate(plans[2]))


def test_hidden_calls_are_read_as_unknown_and_asked_for_as_they_are() -> None:
    """All hidden: whatever the window, the network reads the same and can say but one thing."""
    one = task("calls", 1, unknown_share=1.0)
    (step,) = one.plan(np.random.default_rng(1))
    found = one.learn(step, torch.zeros(0)).loss.item()
    rows, _ = one._learned.batch(slice(None), torch.device("cpu"))
    chances = one.network.logits(one.network(torch.full((1, 3), 3)))[0].log_softmax(-1)
    wanted = torch.stack([-chances[range(3), row].mean() for row in rows]).mean()
    assert found == pytest.approx(wanted.item(), rel=1e-5)


@pytest.mark.parametrize("target", ["calls", "embedding"])
@pytest.mark.parametrize("held_out", [[[3, 3, 3, 3]], [[0, 1], [2]]], ids=["unknown", "too short"])
def test_held_out_windows_that_tell_nothing_are_not_judged(
    target: Target, held_out: list[list[int]]
) -> None:
    symbols, offsets = columns(held_out)
    windows = Windows.of(symbols, offsets, 3, 3)
    wanted, one = task(target, 0), task(target, 0, held_out=windows, n_held_out=2)
    assert one.n_held_out == 0
    with torch.inference_mode():
        assert one.judge() == wanted.judge()


def test_one_known_call_is_enough_to_be_judged_by() -> None:
    symbols, offsets = columns([[3, 3, 3, 1]])
    one = task("calls", 0, held_out=Windows.of(symbols, offsets, 3, 3), n_held_out=1)
    assert one.n_held_out == 1
    with torch.inference_mode():
        assert one.judge() != task("calls", 0).judge()


@pytest.mark.parametrize(
    ("n_equal", "merge", "weights"),
    [(9, 8, [5, 4]), (8, 8, [8]), (17, 8, [6, 6, 5]), (3, 2, [2, 1]), (9, 0, [9])],
)
def test_what_stands_for_equal_windows_is_a_whole_number(
    n_equal: int, merge: int, weights: list[int]
) -> None:
    symbols, offsets = columns([[1] * (n_equal + 2)])
    windows = Windows.of(symbols, offsets, 3, 3, merge=merge)
    assert windows.weights.tolist() == weights


@given(
    traces=TRACES.filter(lambda rows: any(len(row) > 2 for row in rows)), batch=st.integers(1, 5)
)
def test_the_steps_of_an_epoch_learn_as_many_calls_as_it_has(
    traces: list[list[int]], batch: int
) -> None:
    """However equal windows are merged: where training ends is counted by them."""
    symbols, offsets = columns([[0, 1, 2] * 7, *traces])
    torch.manual_seed(5)
    network = WindowAutoencoder(
        3, length=3, embedding=2, hidden=2, layers=0, code=1, target="calls"
    )
    learned = Windows.of(symbols, offsets, 3, 3, merge=5)
    nothing = Windows.of(symbols[:0], offsets[:1], 3, 3)
    one = WindowTask(network, learned, nothing, n_held_out=0, batch=batch, unknown_share=0)
    plan = one.plan(np.random.default_rng(1))
    with torch.inference_mode():
        n_calls = [one.learn(step, torch.zeros(0)).n_calls for step in plan]
    assert sum(n_calls) == one.n_calls == len(plain([[0, 1, 2] * 7, *traces], 3))


def test_what_is_right_is_seen_of_some_batches_where_that_costs_more_than_learning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FEW_BATCHES", 0)
    monkeypatch.setattr(module, "LOOKED_EVERY", 3)
    for target in ("calls", "embedding"):
        made = task(target, 1)
        looked = [
            made.learn(np.array([first, 1]), torch.zeros(0)).n_looked > 0 for first in range(5)
        ]
        assert looked == ([True] * 5 if target == "calls" else [True, False, False, True, False])


def test_embedding_windows_once_is_embedding_them_twice() -> None:
    made = task("embedding", 1).network
    windows = torch.tensor([[0, 1, 2], [2, 2, 2]])
    rebuilt, errors = made.passed_through(windows)
    errors.sum().backward()
    once = made.embedding.weight.grad
    made.embedding.weight.grad = None
    made.squared_error(made(windows), windows).sum().backward()
    assert once is not None
    torch.testing.assert_close(rebuilt, made(windows))
    torch.testing.assert_close(once, made.embedding.weight.grad)
