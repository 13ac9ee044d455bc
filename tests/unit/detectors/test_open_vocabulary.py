"""Calls never seen, read as their kin: what they cost, and what dangerous ones still do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from drawn_traces import fitted
from hypothesis import given, settings
from hypothesis import strategies as st

from habitus.alerts.explanation import explain_score
from habitus.alerts.record import alert_record
from habitus.alerts.scoring import Scorer
from habitus.errors import HabitusError
from habitus.models.files import load_model, save_model
from habitus.models.training import fit_model
from habitus.syscalls import dangerous_calls
from habitus.traces.traceset import TraceSet
from habitus.traces.vocabulary import Vocabulary
from segments import segmented

if TYPE_CHECKING:
    from pathlib import Path

DETECTORS = ("ngram", "markov")
NORMAL = [
    ["openat", "fstat", "read", "read", "close", "setuid", "write"],
    ["openat", "read", "close", "socket", "connect", "sendto", "recvfrom", "close"],
    ["openat", "fstat", "mmap", "close", "write", "write"],
]
CALLS = sorted({call for trace in NORMAL for call in trace})
TRACES = st.lists(st.sampled_from(CALLS), min_size=1, max_size=20)


def probabilities(name: str, history: list[str], calls: list[str]) -> list[float]:
    """Of each call after the history, by the surprise it has there."""
    detector = fitted(name, NORMAL)
    given_traces = TraceSet.from_names([[*history, call] for call in calls])
    last = given_traces.offsets[1:] - 1
    return np.exp(-detector.surprise(given_traces)[last].astype(float)).tolist()


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("history", [[], ["openat"], ["openat", "fstat"], ["open"], ["ptrace"]])
def test_what_is_left_to_kin_is_what_they_stand_for_lost(name: str, history: list[str]) -> None:
    vocabulary = fitted(name, NORMAL).vocabulary
    novel = [call for call, _ in vocabulary.kin]
    assert {"open", "openat2", "statx", "socketcall", "mmap2"} <= set(novel)
    given_share = sum(probabilities(name, history, [*CALLS, *novel]))
    closed = fitted(name, NORMAL, kin_share=0)
    ends = TraceSet.from_names([[*history, call] for call in CALLS])
    if history == ["open"]:  # in a closed vocabulary it is no openat
        ends = TraceSet.from_names([["openat", call] for call in CALLS])
    before = np.exp(-closed.surprise(ends)[ends.offsets[1:] - 1].astype(float)).sum()
    assert given_share == pytest.approx(before, rel=1e-5)
    assert given_share < 1


def test_an_unseen_call_costs_its_kin_and_what_it_borrows() -> None:
    detector = fitted("ngram", NORMAL, kin_share=0.1)
    for_open = [novel for novel, known in detector.vocabulary.kin if known == "openat"]
    assert sorted(for_open) == ["creat", "open", "openat2"]
    closed = fitted("ngram", NORMAL, kin_share=0)
    plain = closed.surprise(TraceSet.from_names([NORMAL[0]]))
    met = detector.surprise(TraceSet.from_names([["open", *NORMAL[0][1:]]]))
    assert met[0] - plain[0] == pytest.approx(np.log(3 / 0.1), abs=1e-5)
    # fstat, which has kin of its own, keeps nine parts in ten; setuid, which has none, all.
    assert met[1] - plain[1] == pytest.approx(-np.log(0.9), abs=1e-5)
    assert met[5] - plain[5] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", DETECTORS)
def test_switched_off_it_is_closed(name: str) -> None:
    closed = fitted(name, NORMAL, kin_share=0)
    assert closed.vocabulary.kin == ()
    unknown = TraceSet.from_names([["openat", "open", "read"], ["openat", "nothing", "read"]])
    surprise = closed.surprise(unknown)
    assert surprise[:3].tolist() == surprise[3:].tolist()


@pytest.mark.parametrize("name", DETECTORS)
@settings(deadline=None, max_examples=25)
@given(
    trace=TRACES,
    planted=st.lists(
        st.tuples(st.sampled_from([d for d in dangerous_calls() if d not in CALLS]),
                  st.integers(0, 20)),
        min_size=1, max_size=3,
    ),
)  # fmt: skip
def test_dangerous_calls_stay_as_strange(
    name: str, trace: list[str], planted: list[tuple[str, int]]
) -> None:
    changed = list(trace)
    for call, place in planted:
        changed.insert(min(place, len(changed)), call)
    traces = TraceSet.from_names([changed])
    opened = fitted(name, NORMAL).surprise(traces)
    closed = fitted(name, NORMAL, kin_share=0).surprise(traces)
    assert (opened >= closed - 1e-6).all()


def test_expectations_and_chances_leave_the_share_to_kin() -> None:
    detector = fitted("ngram", NORMAL)
    history = detector.vocabulary.symbols_of(("openat", "fstat"))
    expected = detector.expected(history, top=len(CALLS))
    assert expected is not None
    told = dict(expected.calls)
    measured = dict(zip(CALLS, probabilities("ngram", ["openat", "fstat"], CALLS), strict=True))
    assert told == pytest.approx(measured, rel=1e-5)


@settings(deadline=None, max_examples=25)
@given(data=st.data(), trace=st.lists(st.sampled_from([*CALLS, "open", "ptrace"]), min_size=1))
def test_a_stream_in_segments_reads_kin_as_whole_traces_do(
    data: st.DataObject, trace: list[str]
) -> None:
    detector = fitted("ngram", NORMAL)
    stream = detector.stream()
    parts = [stream.push(batch) for batch in data.draw(segmented([trace]))]
    np.testing.assert_array_equal(
        np.concatenate(parts), detector.surprise(TraceSet.from_names([trace]))
    )


def test_an_alert_tells_what_a_novel_call_was_taken_for(tmp_path: Path) -> None:
    model = fit_model("ngram", TraceSet.from_names(NORMAL * 4), false_alarms=0.5)
    save_model(model, tmp_path / "m")
    model = load_model(tmp_path / "m")
    given_traces = TraceSet.from_names([["open", "read", "bpf", "close"]])
    judged = next(iter(Scorer(model, stretch_of_all=True).run([given_traces])))
    assert judged.n_novel == 2
    explanation = explain_score(model, judged)
    assert explanation is not None
    told = [(call.name, call.novel, call.read_as) for call in explanation.calls]
    assert told == [
        ("open", True, "openat"),
        ("read", False, None),
        ("bpf", True, None),
        ("close", False, None),
    ]
    record = alert_record(model, judged)
    calls = record["habitus"]["explanation"]["calls"]
    assert [call["read_as"] for call in calls] == ["openat", None, None, None]


def test_kin_are_kept_with_the_model_and_older_models_have_none(tmp_path: Path) -> None:
    import hashlib

    model = fit_model("ngram", TraceSet.from_names(NORMAL * 4), false_alarms=0.5)
    folder = tmp_path / "m"
    save_model(model, folder)
    assert load_model(folder).detector.vocabulary == model.detector.vocabulary

    def rewritten(change: dict[str, object]) -> None:
        described = json.loads((folder / "model.json").read_text()) | change
        if described["kin"] is None:
            del described["kin"], described["settings"]["kin_share"]
        text = json.dumps(described)
        (folder / "model.json").write_text(text)
        lines = [
            f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
            for name in ("model.json", "weights.safetensors")
        ]
        (folder / "MANIFEST.sha256").write_text("".join(lines))

    rewritten({"kin": {"ptrace": "openat"}})
    with pytest.raises(HabitusError, match="controls other processes"):
        load_model(folder)
    rewritten({"kin": {"open": "never_seen"}})
    with pytest.raises(HabitusError, match="cannot stand for"):
        load_model(folder)
    rewritten({"kin": None})
    older = load_model(folder).detector
    assert older.vocabulary.kin == ()
    some = TraceSet.from_names([["open", "fstat", "read"]])
    closed = fitted("ngram", NORMAL * 4, kin_share=0)
    np.testing.assert_array_equal(older.surprise(some), closed.surprise(some))


def test_a_vocabulary_refuses_kin_that_are_none() -> None:
    with pytest.raises(HabitusError, match="cannot stand for"):
        Vocabulary(("read", "openat"), (("read", "openat"),))
    with pytest.raises(HabitusError, match="different names"):
        Vocabulary(("read", "openat"), (("open", "openat"), ("open", "read")))
