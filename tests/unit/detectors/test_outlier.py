"""Every estimator: strange is higher, a seed repeats, and a model holds no pickle of it."""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError
from typing import get_args

import numpy as np
import pytest
from sklearn.svm import OneClassSVM

from habitus.detectors import estimators, outlier
from habitus.detectors.estimators import EstimatorName
from habitus.detectors.outlier import Outlier
from habitus.errors import ModelError, UsageError
from habitus.traces.traceset import TraceSet
from habitus.traces.vocabulary import Vocabulary

NAMES = get_args(EstimatorName)
every_estimator = pytest.mark.parametrize("name", NAMES)


def some(n: int, seed: int, calls: str = "abcd") -> list[list[str]]:
    """Traces of a program with two habits, and a little chance."""
    random = np.random.default_rng(seed)
    habits = (calls * 3, calls[::-1] * 2)
    return [
        [c for c in habits[i % 2] * int(random.integers(1, 4)) if random.random() > 0.1]
        for i in range(n)
    ]


LEARNED = TraceSet.from_names(some(60, seed=1))
NORMAL = TraceSet.from_names(some(20, seed=2))
STRANGE = TraceSet.from_names([*some(10, seed=3, calls="wxyz"), *some(10, seed=4, calls="aabz")])


def fitted(name: str = "one-class-svm", seed: int = 1, **settings: object) -> Outlier:
    detector = Outlier.with_settings({"estimator": name, "n": 2, "dimensions": 5, **settings})
    detector.fit(LEARNED, seed=seed)
    return detector


def restored(origin: Outlier, **changes: object) -> Outlier:
    clone = Outlier.with_settings(origin.settings.model_dump(mode="json"))
    clone.vocabulary = Vocabulary(origin.vocabulary.names)
    clone.restore(origin.state() | {name: np.asarray(array) for name, array in changes.items()})
    return clone


@every_estimator
def test_the_strange_score_higher(name: str) -> None:
    detector = fitted(name)
    normal, strange = detector.trace_scores(NORMAL), detector.trace_scores(STRANGE)
    assert np.median(strange) > np.quantile(normal, 0.75)


@every_estimator
def test_it_comes_back_from_its_rows_as_it_was(name: str) -> None:
    detector = fitted(name)
    clone = restored(detector)
    assert np.array_equal(clone.trace_scores(STRANGE), detector.trace_scores(STRANGE))
    assert all(np.array_equal(a, clone.state()[key]) for key, a in detector.state().items())


@every_estimator
def test_a_trace_scores_alike_in_any_company_and_in_segments(name: str) -> None:
    detector = fitted(name)
    together = detector.trace_scores(STRANGE)
    for i in range(0, STRANGE.n_traces, 4):
        alone = STRANGE.select([i])
        assert detector.trace_scores(alone)[0] == together[i]
        running = detector.running()
        for part in np.array_split(detector.vocabulary.encode(alone), 3):
            running.add(part)
        assert running.score == together[i]


@every_estimator
@pytest.mark.parametrize("n", [2, 3, 7])
def test_few_rows_are_enough(name: str, n: int) -> None:
    """Or it says that they are not; either way without a warning."""
    detector = Outlier.with_settings({"estimator": name, "n": 2})
    try:
        detector.fit(LEARNED.select(np.arange(n)))
    except UsageError as error:
        assert "too much alike" in str(error)  # noqa: PT017
        return
    assert np.isfinite(detector.trace_scores(STRANGE)).all()


@every_estimator
def test_rows_that_are_all_alike_are_no_crash(name: str) -> None:
    detector = Outlier.with_settings({"estimator": name, "n": 2})
    try:
        detector.fit(TraceSet.from_names([list("ab" * k) for k in (1, 2)] * 3 + [list("aba")]))
    except UsageError as error:
        assert "too much alike" in str(error)  # noqa: PT017
        return
    assert not np.isinf(detector.trace_scores(STRANGE)).any()


