"""A name server: names of a made-up world, answered at once if they were asked for before."""

from __future__ import annotations

import random
import socket
import struct
import threading
from typing import TYPE_CHECKING

from network import content, messages
from network.channel import Channel
from network.namespaces import SERVERS
from network.servers import listen, work

if TYPE_CHECKING:
    from network.messages import Question

PORT = 53
# Names below it carry data out, and their answers carry data in: the other end of a tunnel.
TUNNEL = "sync.quay.example"


class _Names:
    """What the server knows, and what it has asked others for already."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._asked: set[tuple[str, int]] = set()

    def records(
        self, question: Question, rng: random.Random
    ) -> tuple[list[tuple[int, bytes]], int]:
        """The records of an answer and its code, after the time that it takes to find them."""
        asked = (question.name, question.kind)
        work(rng, 0.4 if asked in self._asked else 12.0)
        self._asked.add(asked)
        if question.name.endswith(TUNNEL):
            return [(messages.TXT, messages.packed_text(_told(question, rng)))], 0
        # What a name stands for follows from it, whoever asks.
        own = random.Random(f"{self._name}:{question.name}")
        if question.name.endswith(".test") or own.random() < 0.03:
            return [], messages.NO_SUCH_NAME
        return _records(question, own), 0


def _told(question: Question, rng: random.Random) -> bytes:
    if question.kind == messages.TXT:
        return content.noise(rng, rng.randint(30, 110)).hex().encode()
    return b"ok"


def _records(question: Question, own: random.Random) -> list[tuple[int, bytes]]:
    address = socket.inet_aton(own.choice(SERVERS))
    alias = messages.packed_name(f"{content.word(own)}-{own.randint(1, 99)}.edge.example")
    if question.kind == messages.A:
        # Large sites stand behind another name, and at several addresses.
        aliases = [(messages.CNAME, alias)] if own.random() < 0.4 else []
        more = own.sample(SERVERS, own.choice((0, 0, 1, 3)))
        return [*aliases, (messages.A, address), *((messages.A, socket.inet_aton(a)) for a in more)]
    if question.kind == messages.PTR:
        return [(messages.PTR, alias)]
    if question.kind == messages.MX:
        return [
            (
                messages.MX,
                struct.pack(">H", 10 * n) + messages.packed_name(f"mx{n}.{question.name}"),
            )
            for n in range(1, own.randint(2, 4))
        ]
    if question.kind == messages.TXT:
        return [
            (messages.TXT, messages.packed_text(content.text(own, content.size(own, 90, 0.8, 400))))
            for _ in range(own.randint(1, 5))
        ]
    return []  # of AAAA, for instance


def start(name: str) -> None:
    """Answer over UDP and TCP."""
    names = _Names(name)
    for address in SERVERS:
        door = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        door.bind((address, PORT))
        rng = random.Random(f"{name}:{address}")
        threading.Thread(target=_answer, args=(door, names, rng), daemon=True).start()

    def serve(connection: socket.socket, rng: random.Random) -> None:
        connection.settimeout(5.0)
        channel = Channel(connection)
        while True:
            (length,) = struct.unpack(">H", channel.read(2))
            question = messages.read_question(channel.read(length))
            records, code = names.records(question, rng)
            told = messages.answer(question, records, code=code, is_udp=False)
            channel.send(struct.pack(">H", len(told)) + told)

    listen(PORT, name, serve)


def _answer(door: socket.socket, names: _Names, rng: random.Random) -> None:
    """Answer questions that come to a socket, each in a thread: one that waits stops no other."""

    def answer(message: bytes, who: tuple[str, int], own: random.Random) -> None:
        question = messages.read_question(message)
        records, code = names.records(question, own)
        door.sendto(messages.answer(question, records, code=code), who)

    while True:
        message, who = door.recvfrom(4096)
        own = random.Random(rng.random())
        threading.Thread(target=answer, args=(message, who, own), daemon=True).start()
