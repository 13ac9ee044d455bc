"""The driver: hostile trials, the ledger, pruning, batches, and going on after any end."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from search_data import plan

import habitus
from habitus.engines.base import Ended, EngineError, Event, Job
from habitus.engines.local import LocalEngine
from habitus.errors import InputError, UsageError
from habitus.progress import SILENT
from habitus.search.distributions import importance, proposed
from habitus.search.driver import Driver, TrialWork
from habitus.search.ledger import JOURNAL, Record, cut_torn_line
from habitus.search.results import read_result, result_of
from habitus.search.run_folder import Run, RunFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from habitus.search.ledger import Ledger
    from habitus.search.plan import SearchPlan
    from habitus.search.results import SearchResult

HOSTILE = """
detector = "stide"
method = "grid"
[space]
n = [1, 2, 3, 4, 5, 6, 7, 9]
[limits]
seconds = 2.0
memory = "200 MB"
"""
RANDOM = """
detector = "stide"
method = "random"
trials = 9
[space]
n = { low = 1, high = 60 }
"""


class Here:
    """An engine that works in this process, in the order or against the order of its jobs."""

    slots = 3

    def __init__(self, work: Callable[[Job], Ended], *, backwards: bool = False) -> None:
        self._work, self._backwards = work, backwards
        self._jobs: list[tuple[int, Job]] = []
        self.done: list[Job] = []

    def share(self, name: str, path: Path) -> None: ...

    def submit(self, job: Job) -> int:
        self._jobs.append((len(self.done) + len(self._jobs) + 1, job))
        return self._jobs[-1][0]

    def wait(self, seconds: float) -> list[Event]:  # noqa: ARG002 - as every engine
        if not self._jobs:
            return []
        handle, job = self._jobs.pop(-1 if self._backwards else 0)
        self.done.append(job)
        return [replace(self._work(job), handle=handle)]

    def answer(self, handle: int, word: object) -> None: ...

    def cancel(self, handle: int) -> None: ...

    def close(self) -> None: ...


def by_n(job: Job) -> Ended:
    """A trial's value is the distance of its n from 20."""
    settings = job.arguments["settings"]
    return Ended(0, {"value": float(sum(abs(v - 20) for v in settings.values())), "measures": {}})


def run_of(made: SearchPlan, direction: str = "minimize") -> Run:
    return Run.of(
        search="x", storage=None, detector=made.file.detector, objective="nll",
        direction=direction, unit="", supervised=False, seed=made.file.seed,
        n_trials=made.n_trials, data="x", data_sha256="", protocol=None, format=None, abi=None,
    )  # fmt: skip


class Search:
    """A search whose trials are the tests' own."""

    def __init__(self, text: str, path: Path) -> None:
        self.plan = plan(text)
        self.folder = RunFolder(path)
        if self.folder.is_run():
            self.run = self.folder.read()[0]
        else:
            self.run = run_of(self.plan)
            self.folder.begin(self.run, self.plan)

    def ledger(self) -> Ledger:
        cut_torn_line(self.folder.path)
        return self.folder.ledger(self.run, self.plan, may_begin=True)

    def go(self, engine: object) -> SearchResult:
        ledger = self.ledger()
        work = TrialWork("search_data:trial")
        Driver(self.run, self.plan, self.folder, ledger, engine, SILENT, work=work).go()  # type: ignore[arg-type]
        return result_of(self.folder, self.run, self.plan, ledger.records())


def table(found: SearchResult) -> list[tuple[object, ...]]:
    """What two runs of one search must have in common."""
    return [(t.trial, t.rank, t.state, t.value, t.settings, t.seed) for t in found.trials]


def test_hostile_trials_fail_by_themselves(tmp_path: Path) -> None:
    engine = LocalEngine(2)
    try:
        found = Search(HOSTILE, tmp_path / "run").go(engine)
    finally:
        engine.close()
    assert [(t.settings["n"], t.value) for t in found.trials if t.rank] == [(1, 1), (2, 2), (9, 9)]
    reasons = {t.settings["n"]: t.reason for t in found.trials if t.state == "failed"}
    assert reasons[3] == "took more memory than 200.0 MB"
    assert reasons[4] == "took longer than 2 s"
    assert reasons[5] == "its process ended with status 1"
    assert reasons[6] == "its process was killed by SIGSEGV"
    assert reasons[7].startswith("its process was killed by SIGKILL")
    assert found.is_finished
    for trial in found.trials:
        log = (tmp_path / "run" / "logs" / f"trial-{trial.trial:04}.log").read_text()
        assert log.startswith(f'trial {trial.trial}: {{"n": {trial.settings["n"]}}}, seed ')
        assert (trial.reason or f"done: {trial.value}") in log
    assert "Segmentation fault" in (tmp_path / "run" / "logs" / "trial-0006.log").read_text()


