"""Traces as rows of n-gram counts: exact, in any chunks, and believed only if they fit together."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from habitus.detectors.ngram_features import NGramFeatures, counts_from, counts_state
from habitus.errors import ModelError
from habitus.traces.traceset import TraceSet
from habitus.traces.vocabulary import Vocabulary

if TYPE_CHECKING:
    from scipy.sparse import csr_array

TRACES = st.lists(st.lists(st.sampled_from("abcd"), max_size=14), min_size=1, max_size=6)
JUDGED = st.lists(st.lists(st.sampled_from("abcdXY"), max_size=14), max_size=6)


class Learned:
    """The n-grams of some traces, each learned once, as names."""

    def __init__(self, n: int, traces: list[list[str]]) -> None:
        given_traces = TraceSet.from_names(traces)
        self.n = n
        self.vocabulary = Vocabulary.of(given_traces)
        self.features, self.counts = NGramFeatures.of(
            self.vocabulary.encode(given_traces), given_traces.offsets,
            np.ones(len(traces), np.int64), n, len(self.vocabulary),
        )  # fmt: skip
        self.grams = {self._column(gram): gram for trace in traces for gram in grams_of(trace, n)}

    def _column(self, gram: tuple[str, ...]) -> int:
        symbols = self.vocabulary.symbols_of(gram)
        return int(self.features.columns(symbols, np.array([0, len(symbols)]))[0][-1])

    def counted(self, traces: list[list[str]]) -> csr_array:
        judged = TraceSet.from_names(traces)
        return self.features.counts(self.vocabulary.encode(judged), judged.offsets)

    def named(self, counts: csr_array) -> list[dict[tuple[str, ...] | str, int]]:
        """Rows of counts as what each says: how often which n-gram, and how many are new."""
        return [
            {self.grams.get(column, "new"): int(row[column]) for column in np.flatnonzero(row)}
            for row in counts.toarray()
        ]


def grams_of(trace: list[str], n: int) -> list[tuple[str, ...]]:
    return [tuple(trace[i : i + n]) for i in range(len(trace) - n + 1)]


@given(learned=TRACES, judged=JUDGED, n=st.integers(1, 5), chunk=st.sampled_from([1, 3, 1 << 16]))
def test_counts_are_those_of_a_counter(
    learned: list[list[str]], judged: list[list[str]], n: int, chunk: int
) -> None:
    known = {gram for trace in learned for gram in grams_of(trace, n)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("habitus.detectors.trie.CHUNK_CALLS", chunk)
        made = Learned(n, learned)
        assert made.features.size == len(known) == len(made.grams)
        assert made.named(made.counts) == [Counter(grams_of(trace, n)) for trace in learned]
        wanted = [
            Counter(gram if gram in known else "new" for gram in grams_of(trace, n))
            for trace in judged
        ]
        assert made.named(made.counted(judged)) == wanted


@given(learned=TRACES, judged=JUDGED, n=st.integers(1, 4))
def test_weights_are_those_of_scikit_learn(
    learned: list[list[str]], judged: list[list[str]], n: int
) -> None:
    made = Learned(n, learned)
    if not made.features.size:
        return
    vectorizer = TfidfVectorizer(analyzer=lambda trace: grams_of(trace, n))
    theirs = vectorizer.fit(learned)
    order = [theirs.vocabulary_[made.grams[column]] for column in range(made.features.size)]
    for traces, counts in ((learned, made.counts), (judged, made.counted(judged))):
        ours = made.features.weighted(counts, unseen=False).toarray()[:, :-1]
        if traces:
            np.testing.assert_allclose(ours, theirs.transform(traces).toarray()[:, order])


def test_what_was_never_seen_can_weigh_like_what_no_trace_holds() -> None:
    """`ab` stands in both of 2 traces: idf 1. New ones: ln(3 / 1) + 1."""
    made = Learned(2, [list("ab"), list("ab")])
    row = made.features.weighted(made.counted([list("abX")]), unseen=True).toarray()[0]
    new = np.log(3) + 1
    assert row == pytest.approx(np.array([1, new]) / np.hypot(1, new))


def test_a_trace_in_segments_has_the_n_grams_of_the_whole() -> None:
    made = Learned(3, [list("abcabc")])
    symbols = made.vocabulary.symbols_of(tuple("abcXabca"))
    whole, _ = made.features.columns(symbols, np.array([0, 8]))
    for cut in range(9):
        history, found = 0, []
        for before, part in ((0, symbols[:cut]), (cut, symbols[cut:])):
            columns, history = made.features.columns(
                part, np.array([0, len(part)]), history, before
            )
            found += columns.tolist()
        assert found == whole.tolist()


def test_rarity_by_hand() -> None:
    """Of 3 traces all hold `ab`, one holds `bc`; what none holds is rarer than both."""
    made = Learned(2, [list("abc"), list("ab"), list("ab")])
    judged = TraceSet.from_names([list("abcX"), list("a")])
    rarity = made.features.rarity(made.vocabulary.encode(judged), judged.offsets)
    wanted = [np.nan, 0, np.log(4 / 2), np.log(4), np.nan]
    np.testing.assert_allclose(rarity, wanted, rtol=1e-6)


GOOD = Learned(2, [list("abcab"), list("bc")])


def state(**changes: object) -> dict[str, np.ndarray]:
    held = GOOD.features.state() | counts_state(GOOD.counts)
    return held | {name: np.asarray(array) for name, array in changes.items()}


def restored(held: dict[str, np.ndarray]) -> tuple[NGramFeatures, csr_array]:
    features = NGramFeatures.from_state(2, held, 3)
    return features, counts_from(held, features)


def test_what_is_kept_comes_back() -> None:
    features, counts = restored(state())
    assert (features.n, features.size, features.n_documents) == (2, 3, 2)
    assert features.documents.tolist() == [1, 2, 1]
    assert (counts.toarray() == GOOD.counts.toarray()).all()


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"documents": np.array([1, 2])}, "do not fit the n-grams"),
        ({"documents": np.array([1, 3, 1])}, "do not fit the n-grams"),
        ({"documents": np.array([0, 2, 1])}, "do not fit the n-grams"),
        ({"documents": np.array([1.0, 2.0, np.nan])}, "'documents'"),
        ({"n_documents": np.array([1])}, "do not fit the n-grams"),
        ({"n_documents": np.array([-1])}, "do not fit the n-grams"),
        ({"n_documents": np.array([1 << 62])}, "do not fit the n-grams"),
        ({"n_documents": np.array([2, 2])}, "more or less than one number"),
        ({"rows": np.zeros(0, np.int64)}, "lengths"),
        ({"rows": np.array([1, 3, 4])}, "lengths"),
        ({"rows": np.array([0, 3, 9])}, "lengths"),
        ({"rows": np.array([0, 9, 4])}, "ends before it begins"),
        ({"rows": np.array([0, -1, 4])}, "ends before it begins"),
        ({"rows": np.array([0, 3, 3, 4])}, "a row of n-gram counts holds none"),
        ({"cells": np.array([0, 1, 3, 1], np.int32)}, "none of the 3 n-grams"),
        ({"cells": np.array([0, 1, -1, 1], np.int32)}, "none of the 3 n-grams"),
        ({"cells": np.array([0, 2, 1, 1], np.int32)}, "not in order, or holds an n-gram twice"),
        ({"cells": np.array([0, 1, 1, 1], np.int32)}, "not in order, or holds an n-gram twice"),
        ({"cells": np.array([0, 1, 2], np.int32)}, "lengths"),
        ({"cells": np.array([0, 1, 2, 1])}, "'cells'"),
        ({"times": np.array([1, 1, 0, 1])}, r"not between 1 and 2\*\*53"),
        ({"times": np.array([1, 1, 1 << 53, 1])}, r"not between 1 and 2\*\*53"),
        ({"times": np.array([1.0, np.inf, 1, 1])}, "'times'"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    changes: dict[str, np.ndarray], complaint: str
) -> None:
    with pytest.raises(ModelError, match=complaint):
        restored(state(**changes))


@pytest.mark.parametrize("name", sorted(state()))
def test_a_missing_array_is_refused_by_name(name: str) -> None:
    held = state()
    del held[name]
    with pytest.raises(ModelError, match=f"'{name}'"):
        restored(held)
