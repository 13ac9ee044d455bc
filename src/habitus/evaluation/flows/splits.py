"""Splits of labelled flows: which are learned from, and which are judged.

By file, source and time what is judged was recorded apart from what is learned. Random rows put
flows of one recording on both sides; that is made only when asked for, and says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from habitus.flows.labelled import LabelledFlows

    Mask = NDArray[np.bool_]

SplitKind = Literal["file", "source", "time", "random rows"]
SHORTCUT_PRONE = (
    "random rows: flows of one recording are learned and judged, so whatever tells recordings "
    "apart counts as skill"
)


@dataclass(frozen=True, eq=False)
class Split:
    """Which flows are learned from and which are judged.

    Attributes:
        name: what is held out.
        train, test: (n,) bool; no flow is in both.
        caution: what to remember when reading its numbers; empty if nothing.
    """

    kind: SplitKind
    name: str
    train: Mask
    test: Mask
    caution: str = ""


def by_file(flows: LabelledFlows, n_folds: int = 5, *, seed: int) -> list[Split]:
    """Folds of whole files; each file is judged once, by what was learned of the others.

    Files of either class are dealt out by themselves, so that each fold judges both where there are
    files enough.

    Raises:
        UsageError: if a class has but one file: then nothing of it is learned when it is judged.
    """
    rng = np.random.default_rng(seed)
    fold_of = np.full(len(flows.files), -1)
    has_malicious = np.zeros(len(flows.files), dtype=np.bool_)
    has_malicious[flows.file_of[flows.malicious]] = True
    present = np.zeros(len(flows.files), dtype=np.bool_)
    present[flows.file_of] = True
    sides = (np.flatnonzero(present & has_malicious), np.flatnonzero(present & ~has_malicious))
    has_benign = np.zeros(len(flows.files), dtype=np.bool_)
    has_benign[flows.file_of[~flows.malicious]] = True
    for what, n in (("malicious", has_malicious.sum()), ("benign", has_benign.sum())):
        if n < 2:
            raise UsageError(
                f"by file: {n} of the files {'holds' if n == 1 else 'hold'} {what} flows, and two "
                "are needed: one to learn from, one to judge"
            )
    n_folds = min(n_folds, int(present.sum()))
    dealt = 0
    for side in sides:
        # Dealing goes on where the other class ended, so that no fold is left without a file.
        fold_of[rng.permutation(side)] = (dealt + np.arange(len(side))) % n_folds
        dealt += len(side)
    return [
        Split("file", f"files {fold + 1} of {n_folds}", own != fold, own == fold)
        for own in [fold_of[flows.file_of]]
        for fold in range(n_folds)
    ]


def by_source(flows: LabelledFlows, learned: Sequence[str], judged: Sequence[str]) -> Split:
    """Some sources are learned from, others are judged.

    Raises:
        UsageError: if a source is on both sides, or a side has no flow.
    """
    both = set(learned) & set(judged)
    if both:
        raise UsageError(f"by source: {min(both)} is both learned from and judged")
    sources = flows.sources.astype(str)
    train, test = np.isin(sources, list(learned)), np.isin(sources, list(judged))
    for names, side in ((learned, train), (judged, test)):
        if not side.any():
            told = ", ".join(sorted(set(sources)))
            raise UsageError(f"by source: there is no flow of {', '.join(names)}; sources: {told}")
    return Split("source", f"{' + '.join(learned)} -> {' + '.join(judged)}", train, test)


def by_time(flows: LabelledFlows, share: float = 0.7) -> Split:
    """The first flows of each file are learned from, the later ones judged, by their starts.

    Flows that start when the last learned one does are judged, and flows that run on into the
    judged time are neither learned nor judged.

    Raises:
        UsageError: if the table tells no times, or a side has no flow.
    """
    if not {"start_ns", "end_ns"} <= set(flows.flows.columns):
        raise UsageError("by time: the table of flows has no columns start_ns and end_ns")
    starts, ends = (flows.flows[name].to_numpy() for name in ("start_ns", "end_ns"))
    train, test = np.zeros(len(flows), dtype=np.bool_), np.zeros(len(flows), dtype=np.bool_)
    for file in np.unique(flows.file_of):
        own = flows.file_of == file
        border = np.sort(starts[own])[min(int(share * own.sum()), int(own.sum()) - 1)]
        train |= own & (starts < border) & (ends < border)
        test |= own & (starts >= border)
    if not train.any() or not test.any():
        raise UsageError("by time: all flows of every file start at once")
    return Split(
        "time", f"first {share:.0%} -> rest", train, test,
        caution="of the same recordings, only later",
    )  # fmt: skip


def by_random_rows(flows: LabelledFlows, n_folds: int = 5, *, seed: int) -> list[Split]:
    """Folds of single flows: what others do, here to measure how much it flatters."""
    rng = np.random.default_rng(seed)
    fold_of = np.empty(len(flows), dtype=np.int64)
    dealt = 0
    for side in (flows.malicious, ~flows.malicious):
        rows = np.flatnonzero(side)
        fold_of[rng.permutation(rows)] = (dealt + np.arange(len(rows))) % n_folds
        dealt += len(rows)
    return [
        Split(
            "random rows", f"rows {fold + 1} of {n_folds}", fold_of != fold, fold_of == fold,
            caution=SHORTCUT_PRONE,
        )
        for fold in range(n_folds)
    ]  # fmt: skip
