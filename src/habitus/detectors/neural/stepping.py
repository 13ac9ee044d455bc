"""Single steps of a network over many traces side by side, by whatever is quickest here.

Measured (`benchmarks/neural_speed.py`): ONNX Runtime takes a step of a recurrent network many times
faster than PyTorch for one trace, and about twice as fast for hundreds; over long stretches of few
traces PyTorch is faster, as it is called once for many calls.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.detectors.extras import extra_module

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.networks.language import LanguageNetwork

    Floats = NDArray[np.float32]
    Symbols = NDArray[np.int64]

MAX_ROWS = 512
"""Traces of one step; more do not fit the processor's cache and are taken in parts."""
FEW_ROWS = 16
"""Of so few traces a step is quicker on one thread of the processor: waking another takes longer
than what it does."""
OUTPUTS = ("chances", "next_state")


class Stepper:
    """Takes a network one call further in each of many traces.

    Args:
        network: in evaluation mode.
        n_threads: of the processor.
    """

    def __init__(self, network: LanguageNetwork, n_threads: int) -> None:
        self._network = network
        self._session, self._session_of_few = _sessions(network, n_threads)

    def step(self, symbols: Symbols, states: Floats) -> tuple[Floats, Floats]:
        """Read one call of each trace.

        Args:
            symbols: (B,) int64.
            states: (B, n_state) float32, what is remembered of each.

        Returns:
            (B, n_symbols) float32, the chances of the next call, and (B, n_state) float32.
        """
        if len(symbols) <= MAX_ROWS:
            return self._step(symbols, states)
        parts = [
            self._step(symbols[begin : begin + MAX_ROWS], states[begin : begin + MAX_ROWS])
            for begin in range(0, len(symbols), MAX_ROWS)
        ]
        chances, after = zip(*parts, strict=True)
        return np.concatenate(chances), np.concatenate(after)

    def stretch(self, symbols: Symbols, states: Floats) -> tuple[Floats, Floats]:
        """Read many calls of few traces: (B, T) symbols; chances are (B, T, n_symbols)."""
        import torch

        with torch.inference_mode():
            features, after = self._network(torch.from_numpy(symbols), torch.from_numpy(states))
            chances = self._network.logits(features).softmax(dim=-1)
        return chances.numpy(), after.numpy()

    def _step(self, symbols: Symbols, states: Floats) -> tuple[Floats, Floats]:
        session = self._session if len(symbols) > FEW_ROWS else self._session_of_few
        if session is None:
            chances, after = self.stretch(symbols[:, np.newaxis], states)
            return chances[:, 0], after
        chances, after = session.run(OUTPUTS, {"symbols": symbols, "state": states})
        return chances, after


def _sessions(network: LanguageNetwork, n_threads: int) -> tuple[Any, Any]:
    """ONNX Runtime's, of a graph made here from the weights: for many traces, and for few."""
    extra_module("onnx", "neural", "scoring by a network")
    graph = network.step_graph()
    if graph is None:
        return None, None
    serialised = graph.SerializeToString()
    of_few = _session(serialised, 1)
    return (of_few if n_threads == 1 else _session(serialised, n_threads)), of_few


def _session(graph: bytes, n_threads: int) -> Any:
    runtime = extra_module("onnxruntime", "neural", "scoring by a network")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = n_threads
    options.inter_op_num_threads = 1
    # Waiting in a loop for the next step would take the processor from whoever makes the calls.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
