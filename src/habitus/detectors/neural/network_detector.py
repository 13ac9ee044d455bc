"""The seam of detectors that train a network: long work that can stop, go on, and use a device."""

from __future__ import annotations

import copy
import hashlib
import json
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from habitus.detectors.base import SequenceDetector
from habitus.detectors.extras import extra_module
from habitus.errors import ModelError, UsageError
from habitus.learning.session import HERE, Session
from habitus.progress import SILENT, Progress
from habitus.traces.holding_out import held_out_part
from habitus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Self

    from numpy.typing import NDArray
    from torch import nn

    from habitus.detectors.base import State
    from habitus.learning.history import Epoch, History
    from habitus.learning.task import Task
    from habitus.learning.trainer import Trainer
    from habitus.traces.traceset import TraceSet

MAX_SYMBOLS = 4096
"""Calls that a network can be made for. Linux has some 450; what it computes for one call, it holds
for all of them, and names come from traces that anyone may have made."""
_NETWORK, _HISTORY = "network.", ("history", "history_facts")


class NetworkDetector(SequenceDetector):
    """A detector whose normal is in the weights of a network.

    A subclass makes the network (`_new_network`) and the task that it is trained by (`_task`).

    Attributes:
        session: where training keeps checkpoints and what it runs on; set before `fit`.
        network: the fitted network, in evaluation mode.
        history: what its training went through.
    """

    is_quick: ClassVar[bool] = False
    session: Session = HERE
    network: Any
    history: History

    @abstractmethod
    def _new_network(self, n_symbols: int) -> nn.Module:
        """A network as yet untrained."""

    def _begun_network(self, n_symbols: int) -> nn.Module:
        """The network that training begins with."""
        return self._new_network(n_symbols)

    @abstractmethod
    def _task(self, network: Any, learned: TraceSet, judged: TraceSet) -> Task:
        """What training it means; ``judged`` holds no trace if there is none to judge it on."""

    def fit(
        self,
        normal: TraceSet,
        held_out: TraceSet | None = None,
        progress: Progress = SILENT,
        *,
        seed: int = 1,
    ) -> None:
        """Train the network on some of the traces until others are guessed no better.

        Args:
            held_out: what tells when to stop; by default a share of ``normal``, no sequence of
                which is learned.
        """
        torch = extra_module("torch", "neural", f"the detector {self.name}")
        from habitus.learning.trainer import Trainer

        self.vocabulary = self._learned_vocabulary(normal)
        if len(self.vocabulary) > MAX_SYMBOLS:
            raise UsageError(
                f"the traces hold {len(self.vocabulary):,} different calls, and a network is made "
                f"for at most {MAX_SYMBOLS:,}: are they read in their format (--format)?"
            )
        learned, judged = self._divided(normal, held_out, seed)
        self._learn_beside(learned)
        device = self.session.torch_device()
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            network = self._begun_network(len(self.vocabulary)).to(device)
        trainer = Trainer(
            task=self._task(network, learned, judged),
            recipe=self.settings.recipe,
            seed=seed,
            session=self.session,
            progress=progress,
            identity=self._identity(learned, judged, seed),
        )
        trainer.after_epoch = self._watched(network, trainer)
        self.history = trainer.run()
        self._use(network.cpu())

    def _watched(self, network: Any, trainer: Trainer) -> Callable[[Epoch], None] | None:
        """What tells whoever watches this training of its epochs."""
        watch = self.session.watch
        if watch is None:
            return None

        def as_if_ended() -> NetworkDetector:
            ended = copy.copy(self)
            ended.history = trainer.history
            as_kept = copy.deepcopy(network)
            if trainer.kept is not None:
                as_kept.load_state_dict(trainer.kept)
            ended._use(as_kept.cpu())
            return ended

        return lambda epoch: watch(epoch, as_if_ended)

    def _learn_beside(self, learned: TraceSet) -> None:
        """Learn what stands beside the network and needs no training."""

    @property
    def _learnable_calls(self) -> int:
        """Calls that a trace must have so that anything is learned of it."""
        return 1

    def _divided(
        self, normal: TraceSet, held_out: TraceSet | None, seed: int
    ) -> tuple[TraceSet, TraceSet]:
        """What is learned, and what tells when to stop."""
        if held_out is not None:
            return normal, held_out
        nothing = normal.select(np.zeros(normal.n_traces, dtype=bool))
        if not self.settings.stop_share:
            return normal, nothing
        try:
            kept_out = held_out_part(normal, self.settings.stop_share, seed)
        except UsageError:  # all one sequence: what is left to judge it on is what it learns
            return normal, nothing
        learned = normal.select(~kept_out)
        if not (learned.lengths >= self._learnable_calls).any():
            return normal, nothing
        return learned, normal.select(kept_out)

    def _identity(self, learned: TraceSet, judged: TraceSet, seed: int) -> dict[str, str]:
        """What makes this training this one: nothing else may go on from its checkpoints."""
        import torch

        traces = hashlib.sha256()
        for part in (learned, judged):
            traces.update(part.sequence_digests().tobytes() + b"|")
        settings = self.settings.model_dump(mode="json")
        return {
            "Habitus": __version__,
            "detector": self.name,
            **{name: json.dumps(value) for name, value in settings.items()},
            "seed": str(seed),
            "traces": traces.hexdigest(),
            "PyTorch": torch.__version__,
            "number of threads": str(torch.get_num_threads()),
            "device": self.session.device,
        }

    def _use(self, network: Any) -> None:
        """Keep a fitted network, and what scoring needs."""
        self.network = network.eval().requires_grad_(False)

    def facts(self) -> dict[str, float]:
        """What is worth knowing of the fitted network that its history does not tell, by name."""
        return {}

    def embedding(self) -> NDArray[np.float32] | None:
        """(n_known, width) float32: the numbers that each known call is read as.

        None where the network has no such numbers, or reads calls as one-hot.
        """
        weights = self._rows_of("embedding")
        if weights is None or not weights.shape[1]:
            return None
        n_rows = len(weights)
        is_square = n_rows == weights.shape[1]
        is_one_hot = is_square and np.array_equal(weights, np.eye(n_rows, dtype=np.float32))
        return None if is_one_hot else weights[: len(self.vocabulary)]

    def output_rows(self) -> NDArray[np.float32] | None:
        """(n_known, width) float32: the numbers by which each known call is told from others.

        A call is the likelier, the more what the network made of the calls before it lies in the
        direction of its row. None where there is no such layer, as where it shares the embedding's.
        """
        weights = self._rows_of("output")
        n_known = len(self.vocabulary)
        return None if weights is None or len(weights) < n_known else weights[:n_known]

    def _rows_of(self, layer: str) -> NDArray[np.float32] | None:
        """The weights of one of the network's layers, if it has that."""
        weights = getattr(getattr(self.network, layer, None), "weight", None)
        return None if weights is None or weights.ndim != 2 else weights.numpy()

    def warnings(self) -> list[str]:
        return self.history.warnings()

    def unfitted(self) -> Self:
        other = super().unfitted()
        other.session = self.session.beside()
        return other

    def state(self) -> State:
        weights = self.network.state_dict()
        arrays = {_NETWORK + name: weight.numpy() for name, weight in weights.items()}
        return {**arrays, **self.history.arrays()}

    def restore(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        torch = extra_module("torch", "neural", f"the detector {self.name}")
        from habitus.learning.checkpoint import fitting
        from habitus.learning.history import History

        own = {n.removeprefix(_NETWORK): a for n, a in state.items() if n.startswith(_NETWORK)}
        if len(self.vocabulary) > MAX_SYMBOLS:
            raise ModelError(f"its vocabulary holds more than {MAX_SYMBOLS:,} calls")
        # Of no size until the arrays are known to fit: settings may ask for any size.
        try:
            with torch.device("meta"):
                network = self._new_network(len(self.vocabulary))
        except (RuntimeError, OverflowError) as error:
            raise ModelError(f"no network has these settings ({error})") from None
        network.load_state_dict(fitting(own, network), assign=True)
        self.history = History.from_arrays(*(state.get(name) for name in _HISTORY))
        if self.history.best < 0:
            raise ModelError("the history of its training has no epoch whose weights were kept")
        self._use(network)
