"""Port scans: what listens on some servers?"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from network.namespaces import SERVERS
from network.people.checks import KNOWN, knock

if TYPE_CHECKING:
    from network.actor import Actor


def _ports(actor: Actor, n: int) -> list[int]:
    """Known ports, and some at random, in any order."""
    rng = actor.rng
    ports = set(rng.sample(KNOWN, n * 2 // 3))
    while len(ports) < n:
        ports.add(rng.randint(1, 61_000))
    return rng.sample(sorted(ports), n)


def connect(actor: Actor) -> None:
    """Connect to port after port, and read what is said there."""
    servers = actor.rng.sample(SERVERS, 3)
    for port in _ports(actor, actor.rng.randint(35, 55)):
        server = actor.rng.choice(servers)
        with suppress(OSError), actor.connect(server, port) as connection:
            connection.settimeout(0.2)
            connection.recv(200)
        actor.pause(0.01, 1.0, 0.2)


def abort(actor: Actor) -> None:
    """Break off as soon as a port answers, as a scan by SYN alone does."""
    servers = actor.rng.sample(SERVERS, 3)
    for port in _ports(actor, actor.rng.randint(40, 60)):
        knock(actor, actor.rng.choice(servers), port, aborts=True)
        actor.pause(0.004, 1.0, 0.1)


def slowly(actor: Actor) -> None:
    """A port now and then, on one server or another, so that no minute looks busy."""
    rng = actor.rng
    for port in _ports(actor, rng.randint(18, 28)):
        knock(actor, rng.choice(SERVERS), port, aborts=rng.random() < 0.5)
        actor.pause(0.5, 0.8, 2.0)
