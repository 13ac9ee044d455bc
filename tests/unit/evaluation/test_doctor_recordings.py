"""Recordings, times and threads: what was recorded together, in which order, and by whom."""

from __future__ import annotations

import pytest
from examinations import examined, nothing, only, timed, traces_of, with_infos

from habitus.evaluation.doctor.examination import examined_of
from habitus.evaluation.doctor.recordings import (
    few_recordings,
    label_is_recording,
    program_is_label,
    several_programs,
    torn_recordings,
)
from habitus.evaluation.doctor.threads import (
    interleaved_processes,
    reused_process_id,
    several_threads,
)
from habitus.evaluation.doctor.times import learned_after_test, recorded_at_once, times_backwards

FOUR = traces_of(normal=["a", "b"], attack=["c", "d"])


def test_recordings_of_one_label_each_are_noted() -> None:
    alike = examined_of(with_infos(FOUR, group=["n", "n", "a", "a"]))
    finding = only(label_is_recording, alike)
    assert (finding.count, finding.numbers, finding.severity) == (2, {"all_attack": 1}, "note")
    assert nothing(label_is_recording, examined_of(with_infos(FOUR, group=["n", "x", "x", "a"])))
    assert nothing(label_is_recording, examined_of(FOUR))  # a recording a trace


def test_many_traces_of_few_recordings_are_told() -> None:
    finding = only(few_recordings, examined_of(with_infos(FOUR, group=["n0", "n1", "a", "a"])))
    assert (finding.parts, finding.count, finding.out_of) == (("attack",), 1, 2)
    assert finding.examples == ("a",)


def test_torn_recordings_are_named() -> None:
    traces = traces_of(learned=["a", "b"], normal=["c"], attack=["d"])
    torn = examined_of(with_infos(traces, group=["r", "s", "r", "t"]))
    finding = only(torn_recordings, torn)
    assert (finding.count, finding.out_of, finding.examples) == (1, 3, ("r",))
    assert finding.severity == "serious"
    assert nothing(torn_recordings, examined_of(traces))


def test_recordings_of_one_name_in_other_data_are_others() -> None:
    own = with_infos(traces_of(normal=["a b"]), group=["run-1"])
    data = examined_of(own, against=own, against_name="before")
    assert nothing(torn_recordings, data)
    assert [part.role for part in data.parts] == ["learned", "normal"]
    assert data.traces.infos[1].name == "before/normal/0"


def test_attacks_of_other_data_are_not_looked_at() -> None:
    own, other = traces_of(normal=["ps:1"]), traces_of(normal=["ps:1"], attack=["lpr:1"])
    data = examined_of(own, against=other, against_name="before")
    assert data.traces.n_traces == sum(len(part) for part in data.parts) == 2
    assert nothing(several_programs, data)
    only_attacks = examined_of(own, against=traces_of(attack=["ps:2"]), against_name="before")
    assert [part.role for part in only_attacks.parts] == ["normal"]


def test_a_program_under_one_label_only_is_told() -> None:
    data = examined(normal=["ps:1", "ps:2 ps:1"], attack=["ps:1", "lpr:1", "lpr:2"])
    finding = only(program_is_label, data)
    assert (finding.count, finding.out_of) == (2, 5)
    assert finding.examples == ("lpr: 2 traces, all attack",)
    assert nothing(program_is_label, examined(normal=["ps:1"], attack=["ps:2"]))
    assert nothing(program_is_label, examined(normal=["read"], attack=["mount"]))
    assert nothing(program_is_label, examined(normal=["ps:1"], unlabelled=["lpr:1"]))


def test_programs_that_share_no_number_are_to_be_checked_one_by_one() -> None:
    data = examined(normal=["ps:1", "ps:2 ps:1", "read"], attack=["lpr:1", ""])
    finding = only(several_programs, data)
    assert (finding.count, finding.out_of, finding.severity) == (3, 5, "warning")
    assert finding.examples == ("ps (2 traces)", "lpr (1 trace)")
    assert nothing(several_programs, examined(normal=["ps:1"], attack=["ps:2", "read"]))
    assert nothing(several_programs, examined(normal=["read"], attack=["i386:999 x86_64:999"]))


