"""Learned in one laboratory, judged in another: MIT's lpr against UNM's, as the paper asks."""

from __future__ import annotations

import numpy as np
from common import table, test_data, write_page
from detectors import area, cell
from guessing import with_baseline
from neural_models import trained
from unm import Part, renumbered, source_of

from habitus import Label, TraceSet, get_detector
from habitus.decisions.scores import aggregation_of, trace_scores
from habitus.detectors.base import SequenceDetector
from habitus.evaluation.baselines import trivial_baselines
from habitus.evaluation.judged import judged_of
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.evaluation.protocols import test_part as judged_part
from habitus.traces.traceset import join

PROTOCOL = get_protocol("unm/lpr")
DETECTORS = ("stide", "ngram", "lstm", "lstm baseline=0")
CALLS = 6_000_000


def fitted(name: str, learned: TraceSet, data: str) -> SequenceDetector:
    """A detector of all that is given; a network keeps its usual share for thresholds."""
    if name.startswith("lstm"):
        settings = {"calls": CALLS}
        made = trained("lstm", "lstm", settings, learned, seed=1, data=data, part="normal").detector
        return made if name == "lstm" else with_baseline(made, 0.0)
    made = get_detector(name).with_settings({})
    made.fit(learned)
    return made


def judged(detector: SequenceDetector, test: TraceSet) -> str:
    """The area and its interval."""
    scores = trace_scores(detector, test, aggregation_of(detector))
    nothing = np.zeros(test.n_traces, dtype=bool)
    return cell(area(judged_of(test, scores, nothing, PROTOCOL)))


def main() -> None:
    """Train on either side, judge UNM's attacks, and write the page."""
    test_data()
    mit = source_of("lpr-live-mit").read()
    mit = mit.select(mit.labels == Label.NORMAL)
    published = Part("lpr-live-unm", "lpr", "", attacks=("exploit-unm",)).read()[1]
    # MIT's normals count their calls from 1, these of UNM from 0.
    in_line = renumbered(published, "", "exploit-unm")
    own = training_part(published, PROTOCOL)[0]
    test, test_in_line = (judged_part(traces, PROTOCOL) for traces in (published, in_line))
    all_normal = join([in_line.select(in_line.labels == Label.NORMAL), attacks_of(in_line)])
    columns = {
        "UNM's own half": (own, "unm", test),
        "MIT's, numbers in line": (mit, "mit", test_in_line),
        "the same, all of UNM's normals judged": (mit, "mit", all_normal),
        "MIT's, as published": (mit, "mit", test),
    }
    rows = [
        (f"`{name}`", *(judged(fitted(name, *side[:2]), side[2]) for side in columns.values()))
        for name in DETECTORS
    ]
    rows.append(("*counting calls, at best*", *(counted(side[2]) for side in columns.values())))
    n_normal = int(np.sum(all_normal.labels == Label.NORMAL))
    write_page(
        "portability",
        [
            "# Learned here, judged there",
            "",
            "The paper that `lstm` follows asks whether a language model of one system can judge "
            "another. Two laboratories recorded lpr, MIT and UNM. Learned are normal traces of one "
            "side; judged are UNM's normals that were not learned and its 1,001 traces of "
            "`exploit-unm`. Areas under the ROC with 95 % intervals (a distinct sequence is one "
            "observation). *Numbers in line*: both sets mapped to one numbering of calls.",
            "",
            *table(("learned normals:", *columns), rows),
            "",
            f"MIT's are {mit.n_traces:,} traces of {mit.n_calls:,} calls; UNM has {n_normal} "
            f"normals, most of them equal to others. `lstm` with defaults, seed 1, learns "
            f"{CALLS / 1e6:.0f} M calls at most, of the traces that are left when three in ten are "
            "held out for thresholds and to stop by; `stide` and `ngram` learn them all. The same "
            "network without its [baseline](../detectors/lstm.md#surprise) stands below it: the "
            "baseline's last term was made because of this data, so the line above is not of data "
            "never looked at. *Counting*: the better of the number of calls and of different "
            "calls, in the better direction.",
            "",
            "The two sets are numbered differently ([UNM, MIT and CERT](unm.md)): as published, "
            "nearly every call of the other side is another call, and what looks like portability "
            "or its lack is the numbering's. With numbers in line a model of MIT's tells UNM's "
            "attacks about as well as one of UNM's own; `lstm` does it no better than `stide`.",
        ],
        "portability.py",
    )


def counted(test: TraceSet) -> str:
    """What counting calls gives."""
    return f"{max(baseline.auc for baseline in trivial_baselines(test, PROTOCOL, ())):.3f}"


def attacks_of(traces: TraceSet) -> TraceSet:
    """The attacks among some traces."""
    return traces.select(traces.labels == Label.ATTACK)


if __name__ == "__main__":
    main()
