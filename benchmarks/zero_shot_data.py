"""What a base learns, what has next to nothing to learn from, and what both judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache

import numpy as np
from corpus_recorded import CLOCKS, READINGS, clockless, corpus, evenly, program_of
from limits_data import Dev, adfa
from numpy.typing import NDArray
from transfer import ADFA
from transfer_names import renamed

from habitus import Label, TraceSet
from habitus.evaluation.judged import numbered
from habitus.evaluation.protocols import get_protocol

MOST = 10_000
"""Most calls of one program that the base learns."""
SEED = 1
SMALLEST = "true"
"""A program that does nothing but start and end."""
Floats = NDArray[np.float64]


@cache
def base() -> TraceSet:
    """The corpus, evened out by program."""
    return evenly(corpus(), MOST)


def programs_of(traces: TraceSet) -> NDArray[np.str_]:
    """(n_traces,) the program that each trace of the corpus is of."""
    return np.array([program_of(name) for name in traces.names])


def families_of(traces: TraceSet) -> NDArray[np.str_]:
    """(n_traces,) the family of scenarios that each trace of the corpus was recorded in."""
    return np.array([name.partition("/")[0] for name in traces.names])


def without_order(traces: TraceSet) -> TraceSet:
    """The same calls as often in the same traces, in an order of chance."""
    random, calls = np.random.default_rng(SEED), traces.calls.copy()
    for begin, end in zip(traces.offsets[:-1], traces.offsets[1:], strict=True):
        calls[begin:end] = random.permutation(calls[begin:end])
    return replace(traces, calls=calls)


def other_names(traces: TraceSet) -> TraceSet:
    """The same traces with the names of calls dealt out anew by chance."""
    names = np.random.default_rng(SEED).permutation(len(traces.alphabet))
    return replace(traces, alphabet=tuple(traces.alphabet[name] for name in names))


def each_name_once(traces: TraceSet) -> TraceSet:
    """One trace that makes each call that any of these makes once, in an order of chance."""
    made = np.random.default_rng(SEED).permutation(np.unique(traces.calls))
    return TraceSet.from_names([[traces.alphabet[call] for call in made]])


def one_trace(traces: TraceSet, program: str = SMALLEST) -> TraceSet:
    """One trace of one program."""
    found = np.flatnonzero(programs_of(traces) == program)
    if not len(found):
        raise SystemExit(f"the corpus holds no trace of {program}; make corpus")
    return traces.select(found[:1])


LEARNED: Mapping[str, Callable[[], TraceSet]] = {
    "own": lambda: renamed(ADFA.own()),
    "corpus": base,
    "without order": lambda: without_order(base()),
    "other names": lambda: other_names(base()),
    "each name once": lambda: each_name_once(base()),
    "one trace": lambda: one_trace(base()),
}
"""By how rows are called; all but the first two know of Linux what their name says."""


@cache
def judged_under(protocol: str, reading: str) -> Dev:
    """What a protocol judges, with one name for one call; clock calls left out or not.

    A trace of clock calls alone is not there without them.

    Raises:
        SystemExit: for the protocol that is scored once a release.
    """
    rules, distinct = get_protocol(protocol), get_protocol("adfa-ld/distinct")
    if rules.is_final:
        raise SystemExit(f"{protocol} is scored once a release, and not here; try adfa-ld/dev")
    traces = adfa()
    test = rules.test(traces)
    if READINGS[reading] is clockless:
        others = np.array([name not in CLOCKS for name in traces.alphabet])[traces.calls]
        test &= np.add.reduceat(others.astype(np.int64), traces.offsets[:-1]) > 0
    training = traces.select(rules.training(traces))
    judged = traces.select(test)
    attack = judged.labels == Label.ATTACK
    folders = numbered([info.group for info in judged.infos])[1]
    return Dev(
        training=training,
        n_training=training.n_traces,
        judged=READINGS[reading](renamed(judged)),
        distinct=distinct.test(traces)[test] & ~attack,
        clusters=np.where(attack, folders, folders.max() + 1 + judged.sequence_ids()),
    )
