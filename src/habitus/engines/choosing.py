"""Engines by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.errors import UsageError

if TYPE_CHECKING:
    from habitus.engines.base import Engine

ENGINES = ("local", "ray")


def engine_of(name: str, jobs: int | None = None, *, threads: int = 1) -> Engine:
    """A new engine, to be closed.

    Args:
        name: ``local`` for processes of this machine, ``ray`` for a Ray cluster.
        jobs: so many at once; by default as many as there are processors for.
        threads: that each job's libraries may start.

    Raises:
        UsageError: if there is no such engine.
        EngineError: if it cannot be had.
    """
    if jobs is not None and not 1 <= jobs <= 10_000:
        raise UsageError(f"jobs: 1 to 10,000 are wanted, not {jobs}")
    if name == "local":
        from habitus.engines.local import LocalEngine

        return LocalEngine(jobs, threads=threads)
    if name == "ray":
        from habitus.engines.on_ray import RayEngine

        return RayEngine(jobs, threads=threads)
    raise UsageError(f"no engine is called {name!r}; there are: {', '.join(ENGINES)}")
