"""Libraries of some detectors cost the others nothing, and their absence is told."""

from __future__ import annotations

import subprocess
import sys

import pytest

from habitus.detectors.extras import extra_module
from habitus.errors import MissingLibrary

HEAVY = {"hmmlearn", "joblib", "pyod", "scipy.sparse", "sklearn", "threadpoolctl"}


def loaded_by(code: str) -> set[str]:
    told = f"{code}\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_knowing_all_detectors_loads_no_library_of_theirs() -> None:
    code = "import habitus\nfor name in habitus.detector_names(): habitus.get_detector(name)"
    assert not loaded_by(code) & HEAVY


@pytest.mark.parametrize("name", ["stide", "ngram", "tstide", "markov"])
def test_the_classical_detectors_need_none_of_them(name: str) -> None:
    code = (
        "import habitus\n"
        "traces = habitus.TraceSet.from_names([list('abcabcabcabc'), list('abcd')])\n"
        f"detector = habitus.get_detector({name!r}).with_settings({{}})\n"
        "detector.fit(traces)\n"
        "detector.restore(detector.state())\n"
        "detector.surprise(traces)\n"
    )
    assert not loaded_by(code) & HEAVY


def test_a_library_that_is_not_there_is_named_with_how_to_get_it() -> None:
    with pytest.raises(
        MissingLibrary, match=r'the estimator x needs nosuch, .*: pip install "habitus\[outlier\]"'
    ):
        extra_module("nosuch.part", "outlier", "the estimator x")