def test_failed_trials_are_not_run_again(tmp_path: Path) -> None:
    def fail(job: Job) -> Ended:
        return Ended(0, failure="broken")

    first = Search(HOSTILE, tmp_path / "run").go(Here(fail))
    engine = Here(fail)
    assert table(Search(HOSTILE, tmp_path / "run").go(engine)) == table(first)
    assert not engine.done


NODE_DIED = Ended(0, failure="its node or actor died: gone", is_lost=True)


def losing(*names: str) -> Callable[[Job], Ended]:
    """Work on an engine that loses these trials, each as often as it is named."""
    left = list(names)

    def work(job: Job) -> Ended:
        if job.name in left:
            left.remove(job.name)
            return NODE_DIED
        return by_n(job)

    return work


@pytest.mark.parametrize("text", [HOSTILE, RANDOM, RANDOM.replace("random", "tpe")])
def test_a_trial_that_its_node_took_along_runs_again(text: str, tmp_path: Path) -> None:
    text = text.replace("trials = 9", "trials = 9\nbatch = 4")
    whole = Search(text, tmp_path / "whole").go(Here(by_n))
    engine = Here(losing("trial 2", "trial 6", "trial 2"))
    found = Search(text, tmp_path / "run").go(engine)
    assert table(found) == table(whole)
    lost = {trial.trial: trial.lost for trial in found.trials if trial.lost}
    assert lost == {2: (NODE_DIED.failure,) * 2, 6: (NODE_DIED.failure,)}
    assert [job.name for job in engine.done].count("trial 2") == 3
    assert read_result(tmp_path / "run").trials == found.trials
    log = (tmp_path / "run" / "logs" / "trial-0002.log").read_text()
    assert f"lost: {NODE_DIED.failure} (runs again, 2 of 2)" in log
    assert log.splitlines()[-1].startswith("done: ")


def test_a_trial_that_is_lost_time_and_again_has_failed(tmp_path: Path) -> None:
    engine = Here(losing(*["trial 3"] * 9))
    found = Search(RANDOM, tmp_path / "run").go(engine)
    (failed,) = [trial for trial in found.trials if trial.state == "failed"]
    assert failed.trial == 3
    assert failed.reason == f"{NODE_DIED.failure} (lost 3 times)"
    assert len(failed.lost) == 3
    assert found.counts()["done"] == 8
    again = Here(by_n)
    assert table(Search(RANDOM, tmp_path / "run").go(again)) == table(found)
    assert not again.done


@pytest.mark.parametrize("n", range(8))
def test_losses_are_remembered_when_a_search_goes_on(n: int, tmp_path: Path) -> None:
    whole = Search(RANDOM, tmp_path / "whole").go(Here(losing(*["trial 2"] * 9)))
    lose, left = losing(*["trial 2"] * 9), [n]

    def until(job: Job) -> Ended:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return lose(job)

    with suppress(Killed):
        Search(RANDOM, tmp_path / "cut").go(Here(until))
    found = Search(RANDOM, tmp_path / "cut").go(Here(lose))
    assert table(found) == table(whole)
    assert found.find("trial-1").lost == ()
    assert [len(trial.lost) for trial in found.trials if trial.trial == 2] == [3]


@pytest.mark.parametrize("text", [HOSTILE, RANDOM, RANDOM.replace("random", "tpe")])
def test_a_search_does_not_go_by_the_order_in_which_trials_end(text: str, tmp_path: Path) -> None:
    text = text.replace("trials = 9", "trials = 9\nbatch = 4")
    one = Search(text, tmp_path / "one").go(Here(by_n))
    other = Search(text, tmp_path / "other").go(Here(by_n, backwards=True))
    assert table(one) == table(other)


class Killed(BaseException):
    """As a kill: nobody puts things right after it."""


