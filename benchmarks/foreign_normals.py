"""Why normal traces with a call that training lacks are false alarms: that call, or all the rest.

    python benchmarks/foreign_normals.py

takes two minutes; what was measured of this version before is kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from common import WORK, table, write_page
from kept import JUDGED_BY, LEARNS, Row, code_of, kept, version_of, work_of
from limits_data import SEED, adfa, alarmless, fitted, scores_of
from numpy.typing import NDArray
from scipy.stats import binomtest

from habitus import Label, TraceSet
from habitus.detectors.base import SequenceDetector
from habitus.evaluation.protocols import get_protocol
from habitus.traces.vocabulary import Vocabulary

FOLDER = WORK / "foreign_normals"
PROTOCOLS = ("adfa-ld/dev", "adfa-ld")
DETECTORS = ("ngram", "markov")
LENGTHS = (3, 6, 10)
"""Calls in a window. How much a foreign context explains depends on it: more than one is told."""
RATE = 0.05
N_NEAREST = 50
N_DRAWS = 2000
Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Half:
    """What a protocol learns, of equal traces one, and the normals that it judges.

    Attributes:
        novel: (n_alphabet,) which calls of the normals nothing was learned of.
        holds: (n_normals,) which hold such a call.
    """

    learned: TraceSet
    normals: TraceSet
    novel: Mask
    holds: Mask


def half_of(protocol: str) -> Half:
    """A protocol's parts."""
    chosen, traces = get_protocol(protocol), adfa()
    training = traces.select(chosen.training(traces))
    learned = training.select(np.sort(np.unique(training.sequence_ids(), return_index=True)[1]))
    normals = traces.select(chosen.test(traces) & (traces.labels == Label.NORMAL))
    known = Vocabulary.of(learned)
    novel = np.array([name not in known for name in normals.alphabet])
    return Half(learned, normals, novel, sums_of(novel[normals.calls], normals) > 0)


