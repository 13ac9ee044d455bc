"""Vocabularies: unseen calls, alphabets that do not belong together, wrong tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from examinations import examined, nothing, only, report_of, traces_of
from hypothesis import given
from hypothesis import strategies as st

import habitus
from habitus.datasets.source import demo_path, find_source
from habitus.evaluation.doctor.bigrams import Bigrams, linux_bigrams
from habitus.evaluation.doctor.call_list import find_call_list, parse_call_list
from habitus.evaluation.doctor.examination import check_data, examined_of
from habitus.evaluation.doctor.numbering import (
    published_list,
    surprise_by_table,
    wrong_call_table,
)
from habitus.evaluation.doctor.shifted_numbers import shifted_numbers
from habitus.evaluation.doctor.vocabulary import (
    little_overlap,
    mixed_alphabets,
    unknown_names,
    unseen_calls,
    unseen_calls_in_attacks,
)
from habitus.syscalls import name_of, names_by_number, number_of
from habitus.traces.reading import read_traces

if TYPE_CHECKING:
    from pathlib import Path


def test_unseen_calls_are_counted_by_trace_and_named() -> None:
    data = examined(
        learned=["read close"],
        normal=["read mount", "mount bpf", "read", "mount mount"],
        attack=["bpf", "read"],
    )
    finding = only(unseen_calls, data)
    assert (finding.count, finding.out_of) == (3, 4)
    assert finding.examples == ("mount (3 traces)", "bpf (1 trace)")
    assert only(unseen_calls_in_attacks, data).count == 1
    assert nothing(unseen_calls, examined(normal=["read"], attack=["bpf"]))


def test_names_beside_private_numbers_are_serious() -> None:
    finding = only(mixed_alphabets, examined(normal=["read", "unm-lpr:4 unm-lpr:2"]))
    assert finding.severity == "serious"
    assert nothing(mixed_alphabets, examined(normal=["unm-lpr:4", "unm-lpr:5"]))
    # A number that its table does not hold is no private one.
    assert nothing(mixed_alphabets, examined(normal=["read i386:9999"]))


def test_names_that_no_table_holds_are_told() -> None:
    finding = only(unknown_names, examined(normal=["read procexit i386:9999 procexit unm-lpr:3"]))
    assert (finding.count, finding.out_of, finding.severity) == (3, 5, "serious")
    assert finding.examples == ("procexit (2 calls)", "i386:9999 (1 call)")
    assert nothing(unknown_names, examined(normal=["read fstatat pread"]))


def test_parts_that_share_few_calls_are_told() -> None:
    finding = only(little_overlap, examined(learned=["a b"], normal=["a b"], attack=["a x y z"]))
    assert finding.parts == ("attack", "training")
    assert (finding.count, finding.out_of, finding.severity) == (3, 4, "serious")
    assert nothing(little_overlap, examined(learned=["a b"], normal=["a b " * 10 + "x"]))
    # Without a learned part, attacks are compared with normals.
    assert only(little_overlap, examined(normal=["a"], attack=["b"])).parts == ("attack", "normal")


PAIRS = st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=6), min_size=1, max_size=4)


@given(PAIRS)
def test_bigrams_are_a_probability(traces: list[list[str]]) -> None:
    """Over the calls seen, and one that stands for all others, chances sum to one at most."""
    model = Bigrams.of(traces)
    seen = sorted(model.single)
    for before in [*seen, "never"]:
        chances = np.exp(-model.surprise([(before, call) for call in [*seen, "new"]]))
        assert chances.min() > 0
        assert chances.sum() <= 1 + 1e-9


def test_bigrams_by_hand() -> None:
    """One trace `a b`: P(b) = (1 + 2/500) / (2 + 2); after a, (1 + P(b)) / 2; after b, P(b)."""
    model = Bigrams.of([["a", "b"]])
    single = (1 + 2 / 500) / 4
    found = np.exp(-model.surprise([("a", "b"), ("b", "b"), ("a", "new")]))
    assert found == pytest.approx([(1 + single) / 2, single, (2 / 500 / 4) / 2])


@pytest.mark.parametrize("abi", ["i386", "aarch64"])
def test_numbers_read_with_the_wrong_table_are_noticed(abi: str) -> None:
    """The shipped recordings are x86_64; as numbers read for another machine they make no sense."""
    demo = read_traces(demo_path())
    numbers = [number_of("x86_64", name) or 0 for name in demo.alphabet]
    wrong = tuple(name_of(abi, number) for number in numbers)
    traces = traces_of(normal=[[wrong[c] for c in demo.calls[:20_000]]])
    data = examined_of(traces, report=report_of("plain"), abi=abi)
    finding = only(wrong_call_table, data)
    assert finding.severity == "serious"
    assert finding.title.endswith(f"as x86_64 numbers by {finding.numbers['x86_64']:.1f}")
    right = [[name_of("x86_64", n) for n in np.array(numbers)[demo.calls[:20_000]]]]
    good = examined_of(traces_of(normal=right), report=report_of("plain"), abi="x86_64")
    assert nothing(wrong_call_table, good)
    # The same numbers surprise the same, whatever they were taken for.
    assert surprise_by_table(good, "x86_64") == pytest.approx(surprise_by_table(data, abi))


def test_names_are_not_judged_as_numbers() -> None:
    assert nothing(wrong_call_table, examined(formats=["strace"], normal=["bpf mount bpf mount"]))
    assert nothing(wrong_call_table, examined(formats=["plain"], normal=["bpf mount bpf mount"]))
    assert linux_bigrams() is linux_bigrams()


def list_text(abi: str, form: str) -> str:
    return "".join(form.format(name=n, k=k) + "\n" for k, n in names_by_number(abi).items())


@pytest.mark.parametrize(
    "form",
    ["#define __NR_{name} {k}", "{name} {k}", "{k}\t{name}", "{name}, {k}", "sys_{name} = {k}"],
)
def test_lists_of_calls_are_read_in_the_forms_they_come_in(form: str) -> None:
    text = "/* a header */\n#ifndef X\n\n" + list_text("aarch64", form)
    assert parse_call_list(text.encode()) == dict(names_by_number("aarch64"))


def test_a_list_of_calls_has_no_number_beyond_a_table_and_no_number_for_a_name() -> None:
    good = {k: f"call{k}" for k in range(20)}
    lines = [f"{name} {k}" for k, name in good.items()]
    text = "\n".join([*lines, "high 65534", "beyond 65535", "30 31", "again 3"])
    assert parse_call_list(text.encode()) == good | {65_534: "high"}
    assert parse_call_list("\n".join(lines[1:]).encode()) is None


LINES = st.sampled_from(
    ["{0} {1}", "{1},{0}", "#define __NR_{0} {1}", "{0}", "{1} {1}", "{0} 1{1}"]
)
NAMES = st.text(st.characters(codec="ascii"), max_size=9) | st.just("sys_x")


@given(st.lists(st.tuples(LINES, NAMES, st.integers(-1, 99_999)), max_size=60), st.binary())
def test_whatever_is_called_a_list_has_twenty_names_with_numbers_that_a_call_can_have(
    made: list[tuple[str, str, int]], rest: bytes
) -> None:
    text = "\n".join(line.format(name, number) for line, name, number in made)
    names = parse_call_list(text.encode() + rest)
    if names is not None:
        assert len(names) >= 20
        assert all(0 <= number <= 65_534 for number in names)
        assert not any(name.isdigit() for name in names.values())


def test_the_list_beside_adfa_ld_is_recognised_as_another_table(tmp_path: Path) -> None:
    folder = tmp_path / "ADFA-LD"
    (folder / "Training_Data_Master").mkdir(parents=True)
    (folder / "Training_Data_Master" / "UTD-0001.txt").write_text("3 3 5 6 3 ")
    place = folder / "ADFA-LD+Syscall+List.txt"
    place.write_text("/* generic */\n" + list_text("aarch64", "#define __NR_{name} {k}"))
    checkup = habitus.check(str(folder))
    (found,) = (f for f in checkup.findings if f.id == "published-list-is-another-table")
    assert found.severity == "warning"
    assert found.examples[0] == "3 is read, the list says io_cancel"
    assert found.numbers["like_aarch64"] == 1
    assert (found.count, found.out_of) == (5, 5)
    # The right list is no finding; without any, the published one is warned of.
    place.write_text(list_text("i386", "{name} {k}"))
    assert found.id not in {f.id for f in habitus.check(str(folder)).findings}
    place.unlink()
    (note,) = (f for f in habitus.check(str(folder)).findings if f.id == found.id)
    assert note.severity == "note"


def test_a_list_is_looked_for_by_its_name_and_in_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "read-me.txt").write_text(list_text("i386", "{name} {k}"))
    assert find_call_list(tmp_path) is None
    (tmp_path / "syscall_list.txt").write_text(
        "x" * 100_000 + "\n" + list_text("i386", "{name} {k}")
    )
    assert find_call_list(tmp_path) is not None
    monkeypatch.setattr("habitus.evaluation.doctor.call_list.MAX_LIST_BYTES", 100_000)
    assert find_call_list(tmp_path) is None
    assert find_call_list(tmp_path / "nowhere") is None


def test_data_that_are_no_adfa_ld_hear_nothing_of_its_list(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("3 3 5 6 3\n")
    source = find_source(str(tmp_path))
    report = report_of("plain")
    checkup = check_data(source.read(format="plain", abi="i386"), source, report=report, abi="i386")
    assert "published-list-is-another-table" not in {f.id for f in checkup.findings}
    assert nothing(published_list, examined(normal=["read"]))


def numbered(*calls: int, program: str = "lpr") -> str:
    return " ".join(f"unm-{program}:{call}" for call in calls)


OPENING = (5, 3, 67, 67, 5, 139, 67, 6)


def test_a_program_numbered_by_two_tables_is_told() -> None:
    lower = tuple(call - 1 for call in OPENING)
    seen = examined(
        normal=[numbered(*OPENING, 20 + i) for i in range(8)] + [numbered(*lower, 9)] * 2,
        attack=[numbered(*lower, 7)] * 5,
    )
    (finding,) = shifted_numbers(seen)
    assert finding.title == (
        "7 traces of unm-lpr are numbered 1 lower than 8 others: 100% of the attacks and 20% of "
        "the normals"
    )
    assert finding.severity == "serious"
    assert finding.numbers == {"shift": -1.0, "attacks": 1.0, "normals": 0.2}
    assert finding.examples[1] == "normal/0 begins 5 3 67 67 5 139 67 6"


@pytest.mark.parametrize(
    "other",
    [
        numbered(4, 2, 66, 66, 4, 138, 66, 6),  # seven of eight
        numbered(4, 2, 66, 66, 4, 138, 66),  # too short
        numbered(*(call - 1 for call in OPENING), program="login"),
        "openat read close brk openat read close brk",
    ],
)
def test_other_beginnings_are_no_other_numbering(other: str) -> None:
    seen = examined(normal=[numbered(*OPENING)] * 5, attack=[other] * 5)
    assert list(shifted_numbers(seen)) == []
    same = examined(normal=[numbered(*[3] * 8)] * 5, attack=[numbered(*[4] * 8)] * 5)
    assert list(shifted_numbers(same)) == []
