"""The transformer: slow sums, cuts anywhere, and how far it sees."""

from __future__ import annotations

import cmath
import math
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from habitus.detectors.neural.stepping import Stepper
from habitus.networks.attention import AttentionNetwork

if TYPE_CHECKING:
    from torch import Tensor

N_SYMBOLS = 5


def network(layers: int = 2, window: int = 5, heads: int = 2) -> AttentionNetwork:
    """With weights large enough for every part to matter."""
    torch.manual_seed(layers * 100 + window * 10 + heads)
    made = AttentionNetwork(
        N_SYMBOLS, width=8, heads=heads, layers=layers, window=window, dropout=0.5
    ).eval()
    with torch.no_grad():
        for weight in made.parameters():
            weight.add_(0.3 * torch.randn_like(weight))
    return made.requires_grad_(False)


def read(made: AttentionNetwork, symbols: list[int]) -> Tensor:
    """(T, width) features of one trace."""
    features, _ = made.forward(torch.tensor([symbols]), made.fresh(1))
    return features[0]


def slowly(made: AttentionNetwork, symbols: list[int]) -> list[list[float]]:
    """The same by sums over single numbers, each call looking at those of its window."""
    weights = {name: weight.tolist() for name, weight in made.state_dict().items()}
    size = made.width // made.heads

    def affine(x: list[float], name: str) -> list[float]:
        rows = zip(weights[f"{name}.weight"], weights[f"{name}.bias"], strict=True)
        return [sum(w * v for w, v in zip(row, x, strict=True)) + bias for row, bias in rows]

    def normed(x: list[float], name: str) -> list[float]:
        mean = sum(x) / len(x)
        deviation = math.sqrt(sum((v - mean) ** 2 for v in x) / len(x) + 1e-5)
        parts = zip(x, weights[f"{name}.weight"], weights[f"{name}.bias"], strict=True)
        return [(v - mean) / deviation * scale + shift for v, scale, shift in parts]

    def turned(x: list[float], place: int) -> list[float]:
        half = size // 2
        pairs = [complex(x[i], x[i + half]) for i in range(half)]
        pairs = [v * cmath.exp(1j * place * 1000 ** (-i / half)) for i, v in enumerate(pairs)]
        return [v.real for v in pairs] + [v.imag for v in pairs]

    rows = [weights["embedding.weight"][symbol] for symbol in symbols]
    for number in range(len(made.layers)):
        layer = f"layers.{number}"
        made_of = [affine(normed(row, f"{layer}.norm_attention"), f"{layer}.into") for row in rows]
        for t, row in enumerate(rows):
            seen: list[float] = []
            window = range(max(0, t - made.past), t + 1)
            for head in range(made.heads):
                part = slice(head * size, (head + 1) * size)
                queries, keys, values = (
                    [read[kind * made.width :][part] for read in made_of] for kind in range(3)
                )
                query = turned(queries[t], t)
                shares = [
                    math.exp(
                        sum(a * b for a, b in zip(query, turned(keys[s], s), strict=True))
                        / math.sqrt(size)
                    )
                    for s in window
                ]
                seen += [
                    sum(share * values[s][i] for share, s in zip(shares, window, strict=True))
                    / sum(shares)
                    for i in range(size)
                ]
            x = [a + b for a, b in zip(row, affine(seen, f"{layer}.out"), strict=True)]
            wide = [
                v / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3)))
                for v in affine(normed(x, f"{layer}.norm_dense"), f"{layer}.wide")
            ]
            narrow = affine(wide, f"{layer}.narrow")
            rows[t] = [a + b for a, b in zip(x, narrow, strict=True)]
    return [normed(row, "norm") for row in rows]


@pytest.mark.parametrize(("layers", "window", "heads"), [(1, 3, 1), (2, 4, 2), (1, 64, 4)])
def test_features_are_the_sums_that_the_formula_says(layers: int, window: int, heads: int) -> None:
    made = network(layers, window, heads)
    symbols = [made.start, 0, 3, 3, made.unknown, 1, 2, 4, 0, 0, 1]
    found = read(made, symbols)
    assert np.allclose(found.numpy(), slowly(made, symbols), rtol=0, atol=1e-4)


@settings(max_examples=30)
@given(
    symbols=st.lists(st.integers(0, N_SYMBOLS + 1), min_size=1, max_size=40),
    cuts=st.sets(st.integers(1, 39)),
)
def test_a_trace_cut_anywhere_is_read_as_whole(symbols: list[int], cuts: set[int]) -> None:
    made = network()
    state, parts = made.fresh(1), []
    edges = [0, *sorted(cut for cut in cuts if cut < len(symbols)), len(symbols)]
    for begin, end in pairwise(edges):
        features, state = made(torch.tensor([symbols[begin:end]]), state)
        parts.append(features[0])
    whole, at_end = made(torch.tensor([symbols]), made.fresh(1))
    assert torch.allclose(torch.cat(parts), whole[0], rtol=0, atol=1e-5)
    assert torch.allclose(state, at_end, rtol=0, atol=1e-5)
    assert state.shape == (1, made.n_state)


@pytest.mark.parametrize(("layers", "window", "reach"), [(1, 3, 3), (2, 4, 7), (3, 5, 13)])
def test_it_sees_just_as_far_as_it_says(layers: int, window: int, reach: int) -> None:
    made = network(layers, window)
    assert made.reach == reach
    symbols = [0, 1, 2, 3, 4] * 6
    for back in range(1, 18):
        changed = [*symbols]
        changed[-back] = made.unknown
        first, second = read(made, symbols), read(made, changed)
        assert torch.equal(first[-1], second[-1]) == (back > reach), back
        assert torch.equal(first[:-back], second[:-back])  # nothing of the future


@pytest.mark.parametrize(("layers", "window", "heads"), [(1, 3, 1), (2, 6, 2), (3, 33, 4)])
def test_steps_of_its_graph_are_those_of_the_network(layers: int, window: int, heads: int) -> None:
    made = network(layers, window, heads)
    stepper = Stepper(made, 1)
    symbols = np.random.default_rng(4).integers(0, N_SYMBOLS + 2, size=(3, 40))
    states = made.fresh(3).numpy()
    wanted, at_end = stepper.stretch(symbols, states)
    for t in range(40):
        chances, states = stepper.step(symbols[:, t].copy(), states)
        assert np.allclose(chances, wanted[:, t], rtol=0, atol=1e-5)
    assert np.allclose(states, at_end, rtol=0, atol=1e-4)


def test_training_drops_and_scoring_does_not() -> None:
    made = network()
    symbols = [0, 1, 2, 3]
    assert torch.equal(read(made, symbols), read(made, symbols))
    made.train()
    assert not torch.equal(read(made, symbols), read(made, symbols))
