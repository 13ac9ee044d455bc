"""What a corpus holds, and a first look at what models of it are worth on data they never saw.

    make corpus; python benchmarks/corpus_recorded.py

It reads the corpus below `benchmarks/.work/corpus`; every model is kept as soon as it has judged.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from common import WORK, table, write_page
from transfer import ADFA, DEMO, counted, judged_by, unknown
from transfer_names import renamed

from habitus import TraceSet, read_traces

if TYPE_CHECKING:
    from kept import Row

CORPUS = WORK / "corpus"
DETECTORS = ("ngram", "stide")
FROM_EACH = 50_000
"""Most calls of one program in the even corpus."""
SEED = 1


@cache
def corpus() -> TraceSet:
    """All traces, with one name for what is one call of two ABIs."""
    if not (CORPUS / "corpus.habitus.zst").exists():
        raise SystemExit(f"there is no corpus in {CORPUS}; make corpus")
    return renamed(read_traces(CORPUS / "corpus.habitus.zst"))


def distinct(traces: TraceSet) -> TraceSet:
    """One of each sequence."""
    return traces.select(np.unique(traces.sequence_ids(), return_index=True)[1])


def evenly(traces: TraceSet) -> TraceSet:
    """Distinct traces, of each program as many as make so many calls, drawn by chance."""
    left = distinct(traces)
    order = np.random.default_rng(SEED).permutation(left.n_traces)
    taken: dict[str, int] = {}
    chosen = []
    for trace in order.tolist():
        program = left.names[trace].rpartition("/")[2].partition("-")[2]
        if taken.get(program, 0) < FROM_EACH:
            taken[program] = taken.get(program, 0) + int(left.lengths[trace])
            chosen.append(trace)
    return left.select(np.sort(chosen))


def learned() -> Iterator[tuple[str, str, TraceSet]]:
    """What is learned: how tables call it, its name in file names, the traces."""
    yield "ADFA-LD's own normals", "own", renamed(ADFA.own())
    yield "the shipped programs", "shipped", renamed(DEMO.own())
    yield "the corpus", "corpus", corpus()
    yield "the corpus, each sequence once", "distinct", distinct(corpus())
    yield f"the corpus, at most {FROM_EACH:,} calls of a program", "even", evenly(corpus())


def zero_shot() -> list[dict[str, Any]]:
    """How models of each judge ADFA-LD."""
    test = renamed(ADFA.judged())
    return [
        {
            "learned": name, "traces": traces.n_traces, "calls": traces.n_calls,
            "unknown": unknown(traces, test),
            "rows": {
                detector: judged_by(detector, traces, test, ADFA.protocol, f"corpus-{key}")
                for detector in DETECTORS
            },
        }
        for name, key, traces in learned()
    ]  # fmt: skip


def lines_of(
    manifest: Mapping[str, Any], looked: list[dict[str, Any]], counting: Row
) -> Iterator[str]:
    """The page, line by line."""
    totals = manifest["totals"]
    yield from ("# The corpus recorded", "")
    yield (
        f"What one `make corpus` recorded on {manifest['system']}, {manifest['machine']}, kernel "
        f"{manifest['kernel']}: **{totals['programs']} programs** in {totals['scenarios']} "
        f"scenarios, {totals['recordings']:,} recordings, **{totals['traces']:,} traces** "
        f"({totals['distinct_traces']:,} distinct) and **{totals['calls']:,} calls** of "
        f"{totals['call_names']} names, in {totals['recording_seconds'] / 60:.0f} minutes of "
        "recording, two side by side. What it is for and how it is made: "
        "[the corpus](../explanation/corpus.md)."
    )
    yield ""
    yield from table(
        ("family", "recordings", "traces", "calls"),
        [
            (family, *(f"{counts[what]:,}" for what in ("recordings", "traces", "calls")))
            for family, counts in manifest["families"].items()
        ],
    )
    yield ""
    told = {
        "time": "ran out of time", "calls": "made more calls than a recording holds",
        "linger": "left something running that was ended",
    }  # fmt: skip
    stopped = [f"{totals['stopped'].get(why, 0):,} {text}" for why, text in told.items()]
    yield (
        f"Of the recordings {', '.join(stopped)}. {totals['calls_beyond_the_longest_trace']:,} "
        "calls stood behind the longest trace that is kept. Not installed, and so left out: "
        f"{', '.join(f'`{program}`' for program in manifest['missing']) or 'nothing'}."
    )
    yield ""
    most = sorted(manifest["programs"].items(), key=lambda item: -item[1]["calls"])[:15]
    yield from ("Most calls are of:", "")
    yield from table(
        ("program", "package", "traces", "calls", "share of calls"),
        [
            (
                f"`{name}`", f"{one['package']} {one['version']}".strip() or "made here",
                f"{one['traces']:,}", f"{one['calls']:,}", f"{one['calls'] / totals['calls']:.1%}",
            )
            for name, one in most
        ],
    )  # fmt: skip
    yield from ("", "## A first look: ADFA-LD, which it never saw", "")
    yield (
        "Detectors have their defaults and learn with seed 1; no attack chose anything. Judged is "
        "`adfa-ld/dev`: i386, fifteen years older, of another system. One name stands for "
        "what is one call of two ABIs (`benchmarks/transfer_names.py`), where a model learns and "
        "where it judges. Areas with 95 % intervals; *unknown* is the share of the judged calls "
        "with a name that was never learned. Counting calls, with nothing learned, reads "
        f"{counting['auc']:.3f} here, and what stands near it needs no other explanation."
    )
    yield ""
    yield from table(
        ("learned", "traces", "calls", "unknown", *(f"`{name}`" for name in DETECTORS)),
        [
            (
                one["learned"], f"{one['traces']:,}", f"{one['calls']:,}",
                f"{one['unknown']['calls']:.1%}",
                *(_area(one["rows"][name]) for name in DETECTORS),
            )
            for one in looked
        ],
    )  # fmt: skip
    yield from ("", "With the threshold for 1 % false alarms that the model set where it learned:")
    yield ""
    yield from table(
        ("learned", *(f"`{name}` found (false alarms)" for name in DETECTORS)),
        [(one["learned"], *(_carried(one["rows"][name]) for name in DETECTORS)) for one in looked],
    )


def _area(row: Row) -> str:
    low, high = row["interval"]
    return f"{row['auc']:.3f} ({low:.3f}-{high:.3f})"


def _carried(row: Row) -> str:
    return f"{row['carried']['found']:.0%} ({row['carried']['false alarms']:.0%})"


def main() -> None:
    """Judge what is not yet, and write the page."""
    corpus()
    manifest = json.loads((CORPUS / "corpus.json").read_text())
    counting = counted(renamed(ADFA.judged()), ADFA.protocol)
    write_page("corpus", list(lines_of(manifest, zero_shot(), counting)), "corpus_recorded.py")


if __name__ == "__main__":
    main()
