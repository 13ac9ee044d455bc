"""The recorded web service: a notice board. DELIBERATELY VULNERABLE, for recordings only.

It listens on 127.0.0.1 alone. Three of its endpoints have the holes that such services often
have, and ordinary requests use the same three endpoints as well:

* ``/files`` joins a name from the request to a folder unchecked (path traversal),
* ``/calendar`` puts a date from the request into a shell command (command injection),
* ``/preview`` evaluates the expressions of a template from the request (template injection).
"""

# Here os does: pathlib would only add the calls of its import to every recording.
# ruff: noqa: PTH104, PTH118, PTH119, PTH122, PTH123, PTH208

from __future__ import annotations

import html
import json
import os
import re
import signal
import socketserver
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
EXPRESSION = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)

Query = dict[str, str]


def render(template: str, context: dict[str, object]) -> str:
    """Fill in ``{{ expression }}``. The hole: an expression may be any Python at all."""
    return EXPRESSION.sub(lambda found: str(eval(found[1].strip(), {}, context)), template)


class Handler(BaseHTTPRequestHandler):
    """One connection, which may carry several requests."""

    protocol_version = "HTTP/1.1"
    timeout = 10

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        pages: dict[str, Callable[[Query], None]] = {
            "/": self.front_page,
            "/api/status": self.status,
            "/api/stock": self.stock,
            "/notes": self.notes,
            "/files": self.files,
            "/calendar": self.calendar,
            "/export": self.export,
        }
        if parts.path.startswith("/static/"):
            self.guarded(lambda _: self.static(parts.path), query)
        elif parts.path in pages:
            self.guarded(pages[parts.path], query)
        else:
            self.send_error(404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
        if self.path == "/notes":
            self.guarded(self.add_note, {n: v[0] for n, v in parse_qs(body).items()})
        elif self.path == "/preview":
            self.guarded(lambda _: self.reply(render(body, {"user": "guest", "count": 3})), {})
        else:
            self.send_error(404)

    def guarded(self, page: Callable[[Query], None], query: Query) -> None:
        """Answer a request; what it asks for wrongly is the client's fault."""
        try:
            page(query)
        except (KeyError, ValueError):
            self.send_error(400)
        except OSError:
            self.send_error(404)

    def reply(self, body: str | bytes, kind: str = "text/html", status: int = 200) -> None:
        content = body.encode() if isinstance(body, str) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def front_page(self, query: Query) -> None:
        with open("templates/index.html", encoding="utf-8") as file:
            template = file.read()
        name = html.escape(query.get("name", "guest"))
        self.reply(render(template, {"user": name, "count": len(os.listdir("notes"))}))

    def static(self, path: str) -> None:
        name = os.path.basename(path)
        with open(os.path.join("static", name), "rb") as file:
            self.reply(file.read(), TYPES.get(os.path.splitext(name)[1], "text/plain"))

    def status(self, _: Query) -> None:
        load = os.getloadavg()[0]
        self.reply(json.dumps({"up": True, "time": time.time(), "load": load}), "text/json")

    def stock(self, query: Query) -> None:
        import sqlite3  # here, so that a service that is not asked for it starts faster

        database = sqlite3.connect("stock.db")
        try:
            rows = database.execute(
                "SELECT name, amount FROM stock WHERE amount >= ? ORDER BY name LIMIT 20",
                (int(query["least"]),),
            ).fetchall()
        finally:
            database.close()
        self.reply(json.dumps(rows), "text/json")

    def notes(self, query: Query) -> None:
        names = sorted(name for name in os.listdir("notes") if name.endswith(".txt"))
        texts = []
        for name in names[-int(query.get("last", "3")) :]:
            with open(os.path.join("notes", name), encoding="utf-8") as file:
                texts.append(html.escape(file.read()))
        self.reply("<hr>".join(texts))

    def add_note(self, form: Query) -> None:
        path = os.path.join("notes", f"{time.time_ns()}.txt")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(f"{form['author']}: {form['text']}\n")
        os.rename(path + ".new", path)
        self.reply("thank you", status=201)

    def files(self, query: Query) -> None:
        """Show a document or list a folder. The hole: nothing keeps ``..`` out."""
        if "name" in query:
            with open(os.path.join("files", query["name"]), "rb") as file:
                self.reply(file.read(), "text/plain")
            return
        with os.scandir(os.path.join("files", query["folder"])) as entries:
            lines = [f"{entry.name} {entry.stat().st_size}" for entry in entries]
        self.reply("\n".join(sorted(lines)), "text/plain")

    def calendar(self, query: Query) -> None:
        """Tell a day of the week. The hole: the shell reads whatever ``when`` holds."""
        import subprocess

        command = f"date -u -d '{query['when']}' +%A"
        done = subprocess.run(command, shell=True, capture_output=True, check=False)
        self.reply(done.stdout, "text/plain", 200 if done.stdout else 400)

    def export(self, query: Query) -> None:
        """Send a document compressed, by a helper program (and without a shell)."""
        import subprocess

        path = os.path.join("files", os.path.basename(query["name"]))
        done = subprocess.run(["/usr/bin/gzip", "-c", path], capture_output=True, check=False)
        if done.returncode:
            raise FileNotFoundError(path)
        self.reply(done.stdout, "application/gzip")


class Service(ThreadingHTTPServer):
    """The server; a thread for each connection."""

    def server_bind(self) -> None:
        # HTTPServer would ask the resolver for this machine's name here.
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "localhost", self.server_address[1]


def stop(_signal: int, _frame: object) -> None:
    raise SystemExit(0)


def main() -> None:
    signal.signal(signal.SIGTERM, stop)
    with Service(("127.0.0.1", 0), Handler) as service:
        print(f"ready {service.server_port} {os.getpid()}", flush=True)
        service.serve_forever()


if __name__ == "__main__":
    main()
