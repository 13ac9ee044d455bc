"""The scheme of windows that an open repository trained its LSTM by, and what it costs."""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from common import WORK, measured_version, table, test_data, write_page

from habitus import TraceSet
from habitus.datasets.source import find_source
from habitus.detectors.neural.lstm import Lstm
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.learning.next_call import windows_to_learn
from habitus.learning.windows import Windows

STORE = WORK / "window19.json"
# Each as its library starts it.
RATES = {"rmsprop": 1e-3, "adam": 1e-3, "adamw": 1e-3, "sgd": 1e-2}
DECAYS = {"adamw": 1e-2}
SCHEME = dict(Lstm.presets["window19"])
WINDOW = int(str(SCHEME["window"]))
N_WINDOWS = int(str(SCHEME["windows"]))
STRETCH = 100
WHOLE_TRACES = {**SCHEME, "window": 0, "windows": 0, "stretch": STRETCH}
AUTHOR = ("*as its author reports*", "2.75", "-", "0.24", "0.36", "146-153")
CALLS_OF_ITS_TABLE = 341
Row = dict[str, float]


@dataclass
class Clock:
    """Hears of a training and takes the processor's time of its updates alone.

    Attributes:
        calls: guessed in the updates after the first.
    """

    calls: int = 0
    _times: list[float] = field(default_factory=list)

    def stage(self, label: str, total: int | None = None) -> None:
        """A new stage begins."""

    def label(self, text: str) -> None:
        """How it stands."""

    def advance(self, steps: int) -> None:
        """An update was made; the first advance only says that training begins."""
        if steps:
            self.calls += steps if self._times else 0
            self._times.append(time.process_time())

    @property
    def seconds(self) -> float:
        """From the end of the first update to that of the last."""
        return self._times[-1] - self._times[0]


def trained(training: TraceSet, settings: dict[str, object], seed: int) -> Row:
    """An epoch: what was learned, and how long it took."""
    detector = Lstm.with_settings(settings)
    clock = Clock()
    started = time.process_time()
    detector.fit(training, progress=clock, seed=seed)
    (epoch,) = detector.history.epochs
    return {
        "calls": epoch.calls,
        "loss": epoch.loss,
        "accuracy": epoch.accuracy,
        "held_out_loss": epoch.held_out_loss,
        "held_out_accuracy": epoch.held_out_accuracy,
        "seconds": time.process_time() - started,
        "calls_per_second": clock.calls / clock.seconds,
    }


def runs(n_seeds: int) -> dict[str, tuple[dict[str, object], int]]:
    """By name: settings and seed."""
    named: dict[str, tuple[dict[str, object], int]] = {}
    for seed in range(1, n_seeds + 1):
        for name, rate in RATES.items():
            optimiser = {"optimiser": name, "rate": rate, "weight_decay": DECAYS.get(name, 0)}
            named[f"{name} seed={seed}"] = ({**SCHEME, **optimiser}, seed)
            if name == "rmsprop":  # right after what its speed is compared with
                named[f"whole traces seed={seed}"] = (WHOLE_TRACES, seed)
        named[f"dropout=0.5 seed={seed}"] = ({**SCHEME, "dropout": 0.5}, seed)
    return named


def all_measured(training: TraceSet) -> dict[str, Row]:
    """What was measured of this version before is kept."""
    parser = argparse.ArgumentParser(description="Benchmark window19.")
    parser.add_argument("--fresh", action="store_true", help="measure everything again")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each, by seeds from 1")
    arguments = parser.parse_args()
    version = measured_version()
    held = json.loads(STORE.read_text()) if STORE.exists() and not arguments.fresh else {}
    values: dict[str, Row] = held["values"] if held.get("measured") == version else {}
    for name, (settings, seed) in runs(arguments.seeds).items():
        if name not in values:
            values[name] = trained(training, settings, seed)
            print(name, values[name], flush=True)
            WORK.mkdir(exist_ok=True)
            STORE.write_text(json.dumps({"measured": version, "values": values}))
    return values


