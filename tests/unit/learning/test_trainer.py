"""The loop over epochs: what it keeps, when it ends, and what Ctrl-C does to it."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from habitus.errors import UsageError
from habitus.learning.history import Stopped
from habitus.learning.recipe import Recipe
from habitus.learning.session import Session
from habitus.learning.task import Judged, Learned, Task
from habitus.learning.trainer import Trainer
from habitus.progress import SILENT, Silent

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from torch import Tensor

STEPS, CALLS = 4, 10
"""Of an epoch, and of each step."""
KEEPING = Session(keeps_interrupted=True)


class Scripted(Task):
    """Its one weight falls by the learning rate a step; what it is judged to be is written down."""

    def __init__(self, losses: Sequence[float], happens: dict[int, Callable[[], Any]]) -> None:
        self.network = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.network.weight)
        self.n_calls, self.n_held_out = STEPS * CALLS, 1
        self._losses, self._happens = list(losses), happens
        self.n_learned = self.n_judged = 0

    def plan(self, random: object) -> Sequence[int]:  # noqa: ARG002 - nothing is drawn here
        return range(STEPS)

    def learn(self, step: object, carried: Tensor) -> Learned:
        assert len(carried) == (0 if step == 0 else 1)
        self.n_learned += 1
        factor = self._happens.get(self.n_learned, lambda: None)()
        loss = self.network.weight.sum() * (1.0 if factor is None else factor)
        return Learned(loss, CALLS, CALLS, torch.tensor(CALLS // 2), torch.ones(1))

    def judge(self) -> Judged:
        assert not self.network.training
        self.n_judged += 1
        self._happens.get(-self.n_judged, lambda: None)()
        return Judged(self._losses[min(self.n_judged, len(self._losses)) - 1], 0.25)


def trainer(
    losses: Sequence[float],
    *,
    happens: dict[int, Callable[[], Any]] | None = None,
    session: Session = KEEPING,
    progress: Silent = SILENT,
    **changed: Any,
) -> Trainer:
    """Plain descent at a rate of one."""
    recipe = {
        "epochs": len(losses), "calls": 0, "patience": 0, "optimiser": "sgd", "rate": 1.0,
        "warm_up": 0, "decay": "none", "clip": 0.0, "weight_decay": 0.0, "average": 0.0,
    }  # fmt: skip
    task = Scripted(losses, happens or {})
    return Trainer(task, Recipe(**(recipe | changed)), 1, session, progress, {"detector": "test"})


def weight(made: Trainer) -> float:
    return float(made.task.network.weight.detach())


def press_ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def test_the_weights_of_the_best_epoch_are_kept_and_not_those_of_the_last() -> None:
    made = trainer([3.0, 2.0, 2.5, 2.0])
    history = made.run()
    assert weight(made) == -2 * STEPS
    assert (history.best, history.kept.epoch, len(history.epochs)) == (1, 2, 4)
    assert not made.task.network.training


def test_an_epoch_is_told_as_it_was() -> None:
    (epoch,) = trainer([3.0]).run().epochs
    assert (epoch.calls, epoch.rate, epoch.accuracy) == (40, 1.0, 0.5)
    assert epoch.loss == pytest.approx((0 - 1 - 2 - 3) / 4)
    assert (epoch.held_out_loss, epoch.held_out_accuracy) == (3.0, 0.25)


@pytest.mark.parametrize(
    ("losses", "changed", "n_epochs", "ended"),
    [
        ([3.0, 2.0, 1.0], {}, 3, Stopped.EPOCHS),
        ([3.0, 2.0, 2.0, 2.1, 1.0], {"patience": 2}, 4, Stopped.PATIENCE),
        ([3.0, 2.0, 2.0, 1.9, 2.0, 2.0, 1.0], {"patience": 2}, 6, Stopped.PATIENCE),
        ([3.0, 2.0, 2.0, 2.1, 1.0], {"patience": 0}, 5, Stopped.EPOCHS),
        ([3.0, 0.00009, 1.0], {}, 2, Stopped.LEARNED),
        ([3.0, 2.0, 1.0], {"calls": 50}, 2, Stopped.CALLS),
        ([3.0, 2.0, 1.0], {"calls": 80}, 2, Stopped.CALLS),
        ([3.0, float("nan"), float("inf"), 2.9], {"patience": 3}, 4, Stopped.EPOCHS),
    ],
)
def test_training_ends(
    losses: list[float], changed: dict[str, Any], n_epochs: int, ended: Stopped
) -> None:
    history = trainer(losses, **changed).run()
    assert (len(history.epochs), history.stopped) == (n_epochs, ended)


def test_calls_allowed_are_read_to_the_step() -> None:
    made = trainer([3.0, 2.0, 1.0], calls=51)
    assert [epoch.calls for epoch in made.run().epochs] == [40, 60]


NAN: dict[int, Callable[[], Any]] = {STEPS + 2: lambda: float("nan")}


def test_a_loss_that_is_no_number_ends_training_with_the_best_weights() -> None:
    made = trainer([3.0, 2.0], happens=NAN)
    history = made.run()
    assert history.stopped is Stopped.NOT_A_NUMBER
    assert weight(made) == -STEPS
    (told,) = history.warnings()
    assert told == (
        "training ended early: the loss was no longer a number; the weights after epoch 1 are "
        "kept: a lower learning rate, or a smaller clip, may help"
    )


def test_so_does_a_gradient_that_is_no_number() -> None:
    """The loss itself is 0: the square root of nothing, whose slope has no end."""
    made = trainer([3.0, 2.0])
    learn = made.task.learn

    def steep(step: object, carried: Tensor) -> Learned:
        learned = learn(step, carried)
        if made.task.n_learned <= STEPS:
            return learned
        return Learned((learned.loss * 0).sqrt(), CALLS, CALLS, learned.n_right, learned.carried)

    made.task.learn = steep
    assert made.run().stopped is Stopped.NOT_A_NUMBER
    assert weight(made) == -STEPS


@pytest.mark.parametrize("losses", [[3.0], [float("nan")]])
def test_without_a_good_epoch_there_is_no_model(losses: list[float], tmp_path: Path) -> None:
    """And nothing is kept that would end in the same way when it is resumed."""
    session = Session(tmp_path / "ck", every_seconds=-1)
    happens = {} if losses[0] != losses[0] else {3: lambda: float("nan")}
    with pytest.raises(UsageError, match="no number before the first epoch ended"):
        trainer(losses, happens=happens, session=session).run()
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_ends_training_and_judges_what_was_begun() -> None:
    made = trainer([3.0, 2.0, 1.0], happens={STEPS + 2: press_ctrl_c})
    before = signal.getsignal(signal.SIGINT)
    history = made.run()
    assert signal.getsignal(signal.SIGINT) is before
    assert history.stopped is Stopped.INTERRUPTED
    assert [epoch.calls for epoch in history.epochs] == [40, 60]
    assert weight(made) == -STEPS - 2
    assert history.warnings() == [
        "training ended early: it was interrupted; the weights after epoch 2 are kept"
    ]


def test_ctrl_c_keeps_an_earlier_epoch_if_it_was_better() -> None:
    made = trainer([3.0, 4.0], happens={STEPS + 1: press_ctrl_c})
    assert made.run().kept.epoch == 1
    assert weight(made) == -STEPS


def test_ctrl_c_as_the_last_epoch_ends_comes_too_late_to_matter() -> None:
    history = trainer([3.0, 2.0], happens={-2: press_ctrl_c}).run()
    assert (history.stopped, len(history.epochs)) == (Stopped.EPOCHS, 2)


@pytest.mark.parametrize("second", [STEPS + 2, -2], ids=["learning", "judging"])
def test_a_second_ctrl_c_ends_it_at_once(second: int) -> None:
    def twice() -> None:
        press_ctrl_c()
        press_ctrl_c()

    happens = {STEPS + 2: twice if second > 0 else press_ctrl_c, -2: press_ctrl_c}
    with pytest.raises(KeyboardInterrupt):
        trainer([3.0, 2.0, 1.0], happens=happens).run()


def test_ctrl_c_is_not_caught_where_nobody_asked_for_it() -> None:
    with pytest.raises(KeyboardInterrupt):
        trainer([3.0, 2.0], happens={STEPS + 2: press_ctrl_c}, session=Session()).run()


def test_ctrl_c_then_resume_makes_the_same_weights(tmp_path: Path) -> None:
    losses = [3.0, 2.0, 1.5]
    session = Session(tmp_path / "ck", keeps_interrupted=True)
    interrupted = trainer(losses, happens={STEPS + 2: press_ctrl_c}, session=session)
    assert len(interrupted.run().epochs) == 2
    again = trainer(losses[1:], session=Session(tmp_path / "ck", resume=True), epochs=3)
    whole = trainer(losses)
    assert again.run() == whole.run()
    assert weight(again) == weight(whole)


def test_chance_outside_is_left_alone() -> None:
    made = trainer([3.0], happens={1: lambda: 1 + 0 * torch.rand(1).sum()})
    before = torch.get_rng_state()
    made.run()
    assert torch.equal(torch.get_rng_state(), before)


class Heard(Silent):
    def __init__(self) -> None:
        self.n_calls, self.total, self.labels = 0, 0, list[str]()

    def stage(self, label: str, total: int | None = None) -> None:
        assert label == "training"
        self.total = total or 0

    def advance(self, steps: int) -> None:
        self.n_calls += steps

    def label(self, text: str) -> None:
        self.labels.append(text)


def test_progress_is_of_calls_and_tells_of_the_first_epoch_before_it_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("habitus.learning.trainer.TELL_SECONDS", -1.0)
    heard = Heard()
    trainer([3.0, 3.5], progress=heard).run()
    assert heard.n_calls == heard.total == 80
    assert heard.labels[1].startswith("epoch 1/2 loss -0.500 ")
    assert heard.labels[1].endswith(" k calls/s")
    assert heard.labels[-1].startswith("epoch 2/2 loss -5.500 held-out 3.500 (best 3.000) ")


def test_a_resumed_training_is_told_from_where_it_stood(tmp_path: Path) -> None:
    session = Session(tmp_path / "ck", keeps_interrupted=True)
    trainer([3.0, 2.0], happens={STEPS + 2: press_ctrl_c}, session=session).run()
    heard = Heard()
    resumed = Session(tmp_path / "ck", resume=True)
    trainer([2.0], epochs=2, session=resumed, progress=heard).run()
    assert heard.n_calls == heard.total == 80
