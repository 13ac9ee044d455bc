"""Start a program under strace, end it cleanly, and check what strace wrote.

Everything a recording shares, whatever program it is of, is here: the flags, the private
place a run works in, the time window of an intrusion, and the checks a trace must pass.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

FLAGS = ("-f", "-ttt", "-T", "-s", "48")
ENDING_TIMEOUT_S = 30.0
ADDR_NO_RANDOMIZE = 0x0040000

CALL = re.compile(r"^(?P<thread>\d+) +(?P<time>\d+\.\d+) (?P<name>[a-z_0-9]+)\(")
EXITED = re.compile(r"^(?P<thread>\d+) +\d+\.\d+ \+\+\+ (?:exited with|killed by)")
NODENAME = re.compile(r'nodename="(?:[^"\\]|\\.)*"')


class RecordingError(RuntimeError):
    """A run did not go the way it has to go; nothing of it may be shipped."""


@dataclass(frozen=True)
class Run:
    """One run to record. ``attack`` is the kind of intrusion, or None in a normal run."""

    program: str
    attack: str | None
    number: int
    seed: int

    @property
    def label(self) -> str:
        return "attack" if self.attack else "normal"

    @property
    def member(self) -> str:
        """The name of the run's trace in the archive."""
        return f"{self.program}/{self.label}/{self.attack or 'run'}-{self.number:02}.strace"


@dataclass(frozen=True)
class Sandbox:
    """The private place of one run: every path a workload writes to is below ``root``.

    The paths are the same in every run, attack or not, so that no path tells the label.
    """

    root: Path

    @classmethod
    def fresh(cls, root: Path) -> Sandbox:
        if root.exists():
            shutil.rmtree(root)
        sandbox = cls(root)
        for folder in (sandbox.home, sandbox.tmp, sandbox.desk):
            folder.mkdir(parents=True)
        sandbox.plant_secrets()
        return sandbox

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def desk(self) -> Path:
        """The working directory of the traced program."""
        return self.root / "desk"

    def environment(self) -> dict[str, str]:
        """All there is in the environment: nothing of the recording machine's own."""
        return {
            "PATH": "/usr/bin:/bin",
            "HOME": str(self.home),
            "TMPDIR": str(self.tmp),
            "LANG": "C",
        }

    def plant_secrets(self) -> None:
        """Lay out what an intruder looks for. None of it opens anything anywhere."""
        ssh = self.home / ".ssh"
        ssh.mkdir(mode=0o700)
        key = ssh / "id_ed25519"
        key.write_text("NOT A KEY: made up for a recording\n" * 6)
        key.chmod(0o600)
        (ssh / "known_hosts").write_text("mirror.invalid ssh-ed25519 made-up\n")
        config = self.home / ".config"
        config.mkdir()
        (config / "credentials.env").write_text("TOKEN=made-up\nDATABASE_PASSWORD=made-up\n")


class Window:
    """The unix times between which an intrusion acted; ``with window:`` around the act."""

    def __init__(self) -> None:
        self.start_s: float | None = None
        self.end_s: float | None = None

    def __enter__(self) -> Window:
        self.start_s = time.time()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end_s = time.time()


@dataclass(frozen=True)
class Summary:
    """What is counted in a finished trace."""

    calls: int
    threads: int
    sha256: str


def require_tracing() -> None:
    """Stop with a clear message where nothing can be recorded."""
    if shutil.which("strace") is None:
        raise RecordingError("strace is not installed (Debian and Ubuntu: apt install strace)")
    probe = subprocess.run(
        ["strace", *FLAGS, "-o", os.devnull, "/bin/true"],
        capture_output=True,
        text=True,
        timeout=ENDING_TIMEOUT_S,
        check=False,
    )
    if probe.returncode != 0:
        raise RecordingError(
            "strace cannot trace a program here: ptrace seems not to be permitted. In a "
            "container, allow it with --cap-add=SYS_PTRACE.\n"
            f"strace said: {probe.stderr.strip()}"
        )


def fix_addresses() -> bool:
    """Turn address randomisation off for all programs started from here on.

    Random addresses say nothing about behaviour and do not compress: without them the archive
    is a sixth smaller. Some containers forbid it; a recording is then only larger.
    """
    return int(ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)) != -1


def use_one_processor() -> None:
    """Keep the recorder and all it starts on one processor.

    On several, threads that strace slows down contend for Python's lock at every turn, and a
    trace is half futex calls that the same program without strace would not make.
    """
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


@contextmanager
def traced(
    command: list[str],
    sandbox: Sandbox,
    trace: Path,
    stderr: int | IO[bytes] = subprocess.STDOUT,
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` under strace; on leaving, wait for its end, which must be exit code 0.

    The body has to bring the program to its end (a closed pipe, a SIGTERM to the program
    itself), so that the trace closes with an exit and not in the middle of a call.
    """
    process = subprocess.Popen(
        ["strace", *FLAGS, "-o", str(trace), *command],
        cwd=sandbox.desk,
        env=sandbox.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=stderr,
        umask=0o077,
        # A session of its own has no terminal for a spawned interactive shell to take over,
        # and one signal to the group ends strace and everything it traces.
        start_new_session=True,
    )
    try:
        yield process
        assert process.stdin is not None
        process.stdin.close()
        status = process.wait(ENDING_TIMEOUT_S)
    except subprocess.TimeoutExpired as late:
        raise RecordingError(f"{command} did not end within {ENDING_TIMEOUT_S} s") from late
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        assert process.stdout is not None
        process.stdout.close()
    if status != 0:
        raise RecordingError(f"{command} ended with exit code {status}")


def sanitise(trace: Path) -> None:
    """Replace the machine's name where strace shows it: the nodename of uname()."""
    text = trace.read_text(encoding="ascii")
    trace.write_text(NODENAME.sub('nodename="host"', text), encoding="ascii")


def summarise(trace: Path) -> Summary:
    """Count a finished trace; raise unless every thread in it came to its end."""
    content = trace.read_bytes()
    calls = 0
    threads: set[str] = set()
    ended: set[str] = set()
    for line in content.decode("ascii").splitlines():
        if match := CALL.match(line):
            calls += 1
            threads.add(match["thread"])
        elif match := EXITED.match(line):
            ended.add(match["thread"])
    if not calls:
        raise RecordingError(f"{trace} holds no calls")
    if open_ended := threads - ended:
        raise RecordingError(f"{trace} ends before its threads {sorted(open_ended)} do")
    return Summary(calls, len(threads), hashlib.sha256(content).hexdigest())
