"""A small bigram model of what Linux programs do, learned from the recordings Habitus ships."""

from __future__ import annotations

import itertools
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from habitus.datasets.source import demo_path
from habitus.traces.reading import read_traces

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from numpy.typing import NDArray

N_NAMES = 500
"""About as many calls as Linux has: what a call never seen shares its probability with."""

# One deed under several names: ABIs and years differ in them, programs do not. What the recordings
# (x86_64, 2026) call otherwise than old or 32-bit systems is brought to one word.
_SAME = {
    "_llseek": "lseek", "_newselect": "select", "accept4": "accept",
    "arch_prctl": "set_thread_area", "clock_nanosleep": "nanosleep", "clone3": "clone",
    "dup3": "dup2", "epoll_create1": "epoll_create", "epoll_pwait": "epoll_wait",
    "eventfd2": "eventfd", "faccessat": "access", "faccessat2": "access", "fork": "clone",
    "fstat": "stat", "fstatat": "stat", "getrlimit": "prlimit", "lstat": "stat", "mmap2": "mmap",
    "newfstatat": "stat", "openat": "open", "pipe2": "pipe", "ppoll": "poll",
    "pselect6": "select", "readlinkat": "readlink", "sigaction": "rt_sigaction",
    "sigprocmask": "rt_sigprocmask", "sigreturn": "rt_sigreturn", "statx": "stat",
    "ugetrlimit": "prlimit", "unlinkat": "unlink", "vfork": "clone", "wait4": "waitpid",
}  # fmt: skip
_WIDTH = re.compile(r"(?<=[a-z])(64|32)$")


def plain_name(name: str) -> str:
    """A call by what it does, whatever its width or year.

    >>> plain_name("fstat64"), plain_name("openat"), plain_name("mmap2"), plain_name("write")
    ('stat', 'open', 'mmap', 'write')
    """
    name = _SAME.get(name, name)
    name = _WIDTH.sub("", name)
    return _SAME.get(name, name)


@dataclass(frozen=True)
class Bigrams:
    """Pairs of calls, interpolated (Witten and Bell 1991) down to single calls and to 1 / 500.

    Attributes:
        single: how often each call was made.
        pairs: how often each call followed another.
    """

    single: Mapping[str, int]
    pairs: Mapping[str, Mapping[str, int]]

    @classmethod
    def of(cls, traces: Iterable[Sequence[str]]) -> Bigrams:
        """Count the calls of traces."""
        single: Counter[str] = Counter()
        pairs: defaultdict[str, Counter[str]] = defaultdict(Counter)
        for trace in traces:
            single.update(trace)
            for before, call in itertools.pairwise(trace):
                pairs[before][call] += 1
        return cls(single, pairs)

    def surprise(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float64]:
        """(n,) float64, nats: minus the log probability of each second call after the first."""
        total, kinds = sum(self.single.values()), len(self.single)
        nothing: dict[str, int] = {}
        chances = np.empty(len(pairs))
        sums = {before: (sum(after.values()), len(after)) for before, after in self.pairs.items()}
        for i, (before, call) in enumerate(pairs):
            chance = (self.single.get(call, 0) + kinds / N_NAMES) / (total + kinds)
            n, different = sums.get(before, (0, 0))
            if n:
                count = self.pairs.get(before, nothing).get(call, 0)
                chance = (count + different * chance) / (n + different)
            chances[i] = chance
        return -np.log(chances)


@cache
def linux_bigrams() -> Bigrams:
    """The model of the shipped recordings."""
    traces = read_traces(demo_path())
    plain = [plain_name(name) for name in traces.alphabet]
    return Bigrams.of(
        [plain[call] for call in traces.calls[a:b]] for a, b in _bounds(traces.offsets)
    )


def _bounds(offsets: NDArray[np.int64]) -> Iterable[tuple[int, int]]:
    return zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
