"""What a base model is worth to who has few normal traces, or many: areas by traces learned.

    make corpus; python benchmarks/learning_curve_base.py

The base is an n-gram model of the corpus below `benchmarks/.work/corpus`, with one name for what is
one call of two ABIs. What is learned and judged keeps its own names. Every draw is kept as soon as
it has been judged; what was interrupted goes on.
"""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
from common import RESULTS, WORK, table, test_data, write_page
from corpus_recorded import FROM_EACH, corpus, evenly, program_of
from kept import Row, code_of, kept, version_of, work_of
from learning_curve_ways import WAYS, way_rows
from limits_data import alarmless
from limits_pictures import Line, coverage_picture
from transfer import ADFA, DEMO, SEED
from unm import source_of

from habitus import Label, TraceSet
from habitus.decisions.scores import aggregation_of, trace_scores
from habitus.detectors import get_detector
from habitus.detectors.base import SequenceDetector
from habitus.detectors.ngram import NGram
from habitus.evaluation.bootstrap import area_interval
from habitus.evaluation.judged import judged_of
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import Protocol, get_protocol, training_part
from habitus.evaluation.protocols import test_part as judged_part

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = WORK / "learning_curve_base"
SIZES = (10, 30, 100, 300, 833)
BASE_ORDER = 8
ALONE = "ngram:base_share=1"
"""What the base alone makes of a trace, its names joined by what is learned."""
Settings = Mapping[str, object]
COLUMNS: dict[str, tuple[str, Settings, bool]] = {
    "ngram": ("ngram", {}, False),
    "ngram, from the base": ("ngram", {}, True),
    "redundancy": ("redundancy", {}, False),
    "redundancy, from the base": ("redundancy", {}, True),
    "best": ("ensemble", {"members": "redundancy+disorder", "combine": "average"}, False),
    "redundancy and the base": (
        "ensemble", {"members": f"redundancy+{ALONE}", "combine": "average"}, True,
    ),
}  # fmt: skip
_MEMBERS = "redundancy:own=20+disorder+adaptive+markov"
BEST: dict[str, tuple[str, Settings, bool]] = {
    "`best`": (
        "ensemble", {"members": _MEMBERS, "combine": "largest", "groups": "1+2,3,1+2+4"}, False,
    ),
    "`best`, from the base": (
        "ensemble", {"members": _MEMBERS, "combine": "largest", "groups": "1+2,3,1+2+4"}, True,
    ),
    "`best`, from the base, which is a member too": (
        "ensemble",
        {
            "members": f"{_MEMBERS}+{ALONE}", "combine": "largest", "groups": "1+2+5,3,1+2+4+5",
        },
        True,
    ),
}  # fmt: skip
"""The recipe `best`, without the base and with it."""
# What the recorded programs run; the base that judges them has seen none of these.
_RUN = (
    "python", "gzip", "git", "make", "gmake", "gcc", "cc", "g++", "c++", "cpp", "collect2", "as",
    "ld", "gold", "bash", "sqlite3", "x86_64-linux-gnu",
)  # fmt: skip


@dataclass(frozen=True)
class Site:
    """Where own traces are from.

    Attributes:
        name: how tables call it.
        key: in file names.
        own: what can be learned, and ``judged`` what is, under ``protocol``.
        lent: what the base learns.
        draws: of each size but the last, which is all.
    """

    name: str
    key: str
    protocol: str
    own: Callable[[], TraceSet]
    judged: Callable[[], TraceSet]
    lent: Callable[[], TraceSet]
    draws: int = 3


@cache
def all_programs() -> TraceSet:
    """The corpus, each program with as many calls at most."""
    return evenly(corpus(), FROM_EACH[-1])


@cache
def other_programs() -> TraceSet:
    """Without the programs that the shipped recordings are of."""
    names = [program_of(name) for name in all_programs().names]
    return all_programs().select(np.array([not name.startswith(_RUN) for name in names]))


