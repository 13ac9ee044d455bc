"""Drift on ADFA-LD, whose validation normals are known to be another population."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from habitus.drift.checking import check_population
from habitus.models.training import fit_model
from habitus.traces.reading import read_traces
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.traces.traceset import TraceSet


@pytest.fixture(scope="module")
def adfa(test_data: Path) -> TraceSet:
    return read_traces(test_data / "adfa-ld" / "ADFA-LD.zip")


def part(traces: TraceSet, split: str) -> TraceSet:
    chosen = [info.split == split and info.label is Label.NORMAL for info in traces.infos]
    return traces.select(np.array(chosen))


def test_validation_normals_have_drifted_from_training_normals(adfa: TraceSet) -> None:
    model = fit_model("stide", part(adfa, "training"), settings={"n": 6})
    drift = check_population(model, part(adfa, "validation"))
    assert drift.verdict == "drifted"
    assert (drift.n_traces, drift.n_learned) == (4372, 422)
    assert drift.alarms[0].drifted
    assert drift.alarms[0].n_over / 4372 > 0.05  # where 1 % was asked for
    assert drift.shift("unseen").drifted
    assert drift.n_novel_calls == 24  # 175 calls in all, 150 of them in training, 1 only in attacks


def test_halves_of_the_training_normals_are_the_same(adfa: TraceSet) -> None:
    normal = part(adfa, "training")
    verdicts = []
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(normal.n_traces)
        model = fit_model(
            "stide", normal.select(order[:416]), settings={"n": 6}, calibration="held-out:50%"
        )
        rest = normal.select(order[416:])
        verdicts.append(check_population(model, rest, seed=seed, permutations=499).verdict)
    assert verdicts.count("same") >= 8
