"""Graphs of one step of a network, made for ONNX Runtime of weights and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto, TensorProto

    Floats = NDArray[np.float32]

IR_VERSION, OPSET = 10, 21
"""What every ONNX Runtime since 1.20 reads."""


class StepGraph:
    """Nodes and constants as they are added, with names of their own.

    It reads ``symbols`` (B,) int64 and ``state`` (B, n_state) float32.
    """

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self.constants: list[TensorProto] = []

    def constant(self, name: str, array: NDArray[np.generic]) -> str:
        """An array of weights; returns its name."""
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        """An operation; returns the name of what it makes."""
        from onnx import helper

        name = f"v{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def affine(self, x: str, name: str, weight: Floats, bias: Floats) -> str:
        """``x weight^T + bias``."""
        product = self.node("MatMul", [x, self.constant(name, weight.T)])
        return self.node("Add", [product, self.constant(f"{name}_bias", bias)])

    def split(self, x: str, sizes: list[int], axis: int = 1) -> list[str]:
        """Parts of so many columns; returns their names."""
        from onnx import helper

        number = len(self.nodes)
        names = [f"v{number}_{i}" for i in range(len(sizes))]
        lengths = self.constant(f"sizes{number}", np.array(sizes, dtype=np.int64))
        self.nodes.append(helper.make_node("Split", [x, lengths], names, axis=axis))
        return names

    def finished(self, logits: str, states: list[str], n_state: int, n_symbols: int) -> ModelProto:
        """The graph of a step.

        Args:
            logits: names what says how likely each call is next; ``states`` the parts of the state
                that is remembered then.

        Returns:
            What makes ``chances`` (B, n_symbols) float32, and ``next_state`` (B, n_state).
        """
        from onnx import TensorProto, helper

        self.nodes.append(helper.make_node("Softmax", [logits], ["chances"], axis=-1))
        self.nodes.append(helper.make_node("Concat", states, ["next_state"], axis=1))
        value = helper.make_tensor_value_info
        float32, rows = TensorProto.FLOAT, "B"
        inputs = [
            value("symbols", TensorProto.INT64, [rows]), value("state", float32, [rows, n_state])
        ]  # fmt: skip
        outputs = [
            value("chances", float32, [rows, n_symbols]),
            value("next_state", float32, [rows, n_state]),
        ]
        return helper.make_model(
            helper.make_graph(self.nodes, "step", inputs, outputs, self.constants),
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
        )
