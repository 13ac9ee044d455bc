"""A population as arrays in a model's file, and back; nothing is believed before it is checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from habitus.decisions.alarms import MAX_MOMENTS, AlarmRate
from habitus.decisions.decision import MAX_COUNT
from habitus.decisions.population import Method, Population
from habitus.errors import ModelError
from habitus.traces.traceset import DIGEST_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from habitus.decisions.rule import Rule

    Arrays = Mapping[str, NDArray[np.generic]]

_Scalar = TypeVar("_Scalar", bound=np.generic)

PREFIX = "population."
MAX_SECONDS = 1e10


class PopulationFile(BaseModel):
    """What ``model.json`` tells of a population; the rest are arrays."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    method: Method
    folds: int = Field(ge=0)
    data_sha256: str
    merge_seconds: float | None = Field(ge=0)


def population_file(population: Population) -> PopulationFile:
    """What is not in the arrays."""
    timed = next((rate for rate in population.alarm_rates if rate is not None), None)
    return PopulationFile(
        method=population.method,
        folds=population.folds,
        data_sha256=population.data_sha256,
        merge_seconds=None if timed is None else timed.merge_seconds,
    )


def population_arrays(population: Population) -> dict[str, NDArray[np.generic]]:
    """The arrays, by name."""
    arrays: dict[str, NDArray[np.generic]] = {
        "digests": np.frombuffer(population.digests.tobytes(), dtype=np.uint8),
        "counts": population.counts,
        "n_calls": population.n_calls,
        "scores": population.scores,
        "novel": population.novel,
        "unseen": population.unseen,
    }
    for row, rate in enumerate(population.alarm_rates):
        if rate is not None:
            arrays["seconds"] = rate.seconds
            arrays[f"moments.{row}.scores"] = rate.scores
            arrays[f"moments.{row}.steps"] = rate.steps
            arrays[f"moments.{row}.recordings"] = rate.recordings
    return {PREFIX + name: array for name, array in arrays.items()}


def population_from(arrays: Arrays, told: PopulationFile, rules: tuple[Rule, ...]) -> Population:
    """The population that `population_arrays` gave.

    Raises:
        ModelError: if the arrays are missing, of other types, or do not fit together.
    """

    def column(name: str, dtype: type[_Scalar], *shape: int | None) -> NDArray[_Scalar]:
        array = arrays.get(PREFIX + name)
        fits = array is not None and array.dtype == dtype and array.ndim == len(shape)
        if array is None or not fits:
            raise ModelError(f"the array {PREFIX + name!r} is missing or of another type")
        if any(n not in {None, size} for n, size in zip(shape, array.shape, strict=True)):
            raise ModelError(f"the array {PREFIX + name!r} has the shape {array.shape}")
        return array.astype(dtype, copy=False)

    counts = column("counts", np.int64, None)
    n = len(counts)
    if not n:
        return Population.nothing()
    digests = column("digests", np.uint8, DIGEST_BYTES * n).tobytes()
    n_calls = column("n_calls", np.int64, n)
    scores = column("scores", np.float64, len(rules), n)
    novel, unseen = column("novel", np.float64, n), column("unseen", np.float64, n)
    sound = (
        bool(np.all((counts > 0) & (counts <= MAX_COUNT)))
        and sum(counts.tolist()) <= MAX_COUNT  # Python's integers do not overflow
        and bool(np.all(n_calls >= 0))
        and not np.isinf(scores).any()
        and _are_shares(novel)
        and _are_shares(unseen)
    )
    if not sound:
        raise ModelError("the columns of the model's normal traces do not fit together")
    rates: list[AlarmRate | None] = [None] * len(rules)
    if told.merge_seconds is not None:
        seconds = column("seconds", np.float64, None)
        if not (np.all((seconds >= 0) & (seconds <= MAX_SECONDS)) and seconds.sum() > 0):
            raise ModelError("the model's recordings last no time, or more than there is")
        for row in range(len(rules)):
            moments = column(f"moments.{row}.scores", np.float64, None)
            if not np.isfinite(moments).all() or len(moments) > MAX_MOMENTS:
                raise ModelError("the scores of the model's alarms are damaged")
            steps = column(f"moments.{row}.steps", np.int8, len(moments))
            recordings = column(f"moments.{row}.recordings", np.int64, len(moments))
            if not np.all((recordings >= 0) & (recordings < len(seconds))):
                raise ModelError("an alarm of the model belongs to no recording")
            if not _are_steps(steps, moments, recordings):
                raise ModelError("the steps of the model's alarms are damaged")
            rates[row] = AlarmRate(moments, steps, recordings, seconds, told.merge_seconds)
    return Population(
        told.method, rules, np.frombuffer(digests, dtype=f"V{DIGEST_BYTES}"), counts, n_calls,
        scores, novel, unseen, tuple(rates), told.folds, told.data_sha256,
    )  # fmt: skip


def _are_shares(values: NDArray[np.float64]) -> bool:
    """Whether all are NaN or from 0 to 1."""
    return bool(np.all(np.isnan(values) | ((values >= 0) & (values <= 1))))


def _are_steps(
    steps: NDArray[np.int8], scores: NDArray[np.float64], recordings: NDArray[np.int64]
) -> bool:
    """Whether all are +1 or -1, and no recording has fewer alarms than none at any threshold."""
    if not np.all((steps == 1) | (steps == -1)):
        return False
    order = np.lexsort((-steps, -scores, recordings))
    so_far = np.cumsum(steps[order], dtype=np.int64)
    begins = np.searchsorted(recordings[order], recordings[order])
    before = np.concatenate([[0], so_far])[begins]
    return bool(np.all(so_far >= before))
