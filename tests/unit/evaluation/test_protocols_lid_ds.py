"""LID-DS: its own parts where it has them, halves of recordings where it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from habitus import train
from habitus.evaluation.judged import judged_of
from habitus.evaluation.protocols import (
    PROTOCOLS,
    default_protocol,
    get_protocol,
    held_out_part,
    test_part,
    training_part,
)
from habitus.traces.formats.native import write_native
from habitus.traces.traceset import Label, TraceInfo, TraceSet

if TYPE_CHECKING:
    from pathlib import Path

test_part.__test__ = False  # type: ignore[attr-defined]  # its name is not for pytest

N, A = Label.NORMAL, Label.ATTACK


def traces_of(*rows: tuple[str, Label, str, int]) -> TraceSet:
    """Two threads a recording, from (recording, label, split, when its attack began)."""
    infos = [
        TraceInfo(f"{name}#{t}", name, label, group=name, split=split, attack_ns=ns)
        for name, label, split, ns in rows
        for t in (1, 2)
    ]
    calls = [["open", f"call{i}"] for i in range(len(infos))]
    return TraceSet.from_names(calls, infos=infos)


def groups(traces: TraceSet) -> set[str]:
    return {info.group for info in traces.infos}


LID_DS_2021 = traces_of(
    *((f"training/{i}", N, "training", -1) for i in range(4)),
    *((f"validation/{i}", N, "validation", -1) for i in range(3)),
    *((f"test/normal/{i}", N, "test", -1) for i in range(2)),
    *((f"test/attack/{i}", A, "test", 10**18) for i in range(2)),
    ("test/doubtful", Label.UNKNOWN, "test", -1),
)


def test_the_parts_of_2021_are_kept() -> None:
    assert default_protocol(LID_DS_2021, "x") is PROTOCOLS["lid-ds"]
    protocol = get_protocol("lid-ds")
    assert groups(training_part(LID_DS_2021, protocol)[0]) == {f"training/{i}" for i in range(4)}
    judged = test_part(LID_DS_2021, protocol)
    assert groups(judged) == {
        "test/normal/0", "test/normal/1", "test/attack/0", "test/attack/1",
    }  # fmt: skip


def test_the_validation_part_sets_thresholds(tmp_path: Path) -> None:
    held_out = held_out_part(LID_DS_2021, get_protocol("lid-ds"))
    assert held_out is not None
    assert groups(held_out) == {f"validation/{i}" for i in range(3)}
    write_native(tmp_path / "set.habitus", [LID_DS_2021])
    model = train("ngram", str(tmp_path / "set.habitus"), false_alarms="20%")
    calibration = model.decision.calibration
    assert model.provenance.part == "lid-ds"
    assert (calibration.method, calibration.n_traces) == ("held-out", 6)
    other = train("ngram", str(tmp_path / "set.habitus"), calibration="cross-fitting:2")
    assert other.decision.calibration.method == "cross-fitting"
    assert held_out_part(traces_of(("a", N, "", -1)), get_protocol("lid-ds")) is None
    assert held_out_part(LID_DS_2021, get_protocol("folder")) is None


def test_without_parts_half_of_the_normal_recordings_are_learned() -> None:
    traces = traces_of(*((f"run{i}", N, "", -1) for i in range(7)), ("bad", A, "", 5))
    assert default_protocol(traces, "x") is PROTOCOLS["lid-ds"]
    learned = training_part(traces, get_protocol("lid-ds"))[0]
    judged = test_part(traces, get_protocol("lid-ds"))
    assert len(groups(learned)) == 4
    assert learned.n_traces == 8  # both threads of each
    assert groups(judged) == groups(traces) - groups(learned)
    backwards = traces.select(np.arange(traces.n_traces)[::-1])
    assert groups(training_part(backwards, get_protocol("lid-ds"))[0]) == groups(learned)


def test_a_recording_is_judged_by_its_strangest_thread() -> None:
    judged = test_part(LID_DS_2021, get_protocol("lid-ds"))
    scores = np.arange(judged.n_traces, dtype=np.float64)
    nothing = np.zeros(judged.n_traces, dtype=bool)
    made = judged_of(judged, scores, nothing, get_protocol("lid-ds"))
    assert len(made.scores) == 4
    assert sorted(made.of(A).scores.tolist()) == [5.0, 7.0]
    assert len(np.unique(made.clusters)) == 4


@pytest.mark.parametrize("unlike", ["no ground truth", "no attacks"])
def test_other_data_does_not_get_it(unlike: str) -> None:
    if unlike == "no attacks":
        traces = traces_of(("a", N, "training", -1), ("b", N, "test", -1))
        assert default_protocol(traces, "x") is None
    else:
        traces = traces_of(("a", N, "", -1), ("b", A, "", -1))
        assert default_protocol(traces, "x") is PROTOCOLS["folder"]
