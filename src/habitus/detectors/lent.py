"""What an n-gram model says of calls to another one that knows them by other names, or knows more.

A name is joined to the same name. Of one that the lender never saw its kin is taken
(`habitus.syscalls.kin`), and how often the borrower makes which of the names that are read as one
call says what each gets of that call's chance: where a site only ever calls `open`, it gets all
that the lender has for `openat`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.traces.traceset import MAX_ALPHABET
from habitus.traces.vocabulary import UNKNOWN, Vocabulary

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.detectors.ngram import NGram

    Depths = NDArray[np.int64]

_DOUBT_CALLS = 1.0
"""Of what is counted under several names, so many calls are taken to be as kin borrow."""


class Lent:
    """An n-gram model read by the symbols of another's vocabulary.

    Args:
        lender: the model that lends.
        vocabulary: the borrower's.
        counts: (n_known,) how often the borrower saw each of its calls itself.
        kin_share: what names that the lender never saw are taken to borrow of their kin.
    """

    def __init__(
        self,
        lender: NGram,
        vocabulary: Vocabulary,
        counts: NDArray[np.int64],
        kin_share: float,
    ) -> None:
        self.lender = lender
        known = lender.counts_by_name()
        read_as = Vocabulary.of_counts(known, is_open=kin_share > 0)
        theirs = lender.vocabulary
        symbols = theirs.symbols_of(
            tuple(read_as.read_as(name) or name for name in vocabulary.names)
        )
        # Every symbol that there can be: calls outside the vocabulary are none of the lender's.
        self._symbols = np.full(MAX_ALPHABET + 1, UNKNOWN, dtype=np.uint16)
        self._symbols[: len(symbols)] = symbols
        self._nats = np.zeros(MAX_ALPHABET + 1)
        self._nats[: len(symbols)] = -np.log(
            _parts(symbols, counts, [name in theirs for name in vocabulary.names], kin_share)
        )
        self._known = symbols

    def nats(
        self, symbols: NDArray[np.uint16], offsets: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], Depths]:
        """What each call costs the lender, (n_calls,) float64 nats, and how much it knew by then.

        That is (n_calls,) int64: of how many calls the longest history before it is.
        """
        theirs = self._symbols[symbols]
        return (
            self.lender.known_nats(theirs, offsets) + self._nats[symbols],
            self.lender.trie.history_depths(theirs, offsets),
        )

    def chances(self, history: NDArray[np.uint16]) -> tuple[NDArray[np.float64], int]:
        """(n_known,) of each of the borrower's calls to be next, and the calls that it goes by."""
        before = self._symbols[history]
        theirs, depth = self.lender.known_chances(before)
        unseen = self.lender.unseen_chance(before)
        chances = np.append(theirs, unseen)[np.minimum(self._known, len(theirs))]
        return chances * np.exp(-self._nats[: len(self._known)]), depth


def _parts(
    symbols: NDArray[np.uint16],
    counts: NDArray[np.int64],
    is_theirs: list[bool],
    kin_share: float,
) -> NDArray[np.float64]:
    """(n_known,) what each name gets of the chance of the lender's call that it is read as."""
    parts = np.ones(len(symbols))
    same_name = np.array(is_theirs, dtype=bool)
    for symbol in np.unique(symbols[(symbols != UNKNOWN) & ~same_name]):
        names = np.flatnonzero(symbols == symbol)
        n_others = np.count_nonzero(~same_name[names])
        before = np.where(same_name[names], 1 - kin_share, kin_share / n_others)
        parts[names] = counts[names] + _DOUBT_CALLS * before
        parts[names] /= counts[names].sum() + _DOUBT_CALLS
    return parts
