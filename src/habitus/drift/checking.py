"""Checking for drift: every test, their correction for being many, and the verdict."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from habitus.decisions.scores import score_unit
from habitus.drift.calls import changed_calls, novel_calls, novel_traces
from habitus.drift.measures import Measure, alarms_of, lengths_of, shift_of
from habitus.drift.observed import NewTraces, observe
from habitus.drift.result import LEVEL, Alarms, Drift, Shift, Tested, Verdict
from habitus.drift.two_sample import holm
from habitus.drift.words import advice_of, notes_of, sentence_of
from habitus.errors import UsageError
from habitus.progress import SILENT, Progress
from habitus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.models.model import Model
    from habitus.traces.traceset import TraceSet

Test = TypeVar("Test", Alarms, Shift)

DEFAULT_PERMUTATIONS = 1999
MARKED = 0.7
"""A drift is marked where a new sequence is the stranger of so many pairs."""
POWER = 0.8
"""How surely a marked drift should be found before a check that finds none says `same`."""


def check_population(
    model: Model,
    traces: TraceSet,
    *,
    name: str = "",
    data: str = "memory",
    data_sha256: str = "",
    seed: int = 1,
    permutations: int = DEFAULT_PERMUTATIONS,
    progress: Progress = SILENT,
) -> Drift:
    """Hold new normal traces against those that a model's thresholds were set on.

    All tests are one-sided: they look for strangers. Traces labelled attacks are left out, and so
    are, but for the count of alarms, those whose sequence the model learned: they would look normal
    whatever happened to the others.

    Args:
        name: what to call the model; ``data`` and ``data_sha256`` tell of the traces.
        seed, permutations: of the permutation tests.

    Raises:
        HabitusError: if the model keeps no scores of normal traces, or no trace is left.
    """
    population = model.population
    if not len(population.digests):
        raise UsageError(
            "this model keeps no scores of normal traces to hold others against: set its threshold "
            "on some first (`habitus model threshold --data`)"
        )
    progress.stage(f"scoring {traces.n_traces:,} traces")
    new = observe(model, traces)
    alarms, shifts = _tested(model, new, seed, permutations, progress)
    verdict, n_more = _verdict(alarms, shifts, all_familiar=bool(new.familiar.all()))
    n_novel, most_novel = novel_calls(model, new)
    drift = Drift(
        habitus_version=__version__,
        model=name,
        model_digest=model.digest,
        detector=model.detector.name,
        data=data,
        data_sha256=data_sha256,
        seed=seed,
        permutations=permutations,
        unit=score_unit(model.detector),
        method=population.method,
        verdict=verdict,
        n_traces=new.n_traces,
        n_attacks=new.n_attacks,
        n_own=new.n_own,
        n_learned=new.n_learned,
        n_unscoreable=int(new.counts[~new.familiar & np.isnan(new.scores[0])].sum()),
        n_more=n_more,
        alarms=tuple(alarms),
        shifts=tuple(shifts),
        lengths=lengths_of(population, new),
        n_novel_calls=n_novel,
        novel_calls=most_novel,
        novel_traces=novel_traces(model, new),
        changed_calls=changed_calls(model, new),
    )
    return drift.model_copy(
        update={
            "sentence": sentence_of(drift),
            "advice": tuple(advice_of(drift)),
            "notes": tuple(notes_of(drift, remembers_all=new.remembers_all)),
        }
    )


def _tested(
    model: Model, new: NewTraces, seed: int, permutations: int, progress: Progress
) -> tuple[list[Alarms], list[Shift]]:
    """All tests, with p-values adjusted for their number."""
    measures: list[tuple[Measure, str]] = [("score", one.rule) for one in model.decisions]
    measures += [("novel", ""), ("unseen", "")]
    progress.stage("comparing", len(measures))
    alarms = [alarms_of(model, new, row, seed=seed + row) for row in range(len(model.decisions))]
    shifts = []
    for number, (measure, rule) in enumerate(measures):
        shifts.append(
            shift_of(model, new, measure, rule, seed=seed + number, permutations=permutations)
        )
        progress.advance(1)
    tests: list[Tested] = [*alarms, *shifts]
    adjusted = holm([test.p for test in tests])
    return _with(adjusted[: len(alarms)], alarms), _with(adjusted[len(alarms) :], shifts)


def _verdict(
    alarms: Sequence[Alarms], shifts: Sequence[Shift], *, all_familiar: bool
) -> tuple[Verdict, int | None]:
    """The verdict, and how many more sequences would do if there are too few."""
    tests: list[Tested] = [*alarms, *shifts]
    if any(test.drifted for test in tests):
        return "drifted", None
    if all_familiar:
        return "cannot tell", None
    lacking = n_lacking(shifts[0], n_tests=sum(test.p is not None for test in tests))
    return ("same", None) if lacking == 0 else ("cannot tell", lacking)


def _with(adjusted: Sequence[float | None], tests: Sequence[Test]) -> list[Test]:
    """Tests with their adjusted p-values."""
    return [
        one.model_copy(update={"p_adjusted": p}) for one, p in zip(tests, adjusted, strict=True)
    ]


def n_lacking(shift: Shift, *, n_tests: int) -> int | None:
    """How many more new sequences it takes to find a marked drift as surely as `POWER`.

    G. Noether, "Sample size determination for some common nonparametric tests", Journal of the
    American Statistical Association 82, 1987, at the level that Holm's first step leaves.

    Returns:
        0 if there are enough; None if no number would do, because the reference is too small.
    """
    from scipy.stats import norm

    z = float(norm.isf(LEVEL / max(1, n_tests)) + norm.isf(1 - POWER))
    wanted = z**2 / (12 * (MARKED - 0.5) ** 2)
    if shift.comparable >= wanted:
        return 0
    n = shift.n_reference
    if n <= wanted:
        return None
    return max(1, math.ceil(wanted * n / (n - wanted)) - shift.n_new)
