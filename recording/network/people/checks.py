"""Programs that look whether services are there: what a port scan hides among."""

from __future__ import annotations

import socket
import struct
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from network.namespaces import SERVERS
from network.servers import web

if TYPE_CHECKING:
    from network.actor import Actor

SERVED = (21, 22, 53, web.PLAIN_PORT, web.SEALED_PORT, *web.APPLICATION_PORTS)
# Of services as one finds them in other places.
NOT_SERVED = (
    23, 25, 110, 139, 143, 389, 445, 631, 873, 1433, 2049, 2222, 3306, 3389, 5432, 5900, 6379, 9100,
)  # fmt: skip
KNOWN = SERVED + NOT_SERVED


def knock(actor: Actor, server: str, port: int, *, aborts: bool) -> bool:
    """Whether somebody listens; ``aborts`` says how what was opened is closed, by RST or by FIN."""
    try:
        connection = actor.connect(server, port)
    except ConnectionRefusedError:
        return False
    with connection:
        if aborts:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    return True


def watch(actor: Actor) -> None:
    """A load balancer or a monitor: are the services there that ought to be?"""
    rng = actor.rng
    places = [(rng.choice(SERVERS), rng.choice(SERVED)) for _ in range(rng.randint(1, 4))]
    aborts = rng.random() < 0.5
    every_s = rng.uniform(0.8, 2.5)
    for _ in range(rng.randint(1, 3)):
        for server, port in places:
            knock(actor, server, port, aborts=aborts)
        time.sleep(every_s)


def take_stock(actor: Actor) -> None:
    """An inventory: which of some services run on a machine? It reads what they say at once."""
    rng = actor.rng
    server = rng.choice(SERVERS)
    for port in rng.sample(KNOWN, rng.randint(3, 9)):
        if rng.random() < 0.5:
            knock(actor, server, port, aborts=False)
        else:
            with suppress(OSError), actor.connect(server, port) as connection:
                connection.settimeout(0.3)
                connection.recv(200)
        actor.pause(0.12, 1.0, 1.5)


def call_in_vain(actor: Actor) -> None:
    """A program whose service has moved: it tries, waits longer each time, and gives up."""
    rng = actor.rng
    server = actor.resolve(actor.some_host())
    port = rng.choice(NOT_SERVED)
    wait_s = rng.uniform(0.2, 1.0)
    for _ in range(rng.randint(1, 4)):
        knock(actor, server, port, aborts=False)
        time.sleep(wait_s)
        wait_s *= 2
