"""Every engine keeps the seam's promises: results, words, and reasons for whatever ends badly."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from habitus.engines.base import Asked, Ended, Engine, Job
from habitus.engines.choosing import ENGINES, engine_of

if TYPE_CHECKING:
    from collections.abc import Iterator

JOBS = Path(__file__).parents[1] / "unit" / "engines"


@pytest.fixture(scope="module", params=ENGINES)
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    path = tmp_path_factory.mktemp("shared") / "text"
    path.write_text("known to all")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(JOBS)
        made = engine_of(request.param, 2)
        made.share("text", path)
        yield made
        made.close()


def run(engine: Engine, *jobs: Job) -> list[Ended]:
    """Run jobs and answer what they ask: twice the number that they say."""
    handles = [engine.submit(job) for job in jobs]
    found: dict[int, Ended] = {}
    until = time.monotonic() + 120
    while len(found) < len(jobs):
        assert time.monotonic() < until
        for event in engine.wait(5):
            if isinstance(event, Asked):
                engine.answer(event.handle, 2 * event.word["n"])
            else:
                found[event.handle] = event
    return [found[handle] for handle in handles]


def test_jobs_give_back_what_they_return(engine: Engine) -> None:
    jobs = [Job(f"add-{n}", "engine_jobs:add", {"a": n, "b": 1}) for n in range(5)]
    assert [told.result["sum"] for told in run(engine, *jobs)] == [1, 2, 3, 4, 5]


def test_a_job_asks_and_is_answered(engine: Engine) -> None:
    jobs = [Job("ask", "engine_jobs:ask", {"times": n}) for n in (3, 2)]
    assert [told.result for told in run(engine, *jobs)] == [[0, 2, 4], [0, 2]]


def test_a_job_reads_what_is_shared(engine: Engine) -> None:
    assert run(engine, Job("read", "engine_jobs:read", {"name": "text"}))[0].result == (
        "known to all"
    )


def test_jobs_run_side_by_side(engine: Engine) -> None:
    run(engine, *(Job("warm", "engine_jobs:sleep", {"seconds": 0.5}) for _ in range(2)))
    told = run(engine, *(Job("sleep", "engine_jobs:sleep", {"seconds": 1.5}) for _ in range(2)))
    (one, *first), (other, *second) = (ended.result for ended in told)
    assert one != other
    assert max(first[0], second[0]) < min(first[1], second[1]), "one began when the other had ended"


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("own error", "this setting is not allowed"),
        ("bug", "KeyError"),
        ("exits", "status 1|died|exit"),
        ("crashes", "SIGSEGV|died"),
        ("is killed", "SIGKILL|died"),
        ("loops", "took longer than 2 s"),
        ("allocates", "took more memory than"),
    ],
)
def test_whatever_ends_badly_is_one_failed_job_with_its_reason(
    engine: Engine, kind: str, reason: str
) -> None:
    seconds = 2 if kind == "loops" else 60  # a machine may be too busy to do wrong in two
    bad = Job(kind, "engine_jobs:fail", {"kind": kind}, seconds=seconds, memory_bytes=300 << 20)
    good = Job("add", "engine_jobs:add", {"a": 1, "b": 1})
    failed, *others = run(engine, bad, good, good)
    assert failed.result is None
    assert re.search(reason, failed.failure), failed.failure
    assert [told.result["sum"] for told in others] == [2, 2]


def test_a_full_disk_is_told_by_its_number(engine: Engine) -> None:
    (told,) = run(engine, Job("full", "engine_jobs:fail", {"kind": "full disk"}))
    assert told.error_number == 28
    assert "No space left on device" in told.failure


def test_what_a_job_prints_goes_into_its_log(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    run(engine, Job("add", "engine_jobs:add", {"a": 41, "b": 1}, log=log))
    assert "adding 41" in log.read_text()


@pytest.mark.parametrize("task", ["prepare", "refuse"])
def test_a_job_that_a_place_refuses_gets_other_turns_and_says_so(
    engine: Engine, task: str, tmp_path: Path
) -> None:
    """Whether its preparation fails or the job finds later that a library is missing."""
    arguments = {"marks": str(tmp_path), "refusals": 2}
    job = (
        Job("refused", "engine_jobs:nothing", arguments, prepare="engine_jobs:prepare")
        if task == "prepare"
        else Job("refused", "engine_jobs:refuse", arguments)
    )
    told, other = run(engine, job, Job("add", "engine_jobs:add", {"a": 1, "b": 1}))
    assert told.result is not None
    assert not told.failure
    assert len(told.notes) == 2
    assert all("at first: nosuch is not installed" in note for note in told.notes)
    assert other.result["sum"] == 2


def test_what_warms_a_process_is_no_time_of_the_job_s(engine: Engine) -> None:
    """Nor of its limit; but no warming goes on for ever."""
    told, failed = run(
        engine,
        *(
            Job("warm", "engine_jobs:nothing", {"seconds": n}, warm="engine_jobs:warm", seconds=4)
            for n in (3, 600)
        ),
    )
    assert told.result == "done"
    assert told.seconds < 2
    assert failed.failure == "took longer than 4 s"


def test_a_log_without_end_keeps_its_beginning_and_its_end(engine: Engine, tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    (told,) = run(engine, Job("prints", "engine_jobs:prints", {"lines": 400_000}, log=log))
    assert told.result == "done"
    text = log.read_text()
    assert len(text) < 10_100_000
    assert text.startswith("the beginning\nline 0 ")
    assert text.endswith("the end\n")
    begin, left_out, end = re.split(r"\n\[(\d+) bytes are left out here\]\n", text)
    lines = sum(
        len(f"line {n} of very many lines that say nothing at all\n") for n in range(400_000)
    )
    assert len(begin) + int(left_out) + len(end) == lines + len("the beginning\nthe end\n")
