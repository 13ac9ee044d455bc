"""One step of a transformer as an ONNX graph.

The state is split once and joined once: the oldest call's keys and values leave, and those of the
present one come. Keys are remembered as they were made and turned where they are read, as the
distance to them grows by one with every step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.networks.step_graph import StepGraph

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto

    from habitus.networks.attention import AttentionNetwork

    Floats = NDArray[np.float32]
    Weights = dict[str, Floats]

NOT_THERE = -1e9
"""Added to the attention to calls that a trace has not made: no share is left for them."""


def step_graph(network: AttentionNetwork) -> ModelProto:
    """The graph of a step, as `LanguageNetwork.step_graph` has it."""
    graph = StepGraph()
    weights = {k: v.detach().cpu().numpy() for k, v in network.state_dict().items()}
    past, width, n_layers = network.past, network.width, len(network.layers)
    part = [width, (past - 1) * width]
    oldest_there, there, *parts = graph.split("state", [1, past - 1, *part * (2 * n_layers)])
    ones = graph.constant("ones", np.ones((network.n_symbols + 2, 1), np.float32))
    one = graph.node("Gather", [ones, "symbols"])
    bias = _bias(graph, [oldest_there, there, one], past)
    table = graph.constant("embedding", weights["embedding.weight"])
    x = graph.node("Gather", [table, "symbols"])
    states = [there, one]
    for number in range(n_layers):
        own = {
            name.removeprefix(f"layers.{number}."): weight
            for name, weight in weights.items()
            if name.startswith(f"layers.{number}.")
        }
        layer = _Layer(graph, network, number, own)
        x, new = layer.step(x, parts[4 * number : 4 * number + 4], bias)
        states += new
    features = _normed(graph, x, "norm", weights["norm.weight"], weights["norm.bias"])
    logits = graph.affine(features, "output", weights["output.weight"], weights["output.bias"])
    return graph.finished(logits, states, network.n_state, network.n_symbols)


def _bias(graph: StepGraph, there: list[str], past: int) -> str:
    """(B, 1, 1, past + 1): 0 for a call that is there, else `NOT_THERE`."""
    joined = graph.node("Concat", there, axis=1)
    less = graph.node("Sub", [joined, graph.constant("one", np.ones(1, np.float32))])
    scale = graph.constant("not_there", np.array([-NOT_THERE], np.float32))
    shape = graph.constant("bias_shape", np.array([0, 1, 1, past + 1]))
    return graph.node("Reshape", [graph.node("Mul", [less, scale]), shape])


class _Layer:
    """Attention, then two dense layers, of one call of each trace."""

    def __init__(
        self, graph: StepGraph, network: AttentionNetwork, number: int, weights: Weights
    ) -> None:
        self.graph, self.name, self.weights = graph, f"layer{number}", weights
        self.width, self.heads, self.places = network.width, network.heads, network.past + 1
        cos, sin = (part.numpy() for part in network._turns(self.places))
        self.cos, self.sin = cos[:, np.newaxis], sin[:, np.newaxis]  # (places, 1, half)

    def step(self, x: str, memory: list[str], bias: str) -> tuple[str, list[str]]:
        """What it makes of x, and keys and values to be remembered with it."""
        graph, width = self.graph, self.width
        oldest_key, keys, oldest_value, values = memory
        query, key, value = graph.split(
            self._affine(self._norm(x, "norm_attention"), "into"), [width] * 3
        )
        q = self._turned(self._by_head([query], 1, "query"), "query", slice(-1, None))
        k = self._turned(self._by_head([oldest_key, keys, key], self.places, "key"), "key")
        v = self._by_head([oldest_value, values, value], self.places, "value")
        q = graph.node("Transpose", [q], perm=[0, 2, 1, 3])  # (B, heads, 1, D)
        k = graph.node("Transpose", [k], perm=[0, 2, 3, 1])  # (B, heads, D, places)
        v = graph.node("Transpose", [v], perm=[0, 2, 1, 3])  # (B, heads, places, D)
        likeness = graph.node("Add", [graph.node("MatMul", [q, k]), bias])
        seen = graph.node("MatMul", [graph.node("Softmax", [likeness], axis=-1), v])
        shape = graph.constant(f"{self.name}.seen", np.array([0, width]))
        out = self._affine(graph.node("Reshape", [seen, shape]), "out")
        x = graph.node("Add", [x, out])
        wide = self._affine(self._norm(x, "norm_dense"), "wide")
        narrow = self._affine(graph.node("Gelu", [wide], approximate="tanh"), "narrow")
        return graph.node("Add", [x, narrow]), [keys, key, values, value]

    def _affine(self, x: str, part: str) -> str:
        weight, bias = self.weights[f"{part}.weight"], self.weights[f"{part}.bias"]
        return self.graph.affine(x, f"{self.name}.{part}", weight, bias)

    def _norm(self, x: str, part: str) -> str:
        weight, bias = self.weights[f"{part}.weight"], self.weights[f"{part}.bias"]
        return _normed(self.graph, x, f"{self.name}.{part}", weight, bias)

    def _by_head(self, parts: list[str], n_places: int, name: str) -> str:
        """(B, places, heads, D)."""
        joined = parts[0] if len(parts) == 1 else self.graph.node("Concat", parts, axis=1)
        shape = np.array([0, n_places, self.heads, self.width // self.heads])
        return self.graph.node(
            "Reshape", [joined, self.graph.constant(f"{self.name}.{name}_shape", shape)]
        )

    def _turned(self, x: str, name: str, places: slice = slice(None)) -> str:
        """Pairs turned by the angles of their places; queries shortened as attention wants them."""
        graph, half = self.graph, self.width // self.heads // 2
        scale = np.float32((2 * half) ** -0.5 if name == "query" else 1)
        cos = graph.constant(f"{self.name}.{name}_cos", self.cos[places] * scale)
        sin = graph.constant(f"{self.name}.{name}_sin", self.sin[places] * scale)
        left, right = graph.split(x, [half] * 2, axis=3)
        turned = [
            graph.node(sign, [graph.node("Mul", [left, a]), graph.node("Mul", [right, b])])
            for sign, a, b in (("Sub", cos, sin), ("Add", sin, cos))
        ]
        return graph.node("Concat", turned, axis=3)


def _normed(graph: StepGraph, x: str, name: str, weight: Floats, bias: Floats) -> str:
    """Layer normalisation."""
    constants = [graph.constant(f"{name}.weight", weight), graph.constant(f"{name}.bias", bias)]
    return graph.node("LayerNormalization", [x, *constants], axis=-1, epsilon=1e-5)
