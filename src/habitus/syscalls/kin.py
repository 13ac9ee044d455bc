"""Kin: which call may stand for one that was never seen, and which calls none may stand for.

`kin.tsv` says which calls do the same under other names, or the like; `dangerous.tsv` which are
left out of all that, each with its reason.
"""

from __future__ import annotations

from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING

from habitus.syscalls._tsv import read_pairs

if TYPE_CHECKING:
    from collections.abc import Mapping

    Line = tuple[str, ...]

NEARNESS = ("same", "alike")
"""How near kin may be, nearest first."""


def stand_ins(known: Mapping[str, int]) -> dict[str, str]:
    """For each call that is not known and has kin that is: the known call to read it as.

    The nearest kin stands in; of equally near ones the most frequent, so that what is borrowed was
    learned from as much as can be; of equally frequent ones the first by name.

    Args:
        known: how often each known call was seen.

    >>> stand_ins({"openat": 10, "read": 5})["open"]
    'openat'
    >>> "setuid32" in stand_ins({"setuid": 10})
    False
    """
    found = {}
    for name, lines in _lines_by_name().items():
        if name in known:
            continue
        for line in lines:
            candidates = [kin for kin in line if kin in known]
            if candidates:
                found[name] = min(candidates, key=lambda kin: (-known[kin], kin))
                break
    return found


def nearness(name: str, kin: str) -> str | None:
    """How near two calls are: ``same`` or ``alike``; None if neither may stand for the other.

    >>> nearness("stat", "statx"), nearness("stat", "lstat"), nearness("stat", "unlink")
    ('same', 'alike', None)
    """
    for near, line in _kin_lines():
        if name in line and kin in line:
            return near
    return None


def danger_of(name: str) -> str | None:
    """Why a call is never read as another one; None if it may be.

    >>> danger_of("ptrace"), danger_of("read")
    ('controls other processes', None)
    """
    return _dangers().get(name)


def dangerous_calls() -> tuple[str, ...]:
    """Every call that `danger_of` has a reason for, by name."""
    return tuple(_dangers())


@cache
def _dangers() -> Mapping[str, str]:
    return MappingProxyType(dict(read_pairs("dangerous.tsv")))


@cache
def _kin_lines() -> tuple[tuple[str, Line], ...]:
    """(nearness, names) of every line, the nearest first."""
    lines = [(near, tuple(names.split(" "))) for near, names in read_pairs("kin.tsv")]
    return tuple(sorted(lines, key=lambda line: NEARNESS.index(line[0])))


@cache
def _lines_by_name() -> Mapping[str, tuple[Line, ...]]:
    """Every call that has kin: its lines, the nearest first."""
    found: dict[str, list[Line]] = {}
    for _, line in _kin_lines():
        for name in line:
            found.setdefault(name, []).append(line)
    return {name: tuple(lines) for name, lines in sorted(found.items())}
