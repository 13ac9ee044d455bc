"""The source's scheme of searching beside ours: time of a trial, and of the whole grid.

    python benchmarks/search_source.py      about seven minutes on two quiet cores

Both schemes run the same points on a quarter, a half and all of ADFA-LD's training traces, one
worker, in turn; lines through the three sizes tell the whole grid's time. Every row is kept.
"""

from __future__ import annotations

import shutil
import sys
import time
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from common import WORK, measured_version, table, test_data, write_page
from kept import Row, kept, work_of
from search_work import FOLDER, driven
from source_scheme import trial

from habitus import read_traces
from habitus.engines.base import Context
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.search.parts import parts_of, with_anomalies, write_parts
from habitus.search.plan import SearchPlan
from habitus.search.trial import run_trial

ROWS = WORK / "search_source"
PARTS = (4, 2, 1)
"""One of so many training traces."""
BATCHES = (64, 256)
GRID_BATCHES = (64, 128, 256)
LENGTH, EPOCHS = 20, 2
RUNS = 2
NOISE = 0.25
"""An epoch's time that is further off its line tells of something else than windows."""
OUR_EPOCHS = (1, 2, 5)
POINTS, WHOLE_WINDOWS, WHOLE_EPOCHS, CORES = 48, 2_100_000, 60, 2
SOURCE = """
detector = "autoencoder"
method = "grid"

[settings]
folder = "{folder}"
hidden = 8
embedding = 10
code = 3
rate = 0.01
length = {length}
epochs = {epochs}

[space]
batch = {batches}
"""
OURS = """
detector = "autoencoder"
method = "grid"

[settings]
preset = "daisi"
hidden = 8
embedding = 10
code = 3
rate = 0.01
length = {length}
patience = 0
stop_share = 0

[space]
batch = {batches}
epochs = {epochs}

[judging]
held_out = 0.1
"""


def as_files(part: int) -> Path:
    """Text files as the source reads them: part of the training traces, and all attacks."""
    folder = FOLDER / f"source-{part}"
    if (folder / "whole").is_file():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(test_data() / "adfa-ld" / "ADFA-LD.zip") as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".txt"))
        training = [name for name in names if "/Training_Data_Master/" in name]
        for name in training[::part]:
            _extract(archive, name, folder / "normal")
        for name in names:
            if "/Attack_Data_Master/" in name:
                _extract(archive, name, folder / "attack" / Path(name).parent.name)
    (folder / "whole").touch()
    return folder


def _extract(archive: zipfile.ZipFile, name: str, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / Path(name).name).write_bytes(archive.read(name))


def source_rows(part: int) -> Row:
    """Trials of the source's scheme on part of the traces, one at a time."""
    text = SOURCE.format(folder=as_files(part), length=LENGTH, epochs=EPOCHS, batches=list(BATCHES))
    seconds, found = driven(text, "source_scheme:trial", 1)
    trials = {
        str(t.settings["batch"]): {"seconds": t.seconds, "peak": t.peak_bytes, **t.measures}
        for t in found.trials
    }
    return {"seconds": seconds, "trials": trials}


def our_trial(arguments: Mapping[str, Any], context: Context) -> dict[str, Any]:
    """A trial of ours, and the seconds of a processor that it took."""
    started = time.process_time()
    result = run_trial(arguments, context)
    result["measures"]["seconds"] = time.process_time() - started
    return result


