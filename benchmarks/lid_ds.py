"""One LID-DS recording with an attack in it: a demonstration of timing, not of accuracy."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from common import table, test_data, write_page

from habitus import TraceSet, get_detector, read_traces

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEARNED_SECONDS, CALIBRATED_SECONDS = 5.0, 10.0
WINDOW_CALLS = 20
"""Of a thread: its rolling score is the mean surprise of so many calls. Fixed before any result."""
PLACEMENTS, SEED = 1_000, 1
DETECTORS = ("stide", "ngram")


def main() -> None:
    """Learn, calibrate, judge, and write the page."""
    path = test_data() / "lid-ds" / "aggressive_nightingale_1018.sc.gz"
    traces = read_traces(path)
    if traces.times_ns is None:
        raise SystemExit(f"{path}: tells no times")
    start = int(traces.times_ns.min())
    seconds = (traces.times_ns - start) / 1e9
    exploit = (traces.infos[0].attack_ns - start) / 1e9
    rows = [judged(name, traces, seconds, exploit) for name in DETECTORS]
    write_story(traces, float(seconds.max()), exploit, rows)


def judged(
    name: str, traces: TraceSet, seconds: NDArray[np.float64], exploit: float
) -> tuple[str, ...]:
    """One detector's line of the table."""
    detector = get_detector(name).with_settings({})
    detector.fit(_before(traces, seconds, LEARNED_SECONDS))
    scores = _rolling(detector.surprise(traces), traces.offsets)
    scored = np.isfinite(scores)
    calibrating = scored & (seconds >= LEARNED_SECONDS) & (seconds < CALIBRATED_SECONDS)
    threshold = float(scores[calibrating].max())
    alerts = np.sort(seconds[scored & (scores > threshold) & (seconds >= CALIBRATED_SECONDS)])
    early = alerts[alerts < exploit]
    after = alerts[alerts >= exploit]
    ranks = [
        _rank(seconds[scored], scores[scored], exploit, end) for end in (seconds.max(), exploit)
    ]
    return (
        f"`{name}`",
        f"{calibrating.sum():,}",
        f"{threshold:.3f}",
        f"{len(early)}",
        f"{len(after)}",
        f"{after[0] - exploit:.3f} s" if len(after) else "none",
        *(f"{rank:.1%}" for rank in ranks),
    )


def _before(traces: TraceSet, seconds: NDArray[np.float64], end: float) -> TraceSet:
    """The beginnings of all threads, up to a time."""
    counts = [int(np.sum(seconds[begin:stop] < end)) for begin, stop in pairwise(traces.offsets)]
    names = [traces.trace(i)[:count] for i, count in enumerate(counts) if count]
    return TraceSet.from_names(names)


def _rolling(surprise: NDArray[np.float32], offsets: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mean surprise of each call and those before it in its thread; NaN for the first ones."""
    scores = np.full(len(surprise), np.nan)
    for begin, end in pairwise(offsets):
        row = surprise[begin:end].astype(np.float64)
        if len(row) >= WINDOW_CALLS:
            windows = np.lib.stride_tricks.sliding_window_view(row, WINDOW_CALLS)
            scores[begin + WINDOW_CALLS - 1 : end] = windows.mean(axis=1)
    return scores


def _rank(
    seconds: NDArray[np.float64], scores: NDArray[np.float64], exploit: float, end: float
) -> float:
    """The share of random seconds, from the learned part's end on, as strange as the exploit's."""

    def strangest(begin: float) -> float:
        inside = scores[(seconds >= begin) & (seconds < begin + 1.0)]
        return float(inside.max()) if len(inside) else -np.inf

    own = strangest(exploit)
    begins = np.random.default_rng(SEED).uniform(LEARNED_SECONDS, end - 1.0, PLACEMENTS)
    return float(np.mean([strangest(begin) >= own for begin in begins]))


def write_story(
    traces: TraceSet, length: float, exploit: float, rows: list[tuple[str, ...]]
) -> None:
    """The page in the documentation."""
    head = (
        "detector", "scores calibrated on", "threshold", "alerts before the exploit",
        "alerts after it", "delay to the first", "random seconds as strange, of the whole",
        "of those before the exploit",
    )  # fmt: skip
    lines = [
        "# LID-DS: one recording",
        "",
        f"One recording of LID-DS 2021 (Bruteforce_CWE-307): {traces.n_calls:,} calls of "
        f"{traces.n_traces} threads in {length:.1f} s; the exploit begins {exploit:.2f} s after "
        "the first call. **A demonstration of a detector's behaviour in time, not of accuracy: "
        "one recording, one attack, five seconds to learn from.**",
        "",
        f"Learned: the first {LEARNED_SECONDS:g} s. Calibrated: the next "
        f"{CALIBRATED_SECONDS - LEARNED_SECONDS:g} s, whose largest score is the threshold. Score: "
        f"the mean surprise of the last {WINDOW_CALLS} calls of a thread, chosen before looking. "
        "Judged: everything after. An alert is a call at which the score stands above the "
        f"threshold. Rank: of {PLACEMENTS:,} seconds placed at random after the learned part (seed "
        f"{SEED}), the share whose largest score is at least that of the exploit's first second; "
        "those after the exploit began may be the attack's, too, hence the second column.",
        "",
        *table(head, rows),
    ]
    write_page("lid_ds", lines, "lid_ds.py")


if __name__ == "__main__":
    main()
