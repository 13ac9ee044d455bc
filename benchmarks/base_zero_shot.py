"""What a base model is worth where nothing was recorded, and how much of that it knows.

    make corpus; python benchmarks/base_zero_shot.py
    python benchmarks/base_zero_shot.py --protocol adfa-ld

Detectors learn the corpus alone and judge ADFA-LD. Every model's scores are kept as soon as it has
judged; what was interrupted goes on. A page is written for each protocol.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial

import numpy as np
from common import WORK, write_page
from corpus_recorded import READINGS
from kept import Row, code_of, kept, version_of, work_of
from limits_data import Dev, alarmless, fitted, scores_of
from matching import Floats, better_area, freed, matched, neighbours_by, statistics_of
from zero_shot_data import LEARNED, judged_under
from zero_shot_page import Areas, Explained, lines_of

from habitus import TraceSet, get_detector

ROWS = WORK / "zero_shot"
DETECTORS: dict[str, tuple[str, Mapping[str, object]]] = {
    "ngram": ("ngram", {}),
    "markov": ("markov", {}),
    "stide": ("stide", {}),
    "disorder": ("disorder", {}),
    "adaptive": ("adaptive", {}),
    "redundancy": ("redundancy", {}),
    "redundancy order=2": ("redundancy", {"order": 2}),
    "redundancy+disorder": ("ensemble", {"members": "redundancy+disorder", "combine": "average"}),
}
"""With their defaults; but one whose own model looks no further back than one call."""
COMBINED = frozenset({"own", "corpus", "without order"})
"""What ensembles learn: of a single trace they cannot, and it takes them minutes."""
WITH_INTERVALS = frozenset({"own", "corpus"})
EXPLAINED = (
    ("ngram", "corpus"), ("ngram", "without order"), ("ngram", "one trace"), ("ngram", "own"),
    ("markov", "corpus"), ("markov", "own"),
    ("stide", "corpus"), ("stide", "without order"), ("stide", "own"),
    ("redundancy", "corpus"), ("redundancy", "each name once"), ("redundancy", "own"),
    ("redundancy+disorder", "corpus"), ("redundancy+disorder", "without order"),
    ("redundancy+disorder", "own"),
)  # fmt: skip
"""Detectors, and what they learned, that are held against trivial statistics."""


def scored(detector: str, settings: Mapping[str, object], learned: TraceSet, test: TraceSet) -> Row:
    """The score of each trace that is judged."""
    return {"scores": alarmless(scores_of(fitted(detector, settings, learned), test)).tolist()}


CODE = {
    name: code_of(
        get_detector(kind).__module__, "habitus.detectors.redundancy", "habitus.detectors.disorder",
        within=("habitus.decisions", "habitus.detectors", "habitus.ensembles", "limits_data"),
    ) + work_of(scored)
    for name, (kind, _) in DETECTORS.items()
}  # fmt: skip
Scores = dict[tuple[str, str, str], Floats]
"""By what was read (all calls or not), detector, and what it learned."""


def scores_under(protocol: str) -> Scores:
    """All scores, made now or before."""
    found = {}
    for reading, read in READINGS.items():
        test = judged_under(protocol, reading).judged
        for key, learned in LEARNED.items():
            traces = read(learned())
            for name, (kind, settings) in DETECTORS.items():
                if kind == "ensemble" and key not in COMBINED:
                    continue
                version = version_of(CODE[name], traces, test, settings=settings, kind=kind)
                make = partial(scored, kind, settings, traces, test)
                place = f"{protocol}-{reading}-{key}-{name}".replace("/", "-").replace(" ", "-")
                row = kept(ROWS / f"{place}.json", version, make)
                found[reading, name, key] = np.array(row["scores"])
    return found


def areas_of(scores: Scores, protocol: str) -> Areas:
    """Of each model: the area on all normals, its interval, and that on the distinct normals."""
    found: Areas = {}
    for (reading, name, key), values in scores.items():
        judged = judged_under(protocol, reading)
        interval = judged.interval(values, ~judged.attack) if key in WITH_INTERVALS else None
        found[reading, name, key] = {
            "all": judged.roc(values, ~judged.attack).auc,
            "distinct": judged.roc(values, judged.distinct).auc,
            "interval": interval,
        }
    return found


def counted(judged: Dev) -> dict[str, tuple[float, float]]:
    """Areas of trivial statistics, on all normals and on the distinct."""
    return {
        name: (
            better_area(values, judged.attack, ~judged.attack),
            better_area(values, judged.attack, judged.distinct),
        )
        for name, values in varying(judged.judged).items()
    }


def varying(traces: TraceSet) -> dict[str, Floats]:
    """The statistics that are not the same of all traces."""
    return {name: values for name, values in statistics_of(traces).items() if np.ptp(values)}


def explained(scores: Mapping[str, Floats], judged: Dev) -> Explained:
    """What is left of areas of scores among normals that are as short, varied and so on."""
    statistics, normal = varying(judged.judged), ~judged.attack
    matches = {name: {name: values} for name, values in statistics.items()}
    matches["all"] = statistics
    found: Explained = {}
    for match, by in matches.items():
        near = neighbours_by(by, judged.attack, normal)
        for name, values in scores.items():
            left = matched(values, judged.attack, near, judged.clusters)
            found.setdefault(name, {})[match] = (left.area, left.interval)
    for name, values in scores.items():
        rest = freed(values, statistics, normal)
        found[name]["freed"] = (judged.roc(rest, normal).auc, judged.interval(rest, normal))
        found[name]["none"] = (judged.roc(values, normal).auc, judged.interval(values, normal))
    return found


def main() -> None:
    """Judge what is not yet, and write the page."""
    parser = argparse.ArgumentParser(description="What a base model is worth without data.")
    parser.add_argument("--protocol", choices=("adfa-ld/dev", "adfa-ld"), default="adfa-ld/dev")
    protocol = parser.parse_args().protocol
    scores = scores_under(protocol)
    told = {}
    for reading in READINGS:
        judged = judged_under(protocol, reading)
        held = {f"{name}, {key}": scores[reading, name, key] for name, key in EXPLAINED}
        if reading == "all calls":
            # The statistics themselves: how well the matching does what it is for.
            statistics = statistics_of(judged.judged)
            held.update({f"*{name}*": values for name, values in statistics.items()})
        told[reading] = explained(held, judged)
    counts = {reading: counted(judged_under(protocol, reading)) for reading in READINGS}
    page = "base_zero_shot" if protocol == "adfa-ld/dev" else "base_zero_shot_whole"
    command = "base_zero_shot.py" + ("" if protocol == "adfa-ld/dev" else f" --protocol {protocol}")
    lines = lines_of(protocol, areas_of(scores, protocol), counts, told)
    write_page(page, list(lines), command)


if __name__ == "__main__":
    main()
