"""How fast captures become flows, beside NFStream and a loop over dpkt.

NFStream and dpkt are looked for in the interpreter that NFSTREAM_PYTHON names, else in this one;
without them only Habitus is timed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from common import ROOT, WORK, Store, table, write_page
from made_capture import later_copies, write_capture

PACKETS, FLOWS = 1_000_000, 20_000
LARGE_COPIES = 90
"""Times the capture is sent through a pipe: about ten gigabytes."""
CONCURRENT = 1_000_000
"""As many as are followed at a time by default: of the others some are ended for them."""
FILES = 16
MANY = "Habitus, many files"
PEERS = {"NFStream, with statistics": "nfstream", "NFStream, without": "nfstream", "dpkt": "dpkt"}


PEERS_PYTHON = os.environ.get("NFSTREAM_PYTHON", sys.executable)


def in_new_process(code: str, *arguments: str, python: str = sys.executable) -> float:
    """What a program prints last, as a number."""
    call = [python, "-c", code, *arguments]
    ran = subprocess.run(call, check=True, capture_output=True, text=True)
    return float(ran.stdout.split()[-1])


HABITUS = """
import sys, time
from habitus import extract_flows
n_jobs = int(sys.argv[1])
def run(paths): return sum(len(t) for t in extract_flows(paths, n_jobs=n_jobs))
run([sys.argv[2]])
started = time.perf_counter(); run(sys.argv[3:]); print(time.perf_counter() - started)
"""
NFSTREAM = """
import sys, time
from nfstream import NFStreamer
started = time.perf_counter()
streamer = NFStreamer(sys.argv[1], statistical_analysis=sys.argv[2] == "1", n_dissections=0,
                      n_meters=1)
n = sum(1 for flow in streamer)
print(time.perf_counter() - started)
"""
DPKT = """
import sys, time, dpkt
started = time.perf_counter()
flows = {}
with open(sys.argv[1], "rb") as file:
    for when, frame in dpkt.pcap.Reader(file):
        ip = dpkt.ethernet.Ethernet(frame).data
        inner = ip.data
        ends = sorted(((ip.src, inner.sport), (ip.dst, inner.dport)))
        key = (*ends[0], *ends[1], ip.p)
        flow = flows.setdefault(key, [0, 0, when, when])
        flow[0] += 1; flow[1] += len(frame); flow[3] = when
