"""What `disorder` finds on ADFA-LD, and how much of that is how the traces were recorded.

    python benchmarks/disorder.py

takes some minutes. Periods are told from each other by normal traces alone.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from common import RESULTS, table, test_data, write_between, write_page
from detectors import ADFA, area, cell
from numpy.typing import NDArray

from habitus import Label, TraceSet, get_detector
from habitus.datasets.source import find_source
from habitus.decisions.scores import aggregation_of, trace_scores
from habitus.detectors.disorder import Disorder
from habitus.evaluation.judged import judged_of
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol
from habitus.evaluation.protocols import test_part as judged_part

SEED = 1
DEV = "adfa-ld/dev"
PERIOD_FILES = 110
"""Normal traces are numbered, as it seems in the order of recording; so many numbers at a time."""
DISTURBED = 0.1
"""A period is disturbed whose median score is above this; that of what was learned is near 0."""
LOADER = ("fstat64", "mmap2")
"""Whoever loads a library asks for a file's size, then maps it, whatever the program is."""
BROKEN = 0.2
"""A period's loader is broken where less than this share of the first have the second next."""
COUNT = "fewer different calls"
SHOWN = ("redundancy", "disorder", "disorder order=6", "adaptive", "ngram")
PAGES = ("adaptive", "disorder", "redundancy")
Scores = NDArray[np.float64]

INTRODUCTION = (
    "[The detector](../detectors/disorder.md) asks how costly a trace is to learn from itself. It "
    "finds on ADFA-LD what the likelihood of `ngram` does, or more, though it knows nothing of "
    "which calls are normal. That should make one suspicious, and the second half of this page "
    "says why. *Cost alone*: nats a call, not held against what length and variety let expect. "
    "*Fewer different calls*: the trivial baseline. [adaptive](../detectors/adaptive.md) learns "
    "from the trace, too, and from normal ones; [redundancy](../detectors/redundancy.md) holds its "
    "cost against the most that so many different calls could cost. Default settings; 95 % "
    "intervals by cluster bootstrap. The logarithm of the cost was kept because it found more of "
    "the attacks of `adfa-ld/dev`, and `order`, which is that of `ngram`, was looked at there from "
    "2 to 12."
)
PERIODS = (
    "ADFA-LD's normal traces are numbered, as it seems in the order of recording. Here are those "
    f"of `{DEV}` by file number, {PERIOD_FILES} at a time. A period is *disturbed by score* "
    f"if its median is above {DISTURBED}. Beside it stand two rules that every program obeys, as "
    "the loader is the same: after `execve` comes `brk` (or another `execve`, if the file was not "
    "there), and `mmap2` mostly follows `fstat64` where libraries are loaded. A period is "
    f"*disturbed by the loader* if the second holds for less than {BROKEN:.0%}: that knows nothing "
    "of the score, and no attack chose either."
)
AGAINST = (
    f"The attacks of `{DEV}` against the normals of some periods only, with the same models. "
    "An area of .5 is chance."
)
CONCLUSION = (
    "So a good part of every area published on ADFA-LD says when a trace was recorded, and under "
    "what conditions, and not whether it is an attack: against normals of disturbed periods "
    "neither disorder nor likelihood nor counting finds much, though none of them knows of "
    "periods. In periods disturbed by the loader, calls that every "
    "program makes one after the other stand in other orders: several threads recorded as one, "
    "calls out of order, or calls lost; the traces alone cannot tell which. What the table does "
    "**not** show is that the attacks were recorded with that very fault: in them libraries are "
    "loaded about as in training. They may be as disorderly for reasons of their own, or as what "
    "ran beside them. A detector must be trained and used on recordings of one kind, and a data "
    "set should record its attacks among its normals."
)


