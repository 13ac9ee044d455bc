"""Guessing passwords of the login service."""

from __future__ import annotations

from contextlib import suppress
from itertools import islice, product
from typing import TYPE_CHECKING

from network.channel import Closed
from network.namespaces import SERVERS
from network.people.shell import log_in, reach
from network.servers.shell import PASSWORDS, TRIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from network.actor import Actor

GUESSED = ("harbour", "password", "welcome", "letmein", "tide", "admin", "qwerty", "summer")
TAILS = ("", "1", "123", "!", "2023", "2024")


def _guesses(actor: Actor, n: int) -> Iterator[tuple[str, str]]:
    """Users and passwords; one of them is right (``linus``, ``harbour2024``), if its turn comes."""
    passwords = [head + tail for head, tail in product(GUESSED, TAILS)]
    actor.rng.shuffle(passwords)
    return islice(((user, word) for word in passwords for user in PASSWORDS), n)


def _guess(actor: Actor, n: int, tries: int, pause_s: float) -> None:
    servers = actor.rng.sample(SERVERS, 3)
    left = _guesses(actor, n * tries)
    for _ in range(n):
        with reach(actor, actor.rng.choice(servers)) as channel, suppress(Closed, ConnectionError):
            for user, password in islice(left, tries):
                if log_in(channel, user, password):
                    # Found. A look around, and out.
                    channel.send(b"run 600\n")
                    channel.read(600)
                    return
        actor.pause(pause_s, 0.5)


def fast(actor: Actor) -> None:
    """As many as the service takes, one connection after the other."""
    _guess(actor, actor.rng.randint(14, 22), actor.rng.randint(1, TRIES), 0.03)


def slowly(actor: Actor) -> None:
    """One try a connection, and a pause."""
    _guess(actor, actor.rng.randint(8, 12), 1, 1.0)
