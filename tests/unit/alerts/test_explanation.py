"""Explanations and records: right lines, right expectations, the nearest normal stretch."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import jsonschema
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitus
from habitus import api
from habitus.alerts import explanation
from habitus.alerts.explanation import MAX_STRETCH, explain_score, nearest_normal
from habitus.alerts.record import Record, alert_record, to_line
from habitus.alerts.scoring import Scorer
from habitus.cli import options
from habitus.errors import UsageError
from habitus.models.memory import Memory
from habitus.models.training import fit_model
from habitus.traces.traceset import Label, TraceInfo, TraceSet, offsets_of

if TYPE_CHECKING:
    from habitus.alerts.judgement import TraceScore
    from habitus.models.model import Model

NORMAL = [list("abcabcabd"), list("abdabc"), list("cabcabcabcab"), list("abcabdabcab")]
SYMBOLS = st.lists(st.integers(0, 3), max_size=8)
SCHEMA = Path(habitus.__file__).parent / "schemas" / "alert.schema.json"


def edit_distance(first: list[int], second: list[int]) -> int:
    """Levenshtein's, by its definition."""
    row = list(range(len(second) + 1))
    for i, a in enumerate(first, 1):
        above, row = row, [i]
        for j, b in enumerate(second, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
    return row[-1]


@given(pattern=SYMBOLS, texts=st.lists(SYMBOLS, max_size=4))
def test_the_nearest_stretch_has_the_fewest_edits(
    pattern: list[int], texts: list[list[int]]
) -> None:
    text = np.array([symbol for trace in texts for symbol in trace], dtype=np.uint16)
    offsets = offsets_of([len(trace) for trace in texts])
    remembered = replace(Memory.nothing(), symbols=text, offsets=offsets)
    edits, trace, begin, end = explanation._search(remembered, np.array(pattern, np.uint16))
    distances = [
        edit_distance(pattern, trace[i:j])
        for trace in texts
        for i in range(len(trace) + 1)
        for j in range(max(i, 1), len(trace) + 1)
    ]
    if not distances:
        assert trace == -1
        return
    assert edits == min(distances)
    assert offsets[trace] <= begin <= end <= offsets[trace + 1]
    assert edit_distance(pattern, text[begin:end].tolist()) == edits


def model(detector: str = "ngram", **options: object) -> Model:
    settings = {"n": 3} if detector == "stide" else {"order": 4}
    traces = TraceSet.from_names(NORMAL)
    return fit_model(detector, traces, settings=settings, false_alarms=0.3, **options)  # type: ignore[arg-type]


def judge(made: Model, calls: str, info: TraceInfo | None = None, **columns: object) -> TraceScore:
    traces = TraceSet.from_names([list(calls)], infos=[info or TraceInfo("t", "file")])
    traces = replace(traces, **columns)
    (score,) = Scorer(made, 6, stretch_of_all=True).push(traces)
    return score


def test_an_explanation_shows_what_was_expected_at_every_call() -> None:
    made = model()
    score = judge(made, "abcabcabXabdabc")
    explanation = explain_score(made, score)
    assert explanation is not None
    assert len(explanation.calls) == 6
    calls = {call.position: call for call in explanation.calls}
    assert [call.name for call in explanation.calls if call.novel] == ["X"]
    strange = calls[9]
    assert strange.name == "X"
    assert strange.context_calls == 3
    # After `cab` normal traces go on with c or d; the names are told, likeliest first.
    assert [name for name, _ in strange.expected[:2]] == ["c", "d"]
    chances = [p for _, p in strange.expected]
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) < 1
    assert strange.surprise == max(call.surprise or 0 for call in explanation.calls)
    after = calls[10]
    assert after.context_calls == 0  # a call never seen is no history


def test_what_an_explanation_expects_is_what_the_surprise_says() -> None:
    made = model()
    explanation = explain_score(made, judge(made, "abcabcadbabdabc"))
    assert explanation is not None
    for call in explanation.calls:
        chances = dict(call.expected)
        assert call.surprise == pytest.approx(-np.log(chances[call.name]), rel=1e-4)


