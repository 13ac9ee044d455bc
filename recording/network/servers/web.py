"""A web server (HTTP/1.1): pages, what belongs to them, downloads, uploads, answers of programs.

On 443 it speaks sealed, elsewhere plainly: on 80 and on the ports of applications, of which there
are many, so that a port is no sign of anything. How large a thing is follows from its path.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING

from network import content
from network.channel import Channel, Sealed
from network.servers import listen, work

if TYPE_CHECKING:
    import socket

PLAIN_PORT, SEALED_PORT = 80, 443
APPLICATION_PORTS = (
    1080, 1883, 2375, 3000, 3128, 4443, 5000, 5601, 5672, 5985, 6443, 7001, 8000, 8009, 8080, 8081,
    8443, 8883, 8888, 9000, 9090, 9092, 9200, 9418, 10000, 15672,
)  # fmt: skip
HELLO_BYTES = (700, 3600)
KEEP_ALIVE_S = (3.0, 9.0)
# Median size, spread, largest, and how long it takes to make it (ms).
KINDS = {
    "page": (6_000, 0.8, 40_000, 15.0),
    "part": (5_000, 1.1, 60_000, 0.8),
    "image": (9_000, 1.0, 90_000, 0.8),
    "api": (260, 1.0, 6_000, 6.0),
    "download": (90_000, 0.7, 400_000, 3.0),
}
SEEN_BEFORE, MISSING = "304 Not Modified", "404 Not Found"


def start(name: str) -> None:
    """Listen on all ports of the web."""

    def serve_plain(connection: socket.socket, rng: random.Random) -> None:
        connection.settimeout(rng.uniform(*KEEP_ALIVE_S))
        _serve(Channel(connection), rng)

    def serve_sealed(connection: socket.socket, rng: random.Random) -> None:
        connection.settimeout(rng.uniform(*KEEP_ALIVE_S))
        channel = Sealed(connection, rng)
        channel.answer(rng.randint(*HELLO_BYTES))
        _serve(channel, rng)

    for port in (PLAIN_PORT, *APPLICATION_PORTS):
        listen(port, name, serve_plain)
    listen(SEALED_PORT, name, serve_sealed)


def _serve(channel: Channel, rng: random.Random) -> None:
    """Answer one request after another until the client leaves, or is silent for too long."""
    while True:
        method, path, _ = channel.line().split(" ")
        heads = {}
        while line := channel.line():
            head, _, value = line.partition(": ")
            heads[head] = value
        channel.read(int(heads.get("Content-Length", "0")))
        kind = path.split("/")[1]
        if kind == "wait":  # held back until there is news
            time.sleep(rng.uniform(1.0, 6.0))
        median, spread, most, work_ms = KINDS.get(kind, KINDS["api"])
        work(rng, work_ms)
        status = "200 OK" if kind in KINDS or kind == "wait" else MISSING
        if "If-None-Match" in heads:
            status = SEEN_BEFORE
        own = random.Random(path)
        n_bytes = content.size(own, median, spread, most)
        if status == SEEN_BEFORE:
            n_bytes = 0
        elif status == MISSING or method == "POST":
            n_bytes = min(n_bytes, 180)
        _reply(channel, status, kind, n_bytes, own)
        if heads.get("Connection") == "close":
            return


def _reply(channel: Channel, status: str, kind: str, n_bytes: int, own: random.Random) -> None:
    if isinstance(channel, Sealed):
        body = bytes(n_bytes)
    elif kind in {"image", "download"}:
        body = content.noise(own, n_bytes)
    else:
        body = content.text(own, n_bytes)
    heads = (
        f"HTTP/1.1 {status}\r\nServer: harbour\r\nContent-Type: application/{kind}\r\n"
        f"Cache-Control: max-age=600\r\nContent-Length: {n_bytes}\r\n\r\n"
    )
    channel.send(heads.encode() + body)
