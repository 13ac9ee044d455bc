"""What a call that training never held does to each detector's surprise, scores and alerts."""

from __future__ import annotations

import argparse
import hashlib
from dataclasses import replace
from functools import cache, partial

import numpy as np
from common import WORK, measured_version, table, test_data, write_page
from kept import Row, kept, work_of
from neural_models import trained
from numpy.typing import NDArray

from habitus import Label, Model, TraceSet, detector_names, get_detector
from habitus.datasets.source import find_source
from habitus.decisions.scores import score_unit
from habitus.detectors.neural.network_detector import NetworkDetector
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.evaluation.protocols import test_part as judged_part
from habitus.models.training import fit_model

FOLDER = WORK / "unknown_calls"
PROTOCOL = "adfa-ld/dev"
NEVER_SEEN = "a call that nobody makes"
SEED = 1
N_TRACES = 400
AFTER = (1, 2, 5, 10, 20)
"""So many calls after the unknown one its neighbours are looked at."""
HOW_MANY = (1, 2, 5)
"""Unknown calls in a trace."""
Places = NDArray[np.int64]


def judged(traces: TraceSet, training: TraceSet) -> TraceSet:
    """Different normal traces that hold no unknown call as yet and are long enough to change."""
    test = judged_part(traces, get_protocol(PROTOCOL))
    known = np.zeros(len(test.alphabet), dtype=bool)
    known[np.unique(training.calls)] = True
    n_unknown = np.concatenate([[0], np.cumsum(~known[test.calls])])
    fits = (
        (test.labels == Label.NORMAL)
        & (np.diff(n_unknown[test.offsets]) == 0)
        & (test.lengths >= 2 * max(AFTER) + max(HOW_MANY))
    )
    first = np.unique(test.sequence_ids(), return_index=True)[1]
    candidates = first[fits[first]]
    return test.select(np.sort(np.random.default_rng(SEED).permutation(candidates)[:N_TRACES]))


def drawn_places(traces: TraceSet) -> Places:
    """(n_traces, 5) int64: where unknown calls are put, away from a trace's ends."""
    random, far = np.random.default_rng(SEED), max(AFTER)
    rows = [
        begin + far + random.permutation(int(length) - 2 * far)[: max(HOW_MANY)]
        for begin, length in zip(traces.offsets[:-1], traces.lengths, strict=True)
    ]
    return np.array(rows, dtype=np.int64)


def with_unknown(traces: TraceSet, places: Places) -> TraceSet:
    """The traces with the calls at these places replaced by one never seen."""
    calls = traces.calls.copy()
    calls[places.ravel()] = len(traces.alphabet)
    return replace(traces, calls=calls, alphabet=(*traces.alphabet, NEVER_SEEN))


def of_traces(values: NDArray[np.float64] | NDArray[np.float32]) -> tuple[float, float]:
    """The median and the 90 % quantile over traces, undefined ones left out."""
    middle, high = np.nanquantile(values.astype(np.float64), [0.5, 0.9])
    return float(middle), float(high)


@cache
def adfa() -> tuple[TraceSet, str]:
    """All of ADFA-LD, and the archive's SHA-256."""
    source = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip"))
    return source.read(), source.sha256


def fitted(name: str) -> Model:
    """A model of the detector with its default settings; a network's is kept."""
    traces, sha256 = adfa()
    training, part = training_part(traces, get_protocol(PROTOCOL))
    if not issubclass(get_detector(name), NetworkDetector):
        return fit_model(name, training, seed=SEED)
    stored = "latent method=knn" if name == "latent" else name
    return trained(
        stored, name, {}, training, seed=SEED, data="adfa-ld", part=part, data_sha256=sha256
    )


def measured(name: str, traces: TraceSet, places: Places) -> Row:
    """What unknown calls do to one detector with its default settings."""
    model = fitted(name)
    detector, threshold = model.detector, model.decision.threshold
    single = places[:, 0]
    before = detector.surprise(traces)
    after = detector.surprise(with_unknown(traces, single))
    row: Row = {"unit": detector.unit, "score_unit": score_unit(detector), "threshold": threshold}
    row["stood there"], row["stood there, 90 %"] = of_traces(before[single])
    row["unknown"], row["unknown, 90 %"] = of_traces(after[single])
    for k in AFTER:
        more = after[single + k] - before[single + k]
        row[f"after {k}"], row[f"after {k}, 90 %"] = of_traces(more)
    unchanged = model.scores(traces)
    quiet = unchanged <= threshold
    row["score"], row["n_quiet"] = float(np.nanmedian(unchanged)), float(quiet.sum())
    for n in HOW_MANY:
        scores = model.scores(with_unknown(traces, places[:, :n]))
        row[f"score {n}"], row[f"score {n}, 90 %"] = of_traces(scores - unchanged)
        row[f"alerts {n}"] = float(np.sum(quiet & (scores > threshold)))
    return row