def our_rows(part: int) -> Row:
    """The same points by ours; of several numbers of epochs, so that an epoch's time is known."""
    text = OURS.format(length=LENGTH, epochs=list(OUR_EPOCHS), batches=list(BATCHES))
    plan = SearchPlan(text, "search.toml")
    started = time.process_time()
    traces = read_traces(test_data() / "adfa-ld" / "ADFA-LD.zip")
    normal = training_part(traces, get_protocol("adfa-ld"))[0]
    chosen = normal.select(np.arange(normal.n_traces) % part == 0)
    judging, seed = plan.file.judging, plan.file.seed
    parts = with_anomalies(parts_of(chosen, None, judging, seed, supervised=False), judging, seed)
    folder = FOLDER / f"ours-{part}"
    folder.mkdir(parents=True, exist_ok=True)
    paths = write_parts(parts, folder)
    once = time.process_time() - started
    seconds, found = driven(
        text, "search_source:our_trial", 1, objective="synthetic-auc", shared=paths
    )
    took: dict[str, dict[int, float]] = {str(batch): {} for batch in BATCHES}
    peaks = dict.fromkeys(took, 0)
    for t in found.trials:
        batch = str(t.settings["batch"])
        took[batch][t.settings["epochs"]] = t.measures["seconds"]
        peaks[batch] = max(peaks[batch], t.peak_bytes or 0)
    trials = {}
    for batch, by_epochs in took.items():
        # The first trial of all warms its process up: its time says little.
        few, many = OUR_EPOCHS[-2:]
        epoch = (by_epochs[many] - by_epochs[few]) / (many - few)
        trials[batch] = {
            "epoch": epoch, "rest": by_epochs[few] - few * epoch, "peak": peaks[batch],
        }  # fmt: skip
    windows = int(np.maximum(chosen.lengths - LENGTH + 1, 0).sum())
    return {"seconds": seconds, "beside": once, "windows": windows, "trials": trials}


def least(rows: Sequence[Row]) -> Row:
    """Of each batch the run whose epochs took least: whatever disturbs a run adds to it."""
    trials = {
        batch: min((row["trials"][batch] for row in rows), key=lambda trial: trial["epoch"])
        for batch in rows[0]["trials"]
    }
    return {**rows[0], "trials": trials}


def line(windows: Sequence[float], seconds: Sequence[float]) -> tuple[float, float, float]:
    """Seconds of no window and of each, and the largest share by which a point is off the line."""
    slope, begin = np.polyfit(windows, seconds, 1)
    off = max(abs(begin + slope * w - s) / s for w, s in zip(windows, seconds, strict=True))
    return float(begin), float(slope), off


def lines_of(source: dict[int, Row], ours: dict[int, Row], runs: int) -> Iterator[str]:
    """The page, line by line."""
    yield from ("# The source's search beside ours", "")
    yield (
        "The repository of the preset `daisi` searches a grid of 48 autoencoders, a process for "
        "each processor: every trial reads and re-windows all text files, numbers the calls of "
        "every folder anew, trains with plain PyTorch, and tests on all attacks after every epoch. "
        "That scheme, in code of our own (`benchmarks/source_scheme.py`), beside `habitus search` "
        f"of the same points: hidden 8, code 3, rate .01, windows of {LENGTH}, on one of four, one "
        f"of two and all of ADFA-LD's 833 training traces, one worker, in turn. Source: {EPOCHS} "
        f"epochs a trial; ours: {OUR_EPOCHS[-2]} and {OUR_EPOCHS[-1]}, whose difference is an "
        "epoch's time. Both learn nine tenths: the source's keep a tenth of the windows to "
        "validate, ours a tenth of the traces to judge by, once, at the end, looking at no attack. "
        f"Seconds are those of a processor, the least of {runs} run{'s' * (runs > 1)}."
    )
    yield ""
    yield from table(
        ("windows", "batch", "scheme", "beside epochs, s a trial", "an epoch, s",
         "of it on attacks", "us a window and epoch", "peak memory, MB"),
        [*_rows(source, ours)],
    )  # fmt: skip
    yield from ("", "## The whole grid", "")
    yield (
        "Lines through the three sizes: seconds = begin + slope * windows, of what stands beside "
        "epochs and of an epoch. An epoch of batch 128 lies between those of 64 and 256 as 1 / "
        f"batch does. The whole grid is {POINTS} points, 16 of each batch, "
        f"{WHOLE_WINDOWS / 1e6:.1f} M windows, {WHOLE_EPOCHS} epochs, {CORES} workers that slow "
        "each other down by nothing; nothing ends early."
    )
    yield ""
    hours, body, worst = {}, [], 0.0
    for name, rows in (("source", source), ("ours", ours)):
        total, told, off = _whole(name, rows)
        worst = max(worst, off)
        hours[name] = total / 3600
        body += told
    yield from table(
        ("scheme", "what", "begin, s", "slope, us a window", "off the line by at most",
         f"at {WHOLE_WINDOWS / 1e6:.1f} M windows, s"),
        body,
    )  # fmt: skip
    yield ""
    if worst > NOISE:
        yield (
            f"**No extrapolation:** an epoch's time is {worst:.0%} off its line, so that the "
            "machine was busy with other things. Measure again with `--fresh` on a quiet one."
        )
        return
    yield (
        f"**The whole grid: {hours['source']:.0f} hours by the source's scheme, "
        f"{hours['ours']:.0f} by ours, {hours['source'] / hours['ours']:.1f} times as fast.** An "
        "extrapolation to seven times as many windows as were measured; the ratio is worth more "
        "than either number."
    )


