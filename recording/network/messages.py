"""Questions and answers of the name service (RFC 1035), as far as they are needed here."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

A, CNAME, PTR, MX, TXT, AAAA = 1, 5, 12, 15, 16, 28
NO_SUCH_NAME = 3
MAX_UDP_BYTES = 512
_HEAD = struct.Struct(">HHHHHH")
_ASKED, _ANSWERED, _TRUNCATED = 0x0100, 0x8180, 0x0200
# The name that was asked for stands right after the head.
_SAME_NAME = b"\xc0\x0c"


@dataclass(frozen=True)
class Question:
    """What is asked, and the number that its answer must bear."""

    number: int
    name: str
    kind: int

    def packed(self) -> bytes:
        """The message."""
        head = _HEAD.pack(self.number, _ASKED, 1, 0, 0, 0)
        return head + _name(self.name) + struct.pack(">HH", self.kind, 1)


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        is_truncated: whether it has to be asked for over TCP.
        address: of the first answer that is one, else None.
    """

    is_truncated: bool
    address: str | None


def read_question(message: bytes) -> Question:
    """A question from its message."""
    number = _HEAD.unpack_from(message)[0]
    labels, at = [], _HEAD.size
    while length := message[at]:
        labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
        at += 1 + length
    return Question(number, ".".join(labels), struct.unpack_from(">H", message, at + 1)[0])


def answer(
    question: Question, records: list[tuple[int, bytes]], *, code: int = 0, is_udp: bool = True
) -> bytes:
    """The message that answers with records (kind, data); over UDP without them if too long."""
    asked = question.packed()[_HEAD.size :]
    told = b"".join(
        _SAME_NAME + struct.pack(">HHIH", kind, 1, 300, len(data)) + data for kind, data in records
    )
    flags, n = _ANSWERED | code, len(records)
    if is_udp and _HEAD.size + len(asked) + len(told) > MAX_UDP_BYTES:
        flags, n, told = flags | _TRUNCATED, 0, b""
    return _HEAD.pack(question.number, flags, 1, n, 0, 0) + asked + told


def read_answer(message: bytes, question: Question) -> Answer:
    """An answer from its message, which repeats the question."""
    _, flags, _, n, _, _ = _HEAD.unpack_from(message)
    at = len(question.packed())
    address = None
    for _ in range(n):
        kind, _, _, length = struct.unpack_from(">HHIH", message, at + 2)
        data = message[at + 12 : at + 12 + length]
        if kind == A and address is None:
            address = socket.inet_ntoa(data)
        at += 12 + length
    return Answer(bool(flags & _TRUNCATED), address)


def packed_name(name: str) -> bytes:
    """A name as the data of a record."""
    return _name(name)


def packed_text(content: bytes) -> bytes:
    """The data of a TXT record: pieces of at most 255 bytes."""
    pieces = [content[at : at + 255] for at in range(0, len(content), 255)]
    return b"".join(bytes([len(piece)]) + piece for piece in pieces)


def _name(name: str) -> bytes:
    labels = [label.encode("ascii") for label in name.split(".")]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
