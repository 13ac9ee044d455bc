"""Ctrl-C while a network learns: the first ends training in good order, the second at once."""

from __future__ import annotations

import signal
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType


@dataclass
class StopRequest:
    """Whether someone has asked for the end."""

    asked: bool = False


@contextmanager
def stop_request() -> Iterator[StopRequest]:
    """Turn the first interrupt into a request that is heard between two updates.

    In the midst of an update weights are of no use to anyone. Outside the main thread, where no
    signal arrives, nothing changes.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler
        request.asked = True
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield request
    finally:
        signal.signal(signal.SIGINT, before)
