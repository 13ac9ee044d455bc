"""What a corpus holds, and a first look at what models of it are worth on data they never saw.

    make corpus; python benchmarks/corpus_recorded.py

It reads the corpus below `benchmarks/.work/corpus`; every model is kept as soon as it has judged.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np
from common import WORK, table, write_page
from kept import Row, code_of, kept, version_of, work_of
from transfer import ADFA, DEMO, counted, judged_by, model_of, unknown
from transfer_names import renamed

from habitus import TraceSet, read_traces

CORPUS = WORK / "corpus"
ROWS = WORK / "corpus_rows"
COLUMNS = (("all calls", "ngram"), ("all calls", "stide"), ("without clocks", "ngram"))
FROM_EACH = (50_000, 10_000)
"""Most calls of one program in the even corpora."""
CLOCKS = frozenset({"clock_getres", "clock_gettime", "gettimeofday", "time"})
"""What x86_64 answers without the kernel, so that no recorder of system calls sees it."""
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


def program_of(name: str) -> str:
    """The program that a trace of the corpus is of."""
    return name.rpartition("/")[2].partition("-")[2]


def evenly(traces: TraceSet, most: int) -> TraceSet:
    """Distinct traces, of each program as many as make so many calls, drawn by chance."""
    left = distinct(traces)
    order = np.random.default_rng(SEED).permutation(left.n_traces)
    taken: dict[str, int] = {}
    chosen = []
    for trace in order.tolist():
        program = program_of(left.names[trace])
        if taken.get(program, 0) < most:
            taken[program] = taken.get(program, 0) + int(left.lengths[trace])
            chosen.append(trace)
    return left.select(np.sort(chosen))


def clockless(traces: TraceSet) -> TraceSet:
    """Without the calls that one of two ABIs never shows, and with one name for `stat`s.

    `fstat` and `lstat` are made through the call of `stat` by the libraries of today.
    """
    index: dict[str, int] = {}
    names = ["stat" if name in {"fstat", "lstat"} else name for name in traces.alphabet]
    lookup = np.array([index.setdefault(name, len(index)) for name in names], dtype=np.uint16)
    stays = np.array([name not in CLOCKS for name in traces.alphabet])[traces.calls]
    before = np.concatenate([[0], np.cumsum(stays)]).astype(np.int64)
    left = replace(
        traces, calls=lookup[traces.calls[stays]], offsets=before[traces.offsets],
        alphabet=tuple(index), positions=None, times_ns=None,
    )  # fmt: skip
    return left.select(left.lengths > 0)


READINGS: dict[str, Callable[[TraceSet], TraceSet]] = {
    "all calls": lambda traces: traces,
    "without clocks": clockless,
}


def learned() -> Iterator[tuple[str, str, TraceSet]]:
    """What is learned: how tables call it, its name in file names, the traces."""
    yield "ADFA-LD's own normals", "own", renamed(ADFA.own())
    yield "the shipped programs", "shipped", renamed(DEMO.own())
    yield "the corpus", "corpus", corpus()
    yield "the corpus, each sequence once", "distinct", distinct(corpus())
    for most in FROM_EACH:
        yield f"and at most {most:,} calls of a program", f"even-{most}", evenly(corpus(), most)


def zero_shot() -> list[dict[str, Any]]:
    """How models of each judge ADFA-LD."""
    found = []
    for name, key, traces in learned():
        rows = {}
        for reading, detector in COLUMNS:
            read = READINGS[reading]
            test, place = read(renamed(ADFA.judged())), f"corpus-{key}-{reading}".replace(" ", "-")
            rows[reading, detector] = judged_by(detector, read(traces), test, ADFA.protocol, place)
        found.append(
            {
                "learned": name, "key": key, "rows": rows,
                "traces": traces.n_traces, "calls": traces.n_calls,
                "unknown": unknown(traces, renamed(ADFA.judged())),
            }
        )  # fmt: skip
    return found


def alarms(taught: TraceSet, judged: TraceSet) -> Row:
    """How often a model alarms at normals, at the threshold for 1 % where it learned."""
    model = model_of("ngram", taught)
    scores = model.scores(judged)
    return {"alarms": float(np.mean(scores > model.decision.threshold)), "n": judged.n_traces}


CODE = code_of(
    "habitus.detectors.ngram", "habitus.models.training",
    within=("habitus.decisions", "habitus.detectors", "habitus.models"),
) + work_of(alarms, model_of)  # fmt: skip


def strangers() -> dict[str, Row]:
    """For each family of programs: false alarms at it, of a model that never saw it."""
    traces = evenly(corpus(), FROM_EACH[0])
    families = np.array([name.partition("/")[0] for name in traces.names])
    found = {}
    for family in sorted(set(families.tolist())):
        # A program that other families run, too (a shell, sleep), is no stranger.
        here = families == family
        known = {program_of(name) for name in np.array(traces.names)[~here].tolist()}
        own = np.array([program_of(name) not in known for name in traces.names])
        taught, judged = traces.select(~here), traces.select(here & own)
        version = version_of(CODE, taught, judged)
        make = partial(alarms, taught, judged)
        found[family] = kept(ROWS / f"without-{family}.json", version, make)
    return found


def lines_of(
    manifest: Mapping[str, Any],
    looked: list[dict[str, Any]],
    counting: Mapping[str, Row],
    strange: Mapping[str, Row],
) -> Iterator[str]:
    """The page, line by line."""
    totals = manifest["totals"]
    yield from ("# The corpus recorded", "")
    yield (
        f"What one `make corpus` recorded on {manifest['system']}, {manifest['machine']}, kernel "
        f"{manifest['kernel']}: **{totals['programs']} programs** in {totals['scenarios']} "
        f"scenarios, {totals['recordings']:,} recordings, **{totals['traces']:,} traces** "
        f"({totals['distinct_traces']:,} distinct) and **{totals['calls']:,} calls** of "
        f"{totals['call_names']} names. Together the recordings took "
        f"{totals['recording_seconds'] / 60:.0f} minutes; several were made side by side on a "
        "machine that did other work, too. What it is for and how it is made: "
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
    yield from (_short({one["key"]: one["rows"] for one in looked}, counting), "")
    yield (
        "Detectors have their defaults and learn with seed 1; no attack chose anything. Judged is "
        "`adfa-ld/dev`: i386, fifteen years older, of another system. One name stands for "
        "what is one call of two ABIs (`benchmarks/transfer_names.py`), where a model learns and "
        "where it judges. Areas with 95 % intervals; *unknown* is the share of the judged calls "
        "with a name that was never learned."
    )
    yield ""
    yield (
        "*Without clocks*: x86_64 answers `clock_gettime`, `gettimeofday` and `time` without a "
        "system call, so that a corpus of today holds next to none, and one call in ten of "
        "ADFA-LD is one. They are left out of what is learned and of what is judged; and `fstat` "
        "and `lstat` are read as `stat`, which is the call that libraries make for them today."
    )
    yield ""
    heads = [f"`{name}`, {reading}" for reading, name in COLUMNS]
    yield from table(
        ("learned", "traces", "calls", "unknown", *heads),
        [
            *(
                (
                    one["learned"], f"{one['traces']:,}", f"{one['calls']:,}",
                    f"{one['unknown']['calls']:.1%}",
                    *(_area(one["rows"][column]) for column in COLUMNS),
                )
                for one in looked
            ),
            ("*counting calls, at best*", "", "", "",
             *(f"{counting[reading]['auc']:.3f}" for reading, _ in COLUMNS)),
        ],
    )  # fmt: skip
    yield ""
    yield (
        "With the threshold for 1 % false alarms that the model set where it learned: attacks "
        "found, and in brackets false alarms."
    )
    yield ""
    yield from table(
        ("learned", *heads),
        [
            (one["learned"], *(_carried(one["rows"][column]) for column in COLUMNS))
            for one in looked
        ],
    )
    yield from ("", "## Programs it never saw", "")
    yield (
        f"Of the corpus with at most {FROM_EACH[0]:,} calls of a program, all of one family are "
        "left out, and `ngram` learns the others. Judged are the traces of programs that this "
        "family alone runs: false alarms at the threshold for 1 % where it learned."
    )
    yield ""
    yield from table(
        ("family left out", "traces judged", "false alarms"),
        [(name, f"{row['n']:,}", f"{row['alarms']:.1%}") for name, row in strange.items()],
    )


def _short(rows: Mapping[str, Any], counting: Mapping[str, Row]) -> str:
    """What there is to say, with the numbers that say it."""
    even = f"even-{FROM_EACH[0]}"

    def area(key: str, reading: str = "all calls") -> str:
        return f"{rows[key][reading, 'ngram']['auc']:.3f}"

    carried = rows[even]["all calls", "ngram"]["carried"]["false alarms"]
    return (
        "**In short:** an `ngram` of the corpus, which never saw a trace of ADFA-LD, orders it at "
        f"an area of {area('corpus')}, and of the corpus evened out by program at {area(even)}; "
        f"one of ADFA-LD's own normals at {area('own')}. Part of that is neither's merit. Without "
        "the calls that ask for the time, which the corpus cannot hold, the three read "
        f"{area('corpus', 'without clocks')}, {area(even, 'without clocks')} and "
        f"{area('own', 'without clocks')}, and the best count of calls, with nothing learned, "
        f"{counting['without clocks']['auc']:.3f}. And it is the order that carries over, not the "
        f"threshold: that of the evened corpus alarms at {carried:.0%} of ADFA-LD's normals."
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
    judged = renamed(ADFA.judged())
    counting = {name: counted(read(judged), ADFA.protocol) for name, read in READINGS.items()}
    lines = lines_of(manifest, zero_shot(), counting, strangers())
    write_page("corpus", list(lines), "corpus_recorded.py")


if __name__ == "__main__":
    main()