@cache
def sendmail(part: Callable[[TraceSet, Protocol], TraceSet]) -> TraceSet:
    """Of UNM's sendmail, whose calls are numbered from 0 as in the list of names beside it."""
    traces = part(source_of("sendmail-synth-unm").read(), get_protocol("unm/sendmail"))
    with tarfile.open(test_data() / "unm" / "sendmail-synth-unm.tar.xz") as archive:
        file = archive.extractfile("sendmail-synth-unm/calls.txt.sun")
        names = (b"" if file is None else file.read()).decode("ascii").split()
    index: dict[str, int] = {}
    numbers = [int(name.rpartition(":")[2]) for name in traces.alphabet]
    lookup = [index.setdefault(names[number], len(index)) for number in numbers]
    calls = np.array(lookup, dtype=np.uint16)[traces.calls]
    return replace(traces, calls=calls, alphabet=tuple(index))


def _learned(traces: TraceSet, rules: Protocol) -> TraceSet:
    return training_part(traces, rules)[0]


SITES = (
    Site("ADFA-LD", "adfa", "adfa-ld/dev", ADFA.own, ADFA.judged, all_programs, draws=5),
    Site("programs held out", "demo", "demo", DEMO.own, DEMO.judged, other_programs),
    Site(
        "UNM's sendmail", "sendmail", "unm/sendmail",
        partial(sendmail, _learned), partial(sendmail, judged_part), all_programs,
    ),
)  # fmt: skip


@cache
def base_of(lent: Callable[[], TraceSet]) -> NGram:
    """The base."""
    made = NGram.with_settings({"order": BASE_ORDER})
    made.fit(lent())
    return made


def drawn(own: TraceSet, size: int, draw: int) -> TraceSet:
    """So many traces of them, by chance."""
    chosen = np.random.default_rng([SEED, draw]).permutation(own.n_traces)[:size]
    return own.select(np.sort(chosen))


def areas(
    scores: NDArray[np.float64], test: TraceSet, own: TraceSet, protocol: str, *, sure: bool
) -> Row:
    """Of all that is judged, and of one trace of each sequence that could not be learned.

    Args:
        sure: whether intervals are wanted, too.
    """
    scores = alarmless(scores)
    judged = judged_of(test, scores, np.zeros(test.n_traces, dtype=bool), get_protocol(protocol))
    sides = judged.of(Label.NORMAL), judged.of(Label.ATTACK)
    row: Row = {"all": roc(sides[0].scores, sides[1].scores).auc}
    known = {bytes(digest) for digest in own.sequence_digests()}
    first = np.zeros(test.n_traces, dtype=bool)
    first[np.unique(test.sequence_ids(), return_index=True)[1]] = True
    first &= np.array([bytes(digest) not in known for digest in test.sequence_digests()])
    normal = scores[first & (test.labels == Label.NORMAL)]
    attack = scores[first & (test.labels == Label.ATTACK)]
    row["distinct"] = roc(normal, attack).auc
    if sure:
        row["interval"] = area_interval(
            sides[0].scores, sides[1].scores, sides[0].clusters, sides[1].clusters, seed=SEED
        )
        row["distinct interval"] = area_interval(
            normal, attack, np.arange(len(normal)), np.arange(len(attack)), seed=SEED
        )
    return row


def fitted(column: str, learned: TraceSet, base: NGram) -> SequenceDetector:
    """A detector of one column."""
    name, settings, starts = {**COLUMNS, **BEST}[column]
    made = get_detector(name).with_settings(settings)
    if starts:
        made.start_from(base)
    made.fit(learned, seed=SEED)
    return made


def measured(site: Site, size: int, draw: int, columns: Sequence[str]) -> Row:
    """Every column's areas, of one draw of one size."""
    own, test, base = site.own(), site.judged(), base_of(site.lent)
    learned, found = drawn(own, size, draw), {}
    for column in columns:
        made = fitted(column, learned, base)
        scores = trace_scores(made, test, aggregation_of(made))
        found[column] = areas(scores, test, own, site.protocol, sure=size >= own.n_traces)
        found[column]["share"] = made.base_share
    return {"columns": found, "learned": learned.n_traces}


