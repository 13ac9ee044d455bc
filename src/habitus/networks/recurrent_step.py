"""One step of a recurrent network as an ONNX graph, made of its weights and nothing else.

The first layer's share of the embedding is multiplied out beforehand: a row of a table for each
call. Each other layer is one matrix product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.networks.step_graph import StepGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto

    from habitus.networks.recurrent import RecurrentNetwork

    Floats = NDArray[np.float32]


def step_graph(network: RecurrentNetwork) -> ModelProto:
    """The graph of a step.

    Inputs: ``symbols`` (B,) int64 and ``state`` (B, n_state) float32. Outputs: ``chances`` (B,
    n_symbols) float32 of the next call, and ``next_state`` (B, n_state).
    """
    graph = StepGraph()
    weights = {k: v.detach().cpu().numpy() for k, v in network.state_dict().items()}
    n_parts = 2 if network.kind == "lstm" else 1
    widths = [cells for cells in network.cells for _ in range(n_parts)]
    parts = graph.split("state", widths) if len(widths) > 1 else ["state"]
    table = _input_table(weights, network.kind)
    x = graph.node("Gather", [graph.constant("table", table), "symbols"], axis=0)
    states: list[str] = []
    for number, cells in enumerate(network.cells):
        layer = {
            name: weights[f"layers.{number}.{name}_l0"]
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
        mine = parts[n_parts * number : n_parts * (number + 1)]
        step = _lstm if network.kind == "lstm" else _gru
        made = step(graph, number, x, mine, cells, layer)
        x = made[0]
        states += made
    if network.output is None:
        output, bias = weights["embedding.weight"][: network.n_symbols], weights["output_bias"]
    else:
        output, bias = weights["output.weight"], weights["output.bias"]
    logits = graph.affine(x, "output", output, bias)
    return graph.finished(logits, states, network.n_state, network.n_symbols)


def _input_table(weights: dict[str, Floats], kind: str) -> Floats:
    """(n_symbols + 2, gates * cells): what each call adds to the first layer's gates."""
    layer = {name: weights[f"layers.0.{name}_l0"] for name in ("weight_ih", "bias_ih", "bias_hh")}
    rows = weights["embedding.weight"] @ layer["weight_ih"].T + layer["bias_ih"]
    if kind == "gru":
        return rows.astype(np.float32)
    return _sigmoids_first((rows + layer["bias_hh"]).T).T.astype(np.float32)


def _sigmoids_first(gates: Floats) -> Floats:
    """An LSTM's rows of gates, from PyTorch's order i f g o to i f o g: one sigmoid does three."""
    i, f, g, o = np.split(gates, 4)
    return np.concatenate([i, f, o, g])


def _lstm(
    graph: StepGraph, number: int, x: str, state: list[str], cells: int, layer: dict[str, Floats]
) -> list[str]:
    """The hidden and the cell state after a step."""
    hidden, cell = state
    if number == 0:
        recurrent = graph.constant("recurrent0", _sigmoids_first(layer["weight_hh"]).T)
        gates = graph.node("Add", [x, graph.node("MatMul", [hidden, recurrent])])
    else:
        both = np.concatenate([layer["weight_ih"], layer["weight_hh"]], axis=1)
        bias = layer["bias_ih"] + layer["bias_hh"]
        joined = graph.node("Concat", [x, hidden], axis=1)
        gates = graph.affine(joined, f"gates{number}", _sigmoids_first(both), _sigmoids_first(bias))
    opened, proposed = graph.split(gates, [3 * cells, cells])
    into, keep, out = graph.split(graph.node("Sigmoid", [opened]), [cells] * 3)
    kept = graph.node("Mul", [keep, cell])
    added = graph.node("Mul", [into, graph.node("Tanh", [proposed])])
    new_cell = graph.node("Add", [kept, added])
    return [graph.node("Mul", [out, graph.node("Tanh", [new_cell])]), new_cell]


def _gru(
    graph: StepGraph, number: int, x: str, state: list[str], cells: int, layer: dict[str, Floats]
) -> list[str]:
    """The hidden state after a step."""
    (hidden,) = state
    mine = x if number == 0 else graph.affine(
        x, f"input{number}", layer["weight_ih"], layer["bias_ih"]
    )  # fmt: skip
    past = graph.affine(hidden, f"recurrent{number}", layer["weight_hh"], layer["bias_hh"])
    mine_open, mine_new = graph.split(mine, [2 * cells, cells])
    past_open, past_new = graph.split(past, [2 * cells, cells])
    opened = graph.node("Sigmoid", [graph.node("Add", [mine_open, past_open])])
    reset, update = graph.split(opened, [cells] * 2)
    remembered = graph.node("Mul", [reset, past_new])
    new = graph.node("Tanh", [graph.node("Add", [mine_new, remembered])])
    # update * hidden + (1 - update) * new
    change = graph.node("Mul", [update, graph.node("Sub", [hidden, new])])
    return [graph.node("Add", [new, change])]
