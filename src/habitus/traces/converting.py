"""Traces from one kind of file into another, and small samples of them to share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from habitus.errors import UsageError
from habitus.traces.formats.native import write_native
from habitus.traces.formats.plain_writer import write_plain
from habitus.traces.traceset import Label, TraceInfo, TraceSet, offsets_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

Target = Literal["native", "plain"]
TARGETS: tuple[Target, ...] = ("native", "plain")

SAMPLE_TRACES = 100
SAMPLE_CALLS = 5_000
"""A sample's longest trace."""


@dataclass
class Written:
    """What was written.

    Attributes:
        to: the kind of file.
        n_labelled, n_timed, n_placed: traces with a label, calls with a time, calls with a place
            in their source. Plain text keeps none of these.
    """

    to: Target
    n_traces: int = 0
    n_calls: int = 0
    n_labelled: int = 0
    n_timed: int = 0
    n_placed: int = 0

    def lost(self) -> list[str]:
        """What the file cannot hold, a line each."""
        if self.to == "native":
            return []
        held = {
            "labels": (self.n_labelled, "traces"),
            "times": (self.n_timed, "calls"),
            "places in their files": (self.n_placed, "calls"),
        }
        lost = [f"{what} of {count:,} {of}" for what, (count, of) in held.items() if count]
        if not lost:
            return []
        return [f"plain text does not hold {', '.join(lost)}; a native file does (--to native)"]


def target_of(path: str | os.PathLike[str], to: str | None) -> Target:
    """The kind of file to write: what the user says, else by the name's ending.

    Raises:
        UsageError: if there is no such kind.
    """
    if to is None:
        return "plain" if str(path).endswith((".txt", ".plain")) else "native"
    for target in TARGETS:
        if to == target:
            return target
    raise UsageError(f"--to: traces are written as {' or '.join(TARGETS)}, not as {to!r}")


def write_traces(path: str | os.PathLike[str], batches: Iterable[TraceSet], to: Target) -> Written:
    """Write batches to a new file, which appears whole or not at all."""
    written = Written(to)

    def counted() -> Iterator[TraceSet]:
        for batch in batches:
            written.n_calls += batch.n_calls
            for info in batch.infos:
                written.n_traces += info.first_call == 0
                written.n_labelled += info.first_call == 0 and info.label is not Label.UNKNOWN
            written.n_timed += 0 if batch.times_ns is None else int(np.sum(batch.times_ns >= 0))
            written.n_placed += 0 if batch.positions is None else batch.n_calls
            yield batch

    (write_native if to == "native" else write_plain)(path, counted())
    return written


def sample_of(
    traces: TraceSet,
    *,
    n_traces: int = SAMPLE_TRACES,
    max_calls: int = SAMPLE_CALLS,
    seed: int = 1,
) -> TraceSet:
    """A small sample that can be shared: names of calls and what is normal, and nothing else.

    Traces are drawn at random from each part of the data (label and split), in proportion and at
    least one from each. Their names, files, recordings, threads, kinds of attack, times and places
    become numbers or are left out; which traces share a recording or a kind of attack stays.

    Args:
        max_calls: longer traces are cut after so many calls.

    Raises:
        UsageError: if there is nothing to sample, or too small a sample is asked for.
    """
    parts = [f"{info.label:d} {info.split}" for info in traces.infos]
    names, part_of = np.unique(np.array(parts), return_inverse=True)
    if not traces.n_traces or n_traces < len(names) or max_calls < 1:
        raise UsageError(
            f"a sample of {n_traces} traces of at most {max_calls} calls cannot be drawn from "
            f"{traces.n_traces} traces in {len(names)} parts"
        )
    chosen = _drawn(part_of, min(n_traces, traces.n_traces), np.random.default_rng(seed))
    drawn = traces.select(chosen)
    lengths = np.minimum(drawn.lengths, max_calls)
    kept = np.concatenate(
        [drawn.calls[b : b + n] for b, n in zip(drawn.offsets[:-1], lengths, strict=True)]
    )
    used, calls = np.unique(kept, return_inverse=True)  # other names would tell of other traces
    return TraceSet(
        calls=calls.astype(np.uint16),
        offsets=offsets_of(lengths),
        alphabet=tuple(drawn.alphabet[call] for call in used),
        infos=_nameless(drawn.infos),
    )


def _drawn(
    part_of: NDArray[np.int64], n_traces: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Indices of traces, each part's in proportion to its size, at least one, in order."""
    sizes = np.bincount(part_of)
    quota = np.maximum(1, np.floor(n_traces * sizes / len(part_of)).astype(np.int64))
    while quota.sum() > n_traces:  # the least parts got more than their share
        quota[np.argmax(quota)] -= 1
    while quota.sum() < n_traces:
        quota[np.argmax(np.where(quota < sizes, sizes - quota, -1))] += 1
    chosen = [
        rng.choice(np.flatnonzero(part_of == part), size=count, replace=False)
        for part, count in enumerate(quota)
    ]
    return np.sort(np.concatenate(chosen))


def _nameless(infos: tuple[TraceInfo, ...]) -> tuple[TraceInfo, ...]:
    groups: dict[str, int] = {}
    attacks: dict[str, int] = {}
    return tuple(
        replace(
            info,
            name=f"trace-{number}",
            source="sample",
            group=f"recording-{groups.setdefault(info.group, len(groups) + 1)}",
            attack=f"attack-{attacks.setdefault(info.attack, len(attacks) + 1)}"
            if info.attack
            else "",
            thread=-1,
            attack_ns=-1,
        )
        for number, info in enumerate(infos, 1)
    )
