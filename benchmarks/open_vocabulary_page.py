"""The page of `open_vocabulary.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from common import table
from kept import Row
from scipy.stats import binomtest

NETWORKS = ("lstm", "autoencoder")
BORROWERS = ("ngram", "markov", "adaptive", *NETWORKS)
"""Those that have a vocabulary which can be opened."""
SLOW = ("adaptive", *NETWORKS)
"""Too slow to fit or to score anew for each draw."""
DETECTORS = (*BORROWERS, "disorder", "stide")
BY_MEDIAN = ("autoencoder",)
"""Their score is no mean, which one call could be left out of."""
HOW_MANY = (1, 5, 20)
N_DRAWS = 10
RATE = 0.05
TOLD = {"closed": "closed", "open": "open", "not counted": "the call not counted"}
Rows = Mapping[str, Row]


def lines_of(rows: Rows) -> Iterator[str]:
    """The page, line by line."""
    yield from (
        "# Open vocabulary",
        "",
        "What [kin](../explanation/unknown-calls.md#kin) do for calls that training never held, on "
        "ADFA-LD, default settings. *Closed*: the vocabulary is closed (`kin_share=0`); `disorder` "
        "and `stide` know no other. *Open*: with kin. Thresholds lie where 5 % of all judged "
        "normals are alarms. In brackets intervals of 95 % (Wilson's); copies of a trace count as "
        "traces, so they are too narrow.",
    )
    yield from _by_themselves(rows)
    yield from _renamed(rows)
    yield from _cut(rows)
    yield from _planted(rows)


def _by_themselves(rows: Rows) -> Iterator[str]:
    yield from (
        "",
        "## Normals that hold such a call by themselves",
        "",
        "False alarms among the normals with a call that no training trace holds, and among the "
        "others. *Not counted*: the trace's mean leaves the call itself out; those after it still "
        "have it in their history. What is left then is not the call's doing: "
        "[the rest of these traces](foreign_normals.md) is less familiar, too.",
        "",
    )
    body = []
    for protocol, key in (("adfa-ld/dev", "dev"), ("adfa-ld", "all")):
        for name in DETECTORS:
            for which, found in rows[f"{name}-{key}"].items():
                if which == "not counted" and name in BY_MEDIAN:
                    continue
                with_, others = found["with"], found["others"]
                body.append(
                    (
                        f"`{protocol}`", f"`{name}`", TOLD[which],
                        f"{_share(with_)} of {with_[1]}", _share(others),
                        _times(with_, others), _percent(found["attacks"]), f"{found['area']:.4f}",
                    )
                )  # fmt: skip
    head = (
        "judged",
        "detector",
        "vocabulary",
        "alarms with",
        "others",
        "times",
        "attacks found",
        "area",
    )
    yield from table(head, body)


def _cut(rows: Rows) -> Iterator[str]:
    yield from (
        "",
        "## Calls cut out of training",
        "",
        f"{N_DRAWS} times so many calls are drawn of those that stand in .2 to 20 % of the "
        "training traces; every training trace that holds one is taken out, and `adfa-ld/dev` "
        "judged, with a threshold set anew. Sums over the draws: false alarms among normals that "
        "hold a call which was cut out, before the cut and after it, and among the others; and the "
        "share of attacks found. A cut takes away more than names: the traces that are gone took "
        "whatever else they did with them. What takes minutes to fit or to score is left out.",
        "",
    )
    yield from _draws(rows, "")


def _renamed(rows: Rows) -> Iterator[str]:
    yield from (
        "",
        "## Calls under other names",
        "",
        f"An update alone: {N_DRAWS} times so many calls are drawn of those that another name may "
        "stand for, and made under that name in all of `adfa-ld/dev`, normals and attacks; "
        "training and threshold stay what they were. Here nothing but the name is new.",
        "",
    )
    yield from _draws(rows, "renamed-")


def _draws(rows: Rows, task: str) -> Iterator[str]:
    """Sums over draws, by detector, number of calls and vocabulary."""
    body = []
    for name in DETECTORS:
        for k in HOW_MANY if f"{name}-{task}1-0" in rows else ():
            found = [rows[f"{name}-{task}{k}-{n}"] for n in range(N_DRAWS)]
            lost = np.mean([row.get("lost", 0) / row.get("learned", 1) for row in found])
            for which in ("closed", "open"):
                if which not in found[0]:
                    continue
                sums = {
                    key: np.sum([row[which][key] for row in found], axis=0).tolist()
                    for key in found[0][which]
                }
                with_, others = sums["with"], sums["others"]
                points = 100 * (_rate(sums["found"]) - _rate(sums["found, learned"]))
                body.append(
                    (
                        f"`{name}`", str(k), f"{lost:.0%}", which,
                        _percent(sums["with, learned"]), _share(with_), _share(others),
                        _times(with_, others), _percent(sums["found"]), f"{points:+.1f}",
                    )
                )  # fmt: skip
    head = (
        "detector", "calls", "traces lost", "vocabulary", "with, before", "with", "others",
        "times", "attacks found", "points",
    )  # fmt: skip
    yield from table(head, body)


def _planted(rows: Rows) -> Iterator[str]:
    yield from (
        "",
        "## Dangerous calls",
        "",
        "Each call of `dangerous.tsv` that training lacks, planted at a random place into normals "
        "without a novel call of their own. Never may it cost less than in a closed vocabulary.",
        "",
    )
    body = [
        (
            f"`{name}`", str(row["calls"]), f"{row['traces']:,}", str(row["below closed"]),
            str(row["below unplanted"]),
        )
        for name in BORROWERS
        for row in [rows[f"{name}-planted"]]
    ]  # fmt: skip
    head = ("detector", "calls", "traces", "below a closed vocabulary", "below the trace without")
    yield from table(head, body)


def _rate(found: Sequence[int]) -> float:
    return found[0] / found[1] if found[1] else float("nan")


def _percent(found: Sequence[int]) -> str:
    return f"{_rate(found):.1%}"


def _share(found: Sequence[int]) -> str:
    if not found[1]:
        return "none"
    interval: Any = binomtest(found[0], found[1]).proportion_ci(method="wilson")
    return f"{_rate(found):.1%} ({interval.low:.1%} to {interval.high:.1%})"


def _times(found: Sequence[int], others: Sequence[int]) -> str:
    return f"{_rate(found) / _rate(others):.1f}" if others[0] else "-"
