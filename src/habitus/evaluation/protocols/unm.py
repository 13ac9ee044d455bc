"""The sets of UNM, MIT and CERT: one protocol a program, because numberings differ by program."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from habitus.evaluation.protocols.base import Protocol, attacks, in_split, normals
from habitus.traces.formats.unm import PROGRAMS, prefix_of
from habitus.traces.grouping import joined_by
from habitus.traces.labelling import UNSUCCESSFUL

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from habitus.evaluation.protocols.base import Mask
    from habitus.traces.traceset import TraceSet

ENOUGH_FILES = 10
"""With as many files of normal traces a file is learned or judged whole; with fewer, a trace is."""


def name_of(program: str) -> str:
    """The name of a program's protocol."""
    return f"unm/{program}"


def judgeable_programs(traces: TraceSet) -> list[str]:
    """The programs of which there are normal traces and attacks that a protocol could judge."""
    if not any(name.startswith("unm-") for name in traces.alphabet):
        return []
    return [
        program
        for program in PROGRAMS
        if np.any(_normals(traces, program)) and np.any(_attacks(traces, program))
    ]


def _of_program(traces: TraceSet, program: str) -> Mask:
    """(n_traces,) mask of the traces whose calls are a program's; a trace has calls of one only."""
    prefix = prefix_of(program)
    is_its = np.array([name.startswith(prefix) for name in traces.alphabet], dtype=bool)
    filled = traces.lengths > 0
    mask = np.zeros(traces.n_traces, dtype=bool)
    mask[filled] = is_its[traces.calls[traces.offsets[:-1][filled]]]
    return mask


def _normals(traces: TraceSet, program: str) -> Mask:
    return np.asarray(normals(traces) & _of_program(traces, program))


def _attacks(traces: TraceSet, program: str) -> Mask:
    successful = ~in_split(traces, UNSUCCESSFUL)
    return np.asarray(attacks(traces) & successful & _of_program(traces, program))


def _training(traces: TraceSet, *, program: str) -> Mask:
    """About half of the normal traces; no sequence in both halves, and no file if there are many.

    Files (or traces) that share a sequence are joined. What is joined goes to one side as a whole,
    in the order of a hash of its sequences, so that names and order of files decide nothing.
    """
    mask = np.zeros(traces.n_traces, dtype=bool)
    chosen = np.flatnonzero(_normals(traces, program))
    groups = [traces.infos[i].group for i in chosen]
    by_file = len(set(groups)) >= ENOUGH_FILES
    digests = [bytes(digest) for digest in traces.select(chosen).sequence_digests()]
    units: Iterable[Hashable] = groups if by_file else range(len(chosen))
    parts: dict[int, list[int]] = {}
    for i, part in enumerate(joined_by(units, digests).tolist()):
        parts.setdefault(part, []).append(i)
    n_learned = 0
    for members in sorted(parts.values(), key=lambda part: _hash({digests[i] for i in part})):
        if 2 * n_learned >= len(chosen):
            break
        mask[chosen[members]] = True
        n_learned += len(members)
    return mask


def _test(traces: TraceSet, *, program: str) -> Mask:
    learned = _training(traces, program=program)
    return np.asarray((_normals(traces, program) & ~learned) | _attacks(traces, program))


def _hash(digests: set[bytes]) -> bytes:
    return hashlib.sha256(b"".join(sorted(digests))).digest()


_CAUTION = (
    "made in 1996 to 1998 on one or a few hosts; process ids were given out again, so that a trace "
    "may be two; attacks are few scripts run many times: read the interval, not the count"
)
_ALSO = {
    "sendmail": "; 5 of UNM's 25 attacks equal a normal trace and cannot be found; CERT's 11 "
    "unsuccessful attacks are left out",
    "login": "; most normal traces are one call long, and 6 of the 13 attacks equal a normal one",
    "lpr": "; the 1001 attacks of a file are 8 distinct sequences; MIT's normals and UNM's lprcp "
    "attacks are numbered from 1 and the others from 0, so that any detector tells those apart",
    "inetd": "; 29 of the 31 attacks equal a normal trace and cannot be found",
    "named": "; 2 of the 5 attacks equal a normal trace and cannot be found",
}

PROTOCOLS = tuple(
    Protocol(
        name_of(program),
        f"UNM traces of {program}: learns half of the normals, no sequence in both halves; judges "
        "the other half and all attacks that succeeded",
        partial(_training, program=program),
        partial(_test, program=program),
        attack_clusters="sequence",
        caution=_CAUTION + _ALSO.get(program, ""),
    )
    for program in PROGRAMS
)
