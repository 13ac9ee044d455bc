"""What only the engine of this machine promises: warm processes, few threads, no orphans."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from habitus.engines.base import MOST_REFUSALS, Ended, EngineError, Job
from habitus.engines.local import LocalEngine
from habitus.engines.machine import (
    free_memory_bytes,
    n_processors,
    own_memory_bytes,
    thread_limits,
    told_size,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def ended(engine: LocalEngine, *jobs: Job, wanted: Sequence[int] = ()) -> list[Ended]:
    """All jobs' ends, in their order; those of jobs that it has already first."""
    handles = [*wanted, *(engine.submit(job) for job in jobs)]
    found: dict[int, Ended] = {}
    until = time.monotonic() + 60
    while len(found) < len(handles):
        assert time.monotonic() < until
        found |= {event.handle: event for event in engine.wait(5) if isinstance(event, Ended)}
    return [found[handle] for handle in handles]


def job(task: str, **arguments: object) -> Job:
    return Job(task, f"engine_jobs:{task}", arguments, seconds=20)


def failing(kind: str) -> Job:
    return Job(kind, "engine_jobs:fail", {"kind": kind}, seconds=1, memory_bytes=200 << 20)


@pytest.fixture
def engine() -> LocalEngine:
    made = LocalEngine(1)
    yield made
    made.close()


def test_a_process_is_used_again_after_a_good_job_and_after_an_error_of_ours(
    engine: LocalEngine,
) -> None:
    first, error, second = ended(engine, job("add", a=1, b=2), failing("own error"),
                                 job("add", a=3, b=4))  # fmt: skip
    assert first.result["pid"] == second.result["pid"]
    assert error.failure == "this setting is not allowed"


@pytest.mark.parametrize("kind", ["bug", "allocates", "loops", "exits", "crashes", "is killed"])
def test_a_process_that_failed_is_replaced(engine: LocalEngine, kind: str) -> None:
    first, _, second = ended(engine, job("add", a=1, b=2), failing(kind), job("add", a=3, b=4))
    assert first.result["pid"] != second.result["pid"]
    assert second.result["sum"] == 7


def test_libraries_start_as_many_threads_as_they_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "64")
    engine = LocalEngine(1, threads=2)
    names = list(thread_limits(2))
    told = ended(engine, *(job("environment", name=name) for name in names))
    engine.close()
    assert [one.result for one in told] == ["2"] * len(names)


def test_there_is_a_slot_for_each_group_of_threads() -> None:
    assert LocalEngine().slots == n_processors()
    assert LocalEngine(threads=10_000).slots == 1


def test_what_is_not_asked_for_by_a_job_is_shared_by_all(engine: LocalEngine) -> None:
    assert 0 < engine.memory_bytes < free_memory_bytes()


def test_a_job_that_takes_too_much_memory_is_stopped_soon_after(engine: LocalEngine) -> None:
    (told,) = ended(engine, failing("allocates"))
    assert told.failure == "took more memory than 209.7 MB"
    assert 200 << 20 < told.peak_bytes < 1 << 30


def test_a_cancelled_job_is_heard_of_no_more(engine: LocalEngine) -> None:
    handle = engine.submit(job("sleep", seconds=60))
    waiting = engine.submit(job("sleep", seconds=60))
    engine.cancel(waiting)
    engine.cancel(handle)
    assert engine.wait(0.2) == []
    assert ended(engine, job("add", a=1, b=1))[0].result["sum"] == 2


def test_workers_end_with_whoever_started_them(tmp_path: Path) -> None:
    code = (
        f"import sys, time\nsys.path[:0] = {sys.path!r}\n"
        "from habitus.engines.base import Job\n"
        "from habitus.engines.local import LocalEngine\n"
        "engine = LocalEngine(1)\n"
        "engine.submit(Job('a', 'engine_jobs:sleep', {'seconds': 600}))\n"
        "engine.wait(2)\n"
        "print(next(iter(engine._busy.values()))._process.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert starter.stdout is not None
    pid = int(starter.stdout.readline())
    assert own_memory_bytes(pid) > 0
    starter.send_signal(signal.SIGKILL)
    starter.wait()
    starter.stdout.close()
    until = time.monotonic() + 10
    while own_memory_bytes(pid):
        assert time.monotonic() < until, "the worker outlives its starter"
        time.sleep(0.05)


def test_nothing_is_imported_from_the_folder_one_stands_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: LocalEngine
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('hostile')")
    monkeypatch.chdir(tmp_path)
    assert ended(engine, job("add", a=1, b=1))[0].result["sum"] == 2


def test_sizes_are_told_in_the_unit_that_fits() -> None:
    assert [told_size(n) for n in (12_000, 3_400_000, 5e9)] == ["12 kB", "3.4 MB", "5.0 GB"]


def test_a_worker_whose_starter_is_gone_runs_nothing() -> None:
    script = "from habitus.engines.worker import main; main(0, 1)"
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL


def preparing(**arguments: object) -> Job:
    return Job("prepared", "engine_jobs:nothing", arguments, prepare="engine_jobs:prepare")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("bug", "KeyError: 'nothing'"),
        ("own error", "this setting is not allowed"),
        ("exits at once", "its process ended with status 3"),
        ("is killed", "its process was killed by SIGKILL"),
    ],
)
def test_a_machine_that_can_begin_no_job_says_so_and_fails_none(kind: str, reason: str) -> None:
    engine = LocalEngine(2)
    try:
        for _ in range(9):
            engine.submit(preparing(kind=kind))
        with pytest.raises(EngineError, match=f"this machine .* cannot run jobs: {reason}"):
            ended(engine, job("sleep", seconds=0))
    finally:
        engine.close()


def test_what_is_under_way_is_heard_of_before_a_machine_gives_up(tmp_path: Path) -> None:
    engine = LocalEngine(2)
    try:
        slow = engine.submit(job("sleep", seconds=4))
        for _ in range(9):
            engine.submit(preparing(marks=str(tmp_path), refusals=99))
        told = ended(engine, wanted=[slow])
        assert told[0].result
        with pytest.raises(EngineError, match="nosuch is not installed"):
            ended(engine, wanted=[slow + 1])
        # After its good end the others are tried once more.
        assert MOST_REFUSALS < len(list(tmp_path.iterdir())) <= 2 * MOST_REFUSALS + 2
    finally:
        engine.close()


def test_jobs_that_are_refused_now_and_then_all_run(tmp_path: Path) -> None:
    """Each good end between them shows that the place is sound."""
    engine = LocalEngine(1)
    try:
        jobs = []
        for i in range(3):
            (tmp_path / str(i)).mkdir()
            jobs += [preparing(marks=str(tmp_path / str(i)), refusals=1), job("add", a=i, b=0)]
        told = ended(engine, *jobs)
    finally:
        engine.close()
    assert [one.result if isinstance(one.result, str) else "sum" for one in told] == [
        "done", "sum",
    ] * 3  # fmt: skip
    assert [len(one.notes) for one in told] == [1, 0] * 3


def test_a_log_that_cannot_be_opened_is_told(tmp_path: Path, engine: LocalEngine) -> None:
    with pytest.raises(EngineError, match=r"cannot be opened: Is a directory"):
        ended(engine, Job("a", "engine_jobs:nothing", log=tmp_path))
