"""A login service as SSH is: banners, an exchange of keys, a login, then a shell or one command."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from network import content
from network.channel import Sealed
from network.servers import listen, work

if TYPE_CHECKING:
    import random
    import socket

PORT = 22
BANNER = b"SSH-2.0-Harbour_1.0\r\n"
HELLO_BYTES = (1080, 450)
TRIES = 3
PASSWORDS = {"ada": "correct-horse", "grace": "battery-staple", "linus": "harbour2024", "root": "-"}
WRONG_TAKES_S = (0.15, 0.45)


def start(name: str) -> None:
    """Listen."""

    def serve(connection: socket.socket, rng: random.Random) -> None:
        connection.settimeout(60.0)
        channel = Sealed(connection, rng)
        work(rng, 3.0)
        channel.plain.send(BANNER)
        channel.plain.line()
        channel.answer(*HELLO_BYTES)
        if _is_let_in(channel, rng):
            _serve(channel, rng)

    listen(PORT, name, serve)


def _is_let_in(channel: Sealed, rng: random.Random) -> bool:
    for _ in range(TRIES):
        user, _, password = channel.line().partition(" ")
        work(rng, 8.0)
        if PASSWORDS.get(user) == password:
            channel.send(b"in\n")
            return True
        time.sleep(rng.uniform(*WRONG_TAKES_S))
        channel.send(b"no\n")
    return False


def _serve(channel: Sealed, rng: random.Random) -> None:
    """Do what is asked for: ``run``, ``get N``, ``put N``, or keep a ``shell``."""
    what, _, n_bytes = channel.line().partition(" ")
    if what == "run":
        work(rng, 40.0, 1.0)
        channel.send(bytes(int(n_bytes)))
    elif what == "get":
        channel.send(bytes(int(n_bytes)))
    elif what == "put":
        channel.read(int(n_bytes))
        channel.send(b"ok\n")
    else:
        _keep_shell(channel, rng)


def _keep_shell(channel: Sealed, rng: random.Random) -> None:
    """Echo every key; after a line, say what the command says."""
    channel.send(content.text(rng, 400) + b"$ ")
    typed = b""
    while True:
        key = channel.read(1)
        work(rng, 0.5)
        if key != b"\n":
            typed += key
            channel.send(key)
            continue
        if typed == b"exit":
            return
        work(rng, 15.0, 1.2)
        channel.send(bytes(content.size(rng, 220, 1.3, 12_000)) + b"\n$ ")
        typed = b""
