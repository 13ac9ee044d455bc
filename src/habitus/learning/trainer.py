"""The loop over epochs: learn, judge, keep the best, leave a checkpoint."""

from __future__ import annotations

import math
import time
import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NoReturn

import numpy as np
import torch

from habitus.errors import ModelError, UsageError
from habitus.learning.averaging import RunningAverage
from habitus.learning.checkpoint import Checkpoint, fitting, naming
from habitus.learning.history import Epoch, History, Stopped
from habitus.learning.interrupts import StopRequest, stop_request
from habitus.learning.position import Position, Sums
from habitus.learning.recipe import gradient_is_usable, optimiser_of, rate_at, set_rate
from habitus.learning.session import TrainingWarning
from habitus.learning.sole import sole_user

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from habitus.learning.recipe import Recipe
    from habitus.learning.session import Session
    from habitus.learning.task import Judged, Task
    from habitus.progress import Progress

    Weights = dict[str, Tensor]

TELL_SECONDS = 0.5
"""Between two words on how it stands."""


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
        after_epoch: hears of every epoch while the network has the weights that were judged.
    """

    task: Task
    recipe: Recipe
    seed: int
    session: Session
    progress: Progress
    identity: Mapping[str, str]
    after_epoch: Callable[[Epoch], None] | None = None
    history: History = field(default_factory=History)

    def run(self) -> History:
        """Train until the recipe's end, a request to stop, or a loss that is no number.

        Raises:
            UsageError: if not one epoch ended with a loss that is a number, or the session cannot
                be as it is wanted.
            ModelError: if the checkpoint to go on from is damaged.
            KeyboardInterrupt: on Ctrl-C, where the session does not keep what was learned, or
                nothing was.
        """
        self.session.check()
        self._device = next(self.task.network.parameters()).device
        devices = [self._device] if self._device.type == "cuda" else []
        with self._alone(), torch.random.fork_rng(devices), self._stop_request() as request:
            torch.manual_seed(self.seed)
            self._begin()
            try:
                with naming(self.session.checkpoints):
                    self.history.stopped = self._epochs(request)
                if self.history.stopped is Stopped.INTERRUPTED and self._sums.calls:
                    self.progress.label("interrupted: making a model (Ctrl-C: stop at once)")
                    self._judge_epoch()
            finally:
                self._network.eval()
            if self._best is None:
                self._fail()
        self._network.load_state_dict(self._best)
        return self.history

    @property
    def kept(self) -> Weights | None:
        """The best weights so far, which the network would have if training ended; None if none."""
        return self._best

    def _alone(self) -> AbstractContextManager[None]:
        folder = self.session.checkpoints
        return nullcontext() if folder is None else sole_user(folder)

    def _stop_request(self) -> AbstractContextManager[StopRequest]:
        return stop_request() if self.session.keeps_interrupted else nullcontext(StopRequest())

    def _fail(self) -> NoReturn:
        """There are no weights to keep."""
        if self.history.stopped is Stopped.INTERRUPTED:
            raise KeyboardInterrupt
        self.session.clear()  # it would end there again
        raise UsageError(
            "the loss was no number before the first epoch ended: a lower learning rate, or a "
            "smaller clip, may help"
        )

    def _begin(self) -> None:
        self._network = self.task.network
        # Once: of small networks, going through their modules takes longer than an update.
        self._trained = [p for p in self._network.parameters() if p.requires_grad]
        self._optimiser = optimiser_of(self.recipe, self._network)
        self._average = RunningAverage(self._network, self.recipe.average)
        self._position = Position.beginning()
        self._sums = Sums()
        self._best: Weights | None = None
        self._told_at = -math.inf
        self._carried = torch.zeros(0, device=self._device)
        self.history.n_parameters = sum(p.numel() for p in self._trained)
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
        while True:
            if not self._position.step and (ended := self._ended()) is not None:
                self._save()
                return ended
            stopped = self._learn_epoch(request)
            if stopped is not None:
                return stopped
            self._judge_epoch()
            self._position.next_epoch()
            self._sums = Sums()
            self._carried = torch.zeros(0, device=self._device)
            self._save_if_due()

    def _ended(self) -> Stopped | None:
        """Why no other epoch is to be begun; None if one is."""
        epochs, recipe = self.history.epochs, self.recipe
        if epochs and epochs[-1].held_out_loss < self.task.enough:
            return Stopped.LEARNED
        if recipe.patience and len(epochs) - 1 - self.history.best >= recipe.patience:
            return Stopped.PATIENCE
        if self._is_enough:
            return Stopped.CALLS
        return Stopped.EPOCHS if self._position.epoch >= recipe.epochs else None

    @property
    def _is_enough(self) -> bool:
        """Whether all calls were read that may be."""
        return bool(self.recipe.calls) and self._position.calls >= self.recipe.calls

    def _learn_epoch(self, request: StopRequest) -> Stopped | None:
        """The updates of an epoch that are left; None at its end."""
        plan = self.task.plan(np.random.default_rng([self.seed, self._position.epoch]))
        if self._position.step > len(plan):
            raise ModelError(f"it stands at step {self._position.step} of {len(plan)}")
        self._network.train()
        for step in plan[self._position.step :]:
            if request.asked:
                self._save()
                return Stopped.INTERRUPTED
            if self._is_enough:
                return None
            if not self._update(step):
                return Stopped.NOT_A_NUMBER
            self._save_if_due()
            if time.monotonic() - self._told_at > TELL_SECONDS:
                self._tell()
        return None

    def _update(self, step: object) -> bool:
        """One update; False if its loss or gradient is no number, and nothing was changed."""
        started = time.perf_counter()
        done = self._position.calls / self._total_calls
        rate = rate_at(self.recipe, self._position.updates, done)
        set_rate(self._optimiser, rate)
        learned = self.task.learn(step, self._carried)
        for weights in self._trained:
            weights.grad = None
        learned.loss.backward()  # type: ignore[no-untyped-call]
        loss = float(learned.loss.detach())
        if not np.isfinite(loss) or not gradient_is_usable(self._trained, self.recipe.clip):
            return False
        self._optimiser.step()
        self._carried = learned.carried.detach()
        self._average.update(self._position.updates)
        self._position.advance(learned.n_calls)
        self._sums.loss += loss * learned.n_calls
        self._sums.right += float(learned.n_right)
        self._sums.looked += learned.n_looked
        self._sums.calls += learned.n_calls
        self._sums.rate = rate
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
            epoch = Epoch(
                epoch=self._position.epoch + 1,
                calls=self._position.calls,
                rate=sums.rate,
                loss=sums.loss / max(1, sums.calls),
                accuracy=sums.right / max(1, sums.looked),
                held_out_loss=judged.loss,
                held_out_accuracy=judged.accuracy,
            )
            self.history.epochs.append(epoch)
            if is_best:
                self.history.best = len(self.history.epochs) - 1
            self._tell()
            if self.after_epoch is not None:
                self.after_epoch(epoch)

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
        """Say how it stands, in as few letters as a terminal's line has room for beside a bar."""
        self._told_at = time.monotonic()
        sums, history = self._sums, self.history
        told = [f"epoch {self._position.epoch + 1}/{self.recipe.epochs}"]
        told.append(f"loss {sums.loss / max(1, sums.calls):.3f}")
        if history.best >= 0:
            told.append(f"held-out {history.epochs[-1].held_out_loss:.3f}")
            told.append(f"(best {history.kept.held_out_loss:.3f})")
        told.append(f"{sums.calls / max(1e-9, sums.seconds) / 1000:,.0f} k calls/s")
        self.progress.label(" ".join(told))

    def _save_if_due(self) -> None:
        if time.monotonic() - self._saved_at > self.session.every_seconds:
            self._save()

    def _save(self) -> None:
        """Leave a checkpoint, where one is wanted and there is anything to keep."""
        if self.session.checkpoints is None or not self._position.updates:
            return
        kept = Checkpoint.of(
            self._network, self._optimiser, self._average, self._best, self._carried,
            self._position, self._sums, self.history,
        )  # fmt: skip
        try:
            kept.save(self.session.checkpoints, self.identity)
        except (OSError, UsageError) as error:
            # Training itself has lost nothing, and may yet come to a good end.
            told = f"no checkpoint can be kept ({error}); training goes on without"
            # Always of this line: what the same line says again, Python does not show.
            warnings.warn(TrainingWarning(told), stacklevel=1)
        self._saved_at = time.monotonic()

    def _take_up(self) -> None:
        """Go on from the checkpoint."""
        folder = self.session.checkpoints
        assert folder is not None  # noqa: S101 - the session was checked
        kept = Checkpoint.load(folder, self.identity)
        with naming(folder):
            kept.put_back(self._network, self._optimiser, self._average, self._device)
            self._best = fitting(kept.best, self._network) if kept.best else None
        self._carried = torch.from_numpy(kept.carried).to(self._device)
        self._position, self._sums, self.history = kept.position, kept.sums, kept.history