def of_seeds(values: dict[str, Row], kind: str, key: str) -> list[float]:
    """A measurement of a kind, seed by seed."""
    return [row[key] for name, row in values.items() if name.startswith(f"{kind} seed=")]


def told(values: dict[str, Row], kind: str, key: str, digits: int = 2) -> str:
    """The median over seeds, and the smallest and largest."""
    found = of_seeds(values, kind, key)
    low, middle, high = (f"{f(found):.{digits}f}" for f in (min, statistics.median, max))
    return middle if low == high else f"{middle} ({low}-{high})"


def learned_rows(values: dict[str, Row]) -> Sequence[tuple[str, ...]]:
    """A row for each way to train by windows."""
    titles = {"rmsprop": "`--preset window19`: rmsprop, dropout 0.2"}
    titles |= {name: f"{name}, rate {rate:g}" for name, rate in RATES.items() if name != "rmsprop"}
    titles["adamw"] += f", weight decay {DECAYS['adamw']:g}"
    titles |= {"dropout=0.5": "rmsprop, dropout 0.5"}
    keys = (("loss", 2), ("held_out_loss", 2), ("accuracy", 2), ("held_out_accuracy", 2))
    return [
        (title, *(told(values, kind, *key) for key in keys), told(values, kind, "seconds", 0))
        for kind, title in titles.items()
    ]


def speed_rows(
    values: dict[str, Row], training: TraceSet
) -> tuple[Sequence[tuple[str, ...]], list[float]]:
    """What an epoch over all training calls costs either way, and by seed, how many times as long.

    Machines are noisy: a ratio is of two runs that were made one after the other.
    """
    n_windows = int(np.maximum(0, training.lengths - WINDOW).sum())
    windows, whole = (
        np.array(of_seeds(values, kind, "calls_per_second")) for kind in ("rmsprop", "whole traces")
    )
    rows = []
    for title, n_calls, rates in (
        ("windows", n_windows, windows),
        ("whole traces, memory carried along", training.n_calls, whole),
    ):
        rate = float(np.median(rates))
        rows.append((title, f"{n_calls:,}", f"{rate:,.0f}", f"{n_calls / rate:,.0f}"))
    return rows, ((n_windows / windows) / (training.n_calls / whole)).tolist()


def windows_of(training: TraceSet) -> tuple[Windows, Windows]:
    """The windows that the preset learns, and those it judges."""
    nothing = training.select([])
    some, others, _ = windows_to_learn(
        (training.calls, training.offsets), (nothing.calls, nothing.offsets),
        n_symbols=len(training.alphabet), length=WINDOW, first=N_WINDOWS,
        stop_share=float(str(SCHEME["stop_share"])),
    )  # fmt: skip
    return some, others


def frequency_row(some: Windows, others: Windows) -> tuple[str, ...]:
    """What knowing nothing but how often each call is to be guessed gives."""
    learned, judged = (part.symbols[part.starts + WINDOW] for part in (some, others))
    counts = np.bincount(learned, minlength=some.n_symbols) + 1.0
    costs = -np.log(counts / counts.sum())
    losses = [f"{costs[calls].mean():.2f}" for calls in (learned, judged)]
    right = [f"{np.mean(calls == np.argmax(counts)):.2f}" for calls in (learned, judged)]
    return ("*no network: how often each call comes*", *losses, *right, "-")


