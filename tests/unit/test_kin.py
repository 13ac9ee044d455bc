"""Kin of system calls: who stands for whom, and who never does."""

from __future__ import annotations

import doctest

import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.syscalls import danger_of, dangerous_calls, family_of, kin, nearness, stand_ins

LINES = kin._kin_lines()
RELATED = sorted({name for _, line in LINES for name in line})
COUNTS = st.dictionaries(
    st.sampled_from([*RELATED, *dangerous_calls(), "made_up"]), st.integers(1, 100), max_size=12
)


def test_the_examples_hold() -> None:
    assert doctest.testmod(kin).failed == 0


@pytest.mark.parametrize(
    ("known", "novel", "expected"),
    [
        # The C library's next release, another ABI, another width, a later kernel.
        ({"open": 1}, "openat", "open"),
        ({"openat": 1}, "openat2", "openat"),
        ({"lstat64": 9, "stat64": 1}, "newfstatat", "stat64"),
        ({"lstat64": 9, "unlink": 99}, "statx", "lstat64"),
        ({"_llseek": 1}, "lseek", "_llseek"),
        ({"getuid32": 1, "geteuid32": 5}, "getuid", "getuid32"),
        ({"clone": 1, "execve": 50}, "clone3", "clone"),
        ({"futex": 1}, "futex_waitv", "futex"),
        # What i386 sends through one number.
        ({"socketcall": 1}, "connect", "socketcall"),
        ({"recvfrom": 3, "connect": 1}, "socketcall", "recvfrom"),
        ({"recvmsg": 1, "socketcall": 9}, "recvfrom", "recvmsg"),
        ({"ipc": 1}, "shmat", "ipc"),
        # A tracer's own spelling.
        ({"pread64": 1}, "pread", "pread64"),
        # Looking is not changing, and what has no kin has none.
        ({"stat": 1}, "chmod", None),
        ({"mmap": 1}, "brk", None),
        ({"read": 1}, "made_up", None),
    ],
)
def test_the_nearest_kin_stands_in(known: dict[str, int], novel: str, expected: str | None) -> None:
    assert stand_ins(known).get(novel) == expected


def test_of_equally_near_kin_the_most_frequent_stands_in_then_the_first_by_name() -> None:
    assert stand_ins({"open": 1, "openat": 2})["openat2"] == "openat"
    assert stand_ins({"open": 2, "openat": 2})["openat2"] == "open"


@given(COUNTS)
def test_no_dangerous_call_stands_in_or_is_stood_for(known: dict[str, int]) -> None:
    for novel, stand_in in stand_ins(known).items():
        assert novel not in known
        assert stand_in in known
        assert danger_of(novel) is None
        assert danger_of(stand_in) is None
        assert nearness(novel, stand_in) is not None


def test_every_name_of_the_tables_is_a_call() -> None:
    unknown = [name for name in (*RELATED, *dangerous_calls()) if family_of(name) == "unknown"]
    assert unknown == []
    assert {near for near, _ in LINES} == set(kin.NEARNESS)


def test_calls_that_do_the_same_act_on_the_same() -> None:
    for near, line in LINES:
        assert len(line) == len(set(line)) > 1
        if near == "same":
            assert len({family_of(name) for name in line}) == 1, line


@pytest.mark.parametrize(
    "name",
    ["ptrace", "bpf", "init_module", "finit_module", "setuid", "setuid32", "memfd_create",
     "execveat", "execve", "process_vm_writev", "mount", "chroot", "setns", "io_uring_enter"],
)  # fmt: skip
def test_what_intruders_are_after_is_dangerous(name: str) -> None:
    assert danger_of(name)
    assert stand_ins(dict.fromkeys(RELATED, 1)).get(name) is None