def test_a_library_that_gives_up_is_told_of() -> None:
    """Columns that differ by rounding alone: numpy cannot divide them into hbos's bins."""
    rotated = [list("abcd"), list("bcda"), list("cdab"), list("dabc")]
    with pytest.raises(UsageError, match="hbos finds no scale in these 4 training traces"):
        Outlier.with_settings({"estimator": "hbos"}).fit(TraceSet.from_names(rotated))


def test_a_seed_repeats_and_another_differs() -> None:
    scores = [fitted("isolation-forest", seed).trace_scores(NORMAL) for seed in (1, 1, 2)]
    assert np.array_equal(scores[0], scores[1])
    assert not np.array_equal(scores[0], scores[2])
    assert np.isfinite(fitted("isolation-forest", 1 << 40).trace_scores(NORMAL)).all()


def test_the_columns_are_direction_and_what_is_left_out() -> None:
    """As slow matrices: project, scale to length 1, and put the lost length beside."""
    detector = fitted(dimensions=3)
    counts = detector.features.counts(detector.vocabulary.encode(STRANGE), STRANGE.offsets)
    rows = detector.features.weighted(counts, unseen=True).toarray()
    inside = rows @ detector._components
    left = np.linalg.norm(rows - inside @ detector._components.T, axis=1)
    length = np.linalg.norm(inside, axis=1)
    direction = inside / np.where(length > 0, length, 1)[:, np.newaxis]
    found = detector._projected(counts)
    np.testing.assert_allclose(found[:, :-1], direction, atol=1e-12)
    np.testing.assert_allclose(found[:, -1], left, atol=1e-6)
    assert found[0].tolist() == [0, 0, 0, 1]  # no n-gram that it knows


def test_scores_are_the_librarys_own() -> None:
    detector = fitted()
    theirs = OneClassSVM().fit(detector._projected(detector.counts))
    counts = detector.features.counts(detector.vocabulary.encode(NORMAL), NORMAL.offsets)
    wanted = -theirs.score_samples(detector._projected(counts)) / theirs.dual_coef_.sum()
    np.testing.assert_allclose(detector.trace_scores(NORMAL), wanted, rtol=1e-6)


@every_estimator
def test_a_score_does_not_grow_with_how_much_was_learned(name: str) -> None:
    """Or a threshold that cross-fitting sets would be one for scores of another size."""
    random = np.random.default_rng(1)
    learned, fresh = random.normal(size=(600, 4)), random.normal(size=(200, 4))
    few, many = (estimators.Estimator(name, learned[:n], 1).scores(fresh) for n in (480, 600))
    assert np.quantile(many, 0.3) < np.median(few) < np.quantile(many, 0.7)


def test_traces_without_a_score() -> None:
    detector = fitted()
    assert np.isnan(detector.trace_scores(TraceSet.from_names([["a"], []]))).all()
    one = Outlier.with_settings({"n": 2})
    one.fit(TraceSet.from_names([list("abab")] * 3))
    assert np.isnan(one.trace_scores(NORMAL)).all()
    clone = Outlier.with_settings({"n": 2})
    clone.vocabulary = one.vocabulary
    clone.restore(one.state())
    assert np.isnan(clone.trace_scores(NORMAL)).all()


def test_no_more_traces_than_asked_are_kept() -> None:
    detector = fitted(traces=7)
    assert detector.counts.shape[0] == 7
    assert detector.features.n_documents == 60
    assert np.array_equal(restored(detector).trace_scores(NORMAL), detector.trace_scores(NORMAL))


def no_package(name: str) -> str:
    raise PackageNotFoundError(name)


