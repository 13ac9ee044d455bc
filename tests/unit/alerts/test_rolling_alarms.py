"""Rolling decisions: alarms inside traces, the same however the traces arrive."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.alerts.explanation import explain_score
from habitus.alerts.record import alert_record
from habitus.alerts.rolling import RollingScorer
from habitus.decisions.budget import Budget
from habitus.decisions.population import Population
from habitus.decisions.rule import Rule, highest_of, rolling_scores
from habitus.errors import InputError
from habitus.models.training import fit_model
from habitus.traces.traceset import TraceInfo, TraceSet
from segments import segmented, whole

if TYPE_CHECKING:
    from habitus.alerts.judgement import TraceScore
    from habitus.models.model import Model


NORMAL = [list("abcabcabd"), list("abdabc"), list("cabcabcabcab"), list("abcabdabcab")]
TRACES = st.lists(st.lists(st.sampled_from("abcdX"), max_size=22), min_size=1, max_size=4)
START = 1_700_000_000_000_000_000
SECOND = 10**9


@cache
def model(rolling: str = "4", merge_seconds: float = 5) -> Model:
    budget = Budget.parse("30%", merge_seconds=merge_seconds)
    return fit_model(
        "ngram", whole(NORMAL), settings={"order": 3}, rolling=[rolling], false_alarms=budget
    )


def untimed(batches: list[TraceSet]) -> list[TraceSet]:
    return [replace(batch, times_ns=None) for batch in batches]


def alarms(found: list[TraceScore]) -> list[tuple[str, int, float, int]]:
    return sorted((j.info.name, j.n_calls, j.score, j.n_novel) for j in found if j.is_alert)


def obvious(made: Model, traces: TraceSet) -> dict[str, list[int]]:
    """Calls after which alarms begin, trace by trace, by the window of calls; untimed."""
    decision = made.decisions[1]
    rule = Rule.parse(decision.rule)
    scores = rolling_scores(made.detector.surprise(traces), traces.offsets, rule)
    begins = {}
    for i, info in enumerate(traces.infos):
        found, last = [], None
        row = scores[traces.offsets[i] : traces.offsets[i + 1]]
        for place in np.flatnonzero(row > decision.threshold).tolist():
            if last is None or place - last > rule.window:
                found.append(place + 1)
            last = place
        begins[info.name] = found
    return begins


@pytest.mark.parametrize("rolling", ["4", "3:median", "30"])
@given(data=st.data(), traces=TRACES)
def test_alarms_are_those_of_the_whole_trace(
    rolling: str, data: st.DataObject, traces: list[list[str]]
) -> None:
    made = model(rolling)
    found = list(RollingScorer(made, 1).run(untimed(data.draw(segmented(traces)))))
    begins = obvious(made, untimed([whole(traces)])[0])
    assert {
        name: [n for other, n, *_ in alarms(found) if other == name] for name in begins
    } == begins
    ends = {j.info.name: j for j in found if not j.is_alert}
    assert ends.keys() == {name for name, places in begins.items() if not places}


@given(data=st.data(), traces=TRACES)
def test_traces_that_raise_nothing_have_their_highest_score(
    data: st.DataObject, traces: list[list[str]]
) -> None:
    made = model()
    together = whole(traces)
    rule = Rule.parse(made.decisions[1].rule)
    rolling = rolling_scores(made.detector.surprise(together), together.offsets, rule)
    highest = dict(zip(together.names, highest_of(rolling, together.offsets), strict=True))
    for judged in RollingScorer(made, 1).run(data.draw(segmented(traces))):
        assert judged.decision == 1
        if not judged.is_alert:
            assert judged.score == pytest.approx(highest[judged.info.name], nan_ok=True)
            assert judged.is_first_of_trace


def recording(name: str, group: str, seconds: list[int], calls: str) -> TraceSet:
    infos = (TraceInfo(name, "made up", group=group),)
    times = START + np.array(seconds, dtype=np.int64) * SECOND
    return replace(TraceSet.from_names([list(calls)], infos=infos), times_ns=times)


def test_alarms_of_one_recording_merge_whichever_thread_raises_them() -> None:
    made = model("1", merge_seconds=10)
    batches = [
        recording("one", "run", [0, 4, 8, 30], "XXXX"),
        recording("two", "run", [35, 39], "XX"),
        recording("three", "other", [36], "X"),
    ]
    found = [j for j in RollingScorer(made, 1).run(batches) if j.is_alert]
    seconds = [(j.info.name, (j.time_ns - START) // SECOND) for j in found]
    # 30 is 22 s after 8; 35 and 39 go on with it; another recording has alarms of its own.
    assert seconds == [("one", 0), ("one", 30), ("three", 36)]
    assert [j.n_alarms for j in found] == [1, 2, 1]
    assert [j.is_first_of_trace for j in found] == [True, False, True]
    (quiet,) = [j for j in RollingScorer(made, 1).run(batches) if not j.is_alert]
    assert (quiet.info.name, quiet.verdict) == ("two", "merged")


def test_within_a_batch_alarms_are_told_in_the_order_of_time() -> None:
    made = model("1", merge_seconds=0)
    parts = [recording("late", "b", [50, 60], "XX"), recording("early", "a", [10, 55], "XX")]
    batch = TraceSet(
        np.concatenate([p.calls for p in parts]), np.array([0, 2, 4]), ("X",),
        tuple(p.infos[0] for p in parts),
        times_ns=np.concatenate([p.times_ns for p in parts if p.times_ns is not None]),
    )  # fmt: skip
    found = [j for j in RollingScorer(made, 1).run([batch]) if j.is_alert]
    assert [(j.time_ns - START) // SECOND for j in found] == [10, 50, 55, 60]


def test_a_namesake_that_begins_anew_has_alarms_of_its_own() -> None:
    made = model("4")
    batches = [
        TraceSet.from_names(
            [list("abcXXXX")], infos=[TraceInfo("t", "made up", first_call=0, ends=ends)]
        )
        for ends in (False, True)
    ]
    found = [j for j in RollingScorer(made, 1).run(batches) if j.is_alert]
    assert [j.n_alarms for j in found] == [1, 1]
    assert found[0].n_calls == found[1].n_calls


def test_an_alarm_explains_the_window_that_raised_it() -> None:
    made = model("4")
    traces = TraceSet.from_names([list("abcabcabc" + "XX" + "abcabc")])
    (alarm, *_) = [j for j in RollingScorer(made, 1, 3).run([traces]) if j.is_alert]
    explanation = explain_score(made, alarm)
    assert explanation is not None
    assert any(call.name == "X" for call in explanation.calls)
    first, last = explanation.first_call, explanation.first_call + len(explanation.calls)
    assert alarm.n_calls - 4 <= first
    assert last <= alarm.n_calls
    record = alert_record(made, alarm)
    assert record["habitus"]["decision"] == "rolling:4"
    assert record["threshold"] == made.decisions[1].threshold < record["score"]
    assert record["alert"]["severity"] == 1


def test_a_model_that_keeps_no_normals_says_nothing_of_how_rare_an_alarm_is() -> None:
    bare = replace(model("4"), population=Population.nothing())
    traces = TraceSet.from_names([list("abcabcabcXXabc")])
    (alarm, *_) = [j for j in RollingScorer(bare, 1).run([traces]) if j.is_alert]
    assert alert_record(bare, alarm)["habitus"]["stranger_normals"] is None


def test_a_missing_segment_is_an_error() -> None:
    info = TraceInfo("t", "made up", first_call=7)
    with pytest.raises(InputError, match="calls before number 8"):
        list(RollingScorer(model(), 1).push(TraceSet.from_names([["a"]], infos=[info])))


def test_memory_does_not_grow_with_a_trace() -> None:
    scorer = RollingScorer(model("4"), 1)
    for part in range(20):
        info = TraceInfo("t", "made up", first_call=1000 * part, ends=False)
        list(scorer.push(TraceSet.from_names([list("abcab" * 200)], infos=[info])))
        (kept,) = (len(trace.tail) for trace in scorer._open.values() if trace.tail is not None)
        assert kept == 4 - 1 + made_memory()
    assert not any(judged.is_alert for judged in scorer.finish())


def made_memory() -> int:
    return model("4").detector.memory_calls
