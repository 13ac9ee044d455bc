#!/usr/bin/env python3
"""Record flows of our own making between two network namespaces: ordinary use, and attacks in it.

    python recording/record_network.py [--captures N] [--seconds S] [--at-once N] [--out DIR]

As root, or under `unshare -r`. See recording/network/README.md.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections import deque
from itertools import cycle
from pathlib import Path
from typing import IO

from network import pack, run, truth
from network.book import read_book
from network.namespaces import CLIENTS
from network.processes import Process
from network.run import Attack, Run
from tracing import RecordingError

OUTPUT = Path(__file__).resolve().parent.parent / "src" / "habitus" / "recorded" / "network"
SECONDS = 18.0
AT_ONCE = 4
# What happens in the captures; which number each gets is drawn, for a number must not tell.
NORMAL_RUNS = 8
ATTACK_RUNS = (
    ("scan-connect", "scan-slow"),
    ("guess-fast", "guess-slow"),
    ("exfiltrate-names", "exfiltrate-web", "beacon"),
    ("scan-abort", "guess-fast", "exfiltrate-names", "exfiltrate-files"),
    ("scan-slow", "guess-slow", "exfiltrate-web", "exfiltrate-files", "beacon"),
    ("scan-connect", "guess-fast", "exfiltrate-names", "beacon"),
)


def planned(n: int | None, seconds: float) -> list[Run]:
    """All runs, or the first so many of them."""
    # Intruders sit at one client after the other, so that no address stands for them.
    clients = cycle(CLIENTS)
    attacks = [tuple(Attack(kind, next(clients)) for kind in kinds) for kinds in ATTACK_RUNS]
    attacks += [()] * NORMAL_RUNS
    random.Random("order").shuffle(attacks)
    runs = [
        Run(number, seed=number, attacks=made, seconds=seconds)
        for number, made in enumerate(attacks, start=1)
    ]
    return runs[:n]


class Recording:
    """A run under way, in a process of its own; its files have no names, so that none is left."""

    def __init__(self, planned_run: Run) -> None:
        self.run = planned_run
        self._captured: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `finish` closes both
        self._book: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = Process(lambda _: run.record(planned_run, self._captured, self._book))

    def finish(self) -> pack.Recorded:
        """Wait for its end, and hold its book against its capture."""
        self._process.join()
        with self._captured as file, self._book as book:
            content = _content(file)
            seen = truth.look_at(content)
            return pack.Recorded(self.run, content, seen, truth.flows_in(seen, read_book(book)))


def _content(file: IO[bytes]) -> bytes:
    file.seek(0)
    return file.read()


def record_all(runs: list[Run], at_once: int) -> list[pack.Recorded]:
    """Record all runs, some at a time: each has a network of its own, and mostly waits."""
    waiting, going, done = deque(runs), deque[Recording](), []
    while waiting or going:
        while waiting and len(going) < at_once:
            going.append(Recording(waiting.popleft()))
            time.sleep(0.5)  # what all do as they start need not meet
        recorded = going.popleft().finish()
        done.append(recorded)
        print(
            f"[{len(done)}/{len(runs)}] {recorded.run.member}: {recorded.seen.n_packets} packets, "
            f"{len(recorded.flows)} flows",
            flush=True,
        )
    return done


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--captures", type=int, help="record only the first so many")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="length of each")
    parser.add_argument("--at-once", type=int, default=AT_ONCE, help="how many at a time")
    parser.add_argument("--out", type=Path, default=OUTPUT, help="folder for archive and manifest")
    given = parser.parse_args()
    if min(given.at_once, given.seconds, given.captures or 1) <= 0:
        parser.error("--captures, --seconds and --at-once must be above 0")
    return given


def main() -> int:
    given = arguments()
    try:
        pack.write(record_all(planned(given.captures, given.seconds), given.at_once), given.out)
    except RecordingError as error:
        print(f"record: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("record: stopped", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
