"""From captures to tables of flows, several captures side by side."""

from __future__ import annotations

import os
import queue
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import InputError
from habitus.files.inputs import input_bytes, open_inputs
from habitus.flows.flowtable import flow_table
from habitus.flows.report import CaptureReport
from habitus.flows.tracker import FlowTracker, TrackSettings
from habitus.packets.capture import is_capture, read_records
from habitus.packets.packets import Dissector
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import polars as pl
    from numpy.typing import NDArray

    from habitus.files.inputfile import InputFile, OnBytes

TABLE_FLOWS = 1 << 13
"""A table holds about this many flows."""
TABLES_AHEAD = 2
"""That each capture read beside others may be ahead of what is taken."""


def extract_flows(
    paths: Sequence[str | os.PathLike[str]],
    settings: TrackSettings | None = None,
    *,
    outer: bool = False,
    n_jobs: int | None = None,
    progress: Progress = SILENT,
    report: CaptureReport | None = None,
) -> Iterator[pl.DataFrame]:
    """Tables of flows, capture after capture, each flow as it ends; flows do not cross captures.

    Args:
        paths: captures, folders and archives of them, or ``-`` for standard input.
        outer: take the packets that carry tunnels, not those inside.
        n_jobs: captures read side by side; by default as many as there are processors. What comes
            out does not depend on it.
        report: counts what was read, and what was not and why.

    Raises:
        InputError: if there is no capture in what is named, or it cannot be read.
    """
    found = report if report is not None else CaptureReport()
    job = _Job(settings or TrackSettings(), outer)
    files = [file for path in paths for file in _files_of(path)]
    sizes = [input_bytes(path) for path in paths]
    progress.stage("reading packets", None if None in sizes else sum(map(int, filter(None, sizes))))
    n_jobs = min(n_jobs or os.cpu_count() or 1, len(files))
    is_alone = len(paths) == 1 and len(files) == 1
    if n_jobs == 1:
        for file in files:
            yield from job.tables(file, found, progress.advance, is_alone=is_alone)
    else:
        yield from _side_by_side(job, files, n_jobs, found, progress)
    if not found.n_captures:
        told = found.skipped[0] if found.skipped else f"{paths[0]}: nothing to read"
        raise InputError(f"no capture is among what was named ({told})")


def _files_of(path: str | os.PathLike[str]) -> Iterator[str]:
    """The files of a folder, each a piece of work; anything else is one itself."""
    if str(path) == "-" or not Path(path).is_dir():
        yield str(path)
        return
    for parent, folders, files in os.walk(path):
        folders.sort()
        yield from (str(Path(parent, name)) for name in sorted(files))


@dataclass(frozen=True)
class _Job:
    """How captures are read."""

    settings: TrackSettings
    outer: bool

    def tables(
        self, path: str, report: CaptureReport, on_bytes: OnBytes, *, is_alone: bool
    ) -> Iterator[pl.DataFrame]:
        """The flows of the captures that one file is, or holds."""
        try:
            for file in open_inputs(path, on_skip=report.add_skipped, on_bytes=on_bytes):
                if is_capture(file.head()):
                    yield from self._tables_of(file, report)
                elif is_alone and not report.n_captures:
                    # Nothing else was named: it is read, to be told what is wrong with it.
                    yield from self._tables_of(file, report)
                else:
                    report.add_skipped(file.source, "no capture (pcap or pcapng)")
        except InputError as error:
            if is_alone and not report.n_captures:
                raise
            report.add_damaged(error)

    def _tables_of(self, file: InputFile, report: CaptureReport) -> Iterator[pl.DataFrame]:
        own = CaptureReport(n_captures=1)
        dissector, tracker = Dissector(outer=self.outer), FlowTracker(self.settings)
        damage: list[InputError] = []

        def ended() -> Iterator[NDArray[np.void]]:
            try:
                for batch in read_records(file.stream, file.source):
                    yield from tracker.push(dissector.packets(batch), batch.data)
            except InputError as error:
                if not dissector.counts.n_packets and not is_capture(file.head()):
                    raise
                damage.append(error)
            yield from tracker.finish()

        for flows in _gathered(ended()):
            own.n_flows += len(flows)
            yield flow_table(flows, file.source)
        own.packets, own.flows = dissector.counts, tracker.counts
        own.damaged = [str(error) for error in damage]
        report.add(own)


def _gathered(parts: Iterable[NDArray[np.void]]) -> Iterator[NDArray[np.void]]:
    """Few large parts of many small ones, which are good only until the next is asked for."""
    held: list[NDArray[np.void]] = []
    n = 0
    for part in parts:
        held.append(part.copy())
        n += len(part)
        if n >= TABLE_FLOWS:
            yield np.concatenate(held)
            held, n = [], 0
    if held:
        yield np.concatenate(held)


def _side_by_side(
    job: _Job, files: Sequence[str], n_jobs: int, report: CaptureReport, progress: Progress
) -> Iterator[pl.DataFrame]:
    """Read several files at a time; what comes out stands in their order."""
    lines = [_Line() for _ in files]
    waiting = iter(zip(files, lines, strict=True))
    lock, stop = threading.Lock(), threading.Event()

    def advance(n_bytes: int) -> None:
        with lock:
            progress.advance(n_bytes)

    def work() -> None:
        while not stop.is_set():
            with lock:
                task = next(waiting, None)
            if task is None:
                return
            task[1].fill(job, task[0], advance, stop)

    threads = [threading.Thread(target=work, daemon=True) for _ in range(n_jobs)]
    for thread in threads:
        thread.start()
    try:
        for line in lines:
            yield from line.tables()
            report.add(line.report)
    finally:
        stop.set()


class _Line:
    """The tables of one file, on their way from the thread that makes them."""

    def __init__(self) -> None:
        self.report = CaptureReport()
        self._queue: queue.Queue[pl.DataFrame | BaseException | None] = queue.Queue(TABLES_AHEAD)

    def fill(self, job: _Job, path: str, on_bytes: OnBytes, stop: threading.Event) -> None:
        """Read a file; waits where nobody takes what it makes, until ``stop`` is set."""
        try:
            for table in job.tables(path, self.report, on_bytes, is_alone=False):
                if not self._put(table, stop):
                    return
            self._put(None, stop)
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where it is taken
            self._put(error, stop)

    def _put(self, item: pl.DataFrame | BaseException | None, stop: threading.Event) -> bool:
        while not stop.is_set():
            try:
                self._queue.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def tables(self) -> Iterator[pl.DataFrame]:
        """What the file gave, until its end."""
        while (item := self._queue.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            yield item