def sums_of(values: NDArray[Any], traces: TraceSet) -> Floats:
    """(n_traces,) float64: of values by call, the sum over each trace."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    return np.diff(sums[traces.offsets])


def mean_of(values: Floats, counted: Mask, traces: TraceSet) -> Floats:
    """(n_traces,) the mean of values by call over those that count; NaN where none does."""
    with np.errstate(invalid="ignore"):
        total = sums_of(np.where(counted, values, 0.0), traces)
        mean: Floats = total / sums_of(counted, traces)
    return mean


def foreign(half: Half, length: int) -> Floats:
    """(n_normals,) share of unseen windows, of those that hold no novel call; NaN if there is none.

    What the novel call itself makes unseen is thereby left out.
    """
    unseen = fitted("stide", {"n": length}, half.learned).surprise(half.normals).astype(float)
    n_novel = np.concatenate([[0], np.cumsum(half.novel[half.normals.calls])])
    ends = np.arange(len(unseen)) + 1
    familiar = n_novel[ends] == n_novel[np.maximum(ends - length, 0)]
    return mean_of(unseen, familiar & np.isfinite(unseen), half.normals)


def alarms_of(detector: SequenceDetector, half: Half) -> dict[str, Mask]:
    """(n_normals,) which are false alarms at 5 % of all, the novel calls counted or not."""
    surprise = detector.surprise(half.normals).astype(np.float64)
    left = ~half.novel[half.normals.calls] & np.isfinite(surprise)
    scored = {
        "counted": alarmless(scores_of(detector, half.normals)),
        "not counted": alarmless(mean_of(surprise, left, half.normals)),
    }
    return {told: scores > np.quantile(scores, 1 - RATE) for told, scores in scored.items()}


def as_foreign(shares: Floats, others: Floats, alarms: Mask) -> Floats:
    """(n,) for each share of unseen windows: alarms among the other normals nearest to it.

    Args:
        others: (n_others,) of the other normals, the same share.
        alarms: (n_others,) which of them are alarms.
    """
    order = np.argsort(others, kind="stable")
    places = np.searchsorted(others[order], shares) - N_NEAREST // 2
    first = np.clip(places, 0, max(len(others) - N_NEAREST, 0))
    counts = np.concatenate([[0], np.cumsum(alarms[order])])
    last = np.minimum(first + N_NEAREST, len(others))
    rates: Floats = (counts[last] - counts[first]) / (last - first)
    return rates


def quantiles(shares: Floats) -> list[float]:
    """The quartiles of what is defined."""
    found: list[float] = np.nanquantile(shares, [0.25, 0.5, 0.75]).tolist()
    return found


def windows(protocol: str, length: int) -> Row:
    """How much of what they do besides is unseen."""
    half = half_of(protocol)
    shares = foreign(half, length)
    return {
        "with": quantiles(shares[half.holds]), "others": quantiles(shares[~half.holds]),
        "n_with": int(half.holds.sum()), "n_others": int((~half.holds).sum()),
    }  # fmt: skip


def alarms(protocol: str, name: str) -> Row:
    """False alarms with a novel call, without one, and without one but as foreign."""
    half, row = half_of(protocol), Row()
    detector = fitted(name, {"kin_share": 0}, half.learned)
    shares = {length: foreign(half, length) for length in LENGTHS}
    for told, found in alarms_of(detector, half).items():
        row[told] = {
            "with": [int(found[half.holds].sum()), int(half.holds.sum())],
            "others": [int(found[~half.holds].sum()), int((~half.holds).sum())],
        }
        for length, share in shares.items():
            has = np.isfinite(share)
            with_, others = half.holds & has, ~half.holds & has
            near = as_foreign(share[with_], share[others], found[others])
            random = np.random.default_rng(SEED)
            drawn = random.integers(0, len(near), (N_DRAWS, len(near)))
            more = (found[with_] - near)[drawn].mean(axis=1)
            low, high = np.quantile(more, [0.025, 0.975]).tolist()
            row[told][f"as foreign {length}"] = float(near.mean())
            row[told][f"more {length}"] = [float((found[with_] - near).mean()), low, high]
    return row


# Now, as it is imported: an edit in the midst of a run must not stand for what runs.
CODE = work_of(half_of, sums_of, mean_of, foreign, alarms_of, as_foreign, windows, alarms)


def measured() -> dict[str, Row]:
    """Every row, by its name; what was measured of this version before is kept."""
    modules = [f"habitus.detectors.{name}" for name in (*DETECTORS, "stide")]
    version = version_of(
        CODE, adfa(), seed=SEED, rate=RATE, nearest=N_NEAREST, draws=N_DRAWS, lengths=LENGTHS,
        sources=code_of(
            *modules, *JUDGED_BY,
            within=("habitus.detectors", "habitus.traces.vocabulary", *LEARNS),
        ),
    )  # fmt: skip
    tasks: dict[str, Callable[[], Row]] = {}
    for protocol in PROTOCOLS:
        key = protocol.replace("/", "-")
        tasks |= {f"{key}-{length}": partial(windows, protocol, length) for length in LENGTHS}
        tasks |= {f"{key}-{name}": partial(alarms, protocol, name) for name in DETECTORS}
    return {key: kept(FOLDER / f"{key}.json", version, make) for key, make in tasks.items()}


def percent(found: list[int]) -> str:
    """A share, and its interval."""
    interval: Any = binomtest(found[0], found[1]).proportion_ci(method="wilson")
    return f"{found[0] / found[1]:.1%} ({interval.low:.1%} to {interval.high:.1%})"


def spread(shares: list[float]) -> str:
    """A median, and in brackets the quartiles."""
    return f"{shares[1]:.1%} ({shares[0]:.1%} to {shares[2]:.1%})"


def points(more: list[float]) -> str:
    """A difference in points, and its interval."""
    return f"{100 * more[0]:+.1f} ({100 * more[1]:+.1f} to {100 * more[2]:+.1f})"


def main() -> None:
    """Measure what is not yet, and write the page."""
    argparse.ArgumentParser(description="Why normals with an unseen call alarm.").parse_args()
    rows = measured()
    body_windows, body_alarms = [], []
    for protocol in PROTOCOLS:
        key = protocol.replace("/", "-")
        for length in LENGTHS:
            row = rows[f"{key}-{length}"]
            body_windows.append(
                (
                    f"`{protocol}`", str(length), f"{row['n_with']:,}", spread(row["with"]),
                    f"{row['n_others']:,}", spread(row["others"]),
                )
            )  # fmt: skip
        for name in DETECTORS:
            for told, row in rows[f"{key}-{name}"].items():
                body_alarms.append(
                    (
                        f"`{protocol}`", f"`{name}`", told, percent(row["with"]),
                        percent(row["others"]),
                        *(f"{row[f'as foreign {length}']:.1%}" for length in LENGTHS),
                        *(points(row[f"more {length}"]) for length in LENGTHS),
                    )
                )  # fmt: skip
    lines = [
        "# Normals with a call never seen",
        "",
        "Some normal traces of ADFA-LD hold a call that no training trace does. They are false "
        "alarms several times as often as others. Is it the call, or what they do besides? "
        "Vocabularies are closed (`kin_share=0`), thresholds lie where 5 % of all judged normals "
        "are alarms, other settings are the defaults; of equal training traces one is learned. "
        "Nothing was chosen by these tables.",
        "",
        "## What they do besides",
        "",
        "The share of a trace's windows that no training trace holds, of those windows alone in "
        "which there is no novel call. The median over traces, in brackets the quartiles.",
        "",
        *table(("judged", "window", "with", "unseen", "others", "unseen"), body_windows),
        "",
        "So their context is foreign, too: more of it is unseen where the novel call is not near.",
        "",
        "## Others that are as foreign",
        "",
        "*Not counted*: a trace's mean leaves its novel calls out; calls after them still have "
        f"them in their history. *As foreign*: alarms among the {N_NEAREST} normals without a "
        "novel call whose share of unseen windows is nearest, for each trace with one, and of that "
        "the mean. *More*: by how many points those with a novel call are alarms more often than "
        "that. In brackets intervals of 95 %: Wilson's for shares, of traces drawn anew for "
        "differences. Copies of a trace count as traces, so they are too narrow.",
        "",
        *table(
            (
                "judged", "detector", "novel calls", "alarms with", "others",
                *(f"as foreign, {length}" for length in LENGTHS),
                *(f"more, {length}" for length in LENGTHS),
            ),
            body_alarms,
        ),
        "",
        "What normals without a novel call show at the same share of unseen windows is what the "
        "foreign context explains; the rest of the difference is not explained by it. How much "
        "that is depends on the length of the windows. By short ones nearly all that is left when "
        "the call is not counted; by long ones much less: many other normals are as foreign by "
        "those, and no alarms. So the cause is not settled. Which program a trace is of, ADFA-LD "
        "does not tell: that these are programs which training lacked is a guess, and no "
        "measurement. [Unknown calls](../explanation/unknown-calls.md).",
    ]  # fmt: skip
    write_page("foreign_normals", lines, "foreign_normals.py")


if __name__ == "__main__":
    main()
