"""The scores of an evaluation by jobs: each scores some of the traces by one of the models."""

from __future__ import annotations

import time
from base64 import b64decode, b64encode
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from habitus.bulk.models import share_model, shared_model
from habitus.decisions.rule import Rule
from habitus.decisions.scores import rule_scores
from habitus.engines.base import MOST_LOSSES, Asked, EngineError, Job
from habitus.errors import UsageError
from habitus.models.files import save_model
from habitus.progress import SILENT, Progress
from habitus.traces.formats.native import map_native, write_native

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from habitus.engines.base import Context, Engine
    from habitus.models.model import Model
    from habitus.traces.traceset import TraceSet

TASK = "habitus.bulk.scores:score_part"
PARTS_A_SLOT = 8
"""So that all slots end at about the same time."""
MOST_CALLS = 4 << 20
"""Of one job, where it holds more than one trace."""
WAIT_SECONDS = 1.0
_TRACES = "traces"
_mapped: WeakKeyDictionary[Any, TraceSet] = WeakKeyDictionary()
"""What a process has mapped already, as long as its context lives."""


class ScoringInBulk(AbstractContextManager["ScoringInBulk"]):
    """Scores traces side by side on an engine (`habitus.evaluation.scoring.Scoring`).

    Scores are those of one process: of networks but for the last digits, as traces are read in
    other batches. Seconds are those of the clock, with what it takes to hand out the work.

    Args:
        engine: new; runs the jobs.
        models: by what the user calls them. Where jobs cannot read them, they are given their own
            copies, so that a folder that changes meanwhile changes nothing.
    """

    def __init__(
        self, engine: Engine, models: Mapping[str, Model], progress: Progress = SILENT
    ) -> None:
        self._engine, self._models, self._progress = engine, models, progress
        self._stack = ExitStack()

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def begin(self, test: TraceSet) -> None:
        """Make traces and models known to the jobs."""
        folder = Path(self._stack.enter_context(TemporaryDirectory(prefix="habitus-scores-")))
        try:
            write_native(folder / "traces.arrow", [test])
            self._engine.share(_TRACES, folder / "traces.arrow")
            self._kept = {}
            for number, (name, model) in enumerate(self._models.items()):
                place = folder / f"model-{number}"
                self._kept[name] = (place.name, save_model(model, place).digest)
                share_model(self._engine, place, place.name)
        except OSError as error:
            raise UsageError(
                f"{folder}: what jobs are to read cannot be written: {error.strerror}"
            ) from error
        self._lengths = test.lengths

    def scores(
        self, name: str, model: Model, chosen: NDArray[np.int64], rule: Rule
    ) -> tuple[NDArray[np.float64], float]:
        """(n_chosen,) float64: a score for each of the traces, and the seconds that took.

        Raises:
            EngineError: if a job dies: a result without some scores would be another one.
        """
        del model  # jobs have it
        started = time.perf_counter()
        out = np.empty(len(chosen))
        lengths = self._lengths[chosen]
        running: dict[int, tuple[slice, Job, int]] = {}  # with how often it was lost
        self._progress.stage(f"scoring by {name}", int(lengths.sum()))
        kept, digest = self._kept[name]
        for part in parts_of(lengths, self._engine.slots):
            arguments = {
                "model": kept, "digest": digest, "rule": str(rule),
                "traces": _told(chosen[part].astype("<i8")),
            }  # fmt: skip
            job = Job(f"scores by {name}", TASK, arguments)
            running[self._engine.submit(job)] = part, job, 0
        while running:
            for event in self._engine.wait(WAIT_SECONDS):
                if isinstance(event, Asked):
                    continue  # it never asks
                part, job, n_lost = running.pop(event.handle)
                if event.is_lost and n_lost < MOST_LOSSES:
                    running[self._engine.submit(job)] = part, job, n_lost + 1
                    continue
                if event.failure:
                    raise EngineError(
                        f"{name}: scoring {part.stop - part.start} of the traces failed: "
                        f"{event.failure}"
                    )
                out[part] = np.frombuffer(b64decode(event.result), dtype="<f8")
                self._progress.advance(int(lengths[part].sum()))
        return out, time.perf_counter() - started


def parts_of(lengths: NDArray[np.int64], slots: int) -> Iterator[slice]:
    """Traces in runs of about as many calls, enough for all slots; each holds one trace at least.

    >>> list(parts_of(np.array([5, 5, 5, 5]), 1))
    [slice(0, 1, None), slice(1, 2, None), slice(2, 3, None), slice(3, 4, None)]
    """
    most = min(MOST_CALLS, int(lengths.sum()) // (PARTS_A_SLOT * slots))
    begin = held = 0
    for end, length in enumerate(lengths.tolist()):
        if end > begin and held + length > most:
            yield slice(begin, end)
            begin, held = end, 0
        held += length
    if begin < len(lengths):
        yield slice(begin, len(lengths))


def score_part(arguments: Mapping[str, Any], context: Context) -> str:
    """Score some of the traces, as a task of an engine.

    Args:
        arguments: ``model`` and ``digest``; ``rule``, as text; ``traces``, int64 in base64.

    Returns:
        float64 in base64: JSON knows no NaN.
    """
    model = shared_model(context, arguments["digest"], arguments["model"])
    if context not in _mapped:
        _mapped[context] = map_native(context.shared(_TRACES))
    chosen = np.frombuffer(b64decode(arguments["traces"]), dtype="<i8")
    traces = _mapped[context].select(chosen)
    scores = rule_scores(model.detector, traces, Rule.parse(arguments["rule"]))
    return _told(scores.astype("<f8"))


def _told(array: NDArray[Any]) -> str:
    return b64encode(array.tobytes()).decode("ascii")
