"""`Slot`: what stands on a node of a Ray cluster for each job that it runs at once."""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from habitus.engines.base import Ended, EngineError, Job
from habitus.engines.local import LocalEngine
from habitus.engines.ray_cluster import this_node
from habitus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping

POLL_SECONDS = 5.0
KEPT_SECONDS = 7 * 86400
"""A shared file stays on a node for so long after an actor last asked for it."""


class Slot:
    """What stands on a node: an engine of one process.

    Args:
        most: slots that the driver asks for in all; a node has no more of them.
        files: their content, by name.
    """

    def __init__(self, threads: int, most: int, version: str, **files: Any) -> None:
        self._node = node = this_node()
        self._engine = LocalEngine(1, threads=threads, tries_again=False)
        # By what the node offers, and not by what its machine has: it may offer less, or more.
        slots = max(1, min(most, int(node.processors) // threads))
        self._engine.memory_bytes //= slots
        if node.memory_bytes:
            offered = int(node.memory_bytes) // slots
            self._engine.memory_bytes = min(self._engine.memory_bytes, offered)
        self._log: Path | None = None
        self._refused = ""
        self._unfit = ""
        if version != __version__:
            self._unfit = f"it has Habitus {__version__}, and the driver {version}"
            return
        try:
            for name, content in files.items():
                self._engine.share(name, _on_this_node(content))
        except (OSError, EngineError) as error:
            self._unfit = f"it cannot keep the files that jobs share: {error}"

    def ready(self) -> tuple[str, str, str]:
        """The node, its host, and why it can run no job at all; empty if it can."""
        return self._node.name, self._node.host, self._unfit

    def submit(self, job: Mapping[str, Any]) -> None:
        """Take a job; its log stays here until it ends."""
        try:
            handle, name = tempfile.mkstemp(prefix="habitus-job-", suffix=".log")
        except OSError as error:  # told when the driver asks, as whatever else ends a job
            self._refused = f"{tempfile.gettempdir()} of the node takes no log: {error.strerror}"
            return
        os.close(handle)
        self._log = Path(name)
        self._engine.submit(replace(Job(**job), log=self._log))

    def wait(self) -> tuple[list[dict[str, Any]], bytes]:
        """What the job has to say, and its log once it has ended."""
        if self._refused:
            refused = Ended(0, failure=self._refused, is_refused=True)
            self._refused = ""
            return [{"kind": Ended.__name__, **asdict(refused)}], b""
        events = self._engine.wait(POLL_SECONDS)
        told = b""
        if self._log is not None and any(isinstance(event, Ended) for event in events):
            told = self._log.read_bytes()
            self._log.unlink(missing_ok=True)
            self._log = None
        kinds = [{"kind": type(event).__name__, **asdict(event)} for event in events]
        return kinds, told

    def answer(self, word: Any) -> None:
        """Answer the one job there is."""
        for handle in self._engine.handles():
            self._engine.answer(handle, word)


def _on_this_node(content: Any) -> Path:
    """A file's content where this node's processes can map it, whoever put it there first."""
    digest = hashlib.sha256(content).hexdigest()
    folder = Path(tempfile.gettempdir()) / f"habitus-shared-{os.geteuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    info = folder.lstat()
    if info.st_uid != os.geteuid() or info.st_mode & 0o077:
        raise EngineError(f"{folder}: is not this user's alone; take it away")
    _sweep(folder)
    path = folder / digest
    if path.is_file():
        os.utime(path)
    if not path.is_file() or path.stat().st_size != len(content):
        handle, name = tempfile.mkstemp(dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    return path


def _sweep(folder: Path) -> None:
    """Take away what no job has used for long; none can tell that it was the last to need it."""
    for path in folder.iterdir():
        with suppress(OSError):  # another slot was quicker
            if time.time() - path.stat().st_mtime > KEPT_SECONDS:
                path.unlink()
