"""`Examined`: the traces of a check-up, divided into parts, and what several checks ask of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from habitus.evaluation.doctor.call_list import CallList
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

    Indices = NDArray[np.int64]

Role = Literal["learned", "normal", "attack", "unlabelled"]


@dataclass(frozen=True, eq=False)
class Part:
    """Traces that play one role.

    Attributes:
        indices: (n,) int64, which traces of the set they are.
    """

    name: str
    role: Role
    indices: Indices

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True, eq=False)
class CallCounts:
    """How often each trace makes each call, the calls it makes alone; sorted by call, then trace.

    Attributes:
        call, trace, count: (n_pairs,) int64; at most one pair a call of the data.
        starts: (n_names + 1,) int64; pairs ``starts[c]:starts[c + 1]`` are of call ``c``.
    """

    call: Indices
    trace: Indices
    count: Indices
    starts: Indices


@dataclass(frozen=True, eq=False)
class Examined:
    """What a check sees.

    Attributes:
        traces: all traces of all parts.
        parts: none of them empty; a trace is in one part at most.
        n_own: how many traces, from the first on, are of the data themselves; others are of the
            data that they are checked against.
        in_no_part: how many other traces the data have, which the protocol leaves out.
        report: what reading left out, if the traces were read from files.
        abi: whose numbers the calls were read as; None if they were read as names.
        call_list: the list of call names that lies beside the data, if there is one.
        is_adfa: whether the traces were read as ADFA-LD.
    """

    traces: TraceSet
    parts: tuple[Part, ...]
    n_own: int | None = None
    in_no_part: int = 0
    report: ReadReport | None = None
    abi: str | None = None
    call_list: CallList | None = None
    is_adfa: bool = False

    def with_role(self, *roles: Role) -> tuple[Part, ...]:
        """The parts of some roles."""
        return tuple(part for part in self.parts if part.role in roles)

    def indices(self, *roles: Role) -> Indices:
        """(n,) int64: the traces of some roles."""
        rows = [part.indices for part in self.with_role(*roles)]
        return np.concatenate([np.zeros(0, dtype=np.int64), *rows])

    @property
    def reference(self) -> tuple[Part, ...]:
        """What the others are compared with: the learned parts; without any, the normal ones."""
        return self.with_role("learned") or self.with_role("normal")

    @property
    def reference_indices(self) -> Indices:
        """(n,) int64: the traces of `reference`."""
        learned = self.indices("learned")
        return learned if len(learned) else self.indices("normal")

    @property
    def compared(self) -> tuple[Part, ...]:
        """The parts to compare with `reference`."""
        return tuple(part for part in self.parts if part not in self.reference)

    def names(self, indices: Iterable[int]) -> list[str]:
        """The names of some traces."""
        return [self.traces.infos[i].name for i in indices]

    def calls_of(self, index: int) -> NDArray[np.uint16]:
        """(n,) uint16: one trace's calls."""
        begin, end = self.traces.offsets[index : index + 2]
        return self.traces.calls[begin:end]

    @cached_property
    def lengths(self) -> Indices:
        """(n_traces,) int64: calls in each trace."""
        return self.traces.lengths

    @cached_property
    def sequences(self) -> Indices:
        """(n_traces,) int64: equal for equal sequences."""
        return self.traces.sequence_ids()

    @cached_property
    def groups(self) -> Indices:
        """(n_traces,) int64: a number for each recording."""
        numbers: dict[str, int] = {}
        return np.array(
            [numbers.setdefault(info.group, len(numbers)) for info in self.traces.infos],
            dtype=np.int64,
        )

    @cached_property
    def trace_of_call(self) -> Indices:
        """(n_calls,) int64: which trace each call is in."""
        return np.repeat(np.arange(self.traces.n_traces), self.lengths)

    @cached_property
    def call_counts(self) -> CallCounts:
        """Each trace's calls, counted."""
        n_traces, n_names = self.traces.n_traces, len(self.traces.alphabet)
        keys = self.traces.calls.astype(np.int64) * max(n_traces, 1) + self.trace_of_call
        found, count = np.unique(keys, return_counts=True)
        call, trace = np.divmod(found, max(n_traces, 1))
        starts = np.searchsorted(call, np.arange(n_names + 1))
        return CallCounts(call, trace, count.astype(np.int64), starts.astype(np.int64))

    @cached_property
    def distinct_calls(self) -> Indices:
        """(n_traces,) int64: how many different calls each trace makes."""
        return np.bincount(self.call_counts.trace, minlength=self.traces.n_traces)

    def calls_by_name(self, indices: Indices) -> Indices:
        """(n_names,) int64: how often the traces make each call."""
        counts = self.call_counts
        inside = np.zeros(self.traces.n_traces, dtype=bool)
        inside[indices] = True
        weights = counts.count * inside[counts.trace]
        made = np.bincount(counts.call, weights, minlength=len(self.traces.alphabet))
        return made.astype(np.int64)

    def first_of_each(self, indices: Indices) -> Indices:
        """The first trace of every distinct sequence among some."""
        return indices[np.sort(np.unique(self.sequences[indices], return_index=True)[1])]

    @cached_property
    def ends(self) -> tuple[Indices, Indices]:
        """((n,) traces that make a call, (n,) the last call of each)."""
        filled = np.flatnonzero(self.lengths)
        return filled, self.traces.calls[self.traces.offsets[filled + 1] - 1].astype(np.int64)

    def is_equal_to(self, part: Part, others: Indices) -> NDArray[np.bool_]:
        """(len(part),) bool: which of a part's traces equal one of ``others``."""
        return np.isin(self.sequences[part.indices], self.sequences[others])


def most_common(counted: Counter[str], unit: str) -> list[str]:
    """Examples from a count: ``mount (12 traces)``."""
    return [
        f"{name} ({number:,} {unit}{'s' * (number != 1)})"
        for name, number in counted.most_common(5)
    ]
