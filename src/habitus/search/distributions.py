"""A search's space in Optuna's words, and the points that its sampler proposes."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from habitus.detectors.extras import extra_module
from habitus.search.space import Choices, Point, Range, Space

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.search.ledger import Record


def optuna_module() -> Any:
    """Optuna, which says nothing by itself here.

    Raises:
        MissingLibrary: if it is not installed.
    """
    with warnings.catch_warnings():
        # In a notebook it asks for a bar of progress that nobody here draws.
        warnings.filterwarnings("ignore", message="IProgress not found")
        optuna = extra_module("optuna", "search", "habitus search")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna


def distribution_of(parameter: Choices | Range) -> Any:
    """What Optuna calls a parameter."""
    made = optuna_module().distributions
    if isinstance(parameter, Choices):
        return made.CategoricalDistribution(parameter.choices)
    # The last value, where the steps do not end with the range.
    high = parameter.high if parameter.n_steps is None else parameter.values()[-1]
    if parameter.is_whole:
        step = parameter.step or 1
        return made.IntDistribution(parameter.low, high, log=parameter.log, step=step)
    return made.FloatDistribution(parameter.low, high, log=parameter.log, step=parameter.step)


def distributions_of(space: Space, point: Point) -> dict[str, Any]:
    """The distributions of the settings that a point has."""
    return {name: distribution_of(space.parameters[name]) for name in point}


def frozen(record: Record, space: Space) -> Any:
    """A finished trial as Optuna keeps it."""
    optuna = optuna_module()
    states = optuna.trial.TrialState
    return optuna.trial.create_trial(
        state=states.COMPLETE if record.state == "done" else states.PRUNED,
        value=record.value,
        params=record.point,
        distributions=distributions_of(space, record.point),
        intermediate_values=record.reported,
    )


def proposed(
    space: Space, history: Sequence[Record], n: int, *, seed: int, direction: str
) -> list[Point]:
    """``n`` points by a tree-structured Parzen estimator, from the trials that came before.

    The same history gives the same points, in whatever order its trials ended.
    """
    optuna = optuna_module()
    study = optuna.create_study(
        direction=direction,
        # The constant liar: points that are out already count as poor, so that a batch is spread.
        sampler=optuna.samplers.TPESampler(
            seed=int(np.random.SeedSequence([seed, len(history)]).generate_state(1)[0]),
            constant_liar=True,
        ),
    )
    judged = [record for record in history if record.state in {"done", "pruned"}]
    for record in sorted(judged, key=lambda record: record.number):
        study.add_trial(frozen(record, space))
    return [_asked(study.ask(), space) for _ in range(n)]


def _asked(trial: Any, space: Space) -> Point:
    point: Point = {}
    for name, parameter in space.parameters.items():
        if not parameter.is_tried(point):
            continue
        made = distribution_of(parameter)
        if isinstance(parameter, Choices):
            point[name] = trial.suggest_categorical(name, made.choices)
        elif parameter.is_whole:
            point[name] = trial.suggest_int(name, made.low, made.high, log=made.log, step=made.step)
        else:
            point[name] = trial.suggest_float(
                name, made.low, made.high, log=made.log, step=made.step
            )
    return point


def importance(space: Space, records: Sequence[Record], *, direction: str) -> dict[str, float]:
    """By how much each setting that every trial has moves the objective: shares of 1, by fANOVA.

    Of many trials, evenly spaced ones stand for all. Empty where there is too little to tell it by.
    """
    done = [record for record in records if record.state == "done"]
    if len(done) > MOST_TRIALS:
        done.sort(key=lambda record: record.number)
        done = [done[place * len(done) // MOST_TRIALS] for place in range(MOST_TRIALS)]
    if len(done) < MIN_TRIALS or len({record.value for record in done}) < 2:
        return {}
    optuna = optuna_module()
    study = optuna.create_study(direction=direction)
    study.add_trials([frozen(record, space) for record in done])
    evaluator = optuna.importance.FanovaImportanceEvaluator(seed=0)
    shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
    return {name: float(share) for name, share in shares.items()}


MIN_TRIALS = 4
MOST_TRIALS = 1000
"""What fANOVA takes grows quicker than its trials: minutes for ten thousand."""
