"""Asking a web server: http and https alone, in bounded time, with errors a person understands."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPException, responses
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit, urlunsplit

from habitus.errors import DataHomeError, UsageError
from habitus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import requests

CONNECT_SECONDS, SILENCE_SECONDS = 20.0, 60.0
MIN_BYTES_PER_MINUTE = 1 << 16
"""A server that sends less keeps us busy for ever."""
MAX_REDIRECTS = 10
MAX_PAGE_BYTES = 1 << 18
_BLOCK_BYTES = 1 << 18


class CutOff(DataHomeError):
    """An answer that ended early: asking for the rest may help."""


@dataclass(frozen=True)
class Answer:
    """A server's answer.

    Attributes:
        address: who gave it, after all redirects.
    """

    address: str
    response: requests.Response

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status_code

    def header(self, name: str) -> str:
        """A header's value; empty if there is none."""
        return self.response.headers.get(name, "")

    def number(self, name: str) -> int | None:
        """A header's value as a number; None if it is none."""
        text = self.header(name).strip()
        return int(text) if re.fullmatch(r"[0-9]{1,18}", text, re.ASCII) else None

    def refuse(self) -> DataHomeError:
        """The error that says that this status was not wanted."""
        what = responses.get(self.status, "unknown to HTTP")
        return DataHomeError(f"the server answers {self.status} ({what})")

    def blocks(self) -> Iterator[bytes]:
        """The content as it is sent, never decompressed: a .gz may be told as an encoding.

        Whoever knows how much there should be compares: a connection that ends is no error here.

        Raises:
            CutOff: if the connection breaks, or its content comes too slowly.
        """
        self.response.raw.enforce_content_length = False
        since, received = time.monotonic(), 0
        while True:
            with _told(CutOff):
                block = self.response.raw.read1(_BLOCK_BYTES, decode_content=False)
            if not block:
                return
            yield block
            received += len(block)
            if time.monotonic() - since > 60:
                if received < MIN_BYTES_PER_MINUTE:
                    raise CutOff(f"the server sent only {received:,} bytes in a minute")
                since, received = time.monotonic(), 0


@contextmanager
def ask(address: str, headers: Mapping[str, str] | None = None) -> Iterator[Answer]:
    """Get an address, following redirects to http and https, never from https back to http.

    Proxies are taken from the environment (``https_proxy``, ``no_proxy``).

    Raises:
        DataHomeError: if nobody answers, or a redirect leads elsewhere.
    """
    with _told(DataHomeError):
        import requests

    wanted = {
        "User-Agent": f"habitus/{__version__}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",  # lengths and ranges are those of the file
        **(headers or {}),
    }
    with requests.Session() as session:
        for _ in range(MAX_REDIRECTS + 1):
            with _told(DataHomeError):
                response = session.get(
                    address, headers=wanted, stream=True, allow_redirects=False,
                    timeout=(CONNECT_SECONDS, SILENCE_SECONDS),
                )  # fmt: skip
            with response:
                with _told(DataHomeError):
                    target = session.get_redirect_target(response)
                if target is None:
                    yield Answer(address, response)
                    return
                address = _redirected(address, target)
    raise DataHomeError(f"more than {MAX_REDIRECTS} redirects, one to the next")


def page(address: str) -> tuple[bytes, str]:
    """A page of at most `MAX_PAGE_BYTES`, and its address after all redirects.

    Raises:
        DataHomeError: if it cannot be had, or is larger.
    """
    with ask(address) as answer:
        if answer.status != 200:
            raise answer.refuse()
        if answer.header("Content-Encoding").strip().lower() not in {"", "identity"}:
            raise DataHomeError("the server sends its page compressed, which it was asked not to")
        content = b""
        for block in answer.blocks():
            content += block
            if len(content) > MAX_PAGE_BYTES:
                raise DataHomeError(f"the page has more than {MAX_PAGE_BYTES >> 10} KiB")
        if answer.number("Content-Length") not in {None, len(content)}:
            raise DataHomeError("the connection ended before the page did")
        return content, answer.address


def refuse_bad_address(address: str, option: str) -> None:
    """Check an address that a user gave.

    Raises:
        UsageError: if it is none of http or https.
    """
    try:
        parts = urlsplit(address)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(
            f"{option}: an address that begins with http:// or https:// is wanted, not {address!r}"
        )


def shown(address: str) -> str:
    """An address without the password that may stand in it."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return address
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _redirected(address: str, target: str) -> str:
    """Where a redirect leads, if it may."""
    with _told(DataHomeError):
        target = urljoin(address, target)
        before, after = urlsplit(address).scheme, urlsplit(target).scheme
    if after not in {"http", "https"}:
        raise DataHomeError(f"redirected to {shown(target)}: only http and https are followed")
    if before == "https" and after == "http":
        raise DataHomeError(
            f"redirected from https to {shown(target)}, which anybody on the way could answer"
        )
    return target


@contextmanager
def _told(kind: type[DataHomeError]) -> Iterator[None]:
    """Turn whatever a connection may raise into an error of ours that says why."""
    import requests
    from urllib3.exceptions import HTTPError, ReadTimeoutError

    what = "the connection broke" if kind is CutOff else "no connection"
    try:
        yield
    except (requests.exceptions.Timeout, ReadTimeoutError) as error:
        raise kind("nobody answers in time") from error
    except requests.exceptions.SSLError as error:
        raise kind(f"no trusted connection: {_reason(error)}") from error
    except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as error:
        raise kind(f"{what}: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    """What the innermost of the errors wrapped into one another says."""
    for _ in range(10):
        inner = getattr(error, "reason", None) or error.__cause__ or error.__context__
        if not isinstance(inner, BaseException):
            break
        error = inner
    return (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
