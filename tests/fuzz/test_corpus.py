"""Every file of the corpus through every reader: nothing but `HabitusError` may escape.

In a process of its own, with array bounds checked in the compiled loops.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import flow_records
import invariants
import pytest

from fast_flows import flows_of
from habitus.errors import HabitusError
from habitus.flows.formats import flow_format_names
from habitus.traces.formats import format_names

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"


def python_path() -> str:
    """Where what tests share is found, too."""
    return os.pathsep.join([str(HERE.parent), *filter(None, sys.path)])


def test_the_corpus_keeps_every_promise() -> None:
    ran = subprocess.run(
        [sys.executable, HERE / "invariants.py", CORPUS],
        env={**os.environ, "HABITUS_BOUNDS_CHECK": "1", "PYTHONPATH": python_path()},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    n_files = sum(path.is_file() for path in CORPUS.rglob("*"))
    assert ran.stdout == f"{n_files} files\n"


def test_the_corpus_is_small_and_has_files_for_every_reader() -> None:
    files = [path for path in CORPUS.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 270_000
    kinds = {path.relative_to(CORPUS).parts[0] for path in files}
    flows = {f"flows-{name}" for name in flow_format_names()}
    captures = {"pcap", "pcapng", "frames", "tracking"}
    assert kinds == {*format_names(), "inputs", "recognition", *flows, *captures}


def n_read(target: str, data: bytes) -> int:
    """Flows or calls in a file of the corpus; 0 if it is refused."""
    try:
        if target.startswith("flows-"):
            return len(flow_records.read(target.removeprefix("flows-"), data)[0])
        if target in {"pcap", "pcapng"}:
            return len(flows_of(data))
        return sum(traces.n_calls for traces in invariants.read(target, data)[0])
    except HabitusError:
        return 0


@pytest.mark.parametrize(
    "target",
    [*format_names(), *(f"flows-{name}" for name in flow_format_names()), "pcap", "pcapng"],
)
def test_something_of_the_corpus_is_accepted(target: str) -> None:
    """A reader that refuses all it is given would keep every other promise."""
    files = (CORPUS / target).iterdir()
    assert any(n_read(target, path.read_bytes()) for path in files)