def test_the_nearest_normal_stretch_is_named_by_trace_and_place() -> None:
    made = model()
    nearest = explain_score(made, judge(made, "bdabXc")).nearest_normal  # type: ignore[union-attr]
    assert nearest is not None
    assert nearest.edits == 1
    trace = NORMAL[int(nearest.trace.removeprefix("trace-"))]
    begin = nearest.first_call
    assert list(nearest.calls) == trace[begin : begin + len(nearest.calls)]
    assert edit_distance([ord(c) for c in "bdabXc"], [ord(c) for c in nearest.calls]) == 1


@given(pattern=SYMBOLS, texts=st.lists(SYMBOLS, max_size=4), steps=st.integers(1, 40))
def test_searching_in_pieces_finds_the_same(
    pattern: list[int], texts: list[list[int]], steps: int
) -> None:
    remembered = replace(
        Memory.nothing(),
        symbols=np.array([symbol for trace in texts for symbol in trace], dtype=np.uint16),
        offsets=offsets_of([len(trace) for trace in texts]),
    )
    sought = np.array(pattern, np.uint16)
    whole = explanation._search(remembered, sought)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(explanation, "_CHUNK_STEPS", steps)
        assert explanation._search(remembered, sought) == whole


def test_a_search_can_be_interrupted_between_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = []

    def interrupted(pattern: object, text: object, begin: int, *rest: object) -> object:
        pieces.append(begin)
        if len(pieces) == 2:
            raise KeyboardInterrupt
        return real(pattern, text, begin, *rest)

    real = explanation.nearest_stretch
    monkeypatch.setattr(explanation, "nearest_stretch", interrupted)
    monkeypatch.setattr(explanation, "_CHUNK_STEPS", 14)
    with pytest.raises(KeyboardInterrupt):
        nearest_normal(model(), np.full(6, 9, np.uint16))
    assert pieces == [0, 2]


def test_the_same_stretch_is_searched_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    searches = []
    real = explanation._search

    def counting(memory: Memory, symbols: np.ndarray) -> object:
        searches.append(symbols.tolist())
        return real(memory, symbols)

    monkeypatch.setattr(explanation, "_search", counting)
    monkeypatch.setattr(explanation, "_MAX_FOUND", 2)
    made, other = model(), model()
    first = nearest_normal(made, np.array([0, 1, 9], np.uint16))
    assert nearest_normal(made, np.array([0, 1, 9], np.uint16)) == first
    assert len(searches) == 1
    nearest_normal(other, np.array([0, 1, 9], np.uint16))
    assert len(searches) == 2  # another model remembers other traces
    for symbol in range(5):
        nearest_normal(made, np.array([symbol], np.uint16))
        assert len(explanation._FOUND[made.memory]) <= 2