@pytest.mark.parametrize("text", [HOSTILE, RANDOM, RANDOM.replace("random", "tpe")])
@pytest.mark.parametrize("n", range(9))
def test_a_search_that_is_cut_off_anywhere_ends_as_one_that_is_not(
    text: str, n: int, tmp_path: Path
) -> None:
    text = text.replace("trials = 9", "trials = 9\nbatch = 4")
    whole = Search(text, tmp_path / "whole").go(Here(by_n))
    left = [n]

    def until(job: Job) -> Ended:
        if not left[0]:
            raise Killed
        left[0] -= 1
        return by_n(job)

    first = Here(until)
    with suppress(Killed):
        Search(text, tmp_path / "cut").go(first)
    second = Here(by_n, backwards=True)
    found = Search(text, tmp_path / "cut").go(second)
    assert table(found) == table(whole)
    again = {job.name for job in first.done[:n]} & {job.name for job in second.done}
    assert not again


@pytest.mark.parametrize("torn", [b"{", b'{"op_code": 4, "worker', b"\x00" * 40])
def test_a_torn_line_is_cut_off_and_nothing_else_is_lost(torn: bytes, tmp_path: Path) -> None:
    whole = Search(RANDOM, tmp_path / "run").go(Here(by_n))
    journal = tmp_path / "run" / JOURNAL
    content = journal.read_bytes()
    journal.write_bytes(content + torn)
    assert table(read_result(tmp_path / "run")) == table(whole)  # may be looked at meanwhile
    assert table(Search(RANDOM, tmp_path / "run").go(Here(by_n))) == table(whole)
    assert journal.read_bytes() == content


def test_a_journal_that_is_cut_off_at_any_byte_can_be_gone_on_with(tmp_path: Path) -> None:
    whole = Search(RANDOM, tmp_path / "run").go(Here(by_n))
    journal = tmp_path / "run" / JOURNAL
    content = journal.read_bytes()
    for n in range(0, len(content), 997):
        journal.write_bytes(content[:n])
        assert table(Search(RANDOM, tmp_path / "run").go(Here(by_n))) == table(whole), n


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [*lines[:3], b"no JSON\n", *lines[3:]],
        lambda lines: [lines[0], b'{"op_code": 99}\n', *lines[1:]],
        lambda lines: [lines[0], b"[]\n", *lines[1:]],
        lambda lines: lines[1:],
        lambda lines: [lines[0], lines[1].replace(b"habitus:trial", b"habitus:other")],
        lambda lines: [lines[0], lines[1].replace(b'"n"', b'"m"', 1)],
        lambda lines: [
            lines[0],
            lines[1].replace(b'"habitus:trial"', b'"habitus:lost":1,"habitus:trial"', 1),
        ],
    ],
)
def test_a_damaged_journal_is_told(
    damage: Callable[[list[bytes]], list[bytes]], tmp_path: Path
) -> None:
    Search(RANDOM, tmp_path / "run").go(Here(by_n))
    journal = tmp_path / "run" / JOURNAL
    journal.write_bytes(b"".join(damage(journal.read_bytes().splitlines(keepends=True))))
    with pytest.raises(InputError, match=JOURNAL):
        read_result(tmp_path / "run")


def test_the_journal_is_json(tmp_path: Path) -> None:
    Search(RANDOM, tmp_path / "run").go(Here(by_n))
    lines = (tmp_path / "run" / JOURNAL).read_text().splitlines()
    assert all(isinstance(json.loads(line), dict) for line in lines)


def test_a_full_disk_ends_the_search_and_fails_no_trial(tmp_path: Path) -> None:
    def full(job: Job) -> Ended:
        n = len(done)
        done.append(job)
        return by_n(job) if n < 3 else Ended(0, failure="No space left", error_number=28)

    done: list[Job] = []
    with pytest.raises(OSError, match="No space left"):
        Search(RANDOM, tmp_path / "run").go(Here(full))
    assert read_result(tmp_path / "run").counts() == {
        "done": 3, "pruned": 0, "failed": 0, "running": 3,
    }  # fmt: skip
    found = Search(RANDOM, tmp_path / "run").go(Here(by_n))
    assert found.counts()["done"] == 9


def test_a_log_that_cannot_be_written_costs_no_trial(tmp_path: Path) -> None:
    search = Search(RANDOM, tmp_path / "run")
    search.folder.log(2).mkdir(parents=True)
    found = search.go(Here(by_n))
    noted = {trial.trial: trial.notes for trial in found.trials if trial.notes}
    told = "it has no whole log: trial-0002.log cannot be written (Is a directory)"
    assert noted == {2: (told,)}
    assert read_result(tmp_path / "run").trials == found.trials


