"""Fitting a hidden Markov model: hmmlearn's Baum-Welch, from a first guess that helps it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from habitus.detectors.extras import extra_module
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PIECE_CALLS = 10_000
"""Longer traces are learned in pieces: a pass holds a few numbers a state for each of its calls."""
ENOUGH_NATS = 1e-4
"""Training ends when a pass gains less than this a call."""


class Chances(NamedTuple):
    """A hidden Markov model.

    Attributes:
        start: (n_states,) float64, of each state at a trace's first call.
        transition: (n_states, n_states) float64, of a state (column) after another (row).
        emission: (n_states, n_symbols) float64, of each call in each state.
    """

    start: NDArray[np.float64]
    transition: NDArray[np.float64]
    emission: NDArray[np.float64]


def train(
    symbols: NDArray[np.uint16],
    offsets: NDArray[np.int64],
    n_symbols: int,
    n_states: int,
    iterations: int,
    seed: int,
    progress: Progress = SILENT,
) -> Chances:
    """Learn traces by expectation maximisation.

    Raises:
        MissingLibrary: if hmmlearn is not installed.
    """
    hmm = extra_module("hmmlearn.hmm", "hmm", "the detector hmm")
    guess = first_guess(symbols, offsets, n_symbols, n_states, seed)
    if not len(symbols):
        return guess
    model = hmm.CategoricalHMM(
        n_states, n_features=n_symbols, n_iter=iterations, init_params="", implementation="scaling"
    )
    model.startprob_, model.transmat_, model.emissionprob_ = guess
    model.monitor_ = _Monitor(iterations, ENOUGH_NATS * len(symbols), progress)
    progress.stage("fitting", iterations)
    with _without_advice():
        model.fit(symbols.astype(np.int64)[:, np.newaxis], _pieces(offsets))
    return Chances(
        _distributions(model.startprob_),
        _distributions(model.transmat_),
        _distributions(model.emissionprob_),
    )


def first_guess(
    symbols: NDArray[np.uint16],
    offsets: NDArray[np.int64],
    n_symbols: int,
    n_states: int,
    seed: int,
) -> Chances:
    """Where training begins: states that stand for calls, followed as those calls are.

    From chances drawn at random training ends much worse. The most frequent calls get a state each,
    and more where there are more states than calls; all other calls share one. Each state also
    makes every other call now and then, and chance tells states of one call apart.
    """
    from scipy.sparse import csr_array

    random = np.random.default_rng(seed)
    counts = np.bincount(symbols, minlength=n_symbols).astype(np.float64)
    share = counts / max(1, len(symbols))
    owner = _owners(counts, n_states)
    own = np.zeros((n_states, n_symbols))
    own[np.flatnonzero(owner >= 0), owner[owner >= 0]] = 1
    own[owner < 0] = np.where(np.isin(np.arange(n_symbols), owner), 0, share)
    emission = _distributions(0.95 * _distributions(own) + 0.05 * share)
    # How much of each call is this state's: what follows the call follows the state.
    held = emission / np.maximum(emission.sum(axis=0), np.finfo(np.float64).tiny)
    begins = offsets[:-1][np.diff(offsets) > 0]
    later = np.setdiff1d(np.arange(len(symbols)), begins, assume_unique=True)
    pairs = (symbols[later - 1].astype(np.int64), symbols[later].astype(np.int64))
    follows = csr_array((np.ones(len(later)), pairs), shape=(n_symbols, n_symbols))
    transition = emission @ (follows @ held.T) + held @ share
    transition *= random.uniform(0.2, 1, transition.shape)
    first = np.bincount(symbols[begins], minlength=n_symbols) + share
    start = (held @ first) * random.uniform(0.5, 1, n_states)
    return Chances(_distributions(start), _distributions(transition), emission)


def _owners(counts: NDArray[np.float64], n_states: int) -> NDArray[np.int64]:
    """(n_states,) int64: the call that each state stands for; -1 for the calls without a state."""
    n_symbols = len(counts)
    order = np.argsort(-counts, kind="stable")
    if n_states <= n_symbols or not n_symbols:
        named = order[: n_states - 1]
        return np.append(named, np.full(n_states - len(named), -1))
    seats = np.ones(n_symbols, dtype=np.int64)
    for _ in range(n_states - n_symbols):
        seats[np.argmax(counts / (seats + 1))] += 1
    return np.repeat(order, seats[order])


def _distributions(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows scaled to the sum 1; one of zeros, as of a state never visited, becomes uniform."""
    sums = rows.sum(axis=-1, keepdims=True)
    even = np.full_like(rows, 1 / max(1, rows.shape[-1]))
    return np.where(sums > 0, rows / np.where(sums > 0, sums, 1), even)


def _pieces(offsets: NDArray[np.int64]) -> list[int]:
    """The lengths of traces, long ones cut."""
    return [
        min(PIECE_CALLS, length - begin)
        for length in np.diff(offsets).tolist()
        for begin in range(0, length, PIECE_CALLS)
    ]


class _Monitor:
    """In the place of hmmlearn's own, which prints: tells progress, and when it is enough."""

    def __init__(self, iterations: int, enough: float, progress: Progress) -> None:
        self._left = iterations
        self._enough = enough
        self._progress = progress
        self._before = -np.inf
        self.converged = False

    def _reset(self) -> None:
        """Called before the first pass."""

    def report(self, log_probability: float) -> None:
        """A pass is done; the traces' log probability was this before it."""
        self._left -= 1
        self._progress.advance(1)
        self.converged = not self._left or log_probability - self._before < self._enough
        self._before = log_probability


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep hmmlearn's log from the terminal.

    It warns where a model has more numbers than there are calls, which every small recording has
    and `floor` makes up for, and where a state was never left, which is mended.
    """
    log = logging.getLogger("hmmlearn.base")
    silent = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = silent
