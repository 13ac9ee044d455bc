"""Learning to guess a call from the few before it alone, window by window."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from habitus.errors import UsageError
from habitus.learning.task import Judged, Learned, Task
from habitus.learning.windows import EPOCH_WINDOWS, Windows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from habitus.networks.language import LanguageNetwork

    Places = NDArray[np.int64]
    Traces = tuple[NDArray[np.uint16], Places]
    """Calls in a vocabulary, and where each trace begins."""

JUDGED_AT_ONCE = 1024


def windows_to_learn(
    learned: Traces, judged: Traces, *, n_symbols: int, length: int, first: int, stop_share: float
) -> tuple[Windows, Windows, int]:
    """The windows that are learned, those that tell when to stop, and of how many traces these are.

    Args:
        length: calls that a call is guessed from: a window is those and the call.
        first: take only so many of the learned ones, in the order in which they were read, and if
            nothing is given to judge, hold out the last ``stop_share`` of them; 0 takes all.

    Raises:
        UsageError: if no trace to be learned is long enough.
    """
    some, others = (Windows.of(*part, n_symbols, length + 1, merge=1) for part in (learned, judged))
    if not len(some):
        raise UsageError(
            f"no trace that is learned has more than {length} calls, and so none has a call to "
            f"guess from the {length} before it: set a shorter window"
        )
    offsets = judged[1]
    if first:
        some = _part(some, slice(first))
        if not len(others):
            n_learned = max(1, int(len(some) * (1 - stop_share)))
            some, others = _part(some, slice(n_learned)), _part(some, slice(n_learned, None))
            offsets = learned[1]
    traces = np.searchsorted(offsets, others.starts, side="right")
    return some, others, len(np.unique(traces))


def _part(windows: Windows, part: slice) -> Windows:
    return replace(windows, starts=windows.starts[part], weights=windows.weights[part])


class NextCallTask(Task):
    """Windows in, and the call after each out: no memory is carried from one to the next.

    Args:
        network: learns to guess.
        learned: what it learns; of each window all calls but the last are read.
        held_out: what it is judged on; where it guesses no known call, that is ``learned``.
        n_held_out: traces that those are of.
        batch: windows of a step.
        unknown_share: of the calls read, replaced by *unknown*.
    """

    def __init__(
        self,
        network: LanguageNetwork,
        learned: Windows,
        held_out: Windows,
        *,
        n_held_out: int,
        batch: int,
        unknown_share: float,
    ) -> None:
        self.network: LanguageNetwork = network
        self.n_calls = min(len(learned), EPOCH_WINDOWS)
        guessed = held_out.symbols[held_out.starts + held_out.length - 1]
        can_judge = bool((guessed < network.n_symbols).any())
        self.n_held_out = n_held_out if can_judge else 0
        self._learned = learned
        self._judged = held_out if can_judge else learned
        self._batch, self._unknown_share = batch, unknown_share

    def plan(self, random: np.random.Generator) -> Sequence[Places]:
        order = random.permutation(len(self._learned))[: self.n_calls]
        return [order[i : i + self._batch] for i in range(0, len(order), self._batch)]

    def learn(self, step: object, carried: Tensor) -> Learned:
        assert isinstance(step, np.ndarray)  # noqa: S101 - of our own plan
        windows, _ = self._learned.batch(step, carried.device)
        read, wanted = windows[:, :-1], windows[:, -1]
        if self._unknown_share:
            hidden = torch.rand(read.shape, device=read.device) < self._unknown_share
            read = read.masked_fill(hidden, self.network.unknown)
        logits = self._logits(read)
        right = (logits.detach().argmax(dim=-1) == wanted).sum()
        loss = functional.cross_entropy(logits, wanted)
        return Learned(loss, len(wanted), len(wanted), right, carried)

    def judge(self) -> Judged:
        device = next(self.network.parameters()).device
        loss, right, n_calls = 0.0, 0, 0
        for begin in range(0, len(self._judged), JUDGED_AT_ONCE):
            windows, _ = self._judged.batch(slice(begin, begin + JUDGED_AT_ONCE), device)
            # A call that the network has no number for is one it cannot be judged by.
            windows = windows[windows[:, -1] < self.network.n_symbols]
            logits, wanted = self._logits(windows[:, :-1]), windows[:, -1]
            loss += float(functional.cross_entropy(logits, wanted, reduction="sum"))
            right += int((logits.argmax(dim=-1) == wanted).sum())
            n_calls += len(wanted)
        return Judged(loss / max(1, n_calls), right / max(1, n_calls))

    def _logits(self, read: Tensor) -> Tensor:
        """(B, n_symbols) float32: what comes after windows, (B, T) int64."""
        features, _ = self.network(read, self.network.fresh(len(read)))
        return self.network.logits(features[:, -1])
