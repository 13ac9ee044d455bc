"""The truth: who opened which flow, when and why, written down before its first packet."""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import asdict, dataclass
from typing import IO

TCP, UDP = 6, 17
NORMAL, ATTACK = "normal", "attack"
PATIENCE_S = 20.0

Key = tuple[int, str, int, str, int]


@dataclass(frozen=True)
class Flow:
    """A flow as the one who opened it knows it.

    Attributes:
        protocol: number of the IP protocol.
        opened_ns: since 1970, just before its first packet.
        activity: what it is a part of.
    """

    protocol: int
    client: str
    client_port: int
    server: str
    server_port: int
    opened_ns: int
    label: str
    activity: str

    @property
    def key(self) -> Key:
        """What no two flows of a capture share."""
        return self.protocol, self.client, self.client_port, self.server, self.server_port


class Book:
    """All flows of a run; any thread may open some."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flows: dict[Key, Flow] = {}

    def open(
        self, kind: socket.SocketKind, client: str, server: tuple[str, int], label: str,
        activity: str,
    ) -> socket.socket:  # fmt: skip
        """A socket of the address ``client``, on which nothing was sent yet, and its entry.

        A port that the kernel gives out again for the same server is given back: a name for a flow
        (Community ID) stands for one flow of a capture.
        """
        protocol = TCP if kind == socket.SOCK_STREAM else UDP
        declined = []
        try:
            while True:
                opened = socket.socket(socket.AF_INET, kind)
                opened.bind((client, 0))
                port = opened.getsockname()[1]
                flow = Flow(protocol, client, port, *server, time.time_ns(), label, activity)
                with self._lock:
                    if flow.key not in self._flows:
                        self._flows[flow.key] = flow
                        break
                declined.append(opened)
        finally:
            for useless in declined:
                useless.close()
        opened.settimeout(PATIENCE_S)
        return opened

    def write(self, file: IO[bytes]) -> None:
        """Write all entries down, a JSON object a line."""
        with self._lock:
            flows = list(self._flows.values())
        file.writelines(json.dumps(asdict(flow)).encode() + b"\n" for flow in flows)
        file.flush()


def read_book(file: IO[bytes]) -> list[Flow]:
    """The entries that were written into a file."""
    file.seek(0)
    return [Flow(**json.loads(line)) for line in file]
