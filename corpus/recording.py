"""One recording: one run of one variant, its traces and what is told of them."""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from corpus.calls import CallsOf
from corpus.inputs import make_inputs
from corpus.sandbox import start
from habitus import Label, TraceInfo, TraceSet, write_native
from habitus.storage import atomic_write

if TYPE_CHECKING:
    from corpus.scenarios import Variant

MAX_CALLS = 400_000
"""Of a whole recording; then it is stopped."""
LINGER_S = 3.0
"""How long what a scenario leaves running goes on behind its end."""
RECORDER = 2
"""Raised when the same scenario would be recorded otherwise."""


class RecordingError(RuntimeError):
    """A recording that did not come about; it is tried again the next time."""


@dataclass(frozen=True)
class Told:
    """What a manifest tells of a recording.

    Attributes:
        stopped: why it was stopped: ``time``, ``calls``, ``linger`` (something it started went on
            behind its end), or empty where it came to its own end.
        status: exit code of the shell, of the kill where it was stopped.
        beyond: calls that traces made behind the longest that is kept.
        not_kept: processes and threads behind the most that are kept.
        sha256: of the traces' names and calls.
        paths: what was started; left out of the manifest.
    """

    family: str
    scenario: str
    variant: int
    run: int
    definition: str
    recorder: int
    seconds: float
    stopped: str
    status: int
    calls: int
    traces: int
    beyond: int
    not_kept: int
    sha256: str
    programs: tuple[str, ...]
    paths: tuple[str, ...]


def part_of(parts: Path, variant: Variant, run: int) -> Path:
    """Where a recording is told of once it is finished; its traces lie beside."""
    return parts / f"{variant.key}.{run:02}.json"


def is_done(part: Path, variant: Variant) -> bool:
    """Whether the scenario was recorded as it is now."""
    try:
        told = json.loads(part.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return bool(told["definition"] == variant.definition and told["recorder"] == RECORDER)


def record(variant: Variant, run: int, parts: Path, inputs: Path) -> Told:
    """Record one run; its two files appear whole, the one that tells of it last.

    Raises:
        RecordingError: if the scenario could not even be started.
    """
    with tempfile.TemporaryDirectory(prefix="habitus-corpus-") as folder:
        began = time.monotonic()
        collected, stopped, status, said = _play(variant, run, Path(folder), inputs)
        seconds = time.monotonic() - began
    if not collected.n_calls:
        reason = said.decode("utf-8", "replace").strip() or f"its set-up failed ({status})"
        raise RecordingError(f"{variant.key}.{run:02}: nothing was recorded: {reason}")
    kept, traces = collected.kept, _traces(variant, run, collected)
    part = part_of(parts, variant, run)
    told = Told(
        variant.family, variant.scenario, variant.number, run, variant.definition, RECORDER,
        round(seconds, 2), stopped, status, traces.n_calls, traces.n_traces,
        sum(trace.beyond for trace in collected.traces), collected.not_kept, digest_of(traces),
        tuple(sorted({trace.name for trace in kept})),
        tuple(sorted(collected.paths)),
    )  # fmt: skip
    write_native(part.with_suffix(".habitus"), [traces])
    with atomic_write(part) as file:
        file.write(json.dumps(asdict(told)).encode())
    # For whoever writes scenarios; no part of the corpus.
    part.with_suffix(".said").write_bytes(said)
    return told


def _play(
    variant: Variant, run: int, folder: Path, inputs: Path
) -> tuple[CallsOf, str, int, bytes]:
    pipe = folder / "calls"
    os.mkfifo(pipe)
    pipe.chmod(0o666)
    folder.chmod(0o755)
    collected, stopped = CallsOf(), ""
    # Open for both, so that the end is told by the process and not by a writer's first coming.
    reader = os.open(pipe, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    with (folder / "said").open("w+b") as said:
        process = start(
            folder, inputs_of(inputs, run), variant.shell_of(run), variant.setup, variant.run, run,
            said.fileno(),
        )  # fmt: skip
        try:
            played_s, linger_s, then = 0.0, 0.0, time.monotonic()
            while True:
                ready, _, _ = select.select([reader], [], [], 0.05)
                if ready:
                    collected.feed(os.read(reader, 1 << 20))
                elif process.poll() is not None:
                    break
                # A recorder that was stopped for a while must not end a scenario for it.
                now = time.monotonic()
                step_s, then = min(now - then, 1.0), now
                played_s += step_s
                linger_s += step_s * collected.root_ended
                if played_s > variant.seconds:
                    stopped = "time"
                elif collected.n_calls > MAX_CALLS:
                    stopped = "calls"
                elif linger_s > LINGER_S:
                    stopped = "linger"
                if stopped:
                    break
        finally:
            process.kill()
            status = process.wait()
            os.close(reader)
        said.seek(0)
        return collected, stopped, status, said.read(2_000)


def inputs_of(inputs: Path, run: int) -> Path:
    """The files of a run, made where they are not yet."""
    folder = inputs / f"{run:02}"
    if not folder.exists():
        making = Path(tempfile.mkdtemp(dir=inputs))
        make_inputs(making, run)
        making.chmod(0o755)
        try:
            making.rename(folder)
        except OSError:  # another worker was quicker
            shutil.rmtree(making)
    return folder


def _traces(variant: Variant, run: int, collected: CallsOf) -> TraceSet:
    kept = collected.kept
    place = f"{variant.group}/{variant.number:02}-{run:02}"
    infos = tuple(
        TraceInfo(
            f"{place}/{number:04}-{trace.name}",
            "corpus", Label.NORMAL, group=variant.group,
        )
        for number, trace in enumerate(kept, 1)
    )  # fmt: skip
    calls = np.array([call for trace in kept for call in trace.calls], dtype=np.uint16)
    offsets = np.cumsum([0, *(len(trace.calls) for trace in kept)], dtype=np.int64)
    alphabet = tuple(name.decode("ascii") for name in collected.alphabet)
    return TraceSet(calls, offsets, alphabet, infos)


def digest_of(traces: TraceSet) -> str:
    """SHA-256 of the traces' names and sequences, whatever file they lie in."""
    digest = hashlib.sha256()
    for name, sequence in zip(traces.names, traces.sequence_digests(), strict=True):
        digest.update(name.encode() + b"\0" + bytes(sequence))
    return digest.hexdigest()
