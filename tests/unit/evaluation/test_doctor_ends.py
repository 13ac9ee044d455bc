"""Lengths, ends, file names and what reading left out."""

from __future__ import annotations

import pytest
from examinations import examined, nothing, only, report_of, traces_of, with_infos

from habitus.evaluation.doctor.endings import ends_differ, length_cap, unusual_ends
from habitus.evaluation.doctor.examination import examined_of
from habitus.evaluation.doctor.file_names import names_differ_in_case, unsafe_names, what_is_unsafe
from habitus.evaluation.doctor.left_out import broken_lines, cut_off_files, files_left_out
from habitus.evaluation.doctor.lengths import lengths_differ, short_traces


def test_empty_and_very_short_traces_are_counted() -> None:
    finding = only(short_traces, examined(normal=["", "a", "a b"], attack=["a b"]))
    assert (finding.count, finding.out_of, finding.numbers) == (2, 3, {"empty": 1})


def test_parts_of_other_lengths_are_told() -> None:
    short, long = ["a " * n for n in range(2, 7)], ["a " * n for n in range(7, 12)]
    finding = only(lengths_differ, examined(learned=short, normal=long))
    assert finding.title.startswith("normal traces are longer than learned ones: 9 calls")
    # Two standard deviations, sqrt(11 / (12 * 5 * 5)) each.
    by_chance = pytest.approx(2 * 0.1915, abs=1e-4)
    assert finding.numbers == {"chance_longer": 1, "by_chance": by_chance}
    assert finding.severity == "serious"
    assert nothing(lengths_differ, examined(learned=short, normal=short, attack=long))
    # One longer trace is chance, and so are its copies.
    assert nothing(lengths_differ, examined(learned=short, normal=long[:1] * 9))


def test_traces_that_end_otherwise_are_told_where_most_end_alike() -> None:
    usual = [f"read {'write ' * i}exit_group" for i in range(9)]
    finding = only(unusual_ends, examined(normal=[*usual, "read read"]))
    assert finding.examples == ("normal/9 ends with read",)
    # A thread's end is an end, too; and without a habit nothing is odd.
    assert nothing(unusual_ends, examined(normal=[*usual, "read exit"]))
    assert nothing(unusual_ends, examined(normal=["a b", "a c", "a d"]))


def test_ends_that_tell_the_label_are_told() -> None:
    normal = ["read " * (i + 1) + "close" for i in range(50)]
    attack = ["read " * (i + 1) + ("poll" if i % 2 else "close") for i in range(50)]
    finding = only(ends_differ, examined(normal=normal, attack=attack))
    assert finding.numbers["variation"] == pytest.approx(0.5)
    assert finding.examples[:1] == ("close ends 50% of attacks and 100% of normals",)
    assert finding.severity == "warning"
    assert nothing(ends_differ, examined(normal=normal, attack=normal))
    assert nothing(ends_differ, examined(normal=normal[:2], attack=attack[:2]))  # chance


def test_many_different_traces_of_the_largest_length_were_cut() -> None:
    cut = [f"a b c d{i}" for i in range(5)]
    finding = only(length_cap, examined(normal=["a", "a b", *cut]))
    assert (finding.count, finding.out_of, finding.numbers) == (5, 7, {"calls": 4})
    assert nothing(length_cap, examined(normal=["a", *cut[:4]]))
    assert nothing(length_cap, examined(normal=["a b c"] * 9))  # one sequence, nine times


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("normal/run 1 (copy).strace", ""),
        ("Ünïcode/日本.txt", ""),
        ("a/\x1b[2Jb", "control character"),
        ("a\nb", "control character"),
        ("a/b\u202ec", "control character"),
        ("a\\xffb", "bytes that are no text"),
        ("-rf/a", "leading dash"),
        ("a/-o", "leading dash"),
        ("a/../b", "climbs out of its folder"),
        ("a..b/c", ""),
        ("é" * 127, ""),
        ("é" * 128, "over-long"),
        ("/".join(["abc"] * 257), "over-long"),
        ("/".join(["abc"] * 256), ""),
    ],
)
def test_names_that_could_do_harm(name: str, why: str) -> None:
    assert what_is_unsafe(name) == why


def test_unsafe_names_are_of_the_data_s_own_files() -> None:
    own = with_infos(traces_of(normal=["a", "b"]), name=["-x.strace#12", "-x.strace#13"])
    finding = only(unsafe_names, examined_of(own))
    assert (finding.count, finding.out_of) == (1, 1)
    assert finding.examples == ("leading dash: -x.strace",)
    assert nothing(unsafe_names, examined_of(traces_of(normal=["a"]), against=own))


def test_names_that_differ_in_case_are_told() -> None:
    traces = traces_of(normal=["a", "b", "c"])
    finding = only(
        names_differ_in_case, examined_of(with_infos(traces, name=["a/Run:1", "A/run:1", "b:1"]))
    )
    assert (finding.count, finding.out_of) == (2, 3)
    assert finding.examples == ("A/run and a/Run",)


@pytest.mark.parametrize(("skipped", "severity"), [(1, "note"), (2, "warning"), (25, "serious")])
def test_what_was_left_out_is_graded_by_its_share(skipped: int, severity: str) -> None:
    report = report_of(n_files=198, n_skipped=skipped, skipped=["a: empty"])
    finding = only(files_left_out, examined_of(traces_of(normal=["a"]), report=report))
    assert (finding.count, finding.out_of) == (skipped, 198 + skipped)
    assert (finding.severity, finding.examples) == (severity, ("a: empty",))


@pytest.mark.parametrize(
    ("skipped", "severity"),
    [
        (["README: no format recognises it"], "note"),
        (["LICENCE: no format recognises it", "b: no format recognises it"], "note"),
        (["README: no format recognises it", "b: empty"], "serious"),
        (["a: no format recognises it", "b: no format recognises it", "c: no format recognises it"],
         "serious"),
    ],
)  # fmt: skip
def test_a_read_me_beside_a_few_recordings_is_no_alarm(skipped: list[str], severity: str) -> None:
    report = report_of(n_files=4, n_skipped=len(skipped), skipped=skipped)
    finding = only(files_left_out, examined_of(traces_of(normal=["a"]), report=report))
    assert (finding.severity, finding.examples) == (severity, tuple(skipped))


def test_broken_lines_and_damage_are_told() -> None:
    report = report_of(
        n_files=3, n_calls=999, n_broken=1, broken=["a:2: this line is cut off"],
        n_skipped=1, skipped=["b: read only as far as it is sound: end of file"],
    )  # fmt: skip
    data = examined_of(traces_of(normal=["a"]), report=report)
    assert only(broken_lines, data).severity == "warning"
    assert (only(cut_off_files, data).count, only(cut_off_files, data).severity) == (2, "serious")


def test_a_clean_reading_gives_no_finding() -> None:
    data = examined_of(traces_of(normal=["a"]), report=report_of(n_files=1, n_calls=1))
    for check in (files_left_out, broken_lines, cut_off_files):
        assert nothing(check, data)
        assert nothing(check, examined(normal=["a"]))
