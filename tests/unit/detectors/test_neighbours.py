"""Neighbours against scikit-learn, and what it does where there is nothing to compare."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from habitus.detectors.neighbours import Neighbours
from habitus.errors import ModelError
from habitus.traces.traceset import TraceSet
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from collections.abc import Sequence

TRACES = st.lists(st.lists(st.sampled_from("abcd"), max_size=14), min_size=1, max_size=6)
JUDGED = st.lists(st.lists(st.sampled_from("abcdXY"), max_size=14), max_size=6)


def fitted(traces: Sequence[Sequence[str]], n: int = 2) -> Neighbours:
    detector = Neighbours.with_settings({"n": n})
    detector.fit(TraceSet.from_names([list(trace) for trace in traces]))
    return detector


def scores(detector: Neighbours, traces: Sequence[Sequence[str]]) -> list[float]:
    return detector.trace_scores(TraceSet.from_names([list(trace) for trace in traces])).tolist()


@given(learned=TRACES, judged=JUDGED, n=st.integers(1, 4))
def test_scores_are_those_of_scikit_learn(
    learned: list[list[str]], judged: list[list[str]], n: int
) -> None:
    """Duplicates in training count as often as they stand there, and are compared once."""
    learned = [*learned, learned[0]]
    if max(map(len, learned)) < n:
        return
    vectorizer = TfidfVectorizer(
        lowercase=False, tokenizer=str.split, token_pattern=None, ngram_range=(n, n)
    )
    rows = vectorizer.fit_transform([" ".join(trace) for trace in learned])
    theirs = [
        np.nan
        if len(trace) < n
        else 1 - (vectorizer.transform([" ".join(trace)]) @ rows.T).toarray().max()
        for trace in judged
    ]
    np.testing.assert_allclose(scores(fitted(learned, n), judged), theirs, atol=1e-12)


def test_by_hand() -> None:
    """One training trace `a a b`: both calls have idf 1, so its row is (2, 1) / sqrt(5)."""
    found = scores(fitted(["aab"], n=1), ["aab", "baa", "a", "b", "aX", "ab"])
    wanted = [0, 0, 1 - 2 / 5**0.5, 1 - 1 / 5**0.5, 1 - 2 / 5**0.5, 1 - 3 / 10**0.5]
    assert found == pytest.approx(wanted, abs=1e-12)


def test_nothing_in_common_is_the_farthest_and_too_short_has_no_score() -> None:
    found = scores(fitted(["abcabc"], n=3), ["XYZ", "cba", "ab", "", "abc"])
    assert found[:2] == [1, 1]
    assert np.isnan(found[2:4]).all()
    assert 0 <= found[4] < 1


@pytest.mark.parametrize("learned", [[""], ["ab", "b"]])
def test_where_training_held_no_n_gram_all_are_new(learned: list[str]) -> None:
    assert scores(fitted(learned, n=3), ["abc", "ab"])[0] == 1


def test_identical_training_traces_are_kept_once() -> None:
    detector = fitted(["abab"] * 50 + ["abc", ""])
    assert detector.counts.shape[0] == 2
    assert detector.features.n_documents == 52
    assert detector.features.documents.tolist() == [51, 50, 1]


@given(learned=TRACES, trace=st.lists(st.sampled_from("abcX"), max_size=20), data=st.data())
def test_a_running_score_is_that_of_the_whole(
    learned: list[list[str]], trace: list[str], data: st.DataObject
) -> None:
    detector = fitted(learned, n=3)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(trace)), max_size=4)))
    symbols = detector.vocabulary.symbols_of(tuple(trace))
    running = detector.running()
    for part in np.split(symbols, cuts):
        running.add(part)
    (whole,) = scores(detector, [trace])
    assert np.array_equal(running.score, whole, equal_nan=True)


def test_a_running_trace_remembers_no_more_than_the_n_grams_known() -> None:
    detector = fitted(["abcabc"])
    running = detector.running()
    random = np.random.default_rng(1)
    for _ in range(20):
        running.add(random.integers(0, 9, 1000).astype(np.uint16))
    assert len(running._counts) <= detector.features.size + 1


def test_few_at_a_time_score_like_many(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(3)
    learned, judged = (
        [random.choice(list("abcde"), random.integers(0, 30)).tolist() for _ in range(40)]
        for _ in range(2)
    )
    detector = fitted(learned, n=3)
    together = scores(detector, judged)
    monkeypatch.setattr("habitus.detectors.by_ngrams.BLOCK_CALLS", 50)
    monkeypatch.setattr("habitus.detectors.neighbours.BLOCK_CELLS", 1)
    assert np.array_equal(scores(detector, judged), together, equal_nan=True)


def test_more_training_traces_than_were_learned_are_refused() -> None:
    origin = fitted(["abab", "abc"])
    clone = Neighbours.with_settings({"n": 2})
    clone.vocabulary = Vocabulary(origin.vocabulary.names)
    held = dict(origin.state())
    held["rows"] = np.array([0, 1, 2, 4])
    with pytest.raises(ModelError, match="more training traces than it was trained on"):
        clone.restore(held)