def test_where_a_trial_was_refused_stands_in_its_log_and_notes(tmp_path: Path) -> None:
    def work(job: Job) -> Ended:
        notes = ("could not be run on n1 at first: no library",) if job.name == "trial 4" else ()
        return replace(by_n(job), notes=notes)

    found = Search(RANDOM, tmp_path / "run").go(Here(work))
    (noted,) = [trial for trial in found.trials if trial.notes]
    assert (noted.trial, noted.notes) == (4, ("could not be run on n1 at first: no library",))
    log = (tmp_path / "run" / "logs" / "trial-0004.log").read_text()
    assert "could not be run on n1 at first: no library\ndone: " in log


def test_a_place_that_runs_nothing_ends_the_search_which_can_go_on(tmp_path: Path) -> None:
    def until(job: Job) -> Ended:
        if len(engine.done) > 4:
            raise EngineError("no node can run jobs")
        return by_n(job)

    engine = Here(until)
    with pytest.raises(EngineError):
        Search(RANDOM, tmp_path / "run").go(engine)
    assert read_result(tmp_path / "run").counts()["failed"] == 0
    assert read_result(tmp_path / "run").counts()["done"] == 4
    assert Search(RANDOM, tmp_path / "run").go(Here(by_n)).counts()["done"] == 9


def test_pruning_ends_the_poor_ones_on_their_rungs(tmp_path: Path) -> None:
    text = RANDOM + "[pruning]\nfirst_epoch = 1\nfactor = 3\n"
    engine = LocalEngine(1)
    try:
        found = Search(text.replace("low = 1", "low = 9"), tmp_path / "run").go(engine)
    finally:
        engine.close()
    counts = found.counts()
    assert counts["done"] >= 1
    assert counts["pruned"] >= 4
    assert counts["done"] + counts["pruned"] == 9
    pruned = [trial for trial in found.trials if trial.state == "pruned"]
    assert {trial.pruned_after for trial in pruned} <= {1, 3, 9}
    best = found.best
    assert best is not None
    assert best.settings["n"] == min(trial.settings["n"] for trial in found.trials)
    assert all(trial.rank is None and trial.value is not None for trial in pruned)


def test_the_estimator_s_points_come_closer(tmp_path: Path) -> None:
    text = RANDOM.replace("random", "tpe").replace("trials = 9", "trials = 40\nbatch = 8")
    text = text.replace("high = 60", "high = 600")
    found = Search(text, tmp_path / "run").go(Here(by_n))
    by_trial = {trial.trial: trial.value or 0.0 for trial in found.trials}
    early = [by_trial[n] for n in range(1, 9)]
    late = [by_trial[n] for n in range(33, 41)]
    assert sum(late) < sum(early) / 2


def test_what_failed_teaches_the_estimator_nothing_and_breaks_nothing() -> None:
    space = plan(RANDOM).space
    history = [
        Record(1, {"n": 4}, "failed", outcome={"reason": "broken"}),
        Record(2, {"n": 5}, "pruned", 3.0, reported={1: 3.0}),
        Record(3, {"n": 6}, "done", 2.0),
    ]
    points = proposed(space, history, 4, seed=1, direction="minimize")
    assert points == proposed(space, history[::-1], 4, seed=1, direction="minimize")
    assert points != proposed(space, history, 4, seed=2, direction="minimize")


def test_what_matters_more_has_the_larger_share() -> None:
    text = 'detector = "stide"\nmethod = "grid"\n[space]\na = [1, 2, 3, 4]\nb = [1, 2, 3, 4]\n'
    made = plan(text)
    records = [
        Record(i, point, "done", 10.0 * float(point["a"]) + float(point["b"]))
        for i, point in enumerate(made.space.grid(), 1)
    ]
    shares = importance(made.space, records, direction="minimize")
    assert shares["a"] > 0.9 > shares["b"]
    assert importance(made.space, records[:3], direction="minimize") == {}


def test_a_database_that_cannot_be_used_leaves_no_search_behind(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--storage nonsense: no database there can be used"):
        habitus.run_search("ngram-grid", "demo", tmp_path / "run", storage="nonsense")
    assert not (tmp_path / "run").exists()


def test_trials_are_found_by_rank_and_by_number(tmp_path: Path) -> None:
    found = Search(RANDOM, tmp_path / "run").go(Here(by_n))
    assert found.find("1") == found.best
    second = found.find("2")
    assert found.find(f"trial-{second.trial}") == second
    with pytest.raises(habitus.HabitusError, match="ranks are 1 to 9"):
        found.find("10")