# Now, as it is imported: an edit in the midst of a run must not stand for what runs.
WORK_DONE = work_of(measured, fitted, with_unknown, of_traces)


def all_measured(names: list[str], traces: TraceSet) -> dict[str, Row]:
    """By detector; what was measured of this version, these traces and places before is kept."""
    places = drawn_places(traces)
    changed = hashlib.sha256(traces.sequence_digests().tobytes() + places.tobytes())
    training = training_part(adfa()[0], get_protocol(PROTOCOL))[0]
    changed.update(training.sequence_digests().tobytes())
    version = {
        **measured_version(), "work": WORK_DONE, "traces and places": changed.hexdigest(),
        "after": AFTER, "how many": HOW_MANY, "seed": SEED,
    }  # fmt: skip
    return {
        name: kept(FOLDER / f"{name}.json", version, partial(measured, name, traces, places))
        for name in names
    }


def number(value: float) -> str:
    """A number as a table shows it."""
    return f"{0.0 if abs(value) < 5e-4 else value:.3g}"


def pair(row: Row, key: str) -> str:
    """A median, and in brackets the 90 % quantile."""
    return f"{number(float(row[key]))} ({number(float(row[f'{key}, 90 %']))})"


def main() -> None:
    """Measure, and write the page if all detectors were asked for."""
    parser = argparse.ArgumentParser(description="Benchmark unknown_calls.")
    parser.add_argument("detectors", nargs="*", help="by default all, and the page")
    names = parser.parse_args().detectors or list(detector_names())
    traces = judged(adfa()[0], training_part(adfa()[0], get_protocol(PROTOCOL))[0])
    print(f"{traces.n_traces} traces, {traces.n_calls:,} calls", flush=True)
    values = all_measured(names, traces)
    if sorted(names) != sorted(detector_names()):
        print("the page is of all detectors: it is not written")
        return
    lines = [
        "# Unknown calls, detector by detector",
        "",
        f"What a call does that training never held. {traces.n_traces} different normal traces of "
        f"ADFA-LD's validation part (`{PROTOCOL}`), none with an unknown call of its own, half of "
        f"them shorter than {np.median(traces.lengths):.0f} calls; in each, "
        "calls at random places are replaced by one that nobody makes, and what each detector then "
        "says is held against what it said before. Default settings, the threshold that training "
        "sets for 1 % of normal traces. Everywhere the median over traces, in brackets the 90 % "
        "quantile.",
        "",
        "## Surprise",
        "",
        "One unknown call. *Stood there*: what the call cost that it replaced. *+1* to *+20*: by "
        "how much the call so many places later costs more than before, in the same unit.",
        "",
        *table(
            ("detector", "unit", "stood there", "unknown", *(f"+{k}" for k in AFTER)),
            [
                (
                    f"`{name}`",
                    str(row["unit"]),
                    pair(row, "stood there"),
                    pair(row, "unknown"),
                    *(pair(row, f"after {k}") for k in AFTER),
                )
                for name, row in values.items()
            ],
        ),
        "",
        "## Score and alerts",
        "",
        "By how much the trace's score rises, and how many of the traces below the threshold come "
        "to lie above it, for one, two and five unknown calls.",
        "",
        *table(
            (
                "detector",
                "score",
                "threshold",
                *(f"rise by {n}" for n in HOW_MANY),
                *(f"alerts by {n}" for n in HOW_MANY),
                "of",
            ),
            [
                (
                    f"`{name}`, {row['score_unit']}",
                    number(float(row["score"])),
                    number(float(row["threshold"])),
                    *(pair(row, f"score {n}") for n in HOW_MANY),
                    *(f"{float(row[f'alerts {n}']):.0f}" for n in HOW_MANY),
                    f"{float(row['n_quiet']):.0f}",
                )
                for name, row in values.items()
            ],
        ),
        "",
        "What each detector does with an unknown call, and why: its page, and "
        "[Unknown calls](../explanation/unknown-calls.md).",
    ]
    write_page("unknown_calls", lines, "unknown_calls.py")


if __name__ == "__main__":
    main()
