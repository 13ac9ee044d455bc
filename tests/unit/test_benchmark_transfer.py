"""One name for one call: what is learned by other names is the same trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from habitus import TraceSet
from habitus.syscalls import number_of

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def names(benchmark_script: Callable[[str], Any]) -> Any:
    return benchmark_script("transfer_names")


def test_two_abis_tell_the_same_trace(names: Any) -> None:
    i386 = TraceSet.from_names([["open", "fstat64", "mmap2", "_llseek", "socketcall", "read"]])
    x86_64 = TraceSet.from_names([["openat", "fstat", "mmap", "lseek", "connect", "read"]])
    one, other = names.renamed(i386), names.renamed(x86_64)
    assert one.trace(0) == ["open", "fstat", "mmap", "lseek", "socketcall", "read"]
    assert other.trace(0) == one.trace(0)
    np.testing.assert_array_equal(one.sequence_digests(), other.sequence_digests())


def test_names_that_become_one_are_counted_once(names: Any) -> None:
    traces = names.renamed(TraceSet.from_names([["open", "openat", "creat"], ["ptrace"]]))
    assert traces.alphabet == ("open", "ptrace")
    assert traces.trace(0) == ["open"] * 3


def test_every_name_is_a_call_and_none_is_renamed_twice(names: Any) -> None:
    for name, one in names.ONE_NAME.items():
        assert any(number_of(abi, name) is not None for abi in ("i386", "x86_64")), name
        assert any(number_of(abi, one) is not None for abi in ("i386", "x86_64")), one
        assert one not in names.ONE_NAME