def zero(site: Site) -> Row:
    """The base's areas where nothing is learned beside it."""
    own, test, base = site.own(), site.judged(), base_of(site.lent)
    whole = get_detector("redundancy").with_settings({"order": BASE_ORDER})
    whole.fit(site.lent())
    return {
        name: areas(
            trace_scores(made, test, aggregation_of(made)), test, own, site.protocol, sure=True
        )
        for name, made in (("ngram", base), ("redundancy", whole))
    }


# Now, as it is imported: an edit in the midst of a run must not stand for what runs.
CODE = code_of(
    "habitus.detectors.redundancy", "habitus.ensembles.ensemble", "habitus.detectors.ngram",
    within=("habitus.detectors", "habitus.ensembles"),
) + work_of(measured, areas, fitted, drawn, zero)  # fmt: skip


def ways_of(site: Site, size: int) -> Row:
    """Each way to join the base and one draw."""
    own, test = site.own(), site.judged()

    def judged(scores: NDArray[np.float64]) -> Row:
        return areas(scores, test, own, site.protocol, sure=False)

    return way_rows(drawn(own, size, 0), test, base_of(site.lent), judged)


def sizes_of(own: TraceSet) -> list[int]:
    """The sizes that there are, the last one all."""
    return [*(size for size in SIZES if size < own.n_traces), own.n_traces]


def rows_of(site: Site) -> dict[int, list[Row]]:
    """All draws by size."""
    own, test = site.own(), site.judged()
    version = version_of(CODE, own, test, site.lent(), columns=COLUMNS, order=BASE_ORDER)
    nothing = kept(ROWS / f"{site.key}-0.json", version, partial(zero, site))
    found: dict[int, list[Row]] = {0: [nothing]}
    for size in sizes_of(own):
        found[size] = [
            kept(
                ROWS / f"{site.key}-{size}-{draw}.json", version,
                partial(measured, site, size, draw, tuple(COLUMNS)),
            )
            for draw in range(1 if size >= own.n_traces else site.draws)
        ]  # fmt: skip
    return found


def told(rows: Sequence[Row], column: str, which: str) -> str:
    """A mean of draws with the lowest and the highest, or one area with its interval."""
    values = [row["columns"][column][which] for row in rows]
    if len(values) > 1:
        return f"{np.mean(values):.3f} ({min(values):.3f}-{max(values):.3f})"
    interval = "interval" if which == "all" else "distinct interval"
    low, high = rows[0]["columns"][column][interval]
    return f"{values[0]:.3f} ({low:.3f}-{high:.3f})"