print(time.perf_counter() - started)
"""
PEAK = """
import os, re, sys, time
from pathlib import Path
from habitus import extract_flows, TrackSettings
n = sum(len(t) for t in extract_flows([sys.argv[1]], TrackSettings()))
peak = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))
print(n, peak / 1024)
"""


def has(module: str) -> bool:
    """Whether a peer is there."""
    return subprocess.run([PEERS_PYTHON, "-c", f"import {module}"], check=False).returncode == 0


def rate(code: str, n_packets: int, *arguments: str, python: str = sys.executable) -> float:
    """Packets a second."""
    return n_packets / in_new_process(code, *arguments, python=python)


def two_processes(n_packets: int, small: str, paths: list[str]) -> float:
    """Packets a second of two processes that share nothing: all that two cores can give."""
    half = len(paths) // 2
    with ThreadPoolExecutor(2) as pool:
        parts = pool.map(
            lambda part: in_new_process(HABITUS, "1", small, *part), (paths[:half], paths[half:])
        )
        return n_packets / max(parts)


def command_seconds(capture: Path) -> float:
    """The whole command, from its start to its end."""
    with tempfile.TemporaryDirectory() as folder:
        call = [sys.executable, "-m", "habitus", "flows", "extract", str(capture)]
        started = time.perf_counter()
        subprocess.run([*call, "-o", f"{folder}/flows.parquet"], check=True, capture_output=True)
        return time.perf_counter() - started


def piped_peak(capture: Path) -> float:
    """MB at the peak of a process that reads a large capture from a pipe."""
    with subprocess.Popen(
        [sys.executable, "-c", PEAK, "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as running:
        assert running.stdin is not None  # noqa: S101
        assert running.stdout is not None  # noqa: S101
        for part in later_copies(capture, LARGE_COPIES):
            running.stdin.write(part)
        running.stdin.close()
        return float(running.stdout.read().split()[-1])


def main() -> None:
    """Measure, and write the page."""
    store = Store("flow_speed")
    capture, small, many = (WORK / name for name in ("made.pcap", "small.pcap", "many.pcap"))
    WORK.mkdir(exist_ok=True)
    write_capture(capture, PACKETS, FLOWS)
    write_capture(small, 1_000, 10)
    copies = [WORK / f"made-{i}.pcap" for i in range(FILES)]
    write_capture(copies[0], PACKETS // 4, FLOWS // 4)
    for copy in copies[1:]:
        shutil.copy(copies[0], copy)
    paths = [str(copy) for copy in copies]
    n_many = FILES * PACKETS // 4
    contenders: dict[str, Callable[[], float]] = {
        "Habitus": partial(rate, HABITUS, PACKETS, "1", str(small), str(capture)),
        f"{MANY}, one at a time": partial(rate, HABITUS, n_many, "1", str(small), *paths),
        f"{MANY}, two at a time": partial(rate, HABITUS, n_many, "2", str(small), *paths),
        f"{MANY}, two processes": partial(two_processes, n_many, str(small), paths),
        "command": partial(command_seconds, capture),
    }
    if has("nfstream"):
        for name, flag in (("NFStream, with statistics", "1"), ("NFStream, without", "0")):
            contenders[name] = partial(
                rate, NFSTREAM, PACKETS, str(capture), flag, python=PEERS_PYTHON
            )
    if has("dpkt"):
        contenders["dpkt"] = partial(rate, DPKT, PACKETS, str(capture), python=PEERS_PYTHON)
    store.measure(contenders)
    # In less time than ends a flow that is silent.
    write_capture(many, 4 * CONCURRENT, CONCURRENT + CONCURRENT // 10, seconds=100)
    store.measure(
        {
            "peak, 1 M flows": partial(in_new_process, PEAK, str(many)),
            "peak, one capture": partial(in_new_process, PEAK, str(capture)),
            "peak, 10 GB": partial(piped_peak, capture),
        }
    )
    write_page("flow_speed", page(store, capture.stat().st_size, contenders), "flow_speed.py")
    for path in (capture, small, many, *copies):
        path.unlink()


def page(store: Store, n_bytes: int, contenders: dict[str, Callable[[], float]]) -> list[str]:
    """The page's lines."""
    ours = store.median("Habitus")
    rows = [
        (name, f"{store.median(name) / 1e3:,.0f}", f"{ours / store.median(name):.1f}",
         store.spread(name))
        for name in ("Habitus", *PEERS)
        if name in contenders
    ]  # fmt: skip
    one, two, apart = (
        store.median(f"{MANY}, {n}") for n in ("one at a time", "two at a time", "two processes")
    )
    return [
        "# Speed of making flows",
        "",
        f"A capture made up for this: {PACKETS / 1e6:.0f} M packets of {FLOWS:,} flows, "
        f"{n_bytes / 1e6:.0f} MB (`benchmarks/made_capture.py`). Every contender in turn, each in "
        f"a new process, one core; medians of {store.runs} runs. Habitus makes all of its "
        "features; compiling and importing are not in it, nor are imports of the others.",
        "",
        *table(("", "k packets/s", "times as fast", "packets/s, smallest and largest"), rows),
        "",
        f"Two cores on {FILES} captures: {two / one:.2f} times as fast as one "
        f"({one / 1e6:.2f} and {two / 1e6:.2f} M packets/s); two processes of half the captures "
        f"each, which share nothing, {apart / one:.2f} times. The whole command, from its start to "
        f"the Parquet file: {store.median('command'):.2f} s.",
        "",
        "## Memory",
        "",
        *table(
            ("", "MB at the peak"),
            [
                (f"{PACKETS / 1e6:.0f} M packets", f"{store.median('peak, one capture'):,.0f}"),
                (f"the same, {LARGE_COPIES} times one after another and always later, "
                 "through a pipe",
                 f"{store.median('peak, 10 GB'):,.0f}"),
                (f"{CONCURRENT / 1e6:.0f} M flows at a time",
                 f"{store.median('peak, 1 M flows'):,.0f}"),
            ],
        ),
        "",
        f"The process alone, with its libraries, is part of that. {os.cpu_count()} processors.",
    ]  # fmt: skip


if __name__ == "__main__":
    os.chdir(ROOT)
    main()
