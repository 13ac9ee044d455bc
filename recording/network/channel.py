"""Streams over a connection: plain, and sealed as an encrypted one looks."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Self

from network.content import NOISE, POOL_BYTES, cut, noise

if TYPE_CHECKING:
    import random
    import socket
    from types import TracebackType

HEAD = struct.Struct(">BHH")
SECRET = 23
MAX_RECORD = 1 << 14
BLOCK, TAG = 16, 16
# Few keys: what begins alike under the same key looks alike, and costs the archive nothing.
KEYS = 16


class Closed(Exception):
    """The other side has closed the connection."""


class Channel:
    """A plain stream."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._held = bytearray()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.sock.close()

    def send(self, content: bytes) -> None:
        """Send all of it."""
        self.sock.sendall(content)

    def read(self, n_bytes: int) -> bytes:
        """So many bytes.

        Raises:
            Closed: if fewer come.
        """
        while len(self._held) < n_bytes:
            self._held += self._more()
        content = bytes(self._held[:n_bytes])
        del self._held[:n_bytes]
        return content

    def line(self) -> str:
        """A line, without its end."""
        while (end := self._held.find(b"\n")) < 0:
            self._held += self._more()
        return self.read(end + 1).decode("ascii").rstrip("\r\n")

    def rest(self) -> int:
        """Read to the end; how many bytes there were."""
        n_bytes = len(self._held)
        self._held.clear()
        while chunk := self.sock.recv(1 << 16):
            n_bytes += len(chunk)
        return n_bytes

    def _more(self) -> bytes:
        if not (chunk := self.sock.recv(1 << 16)):
            raise Closed
        return chunk


class Sealed(Channel):
    """A stream of records: a head in the clear, then what looks like noise, padded, with a tag.

    It hides nothing: both sides cut the same keystream from a public pool. What is sent as zeros is
    that pool, which is how large answers are sent.
    """

    def __init__(self, sock: socket.socket, rng: random.Random) -> None:
        super().__init__(sock)
        self._rng = rng
        self._wire = Channel(sock)
        self._key = 0

    @property
    def plain(self) -> Channel:
        """The stream below, for what is said before keys are exchanged."""
        return self._wire

    def call(self, *hello_bytes: int) -> None:
        """Exchange keys as the one who began: send a hello, take an answer to each."""
        self._key = self._rng.randrange(KEYS)
        for n_bytes in hello_bytes:
            self._hello(n_bytes)
            self._take()

    def answer(self, *hello_bytes: int) -> None:
        """Exchange keys as the other side."""
        for n_bytes in hello_bytes:
            self._key = self._take()[0]
            self._hello(n_bytes)

    def send(self, content: bytes) -> None:
        """Seal and send."""
        records = [content[at : at + MAX_RECORD] for at in range(0, len(content), MAX_RECORD)]
        sealed = []
        for record in records:
            padded = record + bytes(-len(record) % BLOCK)
            body = self._masked(padded) + noise(self._rng, TAG)
            sealed.append(HEAD.pack(SECRET, len(body), len(record)) + body)
        self._wire.send(b"".join(sealed))

    def _more(self) -> bytes:
        n_bytes, body = self._record()
        return self._masked(body[:-TAG])[:n_bytes]

    def _hello(self, n_bytes: int) -> None:
        body = bytes([self._key]) + noise(self._rng, n_bytes)
        self._wire.send(HEAD.pack(SECRET - 1, len(body), len(body)) + body)

    def _take(self) -> bytes:
        return self._record()[1]

    def _record(self) -> tuple[int, bytes]:
        _, n_body, n_bytes = HEAD.unpack(self._wire.read(HEAD.size))
        return n_bytes, self._wire.read(n_body)

    def _masked(self, content: bytes) -> bytes:
        stream = cut(NOISE, self._key * (POOL_BYTES // KEYS), len(content))
        mask = int.from_bytes(stream, "big") ^ int.from_bytes(content, "big")
        return mask.to_bytes(len(content), "big")