def _rows(source: dict[int, Row], ours: dict[int, Row]) -> Iterator[tuple[str, ...]]:
    for part in PARTS:
        windows = ours[part]["windows"]
        for batch in map(str, BATCHES):
            one, two = source[part]["trials"][batch], ours[part]["trials"][batch]
            head = (f"{windows:,}", batch)
            yield (
                *head, "source", f"{one['reading']:.1f}", f"{one['epoch']:.2f}",
                f"{one['attacks'] / one['epoch']:.0%}", f"{one['epoch'] / windows * 1e6:.1f}",
                f"{one['peak'] / 1e6:.0f}",
            )  # fmt: skip
            yield (
                *head, "ours", f"{two['rest']:.1f}", f"{two['epoch']:.2f}", "0%",
                f"{two['epoch'] / windows * 1e6:.1f}", f"{two['peak'] / 1e6:.0f}",
            )  # fmt: skip


def _whole(name: str, rows: dict[int, Row]) -> tuple[float, list[tuple[str, ...]], float]:
    """Seconds of the whole grid; the lines that say so; how far an epoch is off its line."""
    windows = [row["windows"] for row in rows.values()]
    told: list[tuple[str, ...]] = []
    epochs, rest, worst = {}, 0.0, 0.0
    beside = "reading" if name == "source" else "rest"

    def at_whole(what: str, seconds: Sequence[float]) -> float:
        nonlocal worst
        begin, slope, off = line(windows, seconds)
        if what.startswith("epoch"):
            worst = max(worst, off)
        value = max(0.0, begin + slope * WHOLE_WINDOWS)
        told.append(
            (name, what, f"{begin:.2f}", f"{slope * 1e6:.2f}", f"{off:.0%}", f"{value:,.0f}")
        )
        return value

    for batch in BATCHES:
        trials: list[dict[str, Any]] = [row["trials"][str(batch)] for row in rows.values()]
        epochs[batch] = at_whole(f"epoch, batch {batch}", [t["epoch"] for t in trials])
        rest = at_whole(f"beside, batch {batch}", [t[beside] for t in trials])
    low, high = BATCHES
    share = (1 / 128 - 1 / high) / (1 / low - 1 / high)
    epochs[128] = epochs[high] + share * (epochs[low] - epochs[high])
    once = 0.0
    if name == "ours":
        once = at_whole("once a search: reading, anomalies", [r["beside"] for r in rows.values()])
    trials_of_each = POINTS // len(GRID_BATCHES)
    total = sum(trials_of_each * (WHOLE_EPOCHS * epochs[batch] + rest) for batch in GRID_BATCHES)
    return once + total / CORES, told, worst


def main() -> None:
    """Measure what is not yet, and write the page."""
    if "--fresh" in sys.argv[1:]:
        shutil.rmtree(ROWS, ignore_errors=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    works = (trial, source_rows, our_trial, our_rows, as_files)
    version = {"work": work_of(*works), "texts": [SOURCE, OURS], **measured_version()}
    source, ours = {}, {}
    for part in PARTS:
        runs: list[tuple[Row, Row]] = [
            (
                kept(ROWS / f"source-{part}-{run}.json", version, partial(source_rows, part)),
                kept(ROWS / f"ours-{part}-{run}.json", version, partial(our_rows, part)),
            )
            for run in range(1, RUNS + 1)
        ]
        source[part], ours[part] = (least(list(rows)) for rows in zip(*runs, strict=True))
        source[part]["windows"] = source[part]["trials"][str(BATCHES[0])]["windows"]
    write_page("search_source", list(lines_of(source, ours, RUNS)), "search_source.py")


if __name__ == "__main__":
    main()