@dataclass(frozen=True)
class Setting:
    """All that is judged, and what was learned of it."""

    traces: TraceSet

    @cached_property
    def learned(self) -> TraceSet:
        """The 833 training traces, whatever the protocol."""
        return self.traces.select(self.is_learned)

    @cached_property
    def is_learned(self) -> NDArray[np.bool_]:
        """(n_traces,) bool."""
        return get_protocol(DEV).training(self.traces)

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """(n_traces,) the number in a file's name: 17 in UVD-0017.txt."""
        return np.array([int(re.findall(r"(\d+)\.", name)[-1]) for name in self.traces.names])

    def scores(self) -> dict[str, tuple[Scores, float]]:
        """Of all traces, and calls scored a second, by detector."""
        found = {}
        for title, kind, settings in (
            ("redundancy", "redundancy", {}),
            ("disorder", "disorder", {}),
            ("disorder order=6", "disorder", {"order": 6}),
            ("adaptive", "adaptive", {}),
            ("ngram", "ngram", {}),
        ):
            detector = get_detector(kind).with_settings(settings)
            detector.fit(self.learned, seed=SEED)
            rule = aggregation_of(detector)
            trace_scores(detector, self.traces.select([0]), rule)  # compiled before it is timed
            begun = time.process_time()
            scores = trace_scores(detector, self.traces, rule)
            found[title] = scores, self.traces.n_calls / (time.process_time() - begun)
        found["cost alone"] = self.cost(), np.nan
        found[COUNT] = -self.n_different.astype(float), np.nan
        return found

    def cost(self) -> Scores:
        """Nats a call of each trace."""
        detector = Disorder()
        detector.fit(self.learned)
        detector.weights = np.zeros(3)
        return np.exp(detector.trace_scores(self.traces))

    def _each(self) -> list[NDArray[np.uint16]]:
        return np.split(self.traces.calls, self.traces.offsets[1:-1])

    @cached_property
    def n_different(self) -> NDArray[np.int64]:
        """(n_traces,) different calls of each trace."""
        each = np.split(self.traces.calls, self.traces.offsets[1:-1])
        return np.array([len(np.unique(calls)) for calls in each])

    def following(self, which: NDArray[np.bool_], call: str, *usual: str) -> tuple[int, int]:
        """How often one of the usual calls came next after ``call``, and any call."""
        names = np.array(self.traces.alphabet)
        held = n = 0
        for row in np.flatnonzero(which):
            calls = names[
                self.traces.calls[self.traces.offsets[row] : self.traces.offsets[row + 1]]
            ]
            after = calls[1:][calls[:-1] == call]
            n += len(after)
            held += int(np.isin(after, usual).sum())
        return held, n


def areas_of(one: Setting, scores: Scores) -> list[str]:
    """With intervals, under each protocol."""
    cells = []
    for name in ADFA:
        protocol = get_protocol(name)
        test = judged_part(one.traces, protocol)
        nothing = np.zeros(test.n_traces, dtype=bool)
        cells.append(
            cell(area(judged_of(test, scores[protocol.test(one.traces)], nothing, protocol)))
        )
    return cells


def on_protocols(one: Setting, found: dict[str, tuple[Scores, float]]) -> list[str]:
    """All areas, then a table of operating points for each protocol."""
    head = ("AUC (95 %)", *(f"`{name}`" for name in ADFA))
    rows = [(title, *areas_of(one, scores)) for title, (scores, _) in found.items()]
    lines = ["", "## What it finds", "", *table(head, rows)]
    for name in ADFA:
        here = get_protocol(name).test(one.traces)
        attack = one.traces.labels[here] == Label.ATTACK
        told = []
        for title, (scores, _) in found.items():
            curve = roc(scores[here][~attack], scores[here][attack])
            points = (
                curve.detection_at(0.01)[0], curve.detection_at(0.05)[0], curve.false_alarms_at(0.9)
            )  # fmt: skip
            told.append((title, *(f"{point:.1%}" for point in points)))
        head = (f"`{name}`", "found at 1 % false alarms", "at 5 %", "false alarms at 90 % found")
        lines += ["", *table(head, told)]
    return lines


