"""A file service as FTP is: commands on one connection, each file on a connection of its own."""

from __future__ import annotations

import random
import socket
from typing import TYPE_CHECKING

from network import content
from network.channel import Channel
from network.servers import listen, work

if TYPE_CHECKING:
    from collections.abc import Callable

PORT = 21
# Everywhere above the ports of root: a high port is no sign of anything.
DATA_PORTS = (1025, 60_999)
PATIENCE_S = 30.0


def start(name: str) -> None:
    """Listen."""

    def serve(connection: socket.socket, rng: random.Random) -> None:
        connection.settimeout(PATIENCE_S)
        channel = Channel(connection)
        channel.send(b"220 harbour files\r\n")
        door: socket.socket | None = None
        while True:
            command, _, argument = channel.line().partition(" ")
            work(rng, 1.0)
            if command == "PASV":
                door = _open_door(connection.getsockname()[0], rng)
                address, port = door.getsockname()
                place = f"{address.replace('.', ',')},{port >> 8},{port & 255}"
                channel.send(f"227 Entering Passive Mode ({place})\r\n".encode())
            elif command in _TRANSFERS and door is not None:
                with door:
                    _transfer(channel, door, _TRANSFERS[command], argument)
                door = None
            else:
                channel.send(_SAID.get(command, "200 ok").encode() + b"\r\n")
            if command == "QUIT":
                return

    listen(PORT, name, serve)


_SAID = {
    "USER": "331 password?",
    "PASS": "230 welcome",
    "CWD": "250 there",
    "SIZE": "213 4711",
    "QUIT": "221 goodbye",
}


def _open_door(address: str, rng: random.Random) -> socket.socket:
    """Wait on a free port of the address."""
    while True:
        try:
            door = socket.create_server((address, rng.randint(*DATA_PORTS)), backlog=1)
        except OSError:
            continue
        door.settimeout(PATIENCE_S)
        return door


def _transfer(
    channel: Channel,
    door: socket.socket,
    move: Callable[[Channel, str], None],
    path: str,
) -> None:
    channel.send(b"150 here it comes\r\n")
    connection, _ = door.accept()
    connection.settimeout(PATIENCE_S)
    with Channel(connection) as data:
        move(data, path)
    channel.send(b"226 done\r\n")


def _give(data: Channel, path: str) -> None:
    """Send a file; how large it is and what it is like follows from its name."""
    own = random.Random(path)
    make = content.text if path.endswith((".txt", ".log", ".csv")) else content.noise
    data.send(make(own, content.size(own, 25_000, 1.1, 300_000)))


def _list(data: Channel, path: str) -> None:
    own = random.Random(path)
    names = (f"{content.word(own)}-{own.randint(1, 999)}" for _ in range(own.randint(3, 40)))
    lines = (f"-rw-r--r-- 1 ada ada {own.randint(100, 10**6):>9} {name}.dat" for name in names)
    data.send("\r\n".join(lines).encode() + b"\r\n")


def _take(data: Channel, path: str) -> None:  # noqa: ARG001 - what is stored is forgotten
    data.rest()


_TRANSFERS = {"RETR": _give, "LIST": _list, "STOR": _take}
