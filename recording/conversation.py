"""Talk line by line with a traced program over its standard input and output.

A traced shell gets one command at a time, as a build agent gives them, and the recorder waits
for each to be done. So it knows the time at which every step began and ended.
"""

from __future__ import annotations

import os
import re
import select
import time
from typing import TYPE_CHECKING

from tracing import RecordingError

if TYPE_CHECKING:
    import subprocess

REPLY_TIMEOUT_S = 60.0
DONE = re.compile(rb"^::(\d+)$")


class Conversation:
    """Send lines, and read what comes back up to a line ``::STATUS``."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._input = process.stdin
        self._output = process.stdout.fileno()
        self._pending = b""

    def shell(self, command: str, status: int = 0) -> str:
        """Have a shell run ``command``; it must end with ``status``."""
        return self.ask(f"{command}\necho ::$?", status)

    def ask(self, lines: str, status: int = 0) -> str:
        """Send lines of which the last makes the program answer ``::STATUS``."""
        self._input.write(lines.encode() + b"\n")
        self._input.flush()
        return self.reply(status, lines)

    def reply(self, status: int = 0, asked: str = "its start") -> str:
        """Everything said up to the next ``::STATUS`` line."""
        deadline = time.monotonic() + REPLY_TIMEOUT_S
        said: list[bytes] = []
        while not (done := DONE.match(line := self.line(deadline))):
            said.append(line)
        text = b"\n".join(said).decode(errors="replace")
        if int(done[1]) != status:
            raise RecordingError(f"status {int(done[1])}, not {status}, after: {asked}\n{text}")
        return text

    def line(self, deadline: float) -> bytes:
        """The next line of output, waited for until ``deadline`` (monotonic)."""
        while b"\n" not in self._pending:
            left = max(0.0, deadline - time.monotonic())
            if not select.select([self._output], [], [], left)[0]:
                raise RecordingError(f"no answer in time; so far: {self._pending!r}")
            chunk = os.read(self._output, 65536)
            if not chunk:
                raise RecordingError("the traced program ended in the middle of a conversation")
            self._pending += chunk
        line, self._pending = self._pending.split(b"\n", 1)
        return line
