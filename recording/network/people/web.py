"""The web, as people and programs use it."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING

from network import content
from network.channel import Channel, Closed
from network.servers import web

if TYPE_CHECKING:
    from network.actor import Actor

# A server closes what was silent for too long, and a browser notices when it asks again.
GONE = (Closed, ConnectionError, TimeoutError)


def some_port(actor: Actor) -> int:
    """The port of some site or application."""
    application = actor.rng.choice(web.APPLICATION_PORTS)
    return actor.rng.choices((web.SEALED_PORT, web.PLAIN_PORT, application), (5, 3, 4))[0]


def browse(actor: Actor) -> None:
    """Read some pages of a site, each with what belongs to it, over a few connections."""
    rng = actor.rng
    server, port = actor.resolve(actor.some_host()), some_port(actor)
    channels = [actor.web(server, port)]
    # Browsers open another in case it is wanted. Often it is not.
    spare = Channel(actor.connect(server, port)) if rng.random() < 0.3 else None
    with suppress(*GONE):
        for _ in range(rng.choice((1, 1, 2, 3))):
            actor.get(channels[0], actor.some_path("page"))
            parts = rng.choices(("part", "image", "api"), (3, 3, 1), k=rng.choice((0, 1, 2, 3, 5)))
            if len(parts) > 2 and len(channels) == 1:
                channels.append(actor.web(server, port))
            for number, part in enumerate(parts):
                seen = 'If-None-Match: "1"\r\n' if rng.random() < 0.25 else ""
                actor.get(channels[number % len(channels)], actor.some_path(part), heads=seen)
            actor.pause(2.0, 0.8, 8.0)
    if rng.random() < 0.3:  # left open, until the server is tired of it
        with suppress(*GONE):
            channels[0].read(1)
    for channel in [*channels, *([spare] if spare else [])]:
        channel.sock.close()


def _visit(actor: Actor, path: str, body: bytes | None = None) -> None:
    """One request to some site, on a connection of its own."""
    server, port = actor.resolve(actor.some_host()), some_port(actor)
    with suppress(*GONE), actor.web(server, port) as channel:
        actor.get(channel, path, body=body)
        if actor.rng.random() < 0.5:
            actor.pause(1.0, 0.8, 4.0)


def fill_in(actor: Actor) -> None:
    """Read a form, fill it in, send it."""
    rng = actor.rng
    server, port = actor.resolve(actor.some_host()), some_port(actor)
    with suppress(*GONE), actor.web(server, port) as channel:
        actor.get(channel, actor.some_path("page"))
        actor.pause(1.5, 0.5, 2.8)
        actor.get(channel, actor.some_path("api"), body=content.text(rng, rng.randint(40, 1500)))
        actor.get(channel, actor.some_path("page"))


def send_picture(actor: Actor) -> None:
    """Send one or two pictures or documents."""
    rng = actor.rng
    server, port = actor.resolve(actor.some_host()), some_port(actor)
    with suppress(*GONE), actor.web(server, port) as channel:
        for _ in range(rng.choice((1, 1, 2))):
            n_bytes = content.size(rng, 35_000, 0.8, 200_000)
            actor.get(channel, actor.some_path("api"), body=content.noise(rng, n_bytes))
            actor.pause(0.6)


def download(actor: Actor) -> None:
    """Fetch something large."""
    _visit(actor, actor.some_path("download"))


def chat(actor: Actor) -> None:
    """Ask for news, which the server holds back until there are some, and say something."""
    rng = actor.rng
    server, port = actor.resolve(actor.some_host()), some_port(actor)
    with suppress(*GONE), actor.web(server, port) as channel:
        for _ in range(rng.randint(1, 4)):
            actor.get(channel, actor.some_path("wait"))
            if rng.random() < 0.5:
                body = content.text(rng, rng.randint(20, 300))
                actor.get(channel, actor.some_path("api"), body=body)


def report_status(actor: Actor) -> None:
    """Report how a machine is doing, at intervals, each time on a new connection."""
    rng = actor.rng
    server, port = actor.resolve(actor.some_host()), some_port(actor)
    every_s = rng.uniform(1.2, 3.5)
    n_bytes = content.size(rng, 350, 0.7, 3000)
    for _ in range(rng.randint(2, 6)):
        body = content.text(rng, max(20, n_bytes + rng.randint(-15, 15)))
        with suppress(*GONE), actor.web(server, port) as channel:
            actor.get(channel, "/api/status", body=body)
        time.sleep(every_s * rng.uniform(0.97, 1.03))


def look_for_updates(actor: Actor) -> None:
    """Ask whether there is something new, and fetch it if there is."""
    _visit(actor, "/api/updates")
    if actor.rng.random() < 0.3:
        _visit(actor, actor.some_path("image"))