def by_period(one: Setting, found: dict[str, tuple[Scores, float]]) -> list[str]:
    """Periods of normal traces; then areas against those of disturbed ones and of the others."""
    protocol = get_protocol(DEV)
    judged = protocol.test(one.traces)
    normal = judged & (one.traces.labels == Label.NORMAL)
    attack = judged & (one.traces.labels == Label.ATTACK)
    score = found["disorder"][0]
    period = (one.numbers - 1) // PERIOD_FILES
    disturbed = np.zeros(len(period), dtype=bool)
    broken = disturbed.copy()
    parts = {"training": one.is_learned} | {
        f"{p * PERIOD_FILES + 1}-{(p + 1) * PERIOD_FILES}": normal & (period == p)
        for p in np.unique(period[normal]).tolist()
    }
    rows = []
    for title, which in {**parts, "attacks": attack}.items():
        low, middle, high = np.quantile(score[which], [0.25, 0.5, 0.75])
        loader, n_loader = one.following(which, *LOADER)
        starts, n_starts = one.following(which, "execve", "execve", "brk")
        marks = []
        if title[0].isdigit() and middle > DISTURBED:
            disturbed |= which
            marks.append("score")
        if title[0].isdigit() and loader < BROKEN * n_loader:
            broken |= which
            marks.append("loader")
        rows.append(
            (
                title, f"{int(which.sum()):,}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}",
                share(starts, n_starts), share(loader, n_loader), ", ".join(marks),
            )
        )  # fmt: skip
    head = (
        "files", "traces", "median score", "middle half", "`brk` or `execve` after `execve`",
        "`mmap2` after `fstat64`", "disturbed by",
    )  # fmt: skip
    told = table(head, rows)
    against = {
        "all normals": normal, "disturbed by score": disturbed, "by the loader": broken,
        "by neither": normal & ~disturbed & ~broken,
    }  # fmt: skip
    areas = []
    for title, (scores, _) in found.items():
        cells = []
        for some in against.values():
            chosen = some | attack
            part = one.traces.select(np.flatnonzero(chosen))
            nothing = np.zeros(part.n_traces, dtype=bool)
            cells.append(cell(area(judged_of(part, scores[chosen], nothing, protocol))))
        areas.append((title, *cells))
    heads = [f"{title}: {int(which.sum()):,}" for title, which in against.items()]
    return [
        "", "## Periods", "", PERIODS, "", *told, "", "## Against which normals", "", AGAINST, "",
        *table(("AUC (95 %), attacks against", *heads), areas),
        "", CONCLUSION,
    ]  # fmt: skip


def share(held: int, n: int) -> str:
    """As a share of how many."""
    return f"{held / n:.0%} of {n:,}" if n else "-"


def main() -> None:
    """Score, and write the page and the table of the detectors' pages."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    one = Setting(find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read())
    found = one.scores()
    speeds = [(title, f"{rate / 1e6:.2g}") for title, (_, rate) in found.items() if rate > 0]
    lines = [
        "# Disorder, and how ADFA-LD was recorded", "", INTRODUCTION, *on_protocols(one, found),
        *by_period(one, found), "", "## Speed", "",
        "One core, all 5,951 traces, once, by the processor's time: orders of magnitude.", "",
        *table(("score", "M calls/s"), speeds),
    ]  # fmt: skip
    write_page("disorder", lines, "disorder.py")
    rows = [
        (f"`{title}`" if title in SHOWN else f"*{title}*", *(areas_of(one, scores)))
        for title, (scores, _) in found.items()
        if title in SHOWN or title == COUNT
    ]
    head = ("AUC (95 %)", *(f"`{protocol}`" for protocol in ADFA))
    for name in PAGES:
        page = RESULTS.parent / "detectors" / f"{name}.md"
        write_between(page, list(table(head, rows)), "disorder.py")


if __name__ == "__main__":
    main()