def test_clocks_that_run_backwards_are_told_but_not_from_trace_to_trace() -> None:
    traces = traces_of(normal=["a b c", "a b", "a b c"])
    finding = only(times_backwards, examined_of(timed(traces, [5, 4, 6, 1, 2, 9, -1, 8])))
    assert finding.examples == ("normal/0", "normal/2")
    assert finding.numbers == {"calls": 2}
    assert nothing(times_backwards, examined_of(timed(traces, [1, 2, 3, 1, 1, 0, -1, 0])))


LEARN_THEN_TEST = traces_of(learned=["a b", "a b"], normal=["a b", "a b"])


@pytest.mark.parametrize(
    ("times", "later", "at_once"),
    [
        ([0, 1, 2, 3, 4, 5, 6, 7], 0, 0),  # as it should be
        ([4, 5, 6, 7, 0, 1, 2, 3], 2, 0),  # the wrong way round
        ([0, 9, 20, 21, 8, 10, 30, 31], 1, 1),
        ([0, 4, 6, 7, 5, 50, 8, 9], 0, 1),  # within one that began before and ends late
        ([-1, -1, 6, 7, 5, 50, 8, 9], 0, 1),
    ],
)
def test_learning_from_later_or_from_the_same_time(
    times: list[int], later: int, at_once: int
) -> None:
    data = examined_of(timed(LEARN_THEN_TEST, times))
    assert sum(f.count for f in learned_after_test(data)) == later
    assert sum(f.count for f in recorded_at_once(data)) == at_once


def test_times_without_a_date_say_nothing_of_order() -> None:
    day = timed(LEARN_THEN_TEST, [4, 5, 6, 7, 0, 1, 2, 3])
    day.times_ns[:] %= 86_400 * 10**9
    assert nothing(learned_after_test, examined_of(day))
    assert nothing(recorded_at_once, examined_of(LEARN_THEN_TEST))


def test_recordings_of_several_threads_are_noted() -> None:
    grouped = with_infos(FOUR, group=["r", "r", "s", "t"], thread=[7, 8, 7, -1])
    finding = only(several_threads, examined_of(grouped))
    assert (finding.count, finding.out_of, finding.numbers) == (1, 2, {"most_threads": 2})
    assert nothing(several_threads, examined_of(FOUR))


def test_what_goes_on_after_its_process_ended_is_several_processes() -> None:
    traces = traces_of(normal=["read exit_group", "exit_group read", "read exit_group exit_group"])
    finding = only(interleaved_processes, examined_of(traces))
    assert finding.examples == ("normal/1", "normal/2")
    assert nothing(reused_process_id, examined_of(traces))
    # With thread ids it is one id for several processes.
    named = examined_of(with_infos(traces, thread=[1, 2, 3]))
    assert nothing(interleaved_processes, named)
    assert only(reused_process_id, named).examples == ("normal/1", "normal/2")


def test_each_program_has_its_own_beginning() -> None:
    """What one program begins with may well stand in the middle of another's trace."""

    def opening(program: str, *numbers: int) -> list[str]:
        return [f"{program}:{k}" for k in numbers]

    first, second = opening("ps", *range(1, 9)), opening("lpr", *range(1, 9))
    ps = [[*first, *["ps:3"] * i] for i in range(1, 7)]
    lpr = [[*second, *["lpr:3"] * i] for i in range(1, 7)]
    assert nothing(reused_process_id, examined(normal=[*ps, *lpr, [*second, *first]]))
    again = [*second, "lpr:9", *second]
    finding = only(reused_process_id, examined(normal=[*ps, again, *lpr]))
    assert finding.examples == ("normal/6",)


def test_a_program_that_begins_again_in_a_trace_is_an_id_used_again() -> None:
    opening = [f"ps:{k}" for k in (5, 4, 90, 5, 6, 7, 1, 2)]
    body = ["ps:3", "ps:4"]
    traces = [opening + body * (i + 1) for i in range(6)]
    again = [*opening, *body, *opening, *body]
    split = [*opening, *body, *opening[:4]]  # only half of a beginning
    data = examined(normal=[*traces, again, split])
    assert only(reused_process_id, data).examples == ("normal/6",)
    # Named calls may execute another program, which begins as all do.
    renamed = [[call.replace("ps:", "call") for call in t] for t in [*traces, again]]
    assert nothing(reused_process_id, examined(normal=renamed))
    # What most traces repeat is a loop of the program.
    assert nothing(reused_process_id, examined(normal=[t + opening for t in traces]))
    # What stands at the end of one trace and the beginning of the next is no second beginning.
    assert nothing(reused_process_id, examined(normal=[*traces, opening[:4] * 3]))
