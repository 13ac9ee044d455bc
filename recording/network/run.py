"""One run: the network, the servers, the capture, and the people, for as long as it lasts."""

from __future__ import annotations

import random
import threading
import time
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, NamedTuple

from network.actor import Actor
from network.attacks import ATTACKS
from network.book import ATTACK, NORMAL, Book
from network.capture import capture
from network.namespaces import (
    CLIENTS,
    CLIENTS_LINK,
    SERVERS,
    SERVERS_LINK,
    join,
    leave_network,
    set_up,
)
from network.people import MACHINES, PEOPLE
from network.processes import Line, Process
from network.servers import files, names, shell, web

if TYPE_CHECKING:
    from collections.abc import Callable

    from network.people import Activity

# In every run, whether it is attacked or not, besides a person at each client.
N_MACHINES = 4


class Attack(NamedTuple):
    """What is done to a run, and the client at which the intruder sits."""

    name: str
    client: str


@dataclass(frozen=True)
class Run:
    """One capture.

    Attributes:
        number: from 1, in an order that tells nothing; what happens in it follows from the seed.
        attacks: what is done in it, and at which client; nothing in a normal run.
        seconds: how long it lasts.
    """

    number: int
    seed: int
    attacks: tuple[Attack, ...]
    seconds: float

    @property
    def member(self) -> str:
        """The name of its capture in the archive."""
        return f"capture-{self.number:02}.pcap"


def record(run: Run, captured: IO[bytes], book: IO[bytes]) -> None:
    """Record a run: its packets and what is known of its flows. It leaves this process's network.

    Raises:
        RecordingError: if a process of it fails, or a packet is lost.
    """
    leave_network()
    people = Process(lambda line: _people(run, book, line))
    people.line.wait()
    join(people.pid)
    set_up(SERVERS_LINK)
    serving = Process(lambda line: _serve(run, line))
    serving.line.wait()
    capturing = Process(lambda line: capture(SERVERS_LINK, captured, line))
    capturing.line.wait()
    people.line.tell()
    people.line.wait(run.seconds + 30.0)
    # The capture ends in the midst of things, as captures do.
    capturing.line.tell()
    capturing.join()
    people.line.tell()
    people.join()
    serving.line.tell()
    serving.join()


def _serve(run: Run, line: Line) -> None:
    for service in (web, names, shell, files):
        service.start(f"{run.seed}:{service.__name__}")
    line.tell()
    line.wait(run.seconds + 60.0)


def _people(run: Run, file: IO[bytes], line: Line) -> None:
    leave_network()
    line.tell()
    line.wait()
    set_up(CLIENTS_LINK)
    book = Book()
    for work in _plan(run, book):
        threading.Thread(target=work, daemon=True).start()
    time.sleep(run.seconds)
    line.tell()
    line.wait()
    book.write(file)


def _plan(run: Run, book: Book) -> list[Callable[[], None]]:
    """What everybody does, each in a thread of its own."""
    rng = random.Random(f"run:{run.seed}")
    resolvers = rng.sample(SERVERS, 2)

    def actor(name: str, address: str, label: str = NORMAL) -> Actor:
        own = random.Random(f"{run.seed}:{name}")
        return Actor(book, own, address, label, rng.choice(resolvers))

    plan: list[Callable[[], None]] = [
        partial(_live, actor(f"person of {client}", client), PEOPLE) for client in CLIENTS
    ]
    plan += [
        partial(_live, actor(f"machine {number}", rng.choice(CLIENTS)), MACHINES)
        for number in range(N_MACHINES)
    ]
    # People at an intruder's client go on with their work. An attack needs some time to the end.
    for number, attack in enumerate(run.attacks):
        intruder = actor(f"intruder {number}", attack.client, ATTACK)
        start_s = run.seconds * rng.uniform(0.05, 0.7)
        plan.append(partial(_attack, intruder, attack.name, start_s))
    return plan


def _live(actor: Actor, habits: dict[Activity, int]) -> None:
    """One activity after another, with pauses, for ever."""
    actor.pause(1.0, 0.8)
    while True:
        activity = actor.rng.choices(list(habits), list(habits.values()))[0]
        actor.activity = activity.__name__.replace("_", "-")
        activity(actor)
        actor.pause(2.5, 0.9, 9.0)


def _attack(actor: Actor, attack: str, start_s: float) -> None:
    time.sleep(start_s)
    actor.activity = attack
    ATTACKS[attack](actor)
