"""An ensemble of models that were trained before, calibrated on normals that they did not learn."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from habitus.decisions.decision import decide
from habitus.decisions.scores import rules_of
from habitus.ensembles.asked import GIVEN, MAX_MEMBERS
from habitus.ensembles.ensemble import FOLDS, Ensemble
from habitus.ensembles.member import Member
from habitus.errors import UsageError
from habitus.models.calibrating import population_of
from habitus.models.memory import Memory
from habitus.models.model import Model, Provenance
from habitus.models.observing import Observation
from habitus.models.training import versions
from habitus.progress import SILENT, Progress
from habitus.traces.holding_out import parts_kept_together
from habitus.traces.traceset import DIGEST_BYTES, Label

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from habitus.decisions.budget import Budget
    from habitus.decisions.rule import Rule
    from habitus.traces.traceset import TraceSet

    Mask = NDArray[np.bool_]

LEAST_SEQUENCES = 10
"""Fewer different normal traces say nothing of how rare a score is."""


def ensemble_model(
    models: Mapping[str, Model],
    normal: TraceSet,
    *,
    settings: Mapping[str, object] | None = None,
    rolling: Sequence[str] = (),
    false_alarms: Budget,
    seed: int = 1,
    progress: Progress = SILENT,
    data: str = "memory",
    data_sha256: str = "",
    part: str = "all",
) -> Model:
    """An ensemble of trained models, which stay as they are.

    It is settled, and its thresholds are set, on normal traces that no member has learned when it
    scores them. Of a trace that a member learned, the score is taken that cross-fitting kept of it:
    by a detector that had not. Traces of which a member keeps no such score are left out.

    Of the members only how they score a trace counts, not their thresholds.

    Args:
        models: by the name that each is known by, such as its folder; two at least.
        normal: traces to settle it on; those that the members learned may be among them.
        settings: the ensemble's, by name.
        rolling: more decisions, about the last calls: they need traces that no member learned.

    Raises:
        UsageError: if models do not fit together, or too few traces are new to all of them.
    """
    started = time.perf_counter()
    _check_members(models)
    if np.any(normal.labels == Label.ATTACK):
        raise UsageError("some traces are labelled attacks; an ensemble is settled on normal ones")
    ensemble = Ensemble.with_settings({**(settings or {}), "members": GIVEN})
    members = tuple(
        Member(name, model.detector, model.aggregation, model.digest)
        for name, model in models.items()
    )
    ensemble.groups(len(members))
    ensemble.members = members
    rules = rules_of(ensemble, None, rolling)

    known = {name: model.memory.knows(normal) for name, model in models.items()}
    is_new = {name: _is_new_to(model, normal, known[name]) for name, model in models.items()}
    usable = np.logical_and.reduce(list(is_new.values()))
    _check_enough(normal, usable, is_new)
    normal, known = normal.select(usable), {name: k[usable] for name, k in known.items()}

    progress.stage(f"scoring {normal.n_traces:,} traces", len(members))
    scores = np.full((normal.n_traces, len(members)), np.nan)
    costs = np.zeros(len(members))
    for column, (member, model) in enumerate(zip(members, models.values(), strict=True)):
        surprise = member.detector.surprise(normal)
        scores[:, column] = _kept(
            model, normal, known[member.name], member.scores(normal, surprise)
        )
        by_trace = scores[:, column]
        if str(member.aggregation) == "mean" and np.isfinite(by_trace).any():
            costs[column] = np.average(
                by_trace[np.isfinite(by_trace)], weights=normal.lengths[np.isfinite(by_trace)]
            )
        elif not np.isnan(surprise).all():
            costs[column] = np.nanmean(surprise, dtype=np.float64)
        progress.advance(1)
    parts = parts_kept_together(normal, n_wanted=2 * FOLDS)
    folds = min(FOLDS, int(parts.max()) + 1)
    fold_of = (np.random.default_rng(seed).permutation(int(parts.max()) + 1) % folds)[parts]
    combined = ensemble.settle(members, scores, costs, fold_of)
    trained = time.perf_counter()

    progress.stage("setting thresholds")
    learned = np.logical_or.reduce(list(known.values()))
    observed = _observed(ensemble, models, normal, learned, rules, combined)
    population = population_of(
        observed, "cross-fitting", false_alarms.merge_seconds, folds=folds, data_sha256=data_sha256
    )
    margin = ensemble.stream_error
    decisions = tuple(
        decide(population, row, false_alarms, seed=seed, margin=margin) for row in range(len(rules))
    )
    return Model(
        detector=ensemble,
        decisions=decisions,
        provenance=Provenance.now(
            normal, versions=versions(), seed=seed, data=data,
            data_sha256=data_sha256, part=part, started=started, trained=trained,
        ),
        memory=_joined_memory(ensemble, models),
        population=population,
    )  # fmt: skip


def _check_members(models: Mapping[str, Model]) -> None:
    if not 2 <= len(models) <= MAX_MEMBERS:
        raise UsageError(f"an ensemble is made of 2 to {MAX_MEMBERS} models, not {len(models)}")
    seen: dict[str, str] = {}
    for name, model in models.items():
        if isinstance(model.detector, Ensemble):
            raise UsageError(
                f"{name}: is an ensemble itself, and no member of another: give its members' models"
            )
        if model.digest and model.digest in seen:
            raise UsageError(
                f"{name}: is the same model as {seen[model.digest]}, and would count twice"
            )
        seen[model.digest] = name


def _is_new_to(model: Model, normal: TraceSet, known: Mask) -> Mask:
    """(n_traces,) bool: of which traces a score can be had by something that had not learned it."""
    if model.population.method == "training traces":
        return ~known
    return ~known | (model.population.index_of(normal.sequence_digests()) >= 0)


def _check_enough(normal: TraceSet, usable: Mask, is_new: Mapping[str, Mask]) -> None:
    n_sequences = len(np.unique(normal.select(usable).sequence_ids())) if usable.any() else 0
    if n_sequences >= LEAST_SEQUENCES:
        return
    each = "; ".join(f"{name} of {int(new.sum()):,}" for name, new in is_new.items())
    raise UsageError(
        f"only {n_sequences} different traces of {normal.n_traces:,} have a score by every member "
        f"that had not learned them ({each}), and an ensemble is settled on {LEAST_SEQUENCES} at "
        "least: give normal traces that no member learned (--data), or train the members with one "
        "seed, so that they hold out the same traces"
    )


def _kept(
    model: Model, normal: TraceSet, known: Mask, scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A member's scores; of the traces that it learned, those that cross-fitting kept."""
    if not known.any():
        return scores
    own = model.population.index_of(normal.sequence_digests())
    return np.where(known, model.population.scores[0][own], scores)