def lines_of(
    by_site: Mapping[str, dict[int, list[Row]]], ways: Sequence[Row], best: Mapping[int, Row]
) -> Iterator[str]:
    """The page, line by line."""
    adfa = by_site["ADFA-LD"]
    last = max(adfa)
    yield from ("# With a base, and with few traces of one's own", "")
    yield (
        "A base is an n-gram model of what 1,080 Linux programs do at work ([the "
        f"corpus](corpus.md), at most {FROM_EACH[-1]:,} calls of each, windows of {BASE_ORDER} "
        "calls), and knows nothing of the data judged here. How much is it worth beside normal "
        "traces of one's own, [joined with it](../how-to/fine-tune.md)?"
    )
    yield from ("", _short(adfa, by_site["programs held out"], best), "")
    yield "![Areas by the number of traces learned](../images/learning-curve-base.svg)"
    for name, rows in by_site.items():
        yield from ("", f"## {name}", "", _HEADS[name], "")
        for which, title in (("all", "everything judged"), ("distinct", "each sequence once")):
            yield from (f"Area, {title}:", "")
            nothing = rows[0][0]
            yield from table(
                ("traces learned", *(_SHOWN.get(c, f"`{c}`") for c in COLUMNS)),
                [
                    ("0", "", f"{nothing['ngram'][which]:.3f}", "",
                     f"{nothing['redundancy'][which]:.3f}", "", ""),
                    *(
                        (str(size), *(told(draws, column, which) for column in COLUMNS))
                        for size, draws in rows.items() if size
                    ),
                ],
            )  # fmt: skip
            yield ""
        shares = [
            f"{np.mean([row['columns']['ngram, from the base']['share'] for row in draws]):.0%} "
            f"with {size}" for size, draws in rows.items() if size
        ]  # fmt: skip
        yield f"The share of the base that `ngram` learned: {', '.join(shares)}."
    yield from ("", "## Other ways to join the two", "")
    yield (
        f"On ADFA-LD, one draw of 100 traces and all {last}. *Nats* are what a call of normal "
        "traces costs that were not learned (cross-fitted, of the traces learned), by which the "
        "way was chosen that `ngram` goes; areas have chosen nothing there. What says no chance "
        "of a call has no nats that compare."
    )
    yield ""
    yield from table(
        ("way", *(f"{head}, {row['size']}" for row in ways for head in _WAY_HEADS)),
        [
            (name, *(cell for row in ways for cell in _way_cells(row["ways"][name])))
            for name in ways[0]["ways"]
        ],
    )  # fmt: skip
    yield ""
    yield from ("## The recipe `best`", "")
    yield (
        "`habitus train best` is an ensemble of four. On ADFA-LD, one draw of 100 traces and all "
        f"{last}; area, and in brackets each sequence once. With few traces the base helps it, "
        "too; with all it adds next to nothing: its members see together what the base sees. So "
        "the recipe stays what it is, and `--from` lets those of its members start that can."
    )
    yield ""
    yield from table(
        ("", *(f"{size} traces" for size in best)),
        [
            (
                name,
                *(
                    f"{row['columns'][name]['all']:.3f} ({row['columns'][name]['distinct']:.3f})"
                    for row in best.values()
                ),
            )
            for name in BEST
        ],
    )
    yield ""
    yield from _LEFT_OUT


_WAY_HEADS = ("nats", "area", "distinct")
_SHOWN = {
    "ngram, from the base": "`ngram`, from the base",
    "redundancy, from the base": "`redundancy`, from the base",
    "best": "`redundancy` and `disorder`",
    "redundancy and the base": "`redundancy` and the base",
}
_HEADS = {
    "ADFA-LD": (
        "`adfa-ld/dev`: i386, fifteen years older than the corpus. Up to 300 traces means of "
        f"{SITES[0].draws} draws with the lowest and the highest, then an area with its 95 % "
        "interval. *`redundancy` and the base* are an ensemble: `redundancy`, started from the "
        "base, and what the base alone makes of a trace, standardised and averaged: `habitus train "
        "ensemble --from BASE --set members=redundancy+ngram:base_share=1 --set combine=average`. "
        "*`redundancy` and `disorder`* are averaged in the same way. That these stand here was "
        "chosen by areas on `adfa-ld/dev`."
    ),
    "programs held out": (
        "The three programs whose recordings Habitus ships, with intrusions of our own. The base "
        "has not seen the programs that they run (Python, git, make, the compilers, bash, sqlite3, "
        "gzip), by name."
    ),
    "UNM's sendmail": (
        "SunOS, thirty years ago, and the one set of UNM that came with a list of names; those of "
        "other programs are numbers, for which a base has nothing. Few traces are left that "
        "equal none of those learned, so that areas are coarse."
    ),
}
_LEFT_OUT = (
    "## What is not here",
    "",
    "LID-DS: of it we have one recording of seven threads, with which no curve can be drawn. "
    "`adfa-ld/final`: kept for a last judgement.",
)


def _way_cells(row: Row) -> tuple[str, ...]:
    """Of one way."""
    nats = "" if row["nats"] is None else f"{row['nats']:.3f}"
    return nats, f"{row['all']:.3f}", f"{row['distinct']:.3f}"


