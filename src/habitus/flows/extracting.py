"""From captures to tables of flows, several captures side by side."""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING

import polars as pl

from habitus.compiled import rows
from habitus.files.named import total_bytes
from habitus.flows.captures import captures_in, files_named, records_of, refuse_none
from habitus.flows.flowtable import flow_table
from habitus.flows.layout import FLOW
from habitus.flows.report import CaptureReport
from habitus.flows.side_by_side import in_order
from habitus.flows.tracker import OUT_FLOWS, FlowTracker, TrackSettings
from habitus.packets.packets import Dissector
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Iterable, Iterator, Sequence

    import numpy as np
    from numpy.typing import NDArray

    from habitus.files.inputfile import InputFile, OnBytes, Pauses
    from habitus.files.named import Named

TABLE_FLOWS = 1 << 13
"""A table holds about this many flows, or fewer if packets come slowly."""
PATIENCE_S = 1.0
"""How long a flow that has ended is held for others, to make a table of them all."""
WAITING_BYTES = 256 << 20
"""Of tables that wait until the captures before theirs are over."""


def extract_flows(
    paths: Named,
    settings: TrackSettings | None = None,
    *,
    outer: bool = False,
    columns: Collection[str] | None = None,
    n_jobs: int | None = None,
    progress: Progress = SILENT,
    report: CaptureReport | None = None,
) -> Iterator[pl.DataFrame]:
    """Tables of flows, capture after capture, each flow as it ends; flows do not cross captures.

    A capture that is damaged is read as far as it is sound, and counted.

    Args:
        paths: captures, folders and archives of them, or ``-`` for standard input; or one of these.
        outer: take the packets that carry tunnels, not those inside.
        columns: the features that are wanted; by default all.
        n_jobs: captures read side by side, each with its own flows under way; by default as many as
            this process may use processors. What comes out does not depend on it.
        report: counts what was read, and what was not and why.

    Raises:
        InputError: at once if something named is not there; in the end if no capture could be read.
    """
    found = report if report is not None else CaptureReport()
    files = files_named(paths, found)
    return _tables(files, settings or TrackSettings(), outer, columns, n_jobs, progress, found)


def _tables(
    files: Sequence[str], settings: TrackSettings, outer: bool, columns: Collection[str] | None,
    n_jobs: int | None, progress: Progress, report: CaptureReport,
) -> Iterator[pl.DataFrame]:  # fmt: skip
    progress.stage("reading packets", total_bytes(files))
    lock = threading.Lock()

    def advance(n_bytes: int) -> None:
        with lock:
            progress.advance(n_bytes)

    def parts_of(path: str) -> Generator[pl.DataFrame | CaptureReport, None, None]:
        yield from flows_of_file(path, settings, outer=outer, columns=columns, on_bytes=advance)

    n_jobs = min(n_jobs or _n_processors(), len(files))
    if n_jobs > 1:
        parts = in_order(files, parts_of, n_jobs, weigh=_bytes_of, room=WAITING_BYTES)
    else:
        parts = (part for path in files for part in parts_of(path))
    for part in parts:
        if isinstance(part, pl.DataFrame):
            yield part
        else:
            report.add(part)
    refuse_none(report)


def flows_of_file(
    path: str,
    settings: TrackSettings,
    *,
    outer: bool = False,
    columns: Collection[str] | None = None,
    on_bytes: OnBytes = lambda _: None,
) -> Generator[pl.DataFrame | CaptureReport, None, None]:
    """The tables of one file, or of the captures in it, and then what reading it came to.

    Arguments are as of `extract_flows`; ``on_bytes`` hears of progress.
    """
    report = CaptureReport()
    for file in captures_in(path, report, on_bytes):
        yield from _tables_of(file, settings, outer, columns, report)
    yield report


def _n_processors() -> int:
    """Those that this process may use, where the system tells them from those that there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _bytes_of(part: pl.DataFrame | CaptureReport) -> int:
    return int(part.estimated_size()) if isinstance(part, pl.DataFrame) else 0


def _tables_of(
    file: InputFile, settings: TrackSettings, outer: bool, columns: Collection[str] | None,
    report: CaptureReport,
) -> Iterator[pl.DataFrame]:  # fmt: skip
    """The flows of one capture."""
    dissector, tracker = Dissector(outer=outer), FlowTracker(settings)
    nothing = rows(0, FLOW)

    def ended() -> Iterator[NDArray[np.void]]:
        for batch in records_of(file, report):
            yield from tracker.push(dissector.packets(batch), batch.data)
            yield nothing
        yield from tracker.finish()

    for flows in _gathered(ended(), file.pauses):
        report.n_flows += len(flows)
        yield flow_table(flows, file.source, columns)
    report.packets.add(dissector.counts)
    report.flows.add(tracker.counts)


def _gathered(parts: Iterable[NDArray[np.void]], pauses: Pauses) -> Iterator[NDArray[np.void]]:
    """Few large parts of many small ones; like these, each is good only until the next.

    A part of nothing says that more has to be read. Whoever reads what is made of a pipe waits for
    flows that have ended little longer than `PATIENCE_S`, though no packet comes after them.
    """
    held, n = rows(TABLE_FLOWS + OUT_FLOWS, FLOW), 0
    until = time.monotonic() + PATIENCE_S
    for part in parts:
        held[n : n + len(part)] = part
        n += len(part)
        left_s = until - time.monotonic()
        if n >= TABLE_FLOWS or (n and (left_s < 0 or (not len(part) and pauses(left_s)))):
            yield held[:n]
            n, until = 0, time.monotonic() + PATIENCE_S
    if n:
        yield held[:n]
