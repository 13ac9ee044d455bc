"""What a process does once before its first trial, so that no trial's time holds it.

Libraries are loaded where they are first used, and numba's loops are compiled or read from the
cache there: PyTorch alone takes seconds. So a detector is fitted to a few traces that mean nothing.
Settings that are words choose code (an estimator, a kind of cell) and are taken from the trial;
numbers choose sizes, and stay as they are by default.
"""

from __future__ import annotations

import warnings
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa

from habitus.detectors import get_detector
from habitus.detectors.neural.network_detector import NetworkDetector
from habitus.errors import MissingLibrary
from habitus.learning.session import Session
from habitus.search.anomalies import KINDS
from habitus.search.objectives import OBJECTIVES
from habitus.search.parts import BESIDE, CHOOSE, JUDGED, LEARNED, REPORT, read_part, write_parts
from habitus.search.trial import part_of
from habitus.traces.traceset import Label, TraceInfo, TraceSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from habitus.engines.base import Context
    from habitus.learning.history import Epoch

PREPARE = "habitus.search.preparing:read_data"
WARM = "habitus.search.preparing:warm_up"
N_TRACES, N_CALLS, N_NAMES = 16, 80, 12
"""Of what means nothing."""

_warm: WeakKeyDictionary[Any, set[tuple[object, ...]]] = WeakKeyDictionary()
"""What a process has used already, as long as its context lives."""


class _EnoughError(Exception):
    """One epoch has been trained."""


def is_first(context: Context, arguments: Mapping[str, Any]) -> bool:
    """Whether this process is yet to use the code that a trial will use."""
    words = words_of(arguments["settings"])
    used = (arguments["detector"], arguments.get("objective"), *sorted(words.items()))
    known = _warm.setdefault(context, set())
    if used in known:
        return False
    known.add(used)
    return True


def words_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """The settings that choose code."""
    return {name: value for name, value in settings.items() if isinstance(value, str)}


def read_data(arguments: Mapping[str, Any], context: Context) -> None:
    """Read the parts of the data that a trial will ask for; as of `run_trial`."""
    looks_beside = arguments.get("beside_attacks", False)
    for name in (*OBJECTIVES[arguments["objective"]].parts, *([BESIDE] if looks_beside else [])):
        part_of(context, name)


def warm_up(arguments: Mapping[str, Any], context: Context) -> None:
    """Fit and measure a detector of the trial's kind, if this process never did; as of `run_trial`.

    Raises:
        MissingLibrary: if the detector needs one. Whatever else goes wrong, the trial will tell.
    """
    if not is_first(context, arguments):
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _use(arguments)
    except MissingLibrary:
        raise
    except Exception:  # noqa: BLE001 - these are not the traces that the trial is about
        return


def _use(arguments: Mapping[str, Any]) -> None:
    objective = OBJECTIVES[arguments["objective"]]
    detector = get_detector(arguments["detector"]).with_settings(words_of(arguments["settings"]))
    parts = _meaningless(objective.parts)

    def stop(epoch: Epoch, as_if_ended: Callable[[], Any]) -> None:
        del epoch
        objective.measure(as_if_ended(), parts, arguments["aggregation"])
        raise _EnoughError

    if isinstance(detector, NetworkDetector):
        detector.session = Session(device=arguments.get("device", "cpu"), watch=stop)
    with suppress(_EnoughError):
        detector.fit(parts[LEARNED], None, seed=0)
        objective.measure(detector, parts, arguments["aggregation"])


def _meaningless(names: tuple[str, ...]) -> dict[str, TraceSet]:
    """Traces drawn by chance, read as those of trials are: from a file in memory."""
    parts = {}
    for number, name in enumerate(names):
        random = np.random.default_rng(number)
        label = Label.NORMAL if name in {LEARNED, JUDGED} else Label.ATTACK
        infos = [
            TraceInfo(f"{i}", "", label, KINDS[i % len(KINDS)], f"{i}", (CHOOSE, REPORT)[i % 2])
            for i in range(N_TRACES)
        ]
        calls = random.integers(0, N_NAMES, (N_TRACES, N_CALLS)).tolist()
        traces = [[f"call{call}" for call in trace] for trace in calls]
        parts[name] = TraceSet.from_names(traces, infos=infos)
    with TemporaryDirectory(prefix="habitus-warm-") as folder:
        return {
            name: read_part(pa.memory_map(str(path)).read_buffer())
            for name, path in write_parts(parts, Path(folder)).items()
        }
