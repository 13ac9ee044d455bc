"""Compile every fast loop once, on a handful of calls, so that no command waits for it later."""

from __future__ import annotations

import struct
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl

from habitus.alerts.explanation import explain_score
from habitus.alerts.flow_judging import FlowJudge
from habitus.alerts.flow_record import flow_records
from habitus.alerts.rolling import RollingScorer
from habitus.alerts.scoring import Scorer
from habitus.decisions.budget import Budget
from habitus.detectors import get_detector
from habitus.detectors.flow import flow_detector_names
from habitus.detectors.hmm import Hmm
from habitus.detectors.trie import CHUNK_CALLS, CallTrie
from habitus.detectors.whole import TraceDetector
from habitus.errors import HabitusError
from habitus.evaluation.doctor.examination import examined_of
from habitus.evaluation.doctor.near_duplicates import WINDOW, containment
from habitus.flows.extracting import extract_flows
from habitus.flows.labelled import LabelledFile, LabelledFlows
from habitus.flows.tracker import FIRST_TABLE
from habitus.models.files import load_flow_model, load_trace_model, save_model
from habitus.models.flow_training import fit_flow_model
from habitus.models.training import fit_model
from habitus.traces.formats import format_names, get_format
from habitus.traces.reading import read_traces
from habitus.traces.recording import ThreadTable
from habitus.traces.traceset import TraceSet, offsets_of
from habitus.traces.vocabulary import Vocabulary

_SAMPLES = {
    "adfa": "6 6 63 6 42 120 6 195 120 6 6 114 114 1 1 252\n",
    "strace": "".join(
        f"{pid}  1700000000.{i:06} {call}() = 0\n"
        for pid, calls in ((7, "execve brk openat read close read"), (8, "brk read close openat"))
        for i, call in enumerate(calls.split())
    ),
}
_FLOWS = 200
_DETECTORS = {
    "adaptive": {"order": 2, "own": 2},
    "disorder": {"order": 2},
    "markov": {},
    "neighbours": {"n": 2},
    "ngram": {"order": 3},
    "redundancy": {"order": 2, "own": 2},
    "stide": {"n": 2},
    "tstide": {"n": 2},
}


def compile_loops() -> float:
    """Take traces the way commands do, from file to explanation; returns the seconds it took.

    numba compiles for the exact types it meets, read-only arrays among them: only the real path
    meets them all.
    """
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="habitus-warm-") as temporary:
        for name, sample in _SAMPLES.items():
            path = Path(temporary, name)
            path.write_text(sample)
            for detector, settings in _DETECTORS.items():
                traces = read_traces(path, format=name)
                is_whole = issubclass(get_detector(detector), TraceDetector)
                fitted = fit_model(
                    detector, traces, settings=settings,
                    aggregation=None if is_whole else "worst:2",
                    rolling=() if is_whole else ("2", "2:median"),
                )  # fmt: skip
                save_model(fitted, Path(temporary, "model"))
                model = load_trace_model(Path(temporary, "model"))
                if detector == "ngram":  # read again, on top of itself
                    started = get_detector(detector).with_settings(settings)
                    started.start_from(model.detector)
                    started.fit(traces)
                    started.surprise(traces)
                model.calibrated_on(traces, Budget.parse("50%"))
                for judged in Scorer(model, stretch_of_all=True).push(traces):
                    explain_score(model, judged)
                for row in range(1, len(model.decisions)):
                    list(RollingScorer(model, row).run([traces]))
        _read_all_formats(Path(temporary))
        _judge_flows(_make_flows(Path(temporary)), Path(temporary, "model"))
    _grow_tables()
    _follow_states()
    _compare_a_trace()
    return time.perf_counter() - begun


def _read_all_formats(folder: Path) -> None:
    """Read every format's own sample."""
    for name in format_names():
        path = folder / "sample"
        path.write_text(get_format(name).sample)
        with suppress(HabitusError):  # some have none
            read_traces(path, format=name)


def _make_flows(folder: Path) -> pl.DataFrame:
    """Make flows of both kinds of captures, and more of them than there is room for at first."""
    tables: list[pl.DataFrame] = []
    records = b""
    for port in range(FIRST_TABLE):
        ip = struct.pack(">BBHIHHII", 0x45, 0, 30, 0, 0x4011, 0, 0x0A000001, 0x0A000002)
        frame = bytes(12) + b"\x08\x00" + ip + struct.pack(">HHHH", port, 53, 10, 0) + b"??"
        records += struct.pack("<IIII", 1, port, len(frame), len(frame)) + frame
    pcap = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x40000, 1) + records
    pcapng = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    for content in (pcap, pcapng):
        path = folder / "capture"
        path.write_bytes(content)
        tables += extract_flows([path])
    return pl.concat(tables)


def _judge_flows(flows: pl.DataFrame, place: Path) -> None:
    """Learn flows by every detector, keep the model, judge with it, and explain."""
    numbers = np.arange(_FLOWS)
    flows = flows[:_FLOWS].with_columns(
        pl.Series("packets", numbers % 9), pl.Series("forward_packets", numbers % 5)
    )
    files = tuple(LabelledFile(str(i), "") for i in range(4))
    data = LabelledFlows(flows, numbers % 9 > 4, numbers % 4, files)
    for name in flow_detector_names():
        save_model(fit_flow_model(name, data), place)
        model = load_flow_model(place)
        judged = FlowJudge(model).judge(flows)
        list(flow_records(model, judged, explain_all=True))


def _grow_tables() -> None:
    """Learn more windows, and meet more threads, than there is room for at first."""
    calls = np.arange(2 * CHUNK_CALLS, dtype=np.uint16) % 7
    CallTrie.grown(calls, offsets_of([len(calls)]), 1, 7)
    threads = ThreadTable()
    threads.pids[0], threads.slots[0] = 7, 0
    threads.grow()


def _follow_states() -> None:
    """Score by a hidden Markov model; to train one takes other traces, and another library."""
    detector = Hmm.with_settings({"states": 1})
    detector.vocabulary = Vocabulary(("read",))
    certain = np.ones((1, 1))
    detector.restore({"startprob": certain[0], "transmat": certain, "emissionprob": certain})
    detector.surprise(TraceSet.from_names([["read", "brk"]]))


def _compare_a_trace() -> None:
    """Look for a trace in itself, as the data doctor looks for near-duplicates."""
    traces = TraceSet.from_names([["read"] * WINDOW])
    containment(examined_of(traces), np.array([0]), [np.array([0])])
