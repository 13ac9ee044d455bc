"""The page of `limits.py`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from common import table
from limits_bound import FOLDS, N_PAIRS
from limits_coverage import BOTH, SIZES, TRAINING, VALIDATION, Point, halves
from limits_data import dev
from limits_pictures import line_of
from limits_processes_page import attacks_part, kinds_part, processes_part

if TYPE_CHECKING:
    from kept import Row


def lines_of(found: Mapping[str, Any]) -> Iterator[str]:
    """The page, line by line."""
    yield from _head()
    yield from _coverage(found["coverage"], found["gains"])
    yield from kinds_part(found["kinds"])
    yield from attacks_part(found["kinds"])
    yield from processes_part(found["kinds"], found["bound"]["folders"])
    yield from _duplicates(found["duplicates"])
    yield from _bound(found["bound"])


def _head() -> Iterator[str]:
    n_normals = int(np.sum(~dev().attack))
    yield "# What limits us on ADFA-LD"
    yield ""
    yield (
        "Why the areas on ADFA-LD are what they are, looked at on `adfa-ld/dev` alone, the half "
        f"for development: {n_normals:,} normals, of which {int(dev().distinct.sum()):,} are "
        f"distinct and no training trace, and {int(dev().attack.sum())} attacks in "
        f"{len(np.unique(dev().clusters[dev().attack]))} folders. Detectors have their defaults, "
        "which were chosen on this half; so its areas are not evidence of what to expect "
        "elsewhere, and here they are held only against one another. Nothing on this page chose a "
        "default. Intervals, 95 %: whole folders of attacks and whole sequences of normals drawn "
        "anew."
    )
    yield ""


def _coverage(
    every: Mapping[str, Sequence[tuple[Point, Row]]],
    gains: Mapping[str, Mapping[str, Sequence[Row]]],
) -> Iterator[str]:
    yield from ("## More normals of the same kind", "")
    yield (
        f"ADFA-LD has {dev().n_training} training traces, {dev().training.n_traces} of them "
        "different. So many of the different ones were drawn at random and learned; the mean area "
        "of the draws against the distinct normals, in brackets the lowest and the highest. Each "
        "longer list begins with the shorter one. In the last column the interval."
    )
    yield ""
    yield "![Areas over the number of training normals, by detector](../images/limits-coverage.svg)"
    yield ""
    rows = []
    for name, points in every.items():
        line = line_of(points, TRAINING, "distinct")
        last = next(row for _, row in points if "distinct_interval" in row)
        cells = [f"{mean:.3f} ({low:.3f}-{high:.3f})" for _, mean, low, high in line[:-1]]
        low, high = last["distinct_interval"]
        rows.append((f"`{name}`", *cells, f"{last['distinct']:.3f} ({low:.3f}-{high:.3f})"))
    n_training = dev().training.n_traces
    yield from table(("learned:", *(f"{size}" for size in SIZES), f"all {n_training}"), rows)
    yield ""
    yield from ("## Whose normals", "")
    n_half = len(halves(0)[0])
    yield (
        "The training traces are another population than the validation normals that detectors are "
        "judged on. How much of what is lacking is that? The distinct validation normals of "
        f"`adfa-ld/dev` were halved at random, five times: {n_half} may be learned, the others are "
        "judged, with all attacks. **Here validation normals are learned**, which no protocol "
        "allows: these areas explain, and are no results. No attack is learned."
    )
    yield ""
    yield "![Areas by whose normals were learned](../images/limits-populations.svg)"
    yield ""
    head = (
        "AUC, half judged", f"{n_half} training normals, about", f"all {n_training} training",
        f"{n_half} validation", "both", "gain of both over training", "", "normals, before",
        "after", "attacks, before", "after",
    )  # fmt: skip
    rows = []
    for name, points in every.items():
        training = line_of(points, TRAINING, "halves")
        sizes = [size for size, *_ in training]
        about = np.interp(np.log(n_half), np.log(sizes), [mean for _, mean, *_ in training])
        alone, both = (line_of(points, curve, "halves")[-1][1] for curve in (VALIDATION, BOTH))
        several = gains[name][BOTH]
        low, high = (np.mean([gain["interval"][side] for gain in several]) for side in (0, 1))
        medians = np.mean([[*gain["normal"], *gain["attack"]] for gain in several], axis=0)
        rows.append(
            (
                f"`{name}`", f"{about:.3f}", f"{training[-1][1]:.3f}", f"{alone:.3f}",
                f"{both:.3f}", f"{np.mean([gain['gain'] for gain in several]):+.3f}",
                f"({low:+.3f} to {high:+.3f})", *(f"{median:.3g}" for median in medians),
            )
        )  # fmt: skip
    yield from table(head, rows)
    yield ""
    yield (
        f"The second column lies between the curve's points at {SIZES[-1]} and {n_training}. The "
        "gain's interval is paired, and the mean of the five halves' own. The last "
        "four: the score in the middle, before and after validation normals were learned."
    )
    yield ""
    yield (
        "The right population is not mainly what is lacking: of either kind more normals bring "
        "more, and no curve is flat at its end. From 400 training normals to all, the areas rise "
        "by .01 to .03. To models of what follows what (`ngram`, `markov`) validation normals are "
        "worth somewhat more than as many training normals. With them attacks become familiar, "
        "too, by more than the other normals do, and `stide` and `one-class-svm`, which ask "
        "whether something was seen at all, lose area. It seems that part of what they find is "
        "processes that training does not hold and the rest of the data does "
        "([below](#the-same-processes-in-every-folder))."
    )
    yield ""


def _duplicates(every: Mapping[str, Row]) -> Iterator[str]:
    first = next(iter(every.values()))
    n, commonest = first["n"], first["commonest"]
    yield from ("## What copies add", "")
    yield (
        "Areas on `adfa-ld`, as they are published, and without copies: normals that equal a "
        "training trace, further copies of one normal, the commonest normal (a trace of "
        f"{commonest['calls']} calls that stands {commonest['n']} times), all of these "
        "(`adfa-ld/distinct`), and of the attacks' copies, too "
        f"({first['n_attacks_once']} of {first['n_attacks']} are different)."
    )
    yield ""
    parts = {
        "all": f"all {n['all']:,}", "unknown": f"no training trace, {n['unknown']:,}",
        "once": f"each once, {n['once']:,}",
        "without the commonest": f"without the commonest, {n['without the commonest']:,}",
        "distinct": f"distinct, {n['distinct']:,}",
        "distinct, attacks too": "distinct attacks, too",
    }  # fmt: skip
    rows = [
        (
            f"`{name}`", *(f"{row['areas'][part]:.3f}" for part in parts),
            f"{row['areas']['all'] - row['areas']['distinct']:+.3f}",
            f"{row['commonest']['auc']:.3f}",
        )
        for name, row in every.items()
    ]  # fmt: skip
    yield from table(("AUC", *parts.values(), "copies add", "against the commonest alone"), rows)
    yield ""


def _bound(every: Mapping[str, Mapping[str, Row]]) -> Iterator[str]:
    yield from ("## If attacks could be learned", "")
    yield (
        "Not a result but a bound of a kind: classifiers that learn *attacks* and normals of "
        "`adfa-ld/dev` and the training traces, from a trace's shares of calls, of the "
        f"{N_PAIRS} commonest pairs, its length and the number of different calls. They judge what "
        "they did not learn: by turns " + "; or ".join(FOLDS.values()) + ". No sequence is on "
        "both sides. scikit-learn's defaults, nothing tuned. Judged together: "
        "each trace has the probability of the round in which it was judged."
    )
    yield ""
    rows = []
    for by in FOLDS:
        for name, row in every[by].items():
            low, high = row["interval"]
            rows.append(
                (
                    f"{name}, unseen {by}", f"{row['auc']:.3f} ({low:.3f}-{high:.3f})",
                    f"{min(row['rounds']):.3f}-{max(row['rounds']):.3f}",
                    *(f"{rate:.0%}" for rate in row["detection"]), f"{row['false_alarms']:.0%}",
                    f"{row['several']:.3f}", f"{row['one']:.3f}",
                )
            )  # fmt: skip
    yield from table(
        ("", "AUC, distinct normals", "of the rounds", "found at 1 %", "at 5 %",
         "false alarms at 90 % found", "AUC, process in several types", "in one type"), rows,
    )  # fmt: skip
    yield ""
    yield (
        "**What that does not say.** The same classifiers, given no attack at all, tell the "
        "distinct validation normals from the training traces at AUC "
        + ", ".join(f"{row['auc']:.3f} ({name})" for name, row in every[""].items())
        + ": whatever was recorded at another time is told apart, attack or not. And of what they "
        "learn to call an attack, "
        f"{np.mean(dev().n_types == len(dev().types)) / np.mean(dev().attack):.0%} are the "
        "processes that stand in every type's folders, so that no fold is free of them. So the "
        "bound says that traces of the attack folders differ from others in what shares and pairs "
        "of calls see, and that nothing in the data forbids a higher area than ours. It does not "
        "say that a detector which learns normals alone can reach it, nor that what differs is the "
        "attack, nor that it would hold on another machine, or an hour later on this one."
    )
    yield ""
