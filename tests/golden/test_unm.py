"""The UNM, MIT and CERT sets: the counts that other programs, and other people, arrived at.

S. Forrest and others published 2,926,304 calls in 2703 normal traces of MIT's lpr; the counts of
distinct sequences, and of intrusions that equal a normal trace, were made without any code of ours.
"""

from __future__ import annotations

import lzma
import tarfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

from habitus.traces.reading import TraceReader
from habitus.traces.traceset import Label, join

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

N, A = Label.NORMAL, Label.ATTACK


def read(path: Path) -> tuple[TraceSet, ReadReport]:
    reader = TraceReader(path)
    return join(reader), reader.report


def part(traces: TraceSet, label: Label, *, below: str = "", split: str = "") -> TraceSet:
    """The traces of one label and split whose names hold ``below``."""
    return traces.select(
        [
            i
            for i, info in enumerate(traces.infos)
            if info.label is label and info.split == split and below in info.name
        ]
    )


def counts(traces: TraceSet) -> tuple[int, int, int]:
    """(traces, calls, distinct sequences)."""
    return traces.n_traces, traces.n_calls, len(np.unique(traces.sequence_ids()))


def n_known(attacks: TraceSet, normals: TraceSet) -> int:
    """How many attacks make the very calls of some normal trace."""
    known = {bytes(digest) for digest in normals.sequence_digests()}
    return sum(bytes(digest) in known for digest in attacks.sequence_digests())


def test_lpr_of_mit(test_data: Path) -> None:
    traces, report = read(test_data / "unm" / "lpr-live-mit.tar.xz")
    assert counts(part(traces, N)) == (2703, 2_926_304, 1741)
    assert counts(part(traces, A)) == (1001, 165_248, 8)
    assert n_known(part(traces, A), part(traces, N)) == 0
    assert report.n_broken == 0
    assert not report.notes
    assert report.n_skipped == 1  # the one empty file
    assert report.skipped[0].endswith("-1212.log.int: empty")
    assert all(name.startswith("unm-lpr:") for name in traces.alphabet)


def test_sendmail_of_unm(test_data: Path) -> None:
    traces, report = read(test_data / "unm" / "sendmail-synth-unm.tar.xz")
    assert counts(part(traces, N)) == (199, 228_181, 43)
    assert counts(part(traces, A)) == (25, 6_755, 16)
    assert n_known(part(traces, A), part(traces, N)) == 5
    assert report.notes == {"lists of call names, not used": 2}
    assert report.warnings() == []
    assert {info.attack for info in part(traces, A).infos} == {"sm", "fwd-loops"}


def test_sendmail_of_cert(test_data: Path) -> None:
    traces, report = read(test_data / "unm" / "sendmail-synth-cert.tar.xz")
    assert counts(part(traces, N)) == (147, 19_526, 23)
    assert counts(part(traces, A)) == (13, 3_377, 10)
    assert counts(part(traces, A, split="unsuccessful")) == (11, 1_812, 11)
    assert traces.n_traces == 147 + 13 + 11
    assert report.warnings() == []


def test_lpr_of_unm(test_data: Path) -> None:
    traces, report = read(test_data / "unm" / "lpr-live-unm.tar.xz")
    assert counts(part(traces, N)) == (567, 187_102, 336)
    assert counts(part(traces, A, below="exploit-unm.int")) == (1001, 164_232, 8)
    assert counts(part(traces, A, below="lprcp-unm/")) == (1001, 168_236, 8)
    assert n_known(part(traces, A), part(traces, N)) == 0
    assert report.warnings() == []


@pytest.mark.parametrize(
    ("file", "label", "wanted"),
    [
        ("intrusion/login-homegrown.int", A, (8, 2803, 5)),
        ("intrusion/login-recovered.int", A, (5, 2054, 3)),
        ("intrusion/ps-homegrown.int", A, (15, 4505, 15)),
        ("intrusion/ps-recovered.int", A, (11, 2463, 11)),
        ("normal/login-live-unm", N, (24, 8906, 7)),
        ("normal/ps-live-unm", N, (24, 6144, 17)),
    ],
)
def test_login_and_ps(test_data: Path, file: str, label: Label, wanted: tuple[int, ...]) -> None:
    traces, report = read(test_data / "unm" / "login-ps.tar.xz")
    found = part(traces, label, below=file)
    assert counts(found) == wanted
    assert report.warnings() == []
    program = "unm-login:" if "login-" in file else "unm-ps:"
    assert all(call.startswith(program) for i in range(found.n_traces) for call in found.trace(i))


def test_numbers_of_two_programs_are_never_one_call(test_data: Path) -> None:
    traces, _ = read(test_data / "unm" / "login-ps.tar.xz")
    login, ps = (
        {int(name.partition(":")[2]) for name in traces.alphabet if name.startswith(program)}
        for program in ("unm-login:", "unm-ps:")
    )
    assert len(login & ps) > 10  # the numbers meet, and the names do not
    assert len(traces.alphabet) == len(login) + len(ps)


def test_every_trace_equals_what_three_lines_of_python_read(test_data: Path) -> None:
    path = test_data / "unm" / "lpr-live-unm.tar.xz"
    wanted: dict[tuple[str, str], list[str]] = {}
    with lzma.open(path) as stream, tarfile.open(fileobj=stream) as archive:
        for member in archive:
            content = archive.extractfile(member)
            for line in content or ():
                pid, call = line.decode().split()
                wanted.setdefault((member.name, pid), []).append(f"unm-lpr:{call}")
    traces, _ = read(path)
    found = {tuple(n.rsplit("#", 1)): traces.trace(i) for i, n in enumerate(traces.names)}
    assert found == wanted
