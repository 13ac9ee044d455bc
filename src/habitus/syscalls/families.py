"""Families of system calls: a coarse answer to "what does this call act on?".

A family belongs to a name, not to a number, so it is the same on every ABI. The rules that
decide it stand at the top of ``families.tsv``, next to the assignments they explain.
"""

from collections.abc import Mapping
from functools import cache

from habitus.syscalls._tsv import read_pairs

FAMILIES: tuple[str, ...] = (
    "file",
    "descriptor",
    "memory",
    "process",
    "signal",
    "time",
    "network",
    "ipc",
    "security",
    "system",
)
"""Every family a known call can have; a call that is not known is ``"unknown"``."""

# Spellings that tracers print for a call which the kernel's tables name otherwise.
_ALIASES: Mapping[str, str] = {
    # sysdig drops the kernel's decorations.
    "llseek": "_llseek",
    "pread": "pread64",
    "prlimit": "prlimit64",
    "pwrite": "pwrite64",
    # strace and sysdig name the i386 socketcall operations that have no number of their own.
    "recv": "recvfrom",
    "send": "sendto",
    # Older releases of strace.
    "_exit": "exit",
    "old_mmap": "mmap",
    # The C library's names, in traces taken at library level and in written policies.
    "fstatat": "newfstatat",
    "pselect": "pselect6",
}


def family_of(name: str) -> str:
    """Return the family of a call, or ``"unknown"`` for a name that no table holds.

    Common spellings of strace and sysdig resolve too. Events that are not system calls, such as
    sysdig's ``procexit`` and ``switch``, are unknown. Never raises.

    >>> family_of("openat"), family_of("write"), family_of("setuid32")
    ('file', 'descriptor', 'security')
    >>> family_of("pread") == family_of("pread64")
    True
    >>> family_of("i386:9999")
    'unknown'
    """
    return _families_by_name().get(_ALIASES.get(name, name), "unknown")


@cache
def _families_by_name() -> Mapping[str, str]:
    return dict(read_pairs("families.tsv"))
