"""How fast rolling decisions are made, and that their memory is one window of a trace."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from common import Store, test_data, write_table

from habitus import TraceSet, fit_model
from habitus.alerts.rolling import RollingScorer
from habitus.datasets.source import find_source
from habitus.decisions.rolling import RollingScore
from habitus.decisions.rule import Rule
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.models.model import Model
from habitus.traces.traceset import TraceInfo

RULES = (
    "rolling:100", "rolling:1000", "rolling:100000",
    "rolling:100:median", "rolling:1000:median", "rolling:10000:median", "rolling:1000:quantile:.9",
)  # fmt: skip
N_CALLS = 5_000_000
SEGMENT_CALLS = 1 << 20


def rate_of(rule: Rule, surprise: np.ndarray) -> Callable[[], float]:
    """Calls a second of one rule alone, over one stream in segments."""

    def run() -> float:
        one = RollingScore(rule.window or 1, rule.quantile)
        started = time.perf_counter()
        for begin in range(0, len(surprise), SEGMENT_CALLS):
            one.add(surprise[begin : begin + SEGMENT_CALLS])
        return len(surprise) / (time.perf_counter() - started)

    return run


def segments(normal: TraceSet, n_calls: int) -> Iterator[TraceSet]:
    """One endless trace made of normal ones, in segments such as a reader yields."""
    calls = np.resize(normal.calls, SEGMENT_CALLS)
    for begin in range(0, n_calls, SEGMENT_CALLS):
        info = TraceInfo("stream", "made up", first_call=begin, ends=False)
        offsets = np.array([0, len(calls)], dtype=np.int64)
        yield TraceSet(calls, offsets, normal.alphabet, (info,))


def judging(model: Model, normal: TraceSet) -> Callable[[], float]:
    """Calls a second of everything: surprise, rolling score, alarms, what explains them."""

    def run() -> float:
        started = time.perf_counter()
        list(RollingScorer(model, 1).run(segments(normal, N_CALLS)))
        return N_CALLS / (time.perf_counter() - started)

    return run


def peak_bytes(model: Model, normal: TraceSet, n_calls: int) -> int:
    """The most that Python and numpy held while judging a stream of so many calls."""
    tracemalloc.start()
    list(RollingScorer(model, 1).run(segments(normal, n_calls)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def main() -> None:
    """Measure, and write the page."""
    store = Store("rolling")
    traces = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read()
    normal, _ = training_part(traces, get_protocol("adfa-ld"))
    made = fit_model("ngram", normal, rolling=["1000"])
    # Nothing alarms: what is measured is the stream, not the explaining of alarms.
    quiet = made.decisions[1].model_copy(update={"threshold": 1e9})
    model = replace(made, decisions=(made.decisions[0], quiet))
    surprise = np.resize(model.detector.surprise(normal), N_CALLS)
    for text in RULES:
        rate_of(Rule.parse(text), surprise[:1000])()
    judging(model, normal)()
    store.measure(
        {text: rate_of(Rule.parse(text), surprise) for text in RULES}
        | {"all of detect": judging(model, normal)}
    )
    short, long = (peak_bytes(model, normal, n) for n in (2 * N_CALLS, 6 * N_CALLS))
    rows = [("decision", "M calls/s (median)", "smallest to largest, calls/s")]
    rows += [(f"`{text}`", f"{store.median(text) / 1e6:.1f}", store.spread(text)) for text in RULES]
    whole = "all of detect"
    rows.append(
        ("surprise (ngram order 12), `rolling:1000`, alarms",
         f"{store.median(whole) / 1e6:.1f}", store.spread(whole))
    )  # fmt: skip
    write_table(
        "rolling",
        "Rolling decisions: speed and memory",
        f"One stream of {N_CALLS:,} surprises of ADFA-LD's training traces, in segments of "
        f"{SEGMENT_CALLS:,} calls, a score after every call; one core, {store.runs} runs. The last "
        "line is everything that `detect` does with calls that were read, when nothing alarms. "
        f"Peak memory of that over {2 * N_CALLS:,} and over {6 * N_CALLS:,} calls: "
        f"{short / 1e6:.0f} and {long / 1e6:.0f} MB, most of it the segment in hand.",
        rows,
        "rolling.py",
    )


if __name__ == "__main__":
    main()
