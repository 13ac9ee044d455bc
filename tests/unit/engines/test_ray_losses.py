"""A node of a Ray cluster that dies: its job is told as lost, and runs on what is left."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

import pytest

from habitus.engines import on_ray
from habitus.engines.base import MOST_REFUSALS, Ended, EngineError, Job
from habitus.engines.on_ray import RayEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from habitus.engines.base import Engine


@pytest.fixture
def engine() -> Iterator[RayEngine]:
    made = RayEngine(2)
    yield made
    made.close()


def heard(engine: Engine, is_enough: Callable[[dict[int, Ended]], bool]) -> dict[int, Ended]:
    """The ends of jobs, by their handles, until there are enough."""
    found: dict[int, Ended] = {}
    until = time.monotonic() + 120
    while not is_enough(found):
        assert time.monotonic() < until
        found |= {event.handle: event for event in engine.wait(1) if isinstance(event, Ended)}
    return found


def test_a_job_whose_actor_is_gone_is_lost_and_no_other(engine: RayEngine) -> None:
    sleeping = engine.submit(Job("sleep", "engine_jobs:sleep", {"seconds": 600}))
    heard(engine, lambda _: any(seat.handle == sleeping for seat in engine._seats))
    killed = engine.submit(Job("kills", "engine_jobs:fail", {"kind": "is killed"}))
    told = heard(engine, lambda found: killed in found)[killed]
    assert not told.is_lost  # it was the job itself that died
    (seat,) = [one for one in engine._seats if one.handle == sleeping]
    engine._ray.kill(seat.actor)
    lost = heard(engine, lambda found: sleeping in found)[sleeping]
    assert lost.is_lost
    assert lost.failure.startswith("its node or actor died: ")
    again = engine.submit(Job("add", "engine_jobs:add", {"a": 1, "b": 2}))
    assert heard(engine, lambda found: again in found)[again].result["sum"] == 3


def test_a_cluster_without_a_node_that_is_large_enough_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(on_ray, "BARE_SECONDS", 0.5)
    engine = RayEngine(1, threads=100_000)
    try:
        engine.submit(Job("add", "engine_jobs:add", {"a": 1, "b": 2}))
        with pytest.raises(EngineError, match="no node with 100000 processors"):
            heard(engine, bool)
    finally:
        engine.close()


def test_a_cluster_whose_nodes_refuse_every_job_says_why_and_fails_none(
    engine: RayEngine, tmp_path: Path
) -> None:
    for _ in range(9):
        engine.submit(
            Job("refused", "engine_jobs:nothing", {"marks": str(tmp_path), "refusals": 99},
                prepare="engine_jobs:prepare")
        )  # fmt: skip
    with pytest.raises(EngineError) as told:
        heard(engine, bool)
    first, reason, remedy = str(told.value).splitlines()
    assert first == "Ray: no node of the cluster can run jobs"
    assert reason.endswith(": nosuch is not installed")
    assert "--resume" in remedy
    assert MOST_REFUSALS <= len(list(tmp_path.iterdir())) <= MOST_REFUSALS + 2


@pytest.fixture
def first_of_two(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Two nodes of one processor each, of this machine; gives the first one's raylet."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, sys.path)))
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    cluster = cluster_utils.Cluster(
        initialize_head=True, connect=True,
        head_node_args={"num_cpus": 1, "include_dashboard": False},
    )  # fmt: skip
    cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    yield cluster.head_node.all_processes["raylet"][0].process.pid
    import ray

    ray.shutdown()
    cluster.shutdown()


def test_a_node_that_refuses_job_after_job_is_given_no_more(first_of_two: int) -> None:
    engine = RayEngine()
    try:
        assert engine.slots == 2
        jobs = [
            engine.submit(
                Job(
                    "picky",
                    "engine_jobs:nothing",
                    {"raylet": first_of_two},
                    prepare="engine_jobs:elsewhere",
                )
            )
            for _ in range(12)
        ]
        told = heard(engine, lambda found: len(found) == len(jobs))
    finally:
        engine.close()
    assert {one.result for one in told.values()} == {"done"}
    notes = [note for one in told.values() for note in one.notes]
    assert MOST_REFUSALS <= len(notes) <= MOST_REFUSALS + 1
    assert all(note.endswith(": it lacks what jobs need") for note in notes)
