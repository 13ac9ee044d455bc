"""A node of a Ray cluster that dies: its job is told as lost, and runs on what is left."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from habitus.engines import on_ray
from habitus.engines.base import Ended, EngineError, Job
from habitus.engines.on_ray import RayEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
