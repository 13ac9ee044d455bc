"""Somebody at one of the clients: a person, a program that runs by itself, or an intruder.

All three open connections through an `Actor` alone, and it writes down what it opens.
"""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from network import content, messages
from network.channel import Channel, Sealed
from network.messages import Question
from network.namespaces import SERVERS
from network.servers import names, web

if TYPE_CHECKING:
    import random

    from network.book import Book
    from network.messages import Answer

HELLO_BYTES = (180, 560)
ZONES = ("harbour.example", "tide.example", "quay.example", "ledger.example")
HOSTS = ("www", "files", "mail", "api", "static", "shop", "news", "docs", "img", "git")


@dataclass
class Actor:
    """What somebody does, by one seed, under one name.

    Attributes:
        address: of the client.
        label: ``normal`` or ``attack``: of all that is opened.
        resolver: address of the name server that the client asks.
        activity: what is being done just now.
    """

    book: Book
    rng: random.Random
    address: str
    label: str
    resolver: str
    activity: str = ""

    def pause(self, median_s: float, spread: float = 0.6, most_s: float = 12.0) -> None:
        """Do nothing for a while (log-normal, cut off)."""
        time.sleep(min(most_s, self.rng.lognormvariate(0.0, spread) * median_s))

    def connect(self, server: str, port: int) -> socket.socket:
        """A connection of TCP.

        Raises:
            ConnectionRefusedError: if nobody listens there.
        """
        opened = self.book.open(
            socket.SOCK_STREAM, self.address, (server, port), self.label, self.activity
        )
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            opened.connect((server, port))
        except OSError:
            opened.close()
            raise
        return opened

    def web(self, server: str, port: int) -> Channel:
        """A connection to a web server."""
        connection = self.connect(server, port)
        if port != web.SEALED_PORT:
            return Channel(connection)
        channel = Sealed(connection, self.rng)
        channel.call(self.rng.randint(*HELLO_BYTES))
        return channel

    def ask(self, *questions: tuple[str, int]) -> list[Answer]:
        """Ask the name server from one port, all at once; over TCP what does not fit."""
        numbers = self.rng.sample(range(1 << 16), len(questions))
        asked = [Question(n, *question) for n, question in zip(numbers, questions, strict=True)]
        place = (self.resolver, names.PORT)
        with self.book.open(
            socket.SOCK_DGRAM, self.address, place, self.label, self.activity
        ) as door:
            door.connect(place)
            for question in asked:
                door.send(question.packed())
            told: dict[int, bytes] = {}
            while len(told) < len(asked):
                message = door.recv(4096)
                told[struct.unpack_from(">H", message)[0]] = message
        found = [messages.read_answer(told[question.number], question) for question in asked]
        return [
            self._ask_again(question) if answer.is_truncated else answer
            for question, answer in zip(asked, found, strict=True)
        ]

    def _ask_again(self, question: Question) -> Answer:
        message = question.packed()
        with Channel(self.connect(self.resolver, names.PORT)) as channel:
            channel.send(struct.pack(">H", len(message)) + message)
            (length,) = struct.unpack(">H", channel.read(2))
            return messages.read_answer(channel.read(length), question)

    def resolve(self, name: str) -> str:
        """The address of a name; any server's if the name server knows none."""
        if self.rng.random() < 0.5:  # both from one port, as the C library asks
            found = self.ask((name, messages.A), (name, messages.AAAA))[0]
        else:
            found = self.ask((name, messages.A))[0]
            if self.rng.random() < 0.5:
                self.ask((name, messages.AAAA))
        return found.address or self.rng.choice(SERVERS)

    def some_host(self) -> str:
        """A name that people have in mind."""
        return f"{self.rng.choice(HOSTS)}.{self.rng.choice(ZONES)}"

    def some_path(self, kind: str) -> str:
        """A path of the web; what it leads to is always the same."""
        return f"/{kind}/{content.word(self.rng)}-{self.rng.randint(1, 40)}"

    def get(
        self, channel: Channel, path: str, *, heads: str = "", body: bytes | None = None
    ) -> int:
        """Make a request (a POST if there is a body) and take the answer; its size in bytes."""
        method = "GET" if body is None else "POST"
        if body is not None and isinstance(channel, Sealed):
            body = bytes(len(body))  # sealed it looks the same, and the archive has it already
        if body is not None:
            heads += f"Content-Length: {len(body)}\r\n"
        request = f"{method} {path} HTTP/1.1\r\nHost: www\r\nUser-Agent: habitus\r\n{heads}\r\n"
        channel.send(request.encode() + (body or b""))
        channel.line()
        n_bytes = 0
        while line := channel.line():
            head, _, value = line.partition(": ")
            if head == "Content-Length":
                n_bytes = int(value)
        channel.read(n_bytes)
        return n_bytes
