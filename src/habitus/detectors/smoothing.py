"""How counts of windows become probabilities that leave something to what was never seen.

Each way gives every window a mass of its own and every history an *escape*, which goes to the
distribution after the next shorter history:

    P(c | h) = (mass(h c) + escape(h) * P(c | h')) / norm(h)
    norm(h)  = escape(h) + the masses of all windows h c

down to a uniform floor below the empty history. `trie_kernels.interpolate` carries it out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from habitus.detectors.trie_kernels import ROOT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.detectors.trie import CallTrie

FALLBACK_DISCOUNTS = (0.5, 1.0, 1.5)
"""Where too few windows occurred once, twice, three or four times to estimate any."""


class Shares(NamedTuple):
    """A smoothing's columns, each (n_nodes,) float64; ``norm`` is 0 where nothing followed."""

    mass: NDArray[np.float64]
    escape: NDArray[np.float64]
    norm: NDArray[np.float64]


def witten_bell(trie: CallTrie) -> Shares:
    """A history leaves the more, the more different calls followed it.

    Source: I. Witten and T. Bell, IEEE Trans. Information Theory 37, 1991; in the interpolated form
    of S. Chen and J. Goodman, 1998, section 2.4.
    """
    mass, escape = trie.count.astype(np.float64), trie.types.astype(np.float64)
    return Shares(mass, escape, escape + trie.total.astype(np.float64))


def dirichlet(trie: CallTrie, strength: float) -> Shares:
    """Every history leaves as much as ``strength`` calls would count.

    Source: D. MacKay and L. Peto, "A hierarchical Dirichlet language model", Natural Language
    Engineering 1, 1995, with one strength for all orders.
    """
    mass, escape = trie.count.astype(np.float64), np.where(trie.total > 0, strength, 0.0)
    return Shares(mass, escape, escape + trie.total.astype(np.float64))


def kneser_ney(trie: CallTrie) -> Shares:
    """Counts are discounted; those of shorter windows are of the different calls before them.

    Source: R. Kneser and H. Ney, ICASSP 1995; modified and interpolated as in S. Chen and
    J. Goodman, "An empirical study of smoothing techniques for language modeling", 1998,
    section 4.1.
    """
    count = continuations(trie)
    # The root is its own parent, but not its own child.
    count[ROOT] = 0
    taken = np.zeros(len(count))
    for depth in range(1, trie.order + 1):
        here = np.flatnonzero(trie.depth == depth)
        by_count = np.array([0.0, *discounts(count[here])])
        taken[here] = by_count[np.minimum(count[here], 3)]
    return Shares(count - taken, _sums(taken, trie.parent), _sums(count, trie.parent))


def _sums(
    values: NDArray[np.float64] | NDArray[np.int64], parent: NDArray[np.int32]
) -> NDArray[np.float64]:
    """(n_nodes,) float64: of the values of every node's children; exact for counts."""
    return np.bincount(parent, weights=values, minlength=len(parent)).astype(np.float64)


def continuations(trie: CallTrie) -> NDArray[np.int64]:
    """(n_nodes,) int64: the different calls before a window; its count, if it is of full length.

    The beginning of a trace is one more such call: a window that only ever begins traces has come
    about in one way. It began some if it occurred more often than it did after any call.
    """
    longer = trie.depth > 1  # a one-call window's link, the root, is no window
    links = trie.link[longer]
    preceded = np.bincount(links, weights=trie.count[longer], minlength=len(trie.count))
    ways = np.bincount(links, minlength=len(trie.count)) + (trie.count > preceded)
    return np.where(trie.depth == trie.order, trie.count, ways)


def discounts(counts: NDArray[np.int64]) -> tuple[float, float, float]:
    """What is taken from windows that count 1, 2, and 3 or more, by how many count 1, 2, 3 and 4.

    Chen and Goodman's estimate takes all that a window counts where those that count one more are
    missing, and may take less than nothing: then `FALLBACK_DISCOUNTS` are taken. So a call that was
    seen always keeps something, and a history always leaves something.
    """
    n1, n2, n3, n4 = (int(np.count_nonzero(counts == number)) for number in (1, 2, 3, 4))
    if not (n1 and n2 and n3 and n4):
        return FALLBACK_DISCOUNTS
    share = n1 / (n1 + 2 * n2)
    found = (1 - 2 * share * n2 / n1, 2 - 3 * share * n3 / n2, 3 - 4 * share * n4 / n3)
    return found if min(found) > 0 else FALLBACK_DISCOUNTS
