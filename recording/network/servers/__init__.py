"""The services, all of them on every address of the servers' side."""

from __future__ import annotations

import random
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count

from network.channel import Channel, Closed

Serve = Callable[[Channel, random.Random], None]
BACKLOG = 128


def listen(port: int, name: str, serve: Callable[[socket.socket, random.Random], None]) -> None:
    """Serve every connection to a port in a thread of its own, with random numbers of its own."""
    door = socket.create_server(("0.0.0.0", port), backlog=BACKLOG)

    def talk(connection: socket.socket, rng: random.Random) -> None:
        # Those that only look whether somebody is there break off, and so do people.
        with connection, suppress(OSError, Closed):
            serve(connection, rng)

    def accept(numbers: Iterator[int]) -> None:
        while True:
            connection, _ = door.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            rng = random.Random(f"{name}:{port}:{next(numbers)}")
            threading.Thread(target=talk, args=(connection, rng), daemon=True).start()

    threading.Thread(target=accept, args=(count(),), daemon=True).start()


def work(rng: random.Random, median_ms: float, spread: float = 0.6) -> None:
    """Take the time that a server takes for its work."""
    time.sleep(min(2.0, rng.lognormvariate(0.0, spread) * median_ms / 1e3))
