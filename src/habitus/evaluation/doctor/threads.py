"""Threads: several in one recording, several processes in one trace, process ids used again."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.doctor.findings import Finding, Kind
from habitus.evaluation.doctor.vocabulary import programs_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from habitus.evaluation.doctor.examined import Examined, Indices

OPENING_CALLS = 8
MIN_OPENERS = 5
_OPENER_SHARE = 0.2
_DIFFERENT_CALLS = 3
_END = "exit_group"

SEVERAL_THREADS = Kind(
    id="several-threads",
    meaning="Recordings of several threads.",
    effect="None, if each thread is a trace, as here; read without thread ids, their calls would "
    "stand between each other in an order that chance decides.",
    remedy="Keep thread ids when converting; judge recordings by their strangest thread.",
    warning=None,
    serious=None,
    reason="it is how programs are; it must be known",
)
INTERLEAVED = Kind(
    id="interleaved-processes",
    meaning=f"Traces without thread ids that go on after {_END}, which ends a process.",
    effect="They hold calls of several processes: windows over the seam belong to no program, and "
    "look strange in normal traces as in attacks.",
    remedy="Record with thread ids (strace -f) and read one trace a thread.",
    warning=0.05,
    serious=0.5,
    reason="share of the traces without thread ids; one in twenty costs a budget of 1 % several "
    "times over",
)
REUSED_ID = Kind(
    id="reused-process-id",
    meaning="Traces that seem to hold several processes of one id: calls that a program's traces "
    f"begin with stand again in the middle, or a thread goes on after {_END}.",
    effect="One trace is several: its length, and what a detector makes of the seam, are "
    "artefacts.",
    remedy="Cut such traces where the process begins anew, or leave them out and say so.",
    warning=0.05,
    serious=0.5,
    reason="share of the traces; ids come round on any busy system, but rarely",
)


def several_threads(examined: Examined) -> Iterator[Finding]:
    """Recordings of several threads."""
    threads = np.array([info.thread for info in examined.traces.infos], dtype=np.int64)
    known = threads >= 0
    pairs = np.unique(np.stack([examined.groups[known], threads[known]]), axis=1)
    sizes = np.bincount(pairs[0]) if pairs.size else np.zeros(1, dtype=np.int64)
    n_several, n_groups = int(np.sum(sizes > 1)), int(np.sum(sizes > 0))
    if n_several:
        yield SEVERAL_THREADS.finding(
            f"{n_several:,} of {n_groups:,} recordings with thread ids hold several threads "
            f"({sizes.max():,} at most)",
            n_several,
            n_groups,
            parts=examined.parts,
            numbers={"most_threads": int(sizes.max())},
        )


def interleaved_processes(examined: Examined) -> Iterator[Finding]:
    """Traces without thread ids that go on after their process ended."""
    nameless = np.array([info.thread < 0 for info in examined.traces.infos], dtype=bool)
    found = np.flatnonzero(_goes_on(examined) & nameless)
    if len(found):
        yield INTERLEAVED.finding(
            f"{len(found):,} of {nameless.sum():,} traces without thread ids go on after {_END}: "
            "they hold several processes",
            len(found),
            int(nameless.sum()),
            parts=examined.parts,
            examples=examined.names(found[:5]),
        )


def reused_process_id(examined: Examined) -> Iterator[Finding]:
    """Traces of one id in which a process begins a second time."""
    has_id = np.array([info.thread >= 0 for info in examined.traces.infos], dtype=bool)
    found = (_goes_on(examined) & has_id) | _begins_again(examined)
    bad = np.flatnonzero(found)
    if len(bad):
        yield REUSED_ID.finding(
            f"{len(bad):,} of {examined.traces.n_traces:,} traces seem to be several processes "
            "that had one id",
            len(bad),
            examined.traces.n_traces,
            parts=examined.parts,
            examples=examined.names(bad[:5]),
        )


def _goes_on(examined: Examined) -> NDArray[np.bool_]:
    """(n_traces,) bool: which make a call after one that ends the process."""
    goes_on = np.zeros(examined.traces.n_traces, dtype=bool)
    if _END in examined.traces.alphabet:
        is_end = examined.traces.calls == examined.traces.alphabet.index(_END)
        is_end[examined.traces.offsets[1:][examined.lengths > 0] - 1] = False
        goes_on[examined.trace_of_call[is_end]] = True
    return goes_on


def _begins_again(examined: Examined) -> NDArray[np.bool_]:
    """(n_traces,) bool: which hold their program's usual first calls in their middle.

    Only for programs with numbers of their own, whose ends are not known by name: a trace of named
    calls may well execute a second program, which begins as all programs do.
    """
    again = np.zeros(examined.traces.n_traces, dtype=bool)
    _, codes = programs_of(examined)
    long = np.flatnonzero(examined.lengths > OPENING_CALLS)
    program = codes[examined.traces.calls[examined.traces.offsets[long]]]
    for code in np.unique(program[program >= 0]):
        mine = long[program == code]
        again[_repeating(examined, mine, _usual_openings(examined, mine))] = True
    return again


def _repeating(examined: Examined, traces: Indices, openings: list[NDArray[np.uint16]]) -> Indices:
    """Those of a program's traces that hold one of the openings in their middle."""
    calls = np.concatenate([examined.calls_of(i) for i in traces])
    lengths = examined.lengths[traces]
    owner = np.repeat(np.arange(len(traces)), lengths)
    starts = np.cumsum(lengths) - lengths
    found = [np.zeros(0, dtype=np.int64)]
    for opening in openings:
        places = _places(calls, opening)
        whole = owner[places] == owner[places + OPENING_CALLS - 1]
        holders = np.unique(owner[places[whole & (places > starts[owner[places]])]])
        # What most traces repeat anyway is a loop of the program, no second beginning.
        if len(holders) < 0.5 * len(traces):
            found.append(traces[holders])
    return np.concatenate(found)


def _usual_openings(examined: Examined, traces: Indices) -> list[NDArray[np.uint16]]:
    """The first calls that many traces of a program share, of some variety."""
    first = Counter(examined.calls_of(i)[:OPENING_CALLS].tobytes() for i in traces)
    usual = max(MIN_OPENERS, _OPENER_SHARE * len(traces))
    openings = [np.frombuffer(o, dtype=np.uint16) for o, times in first.items() if times >= usual]
    return [opening for opening in openings if len(np.unique(opening)) >= _DIFFERENT_CALLS]


def _places(calls: NDArray[np.uint16], wanted: NDArray[np.uint16]) -> Indices:
    """Where a run of calls begins."""
    places = np.flatnonzero(calls[: len(calls) - len(wanted) + 1] == wanted[0])
    for k, call in enumerate(wanted[1:], start=1):
        places = places[calls[places + k] == call]
    return places
