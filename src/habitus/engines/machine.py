"""What this machine has: processors, and memory that is free."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from habitus.engines import control_groups

_OWN = {"RssAnon:", "RssShmem:", "VmSwap:"}


def n_processors() -> int:
    """Processors that this process may use: by its affinity, and by its control groups' share."""
    n = len(os.sched_getaffinity(0))
    share = control_groups.processors()
    return n if share is None else min(n, max(1, int(share)))


def free_memory_bytes() -> int:
    """Memory that can be had without swapping: the system's, or what the control groups leave."""
    free = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    with suppress(OSError, ValueError, IndexError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        told = next(line for line in lines if line.startswith("MemAvailable:"))
        free = int(told.split()[1]) * 1024
    left = control_groups.memory_left_bytes()
    return free if left is None else min(free, left)


def own_memory_bytes(pid: int | str) -> int:
    """Memory that a process holds for itself: what it wrote, not files that it shares with others.

    What was swapped out counts, too.

    0 if there is no such process any more.
    """
    with suppress(OSError, ValueError, IndexError):
        status = Path(f"/proc/{pid}/status").read_text()
        lines = [line.split() for line in status.splitlines()]
        return sum(int(line[1]) * 1024 for line in lines if line[0] in _OWN)
    return 0


def thread_limits(n: int) -> dict[str, str]:
    """The environment in which every library that starts threads starts so many."""
    names = (
        "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS",
        "POLARS_MAX_THREADS", "ARROW_DEFAULT_NUM_THREADS",
    )  # fmt: skip
    return dict.fromkeys(names, str(n))


def told_size(n_bytes: float) -> str:
    """A number of bytes for people.

    >>> told_size(2_000_000_000)
    '2.0 GB'
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}"
    return f"{n_bytes / 1e3:.0f} kB"
