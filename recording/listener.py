"""Listeners on 127.0.0.1 for what the workloads and the intrusions connect to."""

from __future__ import annotations

import queue
import re
import socket
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from tracing import RecordingError

if TYPE_CHECKING:
    import random
    from types import TracebackType

TALK_TIMEOUT_S = 20.0
RECEIVE_LIMIT = 1 << 20
PROMPT = re.compile(rb"[$#] \Z")

Talk = Callable[[socket.socket], bytes]


class Listener:
    """Accept connections on a free loopback port and hold the same talk with each."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._heard: queue.Queue[bytes] = queue.Queue()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Closing a socket does not wake a thread that waits in accept(); a shutdown does.
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(TALK_TIMEOUT_S)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(TALK_TIMEOUT_S)
                try:
                    self._heard.put(self._talk(connection))
                except OSError as broken:
                    self._heard.put(f"talk broken off: {broken}".encode())

    def expect(self, wanted: bytes) -> None:
        """Wait for one finished talk, in which ``wanted`` must have been heard."""
        try:
            heard = self._heard.get(timeout=TALK_TIMEOUT_S)
        except queue.Empty:
            raise RecordingError("nothing connected to the listener") from None
        if wanted not in heard:
            raise RecordingError(f"the listener heard {heard[:200]!r}, not {wanted!r}")


def receive(connection: socket.socket) -> bytes:
    """Take in all that the other side sends until it closes."""
    heard = b""
    while len(heard) < RECEIVE_LIMIT and (chunk := connection.recv(65536)):
        heard += chunk
    return heard


def answer(reply: bytes) -> Talk:
    """A talk of one line in and ``reply`` out."""

    def talk(connection: socket.socket) -> bytes:
        heard = connection.recv(65536)
        connection.sendall(reply)
        return heard

    return talk


def command(commands: list[str], rng: random.Random) -> Talk:
    """The other end of a reverse shell: type each command at the prompt, then leave."""
    pauses = [rng.uniform(0.02, 0.2) for _ in commands]

    def talk(connection: socket.socket) -> bytes:
        heard = b""
        for pause, typed in zip(pauses, commands, strict=True):
            while not PROMPT.search(heard):
                if not (chunk := connection.recv(65536)):
                    return heard
                heard += chunk
            time.sleep(pause)
            connection.sendall(typed.encode() + b"\n")
            heard += b"\n"  # what was typed is not echoed; do not match the old prompt again
        connection.sendall(b"exit\n")
        return heard + receive(connection)

    return talk
