"""`TraceSet`: its checks, choosing traces, joining segments, and digests of sequences."""

from __future__ import annotations

import doctest
import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.errors import UsageError
from habitus.traces.traceset import Label, TraceInfo, TraceSet, join, offsets_of

CALLS = ("openat", "read", "close", "mmap", "futex")


def traces_of(*rows: str) -> list[list[str]]:
    return [row.split() for row in rows]


def small_set(**changed: Any) -> TraceSet:
    columns: dict[str, Any] = {
        "calls": np.array([0, 1, 1, 0], np.uint16),
        "offsets": np.array([0, 3, 4]),
        "alphabet": ("open", "close"),
        "infos": (TraceInfo("a", "file"), TraceInfo("b", "file")),
        "positions": np.array([1, 2, 3, 4]),
        "times_ns": np.array([10, 20, 30, 40]),
    }
    return TraceSet(**(columns | changed))


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"offsets": np.array([0, 4])}, "2 traces need 3 offsets"),
        ({"offsets": np.array([1, 3, 4])}, "from 0 to the number of calls"),
        ({"offsets": np.array([0, 3, 5])}, "from 0 to the number of calls"),
        ({"offsets": np.array([0, 5, 4])}, "must not decrease"),
        ({"calls": np.array([0, 1, 2, 0], np.uint16)}, "outside the alphabet"),
        ({"alphabet": ()}, "outside the alphabet"),
        ({"alphabet": tuple(map(str, range(65_536)))}, "at most 65535 names"),
        ({"positions": np.array([1, 2, 3])}, "positions must hold one entry a call"),
        ({"times_ns": np.array([1, 2, 3, 4, 5])}, "times_ns must hold one entry a call"),
    ],
)
def test_columns_that_do_not_fit_are_refused(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        small_set(**changed)


def test_the_largest_alphabet_is_accepted_and_its_last_call_is_not_the_unknown_symbol() -> None:
    names = tuple(map(str, range(65_535)))
    made = TraceSet.from_names([names])
    assert made.alphabet == names
    assert int(made.calls.max()) == 65_534
    with pytest.raises(UsageError, match="at most 65535"):
        TraceSet.from_names([(*names, "one more")])


def test_what_a_set_says_of_itself() -> None:
    made = small_set(
        infos=(TraceInfo("a", "f", Label.ATTACK), TraceInfo("b", "f", Label.NORMAL)),
    )
    assert (made.n_traces, made.n_calls) == (2, 4)
    assert made.lengths.tolist() == [3, 1]
    assert made.labels.tolist() == [1, 0]
    assert made.names == ("a", "b")
    assert [made.trace(0), made.trace(1)] == traces_of("open close close", "open")


def test_select_takes_the_columns_of_the_chosen_traces_along() -> None:
    chosen = small_set().select([1, 0, 1])
    assert chosen.names == ("b", "a", "b")
    assert chosen.offsets.tolist() == [0, 1, 4, 5]
    assert chosen.calls.tolist() == [0, 0, 1, 1, 0]
    assert chosen.positions is not None
    assert chosen.positions.tolist() == [4, 1, 2, 3, 4]
    assert chosen.times_ns is not None
    assert chosen.times_ns.tolist() == [40, 10, 20, 30, 40]


def test_select_follows_the_rules_of_numpy() -> None:
    made = small_set()
    assert made.select(np.array([False, True])).names == ("b",)
    assert made.select([-1]).trace(0) == ["open"]
    assert made.select([]).n_traces == 0
    assert made.select(np.zeros(2, bool)).n_calls == 0
    for wrong in ([2], [-3], [True], [0.5]):
        with pytest.raises(IndexError):
            made.select(wrong)


names = st.sampled_from(CALLS)
rows = st.lists(st.lists(names, max_size=12), max_size=6)


@given(rows, st.data())
def test_select_agrees_with_lists(traces: list[list[str]], data: st.DataObject) -> None:
    made = TraceSet.from_names(traces)
    indices = st.lists(st.integers(0, len(traces) - 1)) if traces else st.just([])
    chosen = data.draw(indices)
    selected = made.select(chosen)
    assert [selected.trace(i) for i in range(selected.n_traces)] == [traces[i] for i in chosen]


def whole_set(traces: list[list[str]], *, timed: bool) -> TraceSet:
    made = TraceSet.from_names(traces)
    infos = tuple(TraceInfo(f"t{i}", "f", Label(i % 3 - 1)) for i in range(made.n_traces))
    places = np.arange(made.n_calls) + 1
    return replace(
        made,
        infos=infos,
        positions=places,
        position_unit="line",
        times_ns=places * 1_000 if timed else None,
    )


def segment(whole: TraceSet, trace: int, begin: int, end: int, *, ends: bool) -> TraceSet:
    """Calls ``begin`` to ``end`` of one trace, with an alphabet of their own."""
    start = int(whole.offsets[trace])
    calls = whole.calls[start + begin : start + end]
    alphabet = tuple(sorted({whole.alphabet[c] for c in calls}, reverse=begin % 2 == 0))
    numbers = [alphabet.index(whole.alphabet[c]) for c in calls]
    place = slice(start + begin, start + end)
    return TraceSet(
        np.array(numbers, np.uint16),
        np.array([0, end - begin]),
        alphabet,
        (replace(whole.infos[trace], first_call=begin, ends=ends),),
        positions=None if whole.positions is None else whole.positions[place],
        position_unit="line",
        times_ns=None if whole.times_ns is None else whole.times_ns[place],
    )


@given(st.lists(st.lists(names, min_size=1, max_size=12), min_size=1, max_size=5), st.data())
def test_segments_in_any_batches_join_to_the_whole(
    traces: list[list[str]], data: st.DataObject
) -> None:
    whole = whole_set(traces, timed=data.draw(st.booleans()))
    queues = []
    for i, trace in enumerate(traces):
        inner = st.sets(st.integers(1, len(trace) - 1)) if len(trace) > 1 else st.just(set())
        cuts = sorted(data.draw(inner))
        if data.draw(st.booleans()):
            cuts.append(len(trace))  # the end may come alone, with no call left to bring
        bounds = [*zip([0, *cuts], [*cuts, len(trace)], strict=True)]
        queues.append(
            [
                segment(whole, i, lo, hi, ends=n + 1 == len(bounds))
                for n, (lo, hi) in enumerate(bounds)
            ]
        )
    # Traces begin in their order; afterwards their segments interleave at will.
    begun, batches = 1, [queues[0].pop(0)]
    while any(queues):
        choices = [i for i, queue in enumerate(queues) if queue and i <= begun]
        i = data.draw(st.sampled_from(choices))
        begun = max(begun, i + 1)
        batches.append(queues[i].pop(0))
    joined = join(batches)
    assert joined.infos == whole.infos
    assert [joined.trace(i) for i in range(joined.n_traces)] == traces
    assert joined.offsets.tolist() == whole.offsets.tolist()
    assert joined.position_unit == "line"
    for column in ("positions", "times_ns"):
        ours, theirs = getattr(joined, column), getattr(whole, column)
        assert (ours is None) == (theirs is None)
        assert theirs is None or ours.tolist() == theirs.tolist()


def test_a_name_that_comes_back_after_its_end_is_another_trace() -> None:
    one = TraceSet.from_names([["open"]], infos=[TraceInfo("t", "f")])
    two = TraceSet.from_names([["read"]], infos=[TraceInfo("t", "f")])
    joined = join([one, two])
    assert [joined.trace(0), joined.trace(1)] == [["open"], ["read"]]


def test_a_missing_beginning_or_middle_is_told() -> None:
    def part(first_call: int, calls: str, *, ends: bool = False) -> TraceSet:
        info = TraceInfo("t", "f", first_call=first_call, ends=ends)
        return TraceSet.from_names(traces_of(calls), infos=[info])

    with pytest.raises(UsageError, match="t: the beginning of this trace is missing"):
        join([part(2, "open")])
    with pytest.raises(UsageError, match="t: the beginning of this trace is missing"):
        join([part(0, "open read", ends=True), part(2, "close")])
    with pytest.raises(UsageError, match="after 2 calls a segment begins at call 3; a part"):
        join([part(0, "open read"), part(3, "close")])
    assert join([part(0, "open read"), part(2, "close")]).trace(0) == ["open", "read", "close"]


def test_times_and_positions_that_some_batches_lack() -> None:
    """A time that is unknown is -1; a position must be one of its unit or none is told."""
    timed = small_set()
    untimed = small_set(times_ns=None, positions=None)
    joined = join([timed, untimed])
    assert joined.times_ns is not None
    assert joined.times_ns.tolist() == [10, 20, 30, 40, -1, -1, -1, -1]
    assert joined.positions is None
    assert join([untimed, untimed]).times_ns is None
    lines = small_set(position_unit="line")
    assert join([timed, lines]).positions is None
    assert join([lines, lines]).position_unit == "line"


def test_a_batch_of_ends_alone_takes_nothing_away() -> None:
    begin = small_set(
        infos=(TraceInfo("a", "f", ends=False), TraceInfo("b", "f")), position_unit="line"
    )
    end = TraceSet(
        np.zeros(0, np.uint16), np.array([0, 0]), (), (TraceInfo("a", "f", first_call=3),)
    )
    joined = join([begin, end])
    assert joined.positions is not None
    assert joined.times_ns is not None
    assert joined.position_unit == "line"
    assert joined.positions.tolist() == [1, 2, 3, 4]
    assert all(info.whole for info in joined.infos)


def test_joining_nothing_gives_nothing() -> None:
    assert (join([]).n_traces, join([]).n_calls) == (0, 0)
    assert join([TraceSet.from_names([])]).offsets.tolist() == [0]


@given(rows, st.permutations(CALLS))
def test_digests_are_of_the_names_and_not_of_their_numbers(
    traces: list[list[str]], alphabet: list[str]
) -> None:
    made = TraceSet.from_names(traces)
    numbers = [alphabet.index(call) for trace in traces for call in trace]
    renumbered = replace(made, alphabet=tuple(alphabet), calls=np.array(numbers, dtype=np.uint16))
    assert made.sequence_digests().tolist() == renumbered.sequence_digests().tolist()
    # The slow reference: sequences are equal if and only if their lists are.
    digests = [bytes(d) for d in made.sequence_digests()]
    for i, one in enumerate(traces):
        for j, other in enumerate(traces):
            assert (digests[i] == digests[j]) == (one == other)
    seen: list[list[str]] = []
    for trace, number in zip(traces, made.sequence_ids(), strict=True):
        if trace not in seen:
            seen.append(trace)
        assert seen.index(trace) == number


def test_digests_keep_their_value() -> None:
    """They are stored in results, so another version of Habitus must give the same."""
    digests = TraceSet.from_names([["openat", "read"], []]).sequence_digests()
    assert [bytes(d).hex() for d in digests] == [
        "fad8fc9fd6eeaffdce6504bedf6afeb8",
        "cae66941d9efbd404e4d88758ea67670",
    ]


def test_offsets_of_lengths() -> None:
    assert offsets_of([2, 0, 3]).tolist() == [0, 2, 2, 5]
    assert offsets_of([]).tolist() == [0]


@pytest.mark.parametrize("module", ["traceset", "vocabulary", "formats.adfa"])
def test_examples_in_the_documentation(module: str) -> None:
    result = doctest.testmod(importlib.import_module(f"habitus.traces.{module}"))
    assert result.attempted
    assert not result.failed
