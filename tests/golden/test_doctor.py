"""The data doctor on public data: the counts that an independent program found in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import habitus
from habitus.datasets.source import find_source
from habitus.evaluation.doctor.examination import examined_of
from habitus.evaluation.doctor.statistics import areas_of_statistics
from habitus.evaluation.protocols import get_protocol

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.evaluation.doctor.checkup import Checkup
    from habitus.evaluation.doctor.findings import Finding


@pytest.fixture(scope="module")
def adfa(test_data: Path) -> Checkup:
    return habitus.check(str(test_data / "adfa-ld" / "ADFA-LD.zip"))


def found(checkup: Checkup, kind: str, part: str) -> Finding:
    (finding,) = (f for f in checkup.findings if f.id == kind and part in f.parts)
    return finding


def test_parts(adfa: Checkup) -> None:
    assert [(p.name, p.traces, p.calls, p.distinct, p.alphabet) for p in adfa.parts] == [
        ("training", 833, 308_077, 780, 150),
        ("validation", 4372, 2_122_085, 2420, 169),
        ("attack", 746, 317_388, 732, 90),
    ]
    assert [(p.shortest, p.median, p.longest) for p in adfa.parts] == [
        (79, 201, 2948), (77, 343, 4494), (75, 290, 2712),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "part", "count", "out_of"),
    [
        ("normals-equal-learned", "validation", 422, 4372),
        ("attacks-equal-normals", "attack", 6, 746),
        ("unseen-calls", "validation", 112, 4372),
        ("unseen-calls-in-attacks", "attack", 3, 746),
        ("repeated-traces", "training", 53, 833),
        ("repeated-traces", "validation", 1952, 4372),
        ("repeated-traces", "attack", 14, 746),
    ],
)
def test_counts(adfa: Checkup, kind: str, part: str, count: int, out_of: int) -> None:
    finding = found(adfa, kind, part)
    assert (finding.count, finding.out_of) == (count, out_of)


def test_duplicates_and_unseen_calls_in_numbers(adfa: Checkup) -> None:
    repeated = found(adfa, "repeated-traces", "validation").numbers
    assert repeated == {"distinct": 2420, "most_frequent": 968}
    assert found(adfa, "repeated-traces", "attack").numbers["most_frequent"] == 5
    assert found(adfa, "normals-equal-learned", "validation").numbers["distinct"] == 78
    assert found(adfa, "attacks-equal-normals", "attack").numbers["distinct"] == 2
    assert found(adfa, "unseen-calls", "validation").numbers["calls"] == 24
    assert "attacks-equal-learned" not in {f.id for f in adfa.findings}


def test_the_shortcut_is_named_and_serious(adfa: Checkup) -> None:
    finding = found(adfa, "shortcut", "attack")
    assert finding.severity == "serious"
    assert finding.title == (
        "'fewer distinct calls' alone tells attacks from normals: AUC 0.810, 0.728 on distinct "
        "normals not learned"
    )


@pytest.mark.parametrize(
    ("protocol", "areas"),
    [
        ("adfa-ld", {"distinct calls": 0.810, "calls": 0.523, "share of fcntl64": 0.781,
                     "share of brk": 0.775, "share of execve": 0.763}),
        ("adfa-ld/distinct", {"distinct calls": 0.728, "calls": 0.577, "share of fcntl64": 0.726,
                              "share of brk": 0.691, "share of execve": 0.660}),
    ],
)  # fmt: skip
def test_trivial_statistics(test_data: Path, protocol: str, areas: dict[str, float]) -> None:
    traces = find_source(str(test_data / "adfa-ld" / "ADFA-LD.zip")).read()
    data = examined_of(traces, protocol=get_protocol(protocol))
    made = areas_of_statistics(
        data, data.indices("normal"), data.indices("attack"), names=set(areas)
    )
    read = {area.name: area.auc for area in made}
    assert {name: read[name] for name in areas} == pytest.approx(areas, abs=0.0006)


def test_the_list_in_the_archive_is_another_table_and_the_numbers_are_i386(adfa: Checkup) -> None:
    finding = found(adfa, "published-list-is-another-table", "attack")
    assert finding.severity == "warning"
    assert "3 is read, the list says io_cancel" in finding.examples
    assert finding.numbers["like_aarch64"] > 0.8
    assert finding.numbers["like_i386"] < 0.01
    assert "wrong-call-table" not in {f.id for f in adfa.findings}


def test_adfa_ld_read_as_another_machine_s_numbers_is_noticed(test_data: Path) -> None:
    checkup = habitus.check(str(test_data / "adfa-ld" / "ADFA-LD.zip"), abi="x86_64")
    (finding,) = (f for f in checkup.findings if f.id == "wrong-call-table")
    assert min(finding.numbers, key=lambda abi: finding.numbers[abi]) == "i386"


def test_unm_sendmail_has_intrusions_equal_to_normal_traces(test_data: Path) -> None:
    checkup = habitus.check(str(test_data / "unm" / "sendmail-synth-unm.tar.xz"))
    finding = found(checkup, "attacks-equal-normals", "attack")
    assert (finding.count, finding.out_of) == (5, 25)


@pytest.mark.parametrize("program", ["login-ps", "lpr-live-unm"])
def test_unm_process_ids_are_used_again(test_data: Path, program: str) -> None:
    checkup = habitus.check(str(test_data / "unm" / f"{program}.tar.xz"))
    assert "reused-process-id" in {finding.id for finding in checkup.findings}
