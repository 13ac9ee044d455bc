"""A web server on this machine for tests: honest by default, and as bad as a test wants it."""

from __future__ import annotations

import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    Behaviour = Callable[["Handler"], None]

DATE = "Mon, 02 Jan 2023 03:04:05 GMT"


class LocalServer:
    """Serves ``files`` by path with ranges and ETags; ``bad`` holds paths that misbehave.

    Attributes:
        asked: path, Range and If-Range of every request.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.bad: dict[str, Behaviour] = {}
        self.asked: list[tuple[str, str | None, str | None]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._server.of = self  # type: ignore[attr-defined]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]

    def __enter__(self) -> LocalServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class Handler(BaseHTTPRequestHandler):
    """One connection; what a behaviour is given."""

    protocol_version = "HTTP/1.1"
    timeout = 20

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        of: LocalServer = self.server.of  # type: ignore[attr-defined]
        self.close_connection = True
        of.asked.append((self.path, self.headers["Range"], self.headers["If-Range"]))
        with suppress(ConnectionError):  # the client had enough
            if self.path in of.bad:
                of.bad[self.path](self)
            elif self.path in of.files:
                self.give(of.files[self.path])
            else:
                self.head(404, {"Content-Length": "0"})

    def head(self, status: int, headers: dict[str, str]) -> None:
        self.send_response_only(status)
        for name, value in {"Connection": "close", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    def give(self, content: bytes, *, cut: int | None = None, etag: str = '"v1"') -> None:
        """Answer honestly, but stop after ``cut`` bytes of the content."""
        start, asked = 0, self.headers["Range"]
        if asked and self.headers["If-Range"] in {None, etag}:
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
        headers = {"ETag": etag, "Last-Modified": DATE}
        if start and start >= len(content):
            self.head(416, {"Content-Range": f"bytes */{len(content)}", "Content-Length": "0"})
            return
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        headers["Content-Length"] = str(len(content) - start)
        self.head(206 if start else 200, headers)
        self.wfile.write(content[start:cut])


def cut_at(content: bytes, cut: int, *, etag: str = '"v1"') -> Behaviour:
    """The connection ends after so many bytes of the file, whatever was asked for."""
    return lambda handler: handler.give(content, cut=cut, etag=etag)


def redirect(target: str) -> Behaviour:
    """A redirect."""
    return lambda handler: handler.head(302, {"Location": target, "Content-Length": "0"})
