"""Training: fit a detector on normal traces and set its thresholds on some it has not learned."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import numpy as np

from habitus.decisions.budget import Budget
from habitus.decisions.decision import decide
from habitus.decisions.scores import rules_of
from habitus.detectors import get_detector
from habitus.detectors.neural.network_detector import NetworkDetector
from habitus.errors import UsageError
from habitus.models.calibrating import (
    Plan,
    cross_fitted_population,
    held_out_population,
)
from habitus.models.memory import Memory
from habitus.models.model import Model, Provenance
from habitus.models.versions import versions_with
from habitus.progress import SILENT, Progress
from habitus.traces.holding_out import held_out_part
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from habitus.detectors.base import SequenceDetector
    from habitus.learning.session import Session
    from habitus.traces.traceset import TraceSet

DEFAULT_FALSE_ALARMS = "1%"


def fit_model(
    detector: str,
    normal: TraceSet,
    *,
    settings: Mapping[str, object] | None = None,
    aggregation: str | None = None,
    rolling: Sequence[str] = (),
    false_alarms: Budget | str | float = DEFAULT_FALSE_ALARMS,
    calibration: str | None = None,
    held_out: TraceSet | None = None,
    seed: int = 1,
    session: Session | None = None,
    base: Model | None = None,
    base_name: str = "",
    progress: Progress = SILENT,
    data: str = "memory",
    data_sha256: str = "",
    part: str = "all",
) -> Model:
    """Fit ``detector`` on normal traces and set thresholds for a false-alarm budget.

    Thresholds are set on normal traces that the detector has not learned. With *held-out* traces
    what is forecast of them is exact. By *cross-fitting* nothing is lost for learning, but it is
    approximate: the traces are divided into folds and each is scored by a detector fitted on the
    others, which has learned a little less, so that thresholds err on the quiet side. Equal
    sequences are never divided, nor, where that leaves something to divide, recordings.

    Args:
        settings: the detector's settings by name.
        aggregation: how a trace's surprises become its score; by default as the detector has it:
            mostly their mean, or ``whole`` where it knows only whole traces.
        rolling: more decisions, about the last calls after every call: ``200`` or ``200:median``.
        false_alarms: the budget, as `Budget.parse` reads it.
        calibration: ``cross-fitting:FOLDS`` or ``held-out:SHARE``; by default cross-fitting in 5
            folds, or a fifth held out for a detector that is slow to fit.
        held_out: normal traces to set thresholds on, from outside ``normal``.
        seed: makes every random choice.
        session: of a detector that trains a network: where it keeps checkpoints, whether it goes on
            from one, and what it runs on.
        base: a trained model to start from: what it has learned stays known, and how much it counts
            is learned from ``normal``.
        base_name: what the user calls it.
        data, data_sha256, part: what the traces are, for the model's provenance.

    Raises:
        UsageError: if there is nothing to learn from, a trace is labelled an attack, the session
            is not for this detector, or it cannot start from the base.
    """
    kind = get_detector(detector)
    given = dict(settings or {})
    # A preset says all that is not said: it is checked against the base, and not mixed with it.
    before = {}
    if base is not None and "preset" not in given:
        before = kind.settings_after(base.detector)
    made = kind.with_settings({**before, **given})
    if base is not None:
        made.start_from(base.detector)
        _check_new_to(base, normal, base_name)
    if session is not None:
        made = _in_session(made, session)
    rules = rules_of(made, aggregation, rolling)
    budget = false_alarms if isinstance(false_alarms, Budget) else Budget.parse(false_alarms)
    plan = Plan.parse(calibration or ("cross-fitting" if made.is_quick else "held-out"))
    if held_out is not None and calibration is not None:
        raise UsageError("normal traces to set thresholds on are given: there is no other choice")
    _check_learnable(normal)
    if held_out is None and plan.method == "held-out":
        kept_out = held_out_part(normal, plan.share, seed)
        normal, held_out = normal.select(~kept_out), normal.select(kept_out)
        if not normal.n_calls:
            raise UsageError("there is no call left to learn from: hold out less")

    started = time.perf_counter()
    made.fit(normal, None, progress, seed=seed)
    trained = time.perf_counter()
    progress.stage("setting thresholds")
    if held_out is not None:
        population = held_out_population(
            made, normal, held_out, rules, budget.merge_seconds, data_sha256=data_sha256
        )
    else:
        population = cross_fitted_population(
            made, normal, rules, budget.merge_seconds,
            folds=plan.folds, seed=seed, progress=progress, data_sha256=data_sha256,
        )  # fmt: skip
    decisions = tuple(
        decide(population, row, budget, seed=seed, margin=made.stream_error)
        for row in range(len(rules))
    )
    return Model(
        detector=made,
        decisions=decisions,
        provenance=Provenance.now(
            normal, versions=versions(torch=isinstance(made, NetworkDetector)), seed=seed,
            data=data, data_sha256=data_sha256, part=part, started=started, trained=trained,
        ).model_copy(
            update={"base": base_name, "base_digest": base.digest} if base is not None else {}
        ),
        memory=Memory.of(normal, made),
        population=population,
    )  # fmt: skip


def _in_session(detector: SequenceDetector, session: Session) -> SequenceDetector:
    """A detector that will train its network in a session."""
    if not isinstance(detector, NetworkDetector):
        raise UsageError(
            f"{detector.name} trains no network: there is no session for it, nothing to resume and "
            "no device to run on"
        )
    session.check()
    detector.session = session
    return detector


def _check_new_to(base: Model, normal: TraceSet, name: str) -> None:
    """Refuse traces that the base knows by heart: its share and thresholds would be set on them."""
    sequences = np.unique(normal.sequence_ids(), return_index=True)[1]
    n_known = int(base.memory.knows(normal.select(np.sort(sequences))).sum())
    if 2 * n_known > len(sequences):
        raise UsageError(
            f"{name or 'the base'} has learned {n_known:,} of the {len(sequences):,} different "
            "traces itself, so that nothing tells how it does on others: give traces that it has "
            "not learned, or train without it (no --from)"
        )


def _check_learnable(normal: TraceSet) -> None:
    n_attacks = int(np.sum(normal.labels == Label.ATTACK))
    if n_attacks:
        raise UsageError(
            f"{n_attacks} of the {normal.n_traces} traces are labelled attacks; a detector learns "
            "from normal traces alone"
        )
    if not normal.n_calls:
        raise UsageError("there is no call to learn from")


def versions(*, torch: bool | None = None) -> dict[str, str]:
    """The versions that a model's numbers depend on.

    Args:
        torch: whether PyTorch is one of them; by default if it is loaded.
    """
    has_torch = "torch" in sys.modules if torch is None else torch
    return versions_with(*(["torch"] if has_torch else []))
