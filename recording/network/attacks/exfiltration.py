"""Carrying an archive out, and calling home."""

from __future__ import annotations

import base64
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from network import content, messages
from network.people.files import FileSession
from network.people.web import GONE, some_port
from network.servers.names import TUNNEL

if TYPE_CHECKING:
    from network.actor import Actor

LABEL_CHARACTERS = 63


def by_names(actor: Actor) -> None:
    """In the names that are asked for, piece by piece; the answers confirm each."""
    rng = actor.rng
    n_bytes = rng.choice((60, 85, 110))
    pause_s = rng.choice((0.03, 0.15, 0.4))
    for number in range(rng.randint(40, 65)):
        coded = base64.b32encode(content.noise(rng, n_bytes)).decode("ascii").rstrip("=").lower()
        labels = [
            coded[at : at + LABEL_CHARACTERS] for at in range(0, len(coded), LABEL_CHARACTERS)
        ]
        kind = messages.TXT if rng.random() < 0.8 else messages.A
        actor.ask((".".join([*labels, f"{number:x}", TUNNEL]), kind))
        actor.pause(pause_s, 0.5, 1.5)


def by_web(actor: Actor) -> None:
    """As requests that carry a piece each, to a site like any other."""
    rng = actor.rng
    server, port = actor.resolve(actor.some_host()), some_port(actor)
    n_bytes = rng.randint(12_000, 40_000)
    for number in range(rng.randint(7, 12)):
        piece = content.noise(rng, n_bytes + rng.randint(-200, 200))
        with suppress(*GONE), actor.web(server, port) as channel:
            actor.get(channel, f"/api/part-{number}", body=piece)
        actor.pause(0.7, 0.5, 3.0)


def by_files(actor: Actor) -> None:
    """As files stored on the file service, in parts of one size."""
    rng = actor.rng
    session = FileSession(actor, actor.resolve("files.harbour.example"))
    n_bytes = rng.randint(30_000, 80_000)
    for number in range(rng.randint(4, 7)):
        session.put(f"part-{number}.zip", content.noise(rng, n_bytes))
        actor.pause(0.4, 0.5, 2.0)
    session.close()


def call_home(actor: Actor) -> None:
    """Ask at intervals, a little irregular, whether there is something to do."""
    rng = actor.rng
    server, port = actor.resolve(actor.some_host()), some_port(actor)
    every_s = rng.uniform(1.0, 2.0)
    for _ in range(rng.randint(7, 11)):
        body = content.noise(rng, rng.randint(90, 140))
        with suppress(*GONE), actor.web(server, port) as channel:
            actor.get(channel, "/api/news", body=body)
        time.sleep(every_s * rng.uniform(0.8, 1.2))
