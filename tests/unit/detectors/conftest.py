"""Real traces beside the random ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from habitus.traces.reading import read_traces

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.traces.traceset import TraceSet


@pytest.fixture(scope="module")
def adfa(test_data: Path) -> tuple[list[list[str]], list[list[str]], TraceSet]:
    """150 training traces, and 100 test traces as lists and as a set, normals and attacks."""
    traces = read_traces(test_data / "adfa-ld" / "ADFA-LD.zip")
    training = [i for i, info in enumerate(traces.infos) if info.split == "training"][:150]
    test = [i for i, info in enumerate(traces.infos) if info.split != "training"][::51][:100]
    assert (len(training), len(test)) == (150, 100)
    judged = traces.select(test)
    return [traces.trace(i) for i in training], [traces.trace(i) for i in test], judged