def _observed(
    ensemble: Ensemble,
    models: Mapping[str, Model],
    normal: TraceSet,
    learned: Mask,
    rules: Sequence[Rule],
    combined: NDArray[np.float64],
) -> Observation:
    """What the ensemble makes of the traces that it is settled on, by every rule."""
    if len(rules) > 1:
        if learned.all():
            raise UsageError(
                "all of these traces were learned by a member, and of such none keeps the scores "
                "of the last calls: for rolling decisions give normal traces that no member "
                "learned (--data), or train the members with held-out traces and one seed"
            )
        if normal.times_ns is not None:  # neither their hours count nor their alarms
            hidden = np.where(np.repeat(learned, normal.lengths), -1, normal.times_ns)
            normal = replace(normal, times_ns=hidden)
    observed = Observation.of(normal, rules)
    remembered = _joined_memory(ensemble, models).traces(ensemble.vocabulary.names)
    observed.observe(ensemble, remembered, np.ones(normal.n_traces, dtype=bool))
    observed.scores[0] = combined
    observed.scores[1:, learned] = np.nan
    digests = normal.sequence_digests()
    for column in ("novel", "unseen"):
        kept = [np.full(normal.n_traces, np.inf)]
        for model in models.values():
            own = model.population.index_of(digests)
            values = getattr(model.population, column)
            kept.append(np.where(own >= 0, values[own], np.inf) if len(values) else kept[0])
        # What any member knows is known to the ensemble.
        least = np.fmin.reduce(kept)
        getattr(observed, column)[learned] = np.where(np.isinf(least), np.nan, least)[learned]
    return observed


def _joined_memory(ensemble: Ensemble, models: Mapping[str, Model]) -> Memory:
    """What any of the members learned, in the ensemble's vocabulary."""
    digests: list[bytes] = []
    symbols, lengths, names = [], [], []
    seen: set[bytes] = set()
    for model in models.values():
        memory = model.memory
        digests += [bytes(digest) for digest in memory.digests]
        traces = memory.traces(model.detector.vocabulary.names)
        own = traces.sequence_digests()
        new = np.array([bytes(digest) not in seen for digest in own], dtype=bool)
        seen |= {bytes(digest) for digest in own}
        kept = traces.select(new)
        symbols.append(ensemble.vocabulary.encode(kept))
        lengths += kept.lengths.tolist()
        names += list(kept.names)
    distinct = sorted(set(digests))
    return Memory(
        np.concatenate(symbols).astype(np.uint16),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        tuple(names),
        np.frombuffer(b"".join(distinct), dtype=f"V{DIGEST_BYTES}"),
    )
