"""Logins, by people and by scripts."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from network import content
from network.channel import Closed, Sealed
from network.namespaces import SERVERS
from network.servers import shell

if TYPE_CHECKING:
    from network.actor import Actor

BANNER = b"SSH-2.0-Client_1.0\r\n"
HELLO_BYTES = (1200, 50)
USERS = tuple(user for user in shell.PASSWORDS if user != "root")
COMMANDS = (
    "ls",
    "uptime",
    "git status",
    "df -h",
    "tail log",
    "cd work",
    "make test",
    "ps aux",
    "w",
)


def reach(actor: Actor, server: str) -> Sealed:
    """A connection on which keys were exchanged."""
    channel = Sealed(actor.connect(server, shell.PORT), actor.rng)
    channel.plain.line()
    channel.plain.send(BANNER)
    channel.call(*HELLO_BYTES)
    return channel


def log_in(channel: Sealed, user: str, password: str) -> bool:
    """Try a password."""
    channel.send(f"{user} {password}\n".encode())
    return channel.line() == "in"


def _enter(actor: Actor, *, by_hand: bool) -> Sealed | None:
    """Log in; by hand it takes time to type, and goes wrong at times."""
    rng = actor.rng
    channel = reach(actor, rng.choice(SERVERS))
    user = rng.choice(USERS)
    for _ in range(shell.TRIES):
        if by_hand:
            actor.pause(1.3, 0.4, 4.0)
        is_wrong = by_hand and rng.random() < 0.25
        password = shell.PASSWORDS[user] + ("-" if is_wrong else "")
        if log_in(channel, user, password):
            return channel
    channel.sock.close()
    return None


def use_shell(actor: Actor) -> None:
    """Type commands and read what they say."""
    rng = actor.rng
    if (channel := _enter(actor, by_hand=True)) is None:
        return
    with channel, suppress(Closed, ConnectionError):
        channel.send(b"shell\n")
        _read_prompt(channel)
        for _ in range(rng.randint(1, 5)):
            actor.pause(0.9, 0.8, 7.0)
            _type(actor, channel, rng.choice(COMMANDS))
            _read_prompt(channel)
        _type(actor, channel, "exit")
        channel.rest()


def _type(actor: Actor, channel: Sealed, line: str) -> None:
    for key in line:
        channel.send(key.encode())
        channel.read(1)
        actor.pause(0.09, 0.5, 1.0)
    channel.send(b"\n")


def _read_prompt(channel: Sealed) -> None:
    last = b""
    while last != b"$ ":
        last = (last + channel.read(1))[-2:]


def run_command(actor: Actor) -> None:
    """A script that logs in with a key and runs a command or two."""
    for _ in range(actor.rng.choice((1, 1, 2, 3))):
        channel = _enter(actor, by_hand=False)
        if channel is not None:
            with channel, suppress(Closed, ConnectionError):
                n_bytes = content.size(actor.rng, 300, 1.3, 20_000)
                channel.send(f"run {n_bytes}\n".encode())
                channel.read(n_bytes)
        actor.pause(0.5)


def copy(actor: Actor) -> None:
    """Copy a file there or back."""
    rng = actor.rng
    channel = _enter(actor, by_hand=rng.random() < 0.5)
    if channel is None:
        return
    n_bytes = content.size(rng, 50_000, 0.9, 300_000)
    with channel, suppress(Closed, ConnectionError):
        if rng.random() < 0.5:
            channel.send(f"get {n_bytes}\n".encode())
            channel.read(n_bytes)
        else:
            channel.send(f"put {n_bytes}\n".encode())
            channel.send(bytes(n_bytes))
            channel.line()


def run_with_old_password(actor: Actor) -> None:
    """A script whose password was changed: it fails, gives up, and comes again."""
    rng = actor.rng
    user, server = rng.choice(USERS), rng.choice(SERVERS)
    for _ in range(rng.randint(1, 4)):
        with reach(actor, server) as channel, suppress(Closed, ConnectionError):
            for _ in range(rng.choice((1, 1, 2, 3))):
                log_in(channel, user, "last-year")
        actor.pause(1.0, 0.4)