def _short(
    rows: dict[int, list[Row]], held_out: dict[int, list[Row]], best: Mapping[int, Row]
) -> str:
    """What there is to say, with the numbers that say it."""
    last = max(rows)

    def mean(size: int, column: str, which: str) -> float:
        return float(np.mean([row["columns"][column][which] for row in rows[size]]))

    def pair(size: int, column: str) -> str:
        return f"{mean(size, column, 'all'):.3f} ({mean(size, column, 'distinct'):.3f})"

    with_base = "redundancy and the base"

    def whole(size: int, which: int) -> str:
        row = best[size]["columns"][list(BEST)[which]]
        return f"{row['all']:.3f} ({row['distinct']:.3f})"

    def gained(column: str) -> float:
        return mean(last, with_base, "distinct") - mean(last, column, "distinct")

    return (
        f"**In short:** on ADFA-LD 100 traces with the base order it at an area of "
        f"{pair(100, with_base)}, in brackets each sequence once; {last} without it at "
        f"{pair(last, 'redundancy')} by `redundancy`, and at {pair(last, 'best')} by `redundancy` "
        f"and `disorder`. With ten it is {pair(10, with_base)} against {pair(10, 'redundancy')}. "
        f"With all {last} the base adds {gained('redundancy'):+.3f} to `redundancy` where each "
        f"sequence counts once, and {gained('best'):+.3f} to what is best of these without it. "
        f"Mixed into `ngram` by a learned weight it helps who has little "
        f"({pair(30, 'ngram, from the base')} against {pair(30, 'ngram')} with 30) and no longer "
        f"who has much ({pair(last, 'ngram, from the base')} against {pair(last, 'ngram')}). The "
        f"recipe `best` gains with 100 ({whole(100, 0)} to {whole(100, 2)}) and next to nothing "
        f"with {last} ({whole(last, 0)} to {whole(last, 2)}): there the base is not worth what we "
        "hoped for. **And it can do harm.** At intrusions into programs that the base has not seen "
        f"`ngram` falls from {_of(held_out[10], 'ngram'):.3f} to "
        f"{_of(held_out[10], 'ngram, from the base'):.3f} with 10 traces: what intruders run "
        "there, a shell, a compiler, a copy, is what other programs do every day, and the base "
        "knows it as that. It helps against what no program does, and not against an ordinary "
        "program in the wrong place."
    )


def _of(rows: Sequence[Row], column: str) -> float:
    """The mean area of the draws of one size."""
    return float(np.mean([row["columns"][column]["all"] for row in rows]))


def picture(rows: dict[int, list[Row]]) -> None:
    """Areas on ADFA-LD by what was learned."""
    lines: dict[str, Line] = {}
    for column in COLUMNS:
        line = []
        for size, draws in rows.items():
            if size:
                values = [row["columns"][column]["distinct"] for row in draws]
                line.append((size, float(np.mean(values)), min(values), max(values)))
        lines["redundancy and disorder" if column == "best" else column] = sorted(line)
    drawing = coverage_picture(
        lines, "ADFA-LD, each sequence once: what a base adds", "area under the curve"
    )
    path = RESULTS.parent / "images" / "learning-curve-base.svg"
    drawing.save(path)


def main() -> None:
    """Measure what is not yet, and write the page."""
    adfa = SITES[0]
    by_site = {adfa.name: rows_of(adfa)}
    ways = [
        kept(
            ROWS / f"ways-{size}.json",
            version_of(CODE + work_of(way_rows), adfa.own(), adfa.judged(), ways=list(WAYS)),
            partial(ways_of, adfa, size),
        )
        for size in (100, adfa.own().n_traces)
    ]
    by_site |= {site.name: rows_of(site) for site in SITES[1:]}
    best = {
        size: kept(
            ROWS / f"best-{size}.json",
            version_of(CODE, adfa.own(), adfa.judged(), columns=BEST, order=BASE_ORDER),
            partial(measured, adfa, size, 0, tuple(BEST)),
        )
        for size in (100, adfa.own().n_traces)
    }
    picture(by_site["ADFA-LD"])
    write_page("learning_curve_base", list(lines_of(by_site, ways, best)), "learning_curve_base.py")


if __name__ == "__main__":
    main()
