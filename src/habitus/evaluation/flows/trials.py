"""Trials: who is learned from and who is judged, as often as a protocol says."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import ProtocolError, UsageError
from habitus.evaluation.flows.splits import (
    SHORTCUT_PRONE,
    Split,
    SplitKind,
    by_file,
    by_random_rows,
    by_source,
    by_time,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from habitus.flows.labelled import LabelledFlows

    Mask = NDArray[np.bool_]

N_SEEDS, N_FOLDS = 5, 5
SMALL = 10
"""Files of a class; of fewer, hardly anything can be told from an accident."""


@dataclass(frozen=True, eq=False)
class Trial:
    """A line of figures: one or more runs over the same flows, whose figures are averaged.

    Attributes:
        name: what is held out.
        runs: splits of each; in one run no flow is judged twice.
        caution: what to remember when reading its numbers; empty if nothing.
        is_resampled: whether intervals by files make sense; else the folds' range is told.
        splits_are_named: whether each split is worth a line of its own, as captures are.
    """

    name: str
    kind: SplitKind
    runs: tuple[tuple[Split, ...], ...]
    caution: str = ""
    is_resampled: bool = True
    splits_are_named: bool = False


def files_held_out(flows: LabelledFlows, seed: int, among: Mask | None = None) -> Trial:
    """Whole files held out in folds, five times over."""
    part, rows = _among(flows, among)
    runs = tuple(
        tuple(_wide(flows, rows, by_file(part, N_FOLDS, seed=seed + run))) for run in range(N_SEEDS)
    )
    few = _few_files(part)
    return Trial("files held out", "file", runs, caution=f"underpowered: {few}" if few else "")


def random_rows(flows: LabelledFlows, seed: int, among: Mask | None = None) -> Trial:
    """Single flows held out in folds, five times over: what flatters."""
    part, rows = _among(flows, among)
    runs = tuple(
        tuple(_wide(flows, rows, by_random_rows(part, N_FOLDS, seed=seed + run)))
        for run in range(N_SEEDS)
    )
    return Trial("random rows", "random rows", runs, caution=SHORTCUT_PRONE)


def later_flows(flows: LabelledFlows) -> Trial:
    """The end of each recording judged by what was learned of its beginning."""
    split = by_time(flows)
    caution = f"{split.caution}: whatever tells recordings apart counts as skill"
    return Trial(split.name, "time", ((split,),), caution=caution)


def sources_held_out(flows: LabelledFlows) -> list[Trial]:
    """Each source in turn judged by what was learned of all others.

    Raises:
        ProtocolError: if there is but one source, or others never hold both classes.
    """
    names = sorted(set(flows.sources.astype(str).tolist()))
    if len(names) < 2:
        raise ProtocolError(
            f"by source: all flows are of one source, {names[0]!r}; a column `group` of the table "
            "of labels, or a folder for each source, says who recorded a file"
        )
    trials = []
    for name in names:
        others = [other for other in names if other != name]
        if has_both(flows, others):
            trials.append(source_held_out(flows, others, [name]))
    if not trials:
        raise ProtocolError("by source: without one source, the others hold flows of one class")
    return trials


def source_held_out(
    flows: LabelledFlows, learned: Sequence[str], judged: Sequence[str], caution: str = ""
) -> Trial:
    """Some sources judged by what was learned of others."""
    split = by_source(flows, learned, judged)
    few = [
        f"{what} {told}"
        for what, side in (("learned", split.train), ("judged", split.test))
        if (told := _few_files(flows.select(side)))
    ]
    cautions = [caution, f"underpowered: {'; '.join(few)}" if few else ""]
    told = "; ".join(filter(None, cautions))
    return Trial(split.name, "source", ((split,),), caution=told)


def apart(flows: LabelledFlows, name: str) -> Trial | None:
    """One source judged by what was learned of all others; None where either is not there."""
    others = sorted(set(flows.sources.astype(str).tolist()) - {name})
    if name not in set(flows.sources.astype(str)) or not has_both(flows, others):
        return None
    trial = source_held_out(flows, others, [name])
    return replace(trial, name=f"{name}, apart")


def each_file(flows: LabelledFlows) -> Trial:
    """Each file in turn judged by what was learned of all others."""
    numbers = np.unique(flows.file_of)
    if len(numbers) < 2:
        raise ProtocolError("one file at a time: there is but one file")
    run = tuple(
        Split("file", flows.files[number].name, flows.file_of != number, flows.file_of == number)
        for number in numbers.tolist()
    )
    return Trial(
        "one file at a time", "file", (run,), is_resampled=False, splits_are_named=True,
        caution=f"{len(run)} files of one laboratory: a range, and no interval",
    )  # fmt: skip


def hosts_held_out(flows: LabelledFlows, seed: int, among: Mask | None = None) -> Trial:
    """Normal flows of some hosts learned; those of others, and all malicious ones, judged.

    Malicious flows are dealt out over the folds, so that each is judged once.
    """
    part, rows = _among(flows, among)
    hosts = np.unique(part.file_of[~part.malicious])
    if len(hosts) < 2:
        raise ProtocolError("hosts held out: normal flows of two hosts or more are needed")
    n = min(N_FOLDS, len(hosts))
    runs = []
    for run in range(N_SEEDS):
        rng = np.random.default_rng(seed + run)
        fold_of_host = dict(zip(rng.permutation(hosts).tolist(), np.arange(len(hosts)) % n))  # noqa: B905
        fold = np.array([fold_of_host.get(file, -1) for file in part.file_of.tolist()])
        bad = np.flatnonzero(part.malicious)
        fold[bad] = rng.permutation(len(bad)) % n
        runs.append(
            tuple(
                Split("file", f"hosts {k + 1} of {n}", (fold != k) & ~part.malicious, fold == k)
                for k in range(n)
            )
        )
    return Trial(
        "hosts held out", "file", tuple(tuple(_wide(flows, rows, run)) for run in runs),
        caution="one recording: hosts are held out, the minutes are the same; one attacker",
    )  # fmt: skip


def has_both(flows: LabelledFlows, sources: Sequence[str]) -> bool:
    """Whether some sources hold flows of both classes."""
    own = np.isin(flows.sources.astype(str), list(sources))
    return bool((own & flows.malicious).any() and (own & ~flows.malicious).any())


def _few_files(flows: LabelledFlows) -> str:
    """Which files of a side are so few that single ones decide; empty if there are enough."""
    sides = (("benign", ~flows.malicious), ("malicious", flows.malicious))
    few = [
        f"{flows.n_files(side)} {what} file{'' if flows.n_files(side) == 1 else 's'}"
        for what, side in sides
        if 0 < flows.n_files(side) < SMALL
    ]
    return " and ".join(few)


def _among(flows: LabelledFlows, among: Mask | None) -> tuple[LabelledFlows, NDArray[np.int64]]:
    if among is None:
        return flows, np.arange(len(flows))
    if not among.any():
        raise UsageError("there is no flow left to judge")
    return flows.select(among), np.flatnonzero(among)


def _wide(flows: LabelledFlows, rows: NDArray[np.int64], splits: Sequence[Split]) -> list[Split]:
    """Splits of some rows as splits of all flows."""
    made = []
    for split in splits:
        sides = np.zeros((2, len(flows)), dtype=np.bool_)
        sides[0, rows], sides[1, rows] = split.train, split.test
        made.append(replace(split, train=sides[0], test=sides[1]))
    return made