def test_without_pyod_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyod.models.ecod", None)
    with pytest.raises(UsageError, match=r'ecod needs pyod.*pip install "habitus\[outlier\]"'):
        fitted("ecod")
    monkeypatch.setattr(estimators, "version", no_package)
    assert estimators.library_versions("ecod") == {}
    monkeypatch.undo()
    kept = fitted("knn")
    monkeypatch.setitem(sys.modules, "pyod.models.knn", None)
    with pytest.raises(ModelError, match=r'pip install "habitus\[outlier\]"'):
        restored(kept)
    fitted("isolation-forest")


def test_an_unknown_estimator_is_refused_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"estimator=forest.*'isolation-forest'"):
        Outlier.with_settings({"estimator": "forest"})


@every_estimator
def test_a_library_that_scores_otherwise_is_noticed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = fitted(name)
    versions = np.frombuffer(json.dumps({"numpy": "1.0.0"}).encode(), np.uint8)
    real = estimators.Estimator.scores
    monkeypatch.setattr(estimators.Estimator, "scores", lambda self, rows: real(self, rows) * 1.1)
    with pytest.raises(
        ModelError, match=r"fitted with numpy 1\.0\.0, and here is .*train it again"
    ):
        restored(kept, versions=versions)


NOTHING = {
    "parent": np.zeros(1, np.int32), "symbol": np.zeros(1, np.uint16), "count": np.zeros(1, int),
    "documents": np.zeros(0, int), "cells": np.zeros(0, np.int32), "times": np.zeros(0, int),
    "rows": np.zeros(9, int),
}  # fmt: skip
"""Eight traces without an n-gram, in a model that knows none: there is nothing to project."""


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"checked": np.zeros(0)}, "does not score as it did"),
        ({"checked": np.full(16, np.nan)}, "does not score as it did"),
        ({"checked": np.full(16, np.inf)}, "does not score as it did"),
        ({"checked": np.zeros(1 << 20)}, "does not score as it did"),
        ({"checked": np.zeros((4, 4))}, "'checked'"),
        ({"seed": np.array([1, 2])}, "more or less than one seed"),
        ({"seed": np.array([1.0])}, "'seed'"),
        ({"versions": np.frombuffer(b"[" * 9000, np.uint8)}, "versions .* damaged"),
        ({"versions": np.frombuffer(b'{"a": "\x1b[31m"}', np.uint8)}, "versions .* damaged"),
        ({"versions": np.frombuffer(b'["a"]', np.uint8)}, "versions .* damaged"),
        ({"versions": np.zeros(0, np.uint8)}, "versions .* damaged"),
        ({"cells": np.zeros(3, np.int32)}, "lengths"),
        (NOTHING, "holds none"),
    ],
)
def test_arrays_that_someone_made_up_are_refused(
    changes: dict[str, np.ndarray], complaint: str
) -> None:
    with pytest.raises(ModelError, match=complaint):
        restored(fitted(), **changes)


def forbidden(*arguments: object, **options: object) -> None:
    raise AssertionError("work was begun before sizes were checked")


def test_sizes_are_checked_before_any_fitting(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = fitted()
    monkeypatch.setattr(outlier, "Estimator", forbidden)
    monkeypatch.setattr("sklearn.decomposition.TruncatedSVD", forbidden)
    small = Outlier.with_settings(kept.settings.model_dump() | {"traces": 5})
    small.vocabulary = kept.vocabulary
    with pytest.raises(ModelError, match="more traces or n-gram counts"):
        small.restore(kept.state())
    monkeypatch.setattr(outlier, "MAX_COUNTS", 10)
    with pytest.raises(ModelError, match="more traces or n-gram counts"):
        restored(kept)
    monkeypatch.setattr(outlier, "MAX_COUNTS", 1000)
    monkeypatch.setattr(outlier, "MAX_CELLS", 10)
    with pytest.raises(ModelError, match=r"n-grams in 5 dimensions.*smaller n"):
        restored(kept)


def test_too_many_counts_leave_traces_out_of_the_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlier, "MAX_COUNTS", 60)
    detector = fitted()
    assert 2 <= detector.counts.shape[0] < 60
    assert detector.counts.nnz <= 60
