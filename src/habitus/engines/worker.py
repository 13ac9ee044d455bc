"""The process in which an engine of this machine runs jobs, one after the other.

It stays between jobs, as loading libraries takes seconds. Words go to and fro as lines of JSON over
a socket that it inherits; what jobs print goes into their logs. It ends with whoever started it.
"""

from __future__ import annotations

import ctypes
import faulthandler
import json
import os
import signal
import socket
import sys
import traceback
import warnings
from contextlib import suppress
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from habitus.errors import HabitusError, MissingLibrary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pyarrow as pa

    from habitus.engines.base import Context, Task

_OOM_SCORE = 500  # of -1000 to 1000: more is killed sooner
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of Linux's headers


class Line:
    """Words in and out, each a line of JSON."""

    def __init__(self, link: socket.socket) -> None:
        self._reader = link.makefile("rb")
        self._link = link

    def read(self) -> Any:
        """The next word.

        Raises:
            EOFError: if there will be none.
        """
        line = self._reader.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return json.loads(line)

    def write(self, word: Any) -> None:
        """Say a word."""
        self._link.sendall(json.dumps(word).encode() + b"\n")


class WorkerContext:
    """A task's context in a worker."""

    def __init__(self, line: Line, files: Mapping[str, str]) -> None:
        self._line = line
        self._files = dict(files)

    @cached_property
    def _buffers(self) -> dict[str, pa.Buffer]:
        return {}

    def shared(self, name: str) -> pa.Buffer:
        """The file's bytes, read from the disk as they are needed."""
        import pyarrow as pa

        if name not in self._buffers:
            self._buffers[name] = pa.memory_map(self._files[name]).read_buffer()
        return self._buffers[name]

    def ask(self, word: Any) -> Any:
        """Tell whoever started the worker."""
        self._line.write({"asked": word})
        return self._line.read()["answer"]


def task_of(name: str) -> Task:
    """The function that ``module:function`` names."""
    module, _, function = name.partition(":")
    found: Task = getattr(import_module(module), function)
    return found


def outcome_of(
    job: Mapping[str, Any], context: Context, begins: Callable[[], None]
) -> dict[str, Any]:
    """What a task came to, or why it failed: an error of its own, or one of anything it called.

    Args:
        job: ``task``, ``prepare``, ``warm`` and ``arguments``, as of `Job`.
        begins: called once the task's libraries are loaded and it is prepared; and again when the
            process is warm.
    """
    arguments = job["arguments"]
    try:
        task = task_of(job["task"])
        if job["prepare"] is not None:
            task_of(job["prepare"])(arguments, context)
        begins()
        if job["warm"] is not None:
            task_of(job["warm"])(arguments, context)
            begins()
        return {"result": task(arguments, context), "is_sound": True}
    except MissingLibrary as error:
        return {"failed": str(error), "is_refused": True}
    except HabitusError as error:
        return {"failed": str(error), "is_sound": True}
    except MemoryError:
        traceback.print_exc()
        return {"failed": "not enough memory"}
    except OSError as error:
        traceback.print_exc()
        where = f"{error.filename}: " if error.filename else ""
        return {"failed": f"{where}{error.strerror or error}", "error_number": error.errno}
    except Exception as error:  # noqa: BLE001 - whatever it is, it is one failed job
        traceback.print_exc()
        return {"failed": f"{type(error).__name__}: {error}"}


def main(descriptor: int, starter: int) -> None:
    """Run jobs until there are no more.

    Args:
        descriptor: of the socket to whoever started this process.
        starter: that one's process number.
    """
    _end_with(starter)
    line = Line(socket.socket(fileno=descriptor))
    context: WorkerContext | None = None
    while True:
        try:
            job = line.read()
        except EOFError:
            return
        try:
            _print_into(job["log"])
        except OSError as error:
            line.write({"failed": f"{job['log']}: cannot be opened: {error.strerror}"})
            continue
        if context is None:  # files stay the same as long as the engine does
            context = WorkerContext(line, job["shared"])
        outcome = outcome_of(job, context, lambda: line.write({"begun": True}))
        with suppress(OSError):
            sys.stdout.flush()
        line.write(outcome)


def _end_with(starter: int) -> None:
    """Be killed with the process that started this one, and before it if memory runs out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the starter hears Ctrl-C, and decides
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != starter:  # it died while this one loaded its libraries
        os.kill(os.getpid(), signal.SIGKILL)
    adjustment = Path("/proc/self/oom_score_adj")
    with suppress(OSError, ValueError):
        # Never less than the starter's own, which Ray raises to the most: else that one would go.
        if int(adjustment.read_text(encoding="ascii")) < _OOM_SCORE:
            adjustment.write_text(str(_OOM_SCORE), encoding="ascii")


def _print_into(log: str | None) -> None:
    """From here on all that is printed, by libraries and in a crash too, goes into a log."""
    with suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    with open(log or os.devnull, "ab", buffering=0) as file:  # noqa: PTH123 - no path of ours
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    faulthandler.enable()
    warnings.simplefilter("default")
