"""The classical detectors on ADFA-LD: the areas that an independent implementation measured.

Training on the 833 training traces, 4372 normals and 746 attacks to judge; `adfa-ld/distinct` has
2342 normals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from habitus.decisions.aggregation import Aggregation
from habitus.detectors import get_detector
from habitus.detectors.neighbours import Neighbours
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.evaluation.protocols import test_part as judged_part
from habitus.traces.reading import read_traces
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from habitus.traces.traceset import TraceSet


@pytest.fixture(scope="module")
def adfa(test_data: Path) -> TraceSet:
    return read_traces(test_data / "adfa-ld" / "ADFA-LD.zip")


@pytest.fixture(scope="module")
def learned(adfa: TraceSet) -> TraceSet:
    return training_part(adfa, get_protocol("adfa-ld"))[0]


@pytest.fixture(scope="module")
def tests(adfa: TraceSet) -> dict[str, TraceSet]:
    names = ("adfa-ld", "adfa-ld/distinct")
    return {name: judged_part(adfa, get_protocol(name)) for name in names}


def area(scores: NDArray[np.float64], test: TraceSet) -> float:
    """The area under the curve, of the traces that have a score."""
    scored = np.isfinite(scores)
    normal = scored & (test.labels == Label.NORMAL)
    return roc(scores[normal], scores[scored & (test.labels == Label.ATTACK)]).auc


def areas(
    detector: str, settings: dict[str, object], learned: TraceSet, test: TraceSet, *texts: str
) -> list[float]:
    """The area of a detector by each aggregation."""
    made = get_detector(detector).with_settings(settings)
    made.fit(learned)
    surprise = made.surprise(test)
    return [area(Aggregation.parse(text).scores(surprise, test.offsets), test) for text in texts]


@pytest.mark.parametrize(
    ("n", "auc"), [(3, 0.6951), (5, 0.7816), (6, 0.8273), (8, 0.8290), (10, 0.8283)]
)
def test_stide(learned: TraceSet, tests: dict[str, TraceSet], n: int, auc: float) -> None:
    (found,) = areas("stide", {"n": n}, learned, tests["adfa-ld"], "mean")
    assert found == pytest.approx(auc, abs=0.002)


@pytest.mark.parametrize(
    ("order", "auc"), [(2, 0.7673), (3, 0.8244), (5, 0.8354), (8, 0.8442), (12, 0.8461)]
)
def test_ngram(learned: TraceSet, tests: dict[str, TraceSet], order: int, auc: float) -> None:
    (found,) = areas("ngram", {"order": order}, learned, tests["adfa-ld"], "mean")
    assert found == pytest.approx(auc, abs=0.003)


def test_ngram_by_a_quantile(learned: TraceSet, tests: dict[str, TraceSet]) -> None:
    (found,) = areas("ngram", {"order": 12}, learned, tests["adfa-ld"], "quantile:0.7")
    assert found == pytest.approx(0.8597, abs=0.004)


def test_neighbours(learned: TraceSet, tests: dict[str, TraceSet]) -> None:
    made = Neighbours.with_settings({"n": 3})
    made.fit(learned)
    test = tests["adfa-ld"]
    assert area(made.trace_scores(test), test) == pytest.approx(0.8331, abs=0.003)


def test_distinct_normals_are_harder(learned: TraceSet, tests: dict[str, TraceSet]) -> None:
    test = tests["adfa-ld/distinct"]
    (stide,) = areas("stide", {"n": 6}, learned, test, "mean")
    (ngram,) = areas("ngram", {"order": 12}, learned, test, "mean")
    assert stide == pytest.approx(0.7486, abs=0.003)
    assert ngram == pytest.approx(0.7801, abs=0.004)


@pytest.mark.parametrize(("protocol", "auc"), [("adfa-ld", 0.810), ("adfa-ld/distinct", 0.728)])
def test_the_number_of_distinct_calls_alone(
    tests: dict[str, TraceSet], protocol: str, auc: float
) -> None:
    """Whatever is published on this data is to be read against this."""
    test = tests[protocol]
    distinct = np.array([-float(len(set(test.trace(i)))) for i in range(test.n_traces)])
    assert area(distinct, test) == pytest.approx(auc, abs=0.001)