def main() -> None:
    """Measure, and write the page."""
    torch.set_num_threads(1)
    traces = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read()
    training = training_part(traces, get_protocol("adfa-ld"))[0]
    some, others = windows_of(training)
    n_learned, n_held_out = len(some), len(others)
    n_traces = int(np.searchsorted(training.offsets, others.starts[-1], side="right"))
    values = all_measured(training)
    losses = {name: of_seeds(values, name, "held_out_loss") for name in RATES}
    of_optimisers = [statistics.median(found) for found in losses.values()]
    of_one = losses["rmsprop"]
    speeds, ratios = speed_rows(values, training)
    n_used = n_learned + n_held_out
    share = n_used / float(np.maximum(0, training.lengths - WINDOW).sum())
    n_calls = len(np.unique(training.calls))
    lines = [
        "# Windows of 19 calls",
        "",
        "An open repository that set out to reproduce Kim 2016 trains on windows: 19 calls in, the "
        "next one out, each window read anew, one-hot, three LSTM layers of 64, 256 and 100 cells "
        "with dropout 0.2 after each, rmsprop, batches of 50, one epoch, and of ADFA-LD's "
        f"training traces only the first {N_WINDOWS:,} windows. That is `habitus train lstm "
        "--preset window19`, which takes them from the traces that are left when some are held out "
        "for thresholds; here nothing is, as in the repository.",
        "",
        f"Its arrays come out as it reports them: ({n_used}, {WINDOW}), of which {n_learned:,} are "
        f"learned and the last {n_held_out:,} (5 %) judged. They are all windows of the first "
        f"{n_traces} of {training.n_traces} training traces, and {share:.0%} of the windows there "
        "are. Windows overlap, and a trace repeats itself: what is judged is no stranger to what "
        "is learned.",
        "",
        "## After one epoch",
        "",
        f"Loss in nats; median of {len(of_one)} by seed, in brackets the smallest and the largest. "
        "Loss and accuracy are the mean over the epoch as the network changes, with dropout; those "
        "held out are of the network at its end, without: that is why they look better. Seconds "
        "are the processor's, of one thread, for the whole training with judging; its author's are "
        "of another machine.",
        "",
        *table(
            ("", "loss", "held-out loss", "accuracy", "held-out accuracy", "seconds"),
            [AUTHOR, *learned_rows(values), frequency_row(some, others)],
        ),
        "",
        "- **Near, not the same.** Where the author's numbers lie outside those of all seeds, what "
        "differs is the library, the first weights, and an output over the "
        f"{n_calls} calls that training traces make here, over {CALLS_OF_ITS_TABLE} there.",
        "- **Accuracy tells little here**: naming the commonest call, always, gets about as many "
        "right of those held out as the network does (last line).",
        "- **Optimisers**, each as its library starts it: their median held-out "
        f"losses span {max(of_optimisers) - min(of_optimisers):.2f} nats, the seeds of rmsprop "
        f"{max(of_one) - min(of_one):.2f}. Such a comparison mostly says whose usual rate suits an "
        f"epoch of {-(-n_learned // int(str(SCHEME['batch'])))} updates. The repository's own "
        "comparison, which stands beside another run than the one above, has losses of 10.6 "
        "(rmsprop) and 9.8 (sgd), which cannot be of chances that sum to one: guessing "
        f"evenly among {CALLS_OF_ITS_TABLE} calls costs {np.log(CALLS_OF_ITS_TABLE):.2f}.",
        "- **Dropout 0.5**, left to do by its author, has a held-out loss of "
        f"{told(values, 'dropout=0.5', 'held_out_loss')} instead of "
        f"{told(values, 'rmsprop', 'held_out_loss')}.",
        "",
        "## What windows cost",
        "",
        f"To guess one call, the network reads {WINDOW}. With its memory carried along a trace, in "
        f"stretches of {STRETCH} calls, it reads one. The same network, optimiser and batch; "
        "calls guessed in a second of the processor, one thread, are of the updates alone, without "
        "judging.",
        "",
        *table(("an epoch over all training calls", "calls guessed", "calls/s", "s"), speeds),
        "",
        f"Windows take **{statistics.median(ratios):.1f} times** as long ({min(ratios):.1f} to "
        f"{max(ratios):.1f}). Their epoch is extrapolated from the rate of {n_learned:,}.",
    ]
    write_page("window19", lines, "window19.py")


if __name__ == "__main__":
    main()
