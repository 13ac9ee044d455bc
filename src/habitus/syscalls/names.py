"""Numbers and names of system calls, one table per ABI.

The same number means different calls on different ABIs (4 is ``write`` on i386 and ``stat`` on
x86_64), so every question here names its ABI. The tables in ``tables/`` also keep calls that
newer kernels removed: old traces still hold their numbers.
"""

from collections.abc import Mapping
from functools import cache
from types import MappingProxyType

from habitus.syscalls._tsv import read_pairs

ABIS: tuple[str, ...] = ("i386", "x86_64", "aarch64")
"""The ABIs that have a table, spelled as in the names of the table files."""


def name_of(abi: str, number: int) -> str:
    """Return the name of a call, or ``"<abi>:<number>"`` when the table has none.

    A trace from a kernel newer than the tables must stay readable, so an unassigned number gets
    a stable stand-in name instead of an error.

    Raises:
        ValueError: if ``abi`` is not one of `ABIS`, or ``number`` is negative.

    >>> name_of("i386", 4), name_of("x86_64", 4), name_of("aarch64", 64)
    ('write', 'stat', 'write')
    >>> name_of("i386", 9999)
    'i386:9999'
    """
    names = names_by_number(abi)
    if number < 0:
        raise ValueError(f"a system call number cannot be negative: {number}")
    return names.get(number) or f"{abi}:{number}"


def number_of(abi: str, name: str) -> int | None:
    """Return the number of the call with exactly this name, or None when the ABI has no such call.

    Raises:
        ValueError: if ``abi`` is not one of `ABIS`.

    >>> number_of("i386", "socketcall"), number_of("x86_64", "socketcall")
    (102, None)
    """
    return _numbers_by_name(abi).get(name)


@cache
def names_by_number(abi: str) -> Mapping[int, str]:
    """Return the whole table of an ABI, in order of number, as a read-only mapping.

    The file is read on first use only.

    Raises:
        ValueError: if ``abi`` is not one of `ABIS`.

    >>> table = names_by_number("x86_64")
    >>> table[59], 9999 in table
    ('execve', False)
    """
    if abi not in ABIS:
        raise ValueError(f"unknown ABI {abi!r}, expected one of: {', '.join(ABIS)}")
    return MappingProxyType({int(number): name for number, name in read_pairs(f"tables/{abi}.tsv")})


@cache
def _numbers_by_name(abi: str) -> Mapping[str, int]:
    return {name: number for number, name in names_by_number(abi).items()}
