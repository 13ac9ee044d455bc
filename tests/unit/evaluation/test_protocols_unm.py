"""UNM protocols: one program's traces, no sequence on both sides, and failed attacks left out."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.errors import ProtocolError
from habitus.evaluation.judged import judged_of
from habitus.evaluation.protocols import (
    PROTOCOLS,
    default_protocol,
    get_protocol,
    test_part,
    training_part,
)
from habitus.traces.grouping import joined_by
from habitus.traces.reading import read_traces
from habitus.traces.traceset import Label, TraceInfo, TraceSet, join

if TYPE_CHECKING:
    from pathlib import Path

test_part.__test__ = False  # type: ignore[attr-defined]  # its name is not for pytest

N, A = Label.NORMAL, Label.ATTACK
Row = tuple[str, str, Label, str, str]


def traces_of(*rows: Row) -> TraceSet:
    """Traces from (program, calls, label, file, split); a call is a digit."""
    infos = [
        TraceInfo(f"{file}#{i}", file, label=label, group=file, split=split)
        for i, (_, _, label, file, split) in enumerate(rows)
    ]
    calls = [[f"unm-{program}:{call}" for call in row] for program, row, *_ in rows]
    return TraceSet.from_names(calls, infos=infos)


def parts(traces: TraceSet, name: str) -> tuple[TraceSet, TraceSet]:
    protocol = get_protocol(name)
    return training_part(traces, protocol)[0], test_part(traces, protocol)


def sequences(traces: TraceSet) -> set[bytes]:
    return {bytes(digest) for digest in traces.sequence_digests()}


def normal(traces: TraceSet) -> TraceSet:
    return traces.select(traces.labels == N)


ATTACKS: tuple[Row, ...] = (
    ("lpr", "999", A, "x.int", ""),
    ("lpr", "998", A, "failed.int", "unsuccessful"),
    ("ps", "997", A, "y.int", ""),
)


def test_only_one_programs_traces_are_learned_and_judged() -> None:
    rows: list[Row] = [("lpr", f"12{i}", N, "a.int", "") for i in range(8)]
    rows += [("ps", f"12{i}", N, "b.int", "") for i in range(8)]
    rows.append(("lpr", "5", Label.UNKNOWN, "a.int", ""))
    traces = traces_of(*rows, *ATTACKS)
    for program in ("lpr", "ps"):
        learned, judged = parts(traces, f"unm/{program}")
        both = [learned.trace(i) for i in range(learned.n_traces)]
        both += [judged.trace(i) for i in range(judged.n_traces)]
        assert all(call.startswith(f"unm-{program}:") for row in both for call in row)
        assert (learned.n_traces, normal(judged).n_traces) == (4, 4)
        assert judged.n_traces == 5  # the attack that succeeded
        assert not {info.split for info in judged.infos} & {"unsuccessful"}


def test_with_few_files_traces_are_divided_and_with_many_files_whole_files() -> None:
    few = traces_of(
        *(("lpr", f"{i}{j}", N, f"{i}.int", "") for i in range(9) for j in range(4)), *ATTACKS
    )
    learned, _ = parts(few, "unm/lpr")
    assert learned.n_traces == 18
    assert len({info.group for info in learned.infos}) == 9
    many = traces_of(
        *(("lpr", f"{i}{j}", N, f"{i}.int", "") for i in range(10) for j in range(4)), *ATTACKS
    )
    learned, judged = parts(many, "unm/lpr")
    assert learned.n_traces == 20
    assert not {i.group for i in learned.infos} & {i.group for i in judged.infos}


def test_files_that_share_a_sequence_are_on_one_side() -> None:
    """0.int and 1.int share 77, 1.int and 2.int share 88: all three go together."""
    rows: list[Row] = [("lpr", f"{i}1", N, f"{i}.int", "") for i in range(10)]
    rows += [("lpr", "77", N, f"{i}.int", "") for i in (0, 1)]
    rows += [("lpr", "88", N, f"{i}.int", "") for i in (1, 2)]
    learned, judged = parts(traces_of(*rows, *ATTACKS), "unm/lpr")
    sides = {i.group for i in learned.infos}, {i.group for i in normal(judged).infos}
    assert not sides[0] & sides[1]
    assert any({"0.int", "1.int", "2.int"} <= side for side in sides)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 12)), min_size=2, max_size=60))
def test_no_sequence_is_on_both_sides_and_order_decides_nothing(
    made: list[tuple[int, int]],
) -> None:
    rows: list[Row] = [("ps", f"{seq:02}", N, f"{file}.int", "") for seq, file in made]
    traces = traces_of(*rows, ("ps", "99", A, "x.int", ""))
    protocol = get_protocol("unm/ps")
    learned = protocol.training(traces)
    judged = protocol.test(traces)
    assert not (learned & judged).any()
    assert (learned | judged).all()  # every normal is on one side, every attack is judged
    assert not sequences(traces.select(learned)) & sequences(normal(traces.select(judged)))
    assert 2 * int(learned.sum()) >= len(rows)
    reordered = traces_of(*rows[::-1], ("ps", "99", A, "x.int", ""))
    again = protocol.training(reordered)
    assert sequences(traces.select(learned)) == sequences(reordered.select(again))


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=20))
def test_joined_traces_are_those_with_a_way_from_one_to_the_other(
    made: list[tuple[int, int]],
) -> None:
    n = len(made)
    reach = np.array([[a == c or b == d for c, d in made] for a, b in made]).reshape(n, n)
    for _ in range(n):
        reach = reach @ reach
    joined = joined_by([unit for unit, _ in made], [sequence for _, sequence in made])
    assert np.array_equal(joined[:, None] == joined[None, :], reach)


def test_the_default_is_the_program_that_there_is() -> None:
    lpr: list[Row] = [("lpr", f"1{i}", N, "a.int", "") for i in range(4)]
    ps: list[Row] = [("ps", f"1{i}", N, "b.int", "") for i in range(4)]
    assert default_protocol(traces_of(*lpr, *ATTACKS), "x") is PROTOCOLS["unm/lpr"]
    assert default_protocol(traces_of(*ps, *ATTACKS), "x") is PROTOCOLS["unm/ps"]
    assert default_protocol(traces_of(*lpr), "x") is None
    with pytest.raises(ProtocolError, match=r"say --protocol unm/lpr or --protocol unm/ps"):
        default_protocol(traces_of(*lpr, *ps, *ATTACKS), "x")


def test_failed_attacks_alone_are_nothing_to_judge() -> None:
    lpr: list[Row] = [("lpr", f"1{i}", N, "a.int", "") for i in range(4)]
    traces = traces_of(*lpr, ATTACKS[1])
    with pytest.raises(ProtocolError, match="found 2 and 0"):
        test_part(traces, get_protocol("unm/lpr"))


def test_equal_attacks_are_one_observation() -> None:
    rows: list[Row] = [("lpr", f"1{i}", N, "a.int", "") for i in range(4)]
    rows += [("lpr", "99", A, "x.int", "")] * 5 + [("lpr", "98", A, "x.int", "")] * 3
    test = test_part(traces_of(*rows), get_protocol("unm/lpr"))
    nothing = np.zeros(test.n_traces)
    protocol = get_protocol("unm/lpr")
    attacks = judged_of(test, nothing, nothing.astype(bool), protocol).of(A)
    assert len(attacks.scores) == 8
    assert len(np.unique(attacks.clusters)) == 2
    by_file = replace(protocol, attack_clusters="group")
    clusters = judged_of(test, nothing, nothing.astype(bool), by_file).of(A).clusters
    assert len(np.unique(clusters)) == 1


@pytest.mark.parametrize(
    ("file", "program", "n_learned", "n_judged", "n_attacks"),
    [
        ("lpr-live-mit", "lpr", 1352, 1351, 1001),
        ("lpr-live-unm", "lpr", 285, 282, 2002),
        ("sendmail-synth-unm", "sendmail", 100, 99, 25),
        ("sendmail-synth-cert", "sendmail", 103, 44, 13),  # three sequences are 124 of the 147
        ("login-ps", "login", 22, 2, 13),  # one sequence, of one call, is 12 of the 24
        ("login-ps", "ps", 12, 12, 26),
    ],
)
def test_the_real_sets(
    test_data: Path, file: str, program: str, n_learned: int, n_judged: int, n_attacks: int
) -> None:
    traces = read_traces(test_data / "unm" / f"{file}.tar.xz")
    learned, judged = parts(traces, f"unm/{program}")
    normals = normal(judged)
    assert (learned.n_traces, normals.n_traces) == (n_learned, n_judged)
    assert judged.n_traces - normals.n_traces == n_attacks
    assert not sequences(learned) & sequences(normals)


def test_sets_of_one_program_may_lie_together(test_data: Path) -> None:
    both = join(
        read_traces(test_data / "unm" / f"sendmail-synth-{of}.tar.xz") for of in ("cert", "unm")
    )
    assert default_protocol(both, "x") is PROTOCOLS["unm/sendmail"]
    _, judged = parts(both, "unm/sendmail")
    assert int(np.sum(judged.labels == A)) == 25 + 13
