"""The loop over epochs: learn, judge, keep the best, leave a checkpoint."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from habitus.errors import UsageError
from habitus.learning.averaging import RunningAverage
from habitus.learning.checkpoint import Checkpoint, Position, Sums, fitting
from habitus.learning.history import Epoch, History, Stopped
from habitus.learning.interrupts import StopRequest, stop_request
from habitus.learning.recipe import gradient_is_usable, optimiser_of, rate_at, set_rate

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from habitus.learning.recipe import Recipe
    from habitus.learning.session import Session
    from habitus.learning.task import Judged, Task
    from habitus.progress import Progress

    Weights = dict[str, Tensor]

ENOUGH = 1e-4
"""A held-out loss below which there is nothing left to learn."""


@dataclass
class Trainer:
    """Trains the network of a task; its weights are the best ones in the end.

    Args:
        task: the network and its traces.
        recipe: how it is trained.
        seed: makes every random choice, with the epoch's number for its plan.
        session: where checkpoints are kept.
        progress: hears of every update.
        identity: what makes this training this one, for its checkpoints: one of another training
            is refused.
    """

    task: Task
    recipe: Recipe
    seed: int
    session: Session
    progress: Progress
    identity: Mapping[str, str]
    history: History = field(default_factory=History)

    def run(self) -> History:
        """Train until the recipe's end, a request to stop, or a loss that is no number.

        Raises:
            UsageError: if not one epoch ended with a loss that is a number.
            ModelError: if the checkpoint to go on from is damaged or of another training.
        """
        self._device = next(self.task.network.parameters()).device
        devices = [self._device] if self._device.type == "cuda" else []
        with torch.random.fork_rng(devices), stop_request() as request:
            torch.manual_seed(self.seed)
            self._begin()
            try:
                self.history.stopped = self._epochs(request)
            finally:
                self._network.eval()
            if self.history.stopped is Stopped.INTERRUPTED and self._sums.calls:
                self._judge_epoch()
        if self._best is None:
            raise UsageError(
                "the loss was no number before the first epoch ended: a lower learning rate, or a "
                "smaller clip, may help"
            )
        self._network.load_state_dict(self._best)
        return self.history

    def _begin(self) -> None:
        self._network = self.task.network
        self._optimiser = optimiser_of(self.recipe, self._network)
        self._average = RunningAverage(self._network, self.recipe.average)
        self._position = Position.beginning()
        self._sums = Sums()
        self._best: Weights | None = None
        self._carried = torch.zeros(0, device=self._device)
        self.history.n_parameters = sum(
            p.numel() for p in self._network.parameters() if p.requires_grad
        )
        self.history.n_held_out = self.task.n_held_out
        if self.session.resume:
            self._take_up()
        self._saved_at = time.monotonic()
        self.progress.stage("training", self._total_calls)
        self.progress.advance(self._position.calls)

    @property
    def _total_calls(self) -> int:
        wanted = self.recipe.epochs * self.task.n_calls
        return min(wanted, self.recipe.calls) if self.recipe.calls else wanted

    def _epochs(self, request: StopRequest) -> Stopped:
        """Epoch after epoch."""
        while self._position.epoch < self.recipe.epochs:
            stopped = self._learn_epoch(request)
            if stopped is not None and stopped is not Stopped.CALLS:
                return stopped
            self._judge_epoch()
            self._position.next_epoch()
            self._sums = Sums()
            self._carried = torch.zeros(0, device=self._device)
            self._save()
            if stopped is not None:
                return stopped
            if self.history.epochs[-1].held_out_loss < ENOUGH:
                return Stopped.LEARNED
            best, patience = self.history.best, self.recipe.patience
            if patience and len(self.history.epochs) - 1 - best >= patience:
                return Stopped.PATIENCE
        return Stopped.EPOCHS

    def _learn_epoch(self, request: StopRequest) -> Stopped | None:
        """The updates of an epoch that are left; None at its end."""
        plan = self.task.plan(np.random.default_rng([self.seed, self._position.epoch]))
        self._network.train()
        for step in plan[self._position.step :]:
            if request.asked:
                self._save()
                return Stopped.INTERRUPTED
            if self.recipe.calls and self._position.calls >= self.recipe.calls:
                return Stopped.CALLS
            if not self._update(step):
                return Stopped.NOT_A_NUMBER
            if time.monotonic() - self._saved_at > self.session.every_seconds:
                self._save()
        return None

    def _update(self, step: object) -> bool:
        """One update; False if its loss or gradient is no number, and nothing was changed."""
        started = time.perf_counter()
        set_rate(
            self._optimiser,
            rate_at(self.recipe, self._position.updates, self._position.calls / self._total_calls),
        )
        learned = self.task.learn(step, self._carried)
        self._optimiser.zero_grad(set_to_none=True)
        learned.loss.backward()  # type: ignore[no-untyped-call]
        loss = float(learned.loss.detach())
        if not np.isfinite(loss) or not gradient_is_usable(
            self._network.parameters(), self.recipe.clip
        ):
            return False
        self._optimiser.step()
        self._carried = learned.carried.detach()
        self._average.update(self._position.updates)
        self._position.advance(learned.n_calls)
        self._sums.loss += loss * learned.n_calls
        self._sums.right += float(learned.n_right)
        self._sums.calls += learned.n_calls
        self._sums.seconds += time.perf_counter() - started
        self.progress.advance(learned.n_calls)
        return True

    def _judge_epoch(self) -> None:
        """Look at the held-out traces, and keep the weights if they are the best so far."""
        self._network.eval()
        with self._average.in_place():
            with torch.inference_mode():
                judged = self.task.judge()
            is_best = self._keep_if_best(judged)
        sums = self._sums
        self.history.epochs.append(
            Epoch(
                epoch=self._position.epoch + 1,
                calls=self._position.calls,
                rate=self._optimiser.param_groups[0]["lr"],
                loss=sums.loss / max(1, sums.calls),
                accuracy=sums.right / max(1, sums.calls),
                held_out_loss=judged.loss,
                held_out_accuracy=judged.accuracy,
            )
        )
        if is_best:
            self.history.best = len(self.history.epochs) - 1
        self._tell()

    def _keep_if_best(self, judged: Judged) -> bool:
        before = self.history.kept.held_out_loss if self.history.best >= 0 else np.inf
        if not np.isfinite(judged.loss) or judged.loss >= before:
            return False
        # Copies: what the network itself holds goes on changing.
        self._best = {
            name: weight.detach().clone() for name, weight in self._network.state_dict().items()
        }
        return True

    def _tell(self) -> None:
        last = self.history.epochs[-1]
        rate = self._sums.calls / max(1e-9, self._sums.seconds)
        self.progress.label(
            f"epoch {last.epoch} of {self.recipe.epochs}: loss {last.loss:.3f}, held-out "
            f"{last.held_out_loss:.3f} (best {self.history.kept.held_out_loss:.3f}), "
            f"{rate / 1000:,.1f} k calls/s"
            if self.history.best >= 0
            else f"epoch {last.epoch} of {self.recipe.epochs}: loss {last.loss:.3f}"
        )

    def _save(self) -> None:
        """Leave a checkpoint, where one is wanted."""
        if self.session.checkpoints is None:
            return
        Checkpoint.of(
            self._network, self._optimiser, self._average, self._best, self._carried,
            self._position, self._sums, self.history,
        ).save(self.session.checkpoints, self.identity)  # fmt: skip
        self._saved_at = time.monotonic()

    def _take_up(self) -> None:
        """Go on from the checkpoint."""
        if self.session.checkpoints is None:
            return
        kept = Checkpoint.load(self.session.checkpoints, self.identity)
        kept.put_back(self._network, self._optimiser, self._average, self._device)
        self._best = fitting(kept.best, self._network) if kept.best else None
        self._carried = torch.from_numpy(kept.carried).to(self._device)
        self._position, self._sums, self.history = kept.position, kept.sums, kept.history
