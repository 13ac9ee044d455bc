"""The file service, as people and programs use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from network import content
from network.channel import Channel
from network.servers import files

if TYPE_CHECKING:
    from collections.abc import Iterator

    from network.actor import Actor

ENDINGS = ("txt", "log", "csv", "zip", "jpg", "pdf")


class FileSession:
    """A session with the file service."""

    def __init__(self, actor: Actor, server: str, user: str = "ada") -> None:
        self._actor = actor
        self._server = server
        self._control = Channel(actor.connect(server, files.PORT))
        self._control.line()
        for command in (f"USER {user}", "PASS tide", "TYPE I"):
            self._say(command)

    def _say(self, command: str) -> str:
        self._control.send(f"{command}\r\n".encode())
        return self._control.line()

    def _open(self, command: str) -> Channel:
        """Ask for a connection and for what is to go over it."""
        place = self._say("PASV").partition("(")[2].rstrip(")").split(",")
        port = int(place[4]) << 8 | int(place[5])
        self._control.send(f"{command}\r\n".encode())
        data = Channel(self._actor.connect(self._server, port))
        self._control.line()
        return data

    def get(self, command: str) -> None:
        """Fetch a file (``RETR name``) or a list (``LIST name``)."""
        with self._open(command) as data:
            data.rest()
        self._control.line()

    def put(self, name: str, body: bytes) -> None:
        """Store a file."""
        with self._open(f"STOR {name}") as data:
            data.send(body)
        self._control.line()

    def close(self) -> None:
        """Say goodbye."""
        self._say("QUIT")
        self._control.sock.close()


def _names(actor: Actor, n: int) -> Iterator[str]:
    rng = actor.rng
    for _ in range(n):
        yield f"{content.word(rng)}-{rng.randint(1, 60)}.{rng.choice(ENDINGS)}"


def fetch(actor: Actor) -> None:
    """Look around and fetch a few files."""
    session = FileSession(actor, actor.resolve("files.harbour.example"))
    session.get(f"LIST {content.word(actor.rng)}")
    for name in _names(actor, actor.rng.choice((0, 1, 1, 2, 3))):
        actor.pause(0.8, 0.8, 5.0)
        session.get(f"RETR {name}")
    session.close()


def store(actor: Actor) -> None:
    """Store a few files."""
    rng = actor.rng
    session = FileSession(actor, actor.resolve("files.harbour.example"))
    for name in _names(actor, rng.choice((1, 1, 2, 4))):
        make = content.text if name.endswith(("txt", "log", "csv")) else content.noise
        session.put(name, make(rng, content.size(rng, 20_000, 1.2, 250_000)))
        actor.pause(0.6, 0.8, 4.0)
    session.close()


def back_up(actor: Actor) -> None:
    """Store what has changed since yesterday: some small files and a large archive."""
    rng = actor.rng
    session = FileSession(actor, actor.resolve("files.harbour.example"), "backup")
    for name in _names(actor, rng.randint(2, 6)):
        session.put(name, content.noise(rng, content.size(rng, 4_000, 1.0, 60_000)))
    session.put("rest.zip", content.noise(rng, content.size(rng, 120_000, 0.5, 300_000)))
    session.close()
