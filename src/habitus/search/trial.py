"""A trial: one configuration, fitted and measured, in whatever process an engine runs it."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from habitus.detectors import get_detector
from habitus.detectors.neural.network_detector import NetworkDetector
from habitus.errors import UsageError
from habitus.learning.session import Session
from habitus.search.beside import look_beside
from habitus.search.curve import curve_of
from habitus.search.objectives import OBJECTIVES, Measured, Objective, as_json
from habitus.search.parts import BESIDE, JUDGED, LEARNED, read_part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from habitus.detectors.base import SequenceDetector
    from habitus.engines.base import Context
    from habitus.learning.history import Epoch
    from habitus.traces.traceset import TraceSet

TASK = "habitus.search.trial:run_trial"

_read: WeakKeyDictionary[Any, dict[str, TraceSet]] = WeakKeyDictionary()
"""What a process has read already, as long as its context lives."""


class Pruned(Exception):
    """Whoever compares trials has seen enough of this one."""

    def __init__(self, epoch: int, measured: Measured) -> None:
        super().__init__(epoch)
        self.epoch, self.measured = epoch, measured


def run_trial(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """Fit a detector, and measure it.

    Args:
        arguments: ``detector``, ``settings``, ``objective``, ``aggregation``, ``seed``, ``device``;
            ``rungs``, the epochs after which it is asked whether the trial is to go on; and
            ``beside_attacks``, whether attacks are looked at when all is done.
        context: shares the parts of the data.

    Raises:
        UsageError: if a setting is not allowed, or what was measured is no number.
    """
    objective = OBJECTIVES[arguments["objective"]]
    looks_beside = arguments.get("beside_attacks", False)
    parts = {name: part_of(context, name) for name in objective.parts}
    epochs: list[Epoch] = []
    detector = get_detector(arguments["detector"]).with_settings(arguments["settings"])
    aggregation = arguments["aggregation"]
    if isinstance(detector, NetworkDetector):
        detector.session = Session(
            device=arguments.get("device", "cpu"),
            watch=_watch(arguments["rungs"], objective, parts, aggregation, context, epochs),
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("default")
            detector.fit(parts[LEARNED], None, seed=arguments["seed"])
    except Pruned as pruned:
        curve = curve_of(epochs, pruned.epoch)
        return {**as_json(pruned.measured), "pruned_after": pruned.epoch, "curve": curve}
    measured = objective.measure(detector, parts, aggregation)
    if not math.isfinite(measured.value):
        raise UsageError(f"the objective {objective.name} is no number with these settings")
    told = {**as_json(measured), "notes": detector.warnings(), **_trained(detector)}
    if looks_beside:  # last of all: what it says comes too late to move anything
        beside = {name: part_of(context, name) for name in (JUDGED, BESIDE)}
        told["beside"] = look_beside(detector, beside, aggregation)
    return told


def part_of(context: Context, name: str) -> TraceSet:
    """A part of the data, read once a process."""
    held = _read.setdefault(context, {})
    if name not in held:
        held[name] = read_part(context.shared(name))
    return held[name]


def _watch(
    rungs: list[int],
    objective: Objective,
    parts: Mapping[str, TraceSet],
    aggregation: str | None,
    context: Context,
    epochs: list[Epoch],
) -> Callable[[Epoch, Callable[[], SequenceDetector]], None] | None:
    """Measures the detector on each rung, and asks whether that is good enough.

    Args:
        epochs: filled with those that were trained, which a pruned detector tells nobody.
    """
    if not rungs:
        return None

    def watch(epoch: Epoch, as_if_ended: Callable[[], SequenceDetector]) -> None:
        epochs.append(epoch)
        if epoch.epoch not in rungs:
            return
        measured = objective.measure(as_if_ended(), parts, aggregation)
        word = {"epoch": epoch.epoch, "value": measured.value}
        # What is no number is no rank; the trial will fail by itself.
        if math.isfinite(measured.value) and context.ask(word):
            raise Pruned(epoch.epoch, measured)

    return watch


def _trained(detector: SequenceDetector) -> dict[str, Any]:
    """How a network was trained."""
    if not isinstance(detector, NetworkDetector):
        return {}
    history = detector.history
    kept = history.kept.epoch
    return {
        "epochs": len(history.epochs),
        "kept_epoch": kept,
        "curve": curve_of(history.epochs, kept),
    }
