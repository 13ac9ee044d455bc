"""Questions to the name server besides those that go before a visit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from network import content, messages
from network.namespaces import CLIENTS, SERVERS

if TYPE_CHECKING:
    from network.actor import Actor


def look_up(actor: Actor) -> None:
    """The names on a page, looked up ahead by the browser; some are mistyped."""
    rng = actor.rng
    for _ in range(rng.randint(1, 5)):
        name = actor.some_host() if rng.random() < 0.9 else f"{content.word(rng)}.test"
        actor.resolve(name)


def look_up_sender(actor: Actor) -> None:
    """What a mail server asks about who sends: exchangers, and long texts of policies and keys."""
    rng = actor.rng
    zone = f"{content.word(rng)}.example"
    actor.ask((zone, messages.MX))
    actor.ask((zone, messages.TXT))
    if rng.random() < 0.7:
        actor.ask((f"{content.word(rng)}{rng.randint(1, 9)}._domainkey.{zone}", messages.TXT))


def look_up_reputation(actor: Actor) -> None:
    """What a scanner for malware asks: names made of digests, answered by an address or none."""
    rng = actor.rng
    for _ in range(rng.randint(2, 9)):
        digest = content.noise(rng, rng.choice((16, 20, 28))).hex()
        tail = f".{content.noise(rng, 16).hex()}" if rng.random() < 0.35 else ""
        actor.ask((f"{digest}{tail}.files.avscan.example", rng.choice((messages.A, messages.TXT))))
        actor.pause(0.08, 1.0, 1.0)


def look_up_backwards(actor: Actor) -> None:
    """The names of addresses in a log."""
    rng = actor.rng
    for address in rng.sample(SERVERS + CLIENTS, rng.randint(1, 6)):
        actor.ask((".".join(reversed(address.split("."))) + ".in-addr.arpa", messages.PTR))
