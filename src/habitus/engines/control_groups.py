"""Control groups: how much memory and processor time Linux lets this process and its kin have.

A limit may be set on the process's own group or on any above it, and each counts: the tightest
decides. Both versions are read, at the paths that ``/proc/self`` tells (cgroups(7)).
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path("/")
_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class _Names:
    """What the files of a group are called."""

    limit: str
    used: str
    reclaimable: tuple[str, ...]


_MEMORY = {
    2: _Names("memory.max", "memory.current", ("inactive_file", "slab_reclaimable")),
    1: _Names("memory.limit_in_bytes", "memory.usage_in_bytes", ("total_inactive_file",)),
}


def memory_left_bytes(root: Path = ROOT) -> int | None:
    """The least that any group above this process leaves to it; None where none sets a limit.

    Args:
        root: of the file system, for tests.
    """
    left = []
    for version, folder in _groups("memory", root):
        names = _MEMORY[version]
        with suppress(OSError, ValueError):  # "max" is no number
            limit = int((folder / names.limit).read_text())
            used = int((folder / names.used).read_text())
            left.append(max(0, limit - used + _reclaimable_bytes(folder, names)))
    return min(left, default=None)


def processors(root: Path = ROOT) -> float | None:
    """The least share of processors that any group above this process has; None for no limit.

    Args:
        root: of the file system, for tests.
    """
    shares = []
    for version, folder in _groups("cpu", root):
        with suppress(OSError, ValueError, ZeroDivisionError):
            if version == 2:
                quota, period = (folder / "cpu.max").read_text().split()
            else:
                quota = (folder / "cpu.cfs_quota_us").read_text()
                period = (folder / "cpu.cfs_period_us").read_text()
            if int(quota) > 0:  # the older version says -1 for none
                shares.append(int(quota) / int(period))
    return min(shares, default=None)


def _reclaimable_bytes(folder: Path, names: _Names) -> int:
    """Of what a group's use counts, files read that are let go when memory is wanted."""
    with suppress(OSError, ValueError):
        told = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return sum(int(told.get(name, 0)) for name in names.reclaimable)
    return 0


def _groups(controller: str, root: Path) -> Iterator[tuple[int, Path]]:
    """The version and folder of this process's group, and of every group above it."""
    with suppress(OSError, ValueError):
        paths = _paths(root)
        for version, name, top, mount in _mounts(controller, root):
            if (version, name) in paths:
                folder = _below(paths[version, name], top, mount)
                while True:
                    yield version, folder
                    if folder == mount:
                        break
                    folder = folder.parent


def _paths(root: Path) -> dict[tuple[int, str], str]:
    """Of each hierarchy, by version and controller, the path of this process's group."""
    found = {}
    for line in (root / "proc/self/cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            found[(2, "") if number == "0" else (1, controller)] = path
    return found


def _mounts(controller: str, root: Path) -> Iterator[tuple[int, str, str, Path]]:
    """Where a controller's groups are seen: version, name, topmost group and folder (proc(5))."""
    for line in (root / "proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        top, place = (_unescaped(field) for field in before.split()[3:5])
        kind, _, options = after.split(maxsplit=2)
        mount = root / place.lstrip("/")
        if kind == "cgroup2":
            yield 2, "", top, mount
        elif kind == "cgroup" and controller in options.split(","):
            yield 1, controller, top, mount


def _below(path: str, top: str, mount: Path) -> Path:
    """A group's folder; the topmost that is seen here where the group itself is not.

    Inside a container the path may be that of the host, or begin with ``..``.
    """
    with suppress(ValueError):
        below = Path(path).relative_to(top)
        if ".." not in below.parts and (mount / below).is_dir():
            return mount / below
    return mount


def _unescaped(text: str) -> str:
    """A path of ``mountinfo``, in which a space is written in octal."""
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
