"""The page of `base_zero_shot.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from common import table

Areas = dict[tuple[str, str, str], dict[str, Any]]
"""By what was read, detector, and what it learned."""
Explained = dict[str, dict[str, tuple[float, tuple[float, float]]]]
"""By score and what was matched: the area left, and its interval."""
GOALS = {"all": 0.84, "distinct": 0.77}
BOTH = "redundancy+disorder"
ALL, CLOCKLESS = "all calls", "without clocks"
HEADS = {
    "own": "ADFA-LD's own normals", "corpus": "the corpus", "without order": "without order",
    "other names": "other names", "each name once": "each name once", "one trace": "one trace",
}  # fmt: skip
MATCHES = {
    "none": "area", "distinct calls": "like in distinct calls", "calls": "in calls",
    "share of execve": "in share of `execve`", "share of clock calls": "in share of clock calls",
    "all": "in all", "freed": "freed of all",
}  # fmt: skip


def lines_of(
    protocol: str,
    areas: Areas,
    counts: Mapping[str, Mapping[str, tuple[float, float]]],
    told: Mapping[str, Explained],
) -> Iterator[str]:
    """The page, line by line."""
    yield from (f"# Without data: models of the corpus judge `{protocol}`", "")
    yield from (_short(areas, counts, told), "")
    yield (
        "A detector learned the corpus alone, with at most 10,000 calls of a program and one name "
        "for what is one call of two ABIs, and judges ADFA-LD, of which it never saw a trace. "
        "Detectors have their defaults, and `redundancy` once more with a model that looks back "
        "by no more than one call, and the average of two; seed 1; "
        "no attack chose anything. Areas with 95 % intervals, "
        "and behind the stroke the area on normals that are distinct and in no training trace. "
        "*Without clocks* leaves the calls that ask for the time out of what is learned and of "
        "what is judged: x86_64 answers them without the kernel ([why](corpus.md))."
    )
    names = list(dict.fromkeys(name for _, name, _ in areas))
    for reading in (ALL, CLOCKLESS):
        yield from ("", f"## {reading[0].upper()}{reading[1:]}", "")
        rows = [
            (f"`{name}`", *(_cell(areas.get((reading, name, key))) for key in HEADS))
            for name in names
        ]
        of = [
            (f"*{name}*", *("",) * (len(HEADS) - 1), f"{every:.3f} / {distinct:.3f}")
            for name, (every, distinct) in counts[reading].items()
        ]
        yield from table(("detector", *HEADS.values()), [*rows, *of])
    yield ""
    yield (
        "The last four columns are controls: what the same detector reads if it learned next to "
        "nothing. *Without order*: the corpus with the calls of each trace in an order of chance. "
        "*Other names*: the corpus with the names of calls dealt out anew. *Each name once*: one "
        "trace in which each call stands once. *One trace*: of `true`, which starts and ends. In "
        "the last lines stand areas of what is counted, each in its better direction, with "
        "nothing learned."
    )
    yield from ("", "## Is it only a count?", "")
    yield (
        "Each attack is held against the 20 normals that are most like it in a statistic: the area "
        "left is the chance that it scores above them. *Freed*: what is left of the ranks of "
        "scores after a regression, of normals alone, on the ranks of all of them, "
        "their squares and products. Intervals of matched areas are of folders of attacks drawn "
        "anew. In the last lines of the first table stand the statistics themselves: .5 says that "
        "matching does what it is for. Their areas are those of *more*."
    )
    for reading in (ALL, CLOCKLESS):
        matches = [match for match in MATCHES if match in next(iter(told[reading].values()))]
        yield from ("", f"{reading[0].upper()}{reading[1:]}:", "")
        yield from table(
            ("score", *(MATCHES[match] for match in matches)),
            [
                (name, *(_left(found[match]) for match in matches))
                for name, found in told[reading].items()
            ],
        )


def _short(
    areas: Areas,
    counts: Mapping[str, Mapping[str, tuple[float, float]]],
    told: Mapping[str, Explained],
) -> str:
    """What there is to say, with the numbers that say it."""

    def area(name: str, key: str = "corpus", reading: str = ALL, on: str = "all") -> str:
        return f"{areas[reading, name, key][on]:.3f}"

    def left(name: str, match: str, reading: str = ALL) -> str:
        return f"{told[reading][name][match][0]:.3f}"

    def reached(on: str) -> str:
        of = {
            name: found[on] for (reading, name, key), found in areas.items()
            if key == "corpus" and reading == ALL
        }  # fmt: skip
        best = max(of, key=lambda name: of[name])
        word = "is reached" if of[best] >= GOALS[on] else "is not reached"
        return f"{GOALS[on]:.2f} {word}: the most is {of[best]:.3f}, of `{best}`"

    most = {reading: max(every for every, _ in counts[reading].values()) for reading in counts}
    return (
        f"**In short:** of the goals, on all normals {reached('all')}; on the distinct "
        f"{reached('distinct')}. An `ngram` of the corpus reads {area('ngram')}, one of ADFA-LD's "
        f"own normals {area('ngram', 'own')}, the best count {most[ALL]:.3f}. Much of that is not "
        "knowledge: with the order of calls destroyed the corpus still gives "
        f"{area('ngram', 'without order')}; and against normals like them in all counts, attacks "
        f"keep {left('ngram, corpus', 'all')} by the `ngram` of the corpus, "
        f"{left('ngram, own', 'all')} by that of the own normals and "
        f"{left('ngram, without order', 'all')} by that without order. `redundancy`, the best "
        f"single detector where there are own normals ({area('redundancy', 'own')}), reads "
        f"{area('redundancy')} of the corpus and {area('redundancy', 'each name once')} of a trace "
        "that holds each name once: what it finds without data it finds without knowledge, and the "
        f"corpus takes from it. `{BOTH}` reads {area(BOTH)} of the corpus and "
        f"{area(BOTH, 'without order')} of the corpus without order "
        f"({area(BOTH, 'without order', on='distinct')} on the distinct): what reads most knows "
        "how often calls are made, and not what follows what; that was found by looking at "
        "attacks, and is no default.\n\n"
        "**What is knowledge** shows where the calls for the time, which the corpus cannot hold, "
        f"are left out: `stide` of the corpus reads {area('stide', reading=CLOCKLESS)}, without "
        f"order {area('stide', 'without order', CLOCKLESS)}, of the own normals "
        f"{area('stide', 'own', CLOCKLESS)}; `markov` {area('markov', reading=CLOCKLESS)}, "
        f"{area('markov', 'without order', CLOCKLESS)} and {area('markov', 'own', CLOCKLESS)}; "
        f"`ngram` {area('ngram', reading=CLOCKLESS)}, "
        f"{area('ngram', 'without order', CLOCKLESS)} and {area('ngram', 'own', CLOCKLESS)}; "
        f"`{BOTH}` {area(BOTH, reading=CLOCKLESS)}, {area(BOTH, 'without order', CLOCKLESS)} and "
        f"{area(BOTH, 'own', CLOCKLESS)}; the best count {most[CLOCKLESS]:.3f}. Among normals "
        "like them in all counts, attacks there keep "
        f"{left('stide, corpus', 'all', CLOCKLESS)} by `stide` of the corpus "
        f"({left('stide, own', 'all', CLOCKLESS)} of the own normals, "
        f"{left('stide, without order', 'all', CLOCKLESS)} without order), and "
        f"{left('ngram, corpus', 'all', CLOCKLESS)} by `ngram` "
        f"({left('ngram, own', 'all', CLOCKLESS)}, "
        f"{left('ngram, without order', 'all', CLOCKLESS)})."
    )


def _cell(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return ""
    interval = found["interval"]
    told = f" ({interval[0]:.3f}-{interval[1]:.3f})" if interval else ""
    return f"{found['all']:.3f}{told} / {found['distinct']:.3f}"


def _left(found: tuple[float, tuple[float, float]]) -> str:
    area, (low, high) = found
    return f"{area:.3f} ({low:.3f}-{high:.3f})"
