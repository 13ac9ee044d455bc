"""The classical detectors again, slow and obvious: dictionaries, straight from the formulas.

Nothing is shared with the fast ones, not even the vocabulary: calls are names.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Window = tuple[str, ...]


class _Followed:
    """What followed every history of up to ``longest`` calls, and how often."""

    def __init__(self, traces: Iterable[Sequence[str]], longest: int) -> None:
        self.longest = longest
        self.after: dict[Window, Counter[str]] = defaultdict(Counter)
        for trace in traces:
            for i, call in enumerate(trace):
                for length in range(min(i, longest) + 1):
                    self.after[tuple(trace[i - length : i])][call] += 1

    def known_end(self, history: Sequence[str]) -> Window:
        """The longest end of ``history`` that anything was seen to follow."""
        for length in range(min(len(history), self.longest), -1, -1):
            end = tuple(history[len(history) - length :])
            if end in self.after:
                return end
        return ()


class SlowStide:
    """1 where the window of n calls that ends here was never seen; NaN where no window ends."""

    def __init__(self, n: int, traces: Sequence[Sequence[str]]) -> None:
        self.n = n
        self.followed = _Followed(traces, n - 1)
        self.windows = {
            tuple(trace[i : i + n]) for trace in traces for i in range(len(trace) - n + 1)
        }

    def surprise(self, trace: Sequence[str]) -> list[float]:
        return [
            math.nan
            if i < self.n - 1
            else float(tuple(trace[i - self.n + 1 : i + 1]) not in self.windows)
            for i in range(len(trace))
        ]

    def shares(self, history: Sequence[str]) -> tuple[int, dict[str, float]]:
        """(calls of history used, share of every call that followed it)."""
        end = self.followed.known_end(history)
        after = self.followed.after[end]
        return len(end), {call: count / after.total() for call, count in after.items()}


class SlowTStide(SlowStide):
    """1, too, where the window that ends here is less than ``rare`` of the training windows."""

    def __init__(self, n: int, rare: float, traces: Sequence[Sequence[str]]) -> None:
        super().__init__(n, traces)
        counts = Counter(
            tuple(trace[i : i + n]) for trace in traces for i in range(len(trace) - n + 1)
        )
        self.windows = {w for w, count in counts.items() if count >= rare * counts.total()}


class SlowNGram:
    """P_k(c | h) = (count(h c) + T(h) P_{k-1}(c | h')) / (count(h) + T(h)), P_0 = 1 / floor."""

    def __init__(self, order: int, floor: float, traces: Sequence[Sequence[str]]) -> None:
        self.order = order
        self.floor = floor
        self.followed = _Followed(traces, order - 1)
        self.calls = sorted({call for trace in traces for call in trace})

    def probability(self, call: str, history: Sequence[str]) -> float:
        """Climb from the uniform floor to the longest history, as far as histories are known."""
        p = 1 / self.floor
        for length in range(min(len(history), self.order - 1) + 1):
            after = self.followed.after.get(tuple(history[len(history) - length :]))
            if after is None:
                break
            p = (after[call] + len(after) * p) / (after.total() + len(after))
        return p

    def surprise(self, trace: Sequence[str]) -> list[float]:
        return [
            -math.log(self.probability(call, trace[max(0, i - self.order + 1) : i]))
            for i, call in enumerate(trace)
        ]


class SlowMarkov(SlowNGram):
    """P(c | s) = (count(s c) + strength P(c | s')) / (count(s) + strength), P_0 = 1 / floor."""

    def __init__(
        self, order: int, strength: float, floor: float, traces: Sequence[Sequence[str]]
    ) -> None:
        super().__init__(order + 1, floor, traces)
        self.strength = strength

    def probability(self, call: str, history: Sequence[str]) -> float:
        p = 1 / self.floor
        for length in range(min(len(history), self.order - 1) + 1):
            after = self.followed.after.get(tuple(history[len(history) - length :]))
            if after is None:
                break
            p = (after[call] + self.strength * p) / (after.total() + self.strength)
        return p


class SlowKneserNey(SlowNGram):
    """Modified Kneser-Ney: windows shorter than ``order`` count the different calls before them.

    The begin of a trace is one more such call, ``None``.
    """

    def __init__(self, order: int, floor: float, traces: Sequence[Sequence[str]]) -> None:
        super().__init__(order, floor, traces)
        before: dict[Window, set[str | None]] = defaultdict(set)
        whole: Counter[Window] = Counter()
        for trace in traces:
            for i in range(len(trace)):
                for length in range(1, min(order, len(trace) - i) + 1):
                    window = tuple(trace[i : i + length])
                    before[window].add(trace[i - 1] if i else None)
                    whole[window] += 1
        self.counts = {w: whole[w] if len(w) == order else len(b) for w, b in before.items()}
        self.discounts = [
            self._discounts([n for w, n in self.counts.items() if len(w) == length])
            for length in range(order + 1)
        ]

    def _discounts(self, counts: list[int]) -> tuple[float, ...]:
        n1, n2, n3, n4 = (counts.count(n) for n in (1, 2, 3, 4))
        if n1 and n2 and n3 and n4:
            y = n1 / (n1 + 2 * n2)
            found = (0.0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3)
            if min(found[1:]) > 0:
                return found
        return (0.0, 0.5, 1.0, 1.5)

    def probability(self, call: str, history: Sequence[str]) -> float:
        p = 1 / self.floor
        for length in range(min(len(history), self.order - 1) + 1):
            end = tuple(history[len(history) - length :])
            counts = {c: self.counts.get((*end, c), 0) for c in self.calls}
            discounts = self.discounts[length + 1]
            if not any(counts.values()):
                break
            taken = sum(discounts[min(n, 3)] for n in counts.values())
            kept = counts[call] - discounts[min(counts[call], 3)] if call in counts else 0
            p = (kept + taken * p) / sum(counts.values())
        return p