def test_a_stretch_is_bounded(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("a b c\n")
    with pytest.raises(UsageError, match=f"1 to {MAX_STRETCH} calls"):
        list(api.judge(model(), tmp_path / "t.txt", stretch_calls=MAX_STRETCH + 1))
    (_, option) = get_args(options.Stretch)
    assert option.max == MAX_STRETCH


def test_an_unknown_call_matches_nothing_normal() -> None:
    made = model()
    nearest = explain_score(made, judge(made, "XXXXXX")).nearest_normal  # type: ignore[union-attr]
    assert nearest is not None
    assert nearest.edits == 6


def test_nothing_remembered_means_no_nearest_normal() -> None:
    made = replace(model(), memory=Memory.nothing())
    explanation = explain_score(made, judge(made, "abcX"))
    assert explanation is not None
    assert explanation.nearest_normal is None


def test_stide_explains_undefined_surprise_as_none() -> None:
    made = model("stide")
    explanation = explain_score(made, judge(made, "ab"))
    assert explanation is not None
    assert explanation.mean_surprise is None
    assert [call.surprise for call in explanation.calls] == [None, None]
    assert explanation.strip == (None, None)


def valid(record: Record) -> Record:
    """The record as a reader of its line gets it, checked against the schema."""
    line = to_line(record)
    assert line.endswith("}\n")
    assert line.count("\n") == 1
    read: Record = json.loads(line)
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    validator.validate(read)
    return read


DATED = 1_700_000_000_123_456_789
OF_DAY = 3_661_000_000_000


@pytest.mark.parametrize("detector", ["ngram", "stide"])
@pytest.mark.parametrize("times", [None, DATED, OF_DAY, -1])
def test_an_alert_is_a_record_of_the_schema(detector: str, times: int | None) -> None:
    made = replace(model(detector), digest="0" * 64)
    columns = {} if times is None else {"times_ns": np.full(8, times, np.int64)}
    info = TraceInfo("web/run\n\x1b[2J#7", "file", thread=7, label=Label.ATTACK)
    score = judge(made, "abcXXXXX", info, position_unit="line", **columns)
    record = valid(alert_record(made, score))
    assert record["event_type"] == "alert"
    assert record["verdict"] == "alert"
    assert record["alert"]["severity"] == 1
    assert record["score"] > record["threshold"]
    ours = record["habitus"]
    assert ours["trace"] == {
        "name": info.name, "source": "file", "thread": 7, "label": "attack",
        "n_calls": 8, "n_novel_calls": 5,
    }  # fmt: skip
    assert ours["stranger_normals"] == pytest.approx(1 / 5)
    assert ours["timestamp_is"] == ("capture" if times == DATED else "detection")
    if times == DATED:
        assert record["timestamp"] == "2023-11-14T22:13:20.123456+00:00"
    if times == OF_DAY:
        assert ours["explanation"]["calls"][0]["time"] == "1:01:01"
    if times in {None, -1}:
        assert ours["explanation"]["calls"][0]["time"] is None


def test_normal_and_short_traces_are_records_of_the_schema_too() -> None:
    made = model("stide")
    normal = valid(alert_record(made, judge(made, "abcabcab")))
    assert (normal["event_type"], normal["verdict"]) == ("trace", "normal")
    assert "alert" not in normal
    short = valid(alert_record(made, judge(made, "a")))
    assert (short["verdict"], short["score"]) == ("not_scoreable", 0.0)
    assert short["habitus"]["stranger_normals"] is None
    assert short["habitus"]["trace"]["label"] is None
    empty = valid(alert_record(made, judge(made, "")))
    assert empty["habitus"]["explanation"] is None
    bare = valid(alert_record(made, judge(made, "abX"), explain=False))
    assert bare["habitus"]["explanation"] is None


def test_the_schema_refuses_what_is_no_record() -> None:
    made = model()
    record = valid(alert_record(made, judge(made, "abcXXX")))
    validator = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text()))
    for name in ("timestamp", "event_type", "score", "threshold", "verdict", "habitus", "alert"):
        assert not validator.is_valid({k: v for k, v in record.items() if k != name}), name
    assert not validator.is_valid({**record, "score": None})
    assert not validator.is_valid({**record, "more": 1})
    assert not validator.is_valid({**record, "verdict": "attack"})
    other_version = {**record, "habitus": {**record["habitus"], "record_version": 2}}
    assert not validator.is_valid(other_version)


def test_severity_two_is_for_what_some_normal_was_as_strange_as() -> None:
    made = model()
    scores = np.sort(made.population.scores[0])
    threshold = made.decision.model_copy(update={"threshold": float(scores[0]) / 2})
    lenient = replace(made, decisions=(threshold,))
    score = replace(judge(made, "abcabc"), score=float(scores[-1]), is_alert=True)
    record = alert_record(lenient, score)
    assert record["alert"]["severity"] == 2
    assert record["habitus"]["stranger_normals"] == pytest.approx(2 / 5)
