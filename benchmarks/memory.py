"""How much memory a strace file of 2 GB takes to score, and one a tenth its size."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from common import WORK, Store, write_table

from habitus.datasets.source import demo_path

SIZES = {"0.2 GB": 200_000_000, "2 GB": 2_000_000_000}


def recordings() -> Iterator[bytes]:
    """The shipped recordings' text, run after run."""
    with tarfile.open(demo_path()) as archive:
        for member in archive.getmembers():
            file = archive.extractfile(member)
            if file is not None:
                yield file.read()


def strace_file(path: Path, n_bytes: int) -> int:
    """Write the shipped recordings over and over until the file is large enough; its lines."""
    text = b"".join(recordings())
    n_lines = 0
    with path.open("wb") as file:
        while file.tell() < n_bytes:
            file.write(text)
            n_lines += text.count(b"\n")
    return n_lines


def detecting(model: Path, file: Path, results: dict[str, float]) -> Callable[[], float]:
    """A ``habitus detect`` process; gives its peak memory in MB, and keeps its seconds."""

    def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            records = str(Path(folder, "alerts.jsonl"))
            call = [sys.executable, "-m", "habitus", "detect", str(model), str(file), "-o", records]
            process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            _, status, usage = os.wait4(process.pid, 0)
        if os.waitstatus_to_exitcode(status) not in {0, 1}:
            sys.exit(f"detect ended with {os.waitstatus_to_exitcode(status)}")
        results[file.name] = usage.ru_utime + usage.ru_stime
        return usage.ru_maxrss / 1000

    return run


def main() -> None:
    """Measure, and write the table."""
    store = Store("memory")
    WORK.mkdir(exist_ok=True)
    model = WORK / "models" / "demo"
    train = ["train", "ngram", "--data", "demo", "-o", str(model)]
    subprocess.run([sys.executable, "-m", "habitus", *train], check=True, capture_output=True)
    rows = [("strace file", "lines", "peak memory, MB", "min to max", "processor seconds", "MB/s")]
    for label, n_bytes in SIZES.items():
        path = WORK / "long.strace"
        n_lines = strace_file(path, n_bytes)
        seconds: dict[str, float] = {}
        run = detecting(model, path, seconds)
        store.measure({f"MB {label}": run})
        store.measure({f"seconds {label}": lambda run=run, s=seconds: (run(), s["long.strace"])[1]})  # type: ignore[misc]
        megabytes, took = store.median(f"MB {label}"), store.median(f"seconds {label}")
        size = path.stat().st_size
        rows.append(
            (
                label, f"{n_lines:,}", f"{megabytes:.0f}", store.spread(f"MB {label}"),
                f"{took:.1f}", f"{size / took / 1e6:.0f}",
            )
        )  # fmt: skip
        path.unlink()
    write_table(
        "memory",
        "Memory of scoring a long recording",
        "`habitus detect` with an n-gram model (order 12) on one strace file, the shipped "
        "recordings over and over, many threads in it; alerts with explanations included. A "
        "process's peak resident memory, Python and libraries included.",
        rows,
        "memory.py",
    )


if __name__ == "__main__":
    main()
