"""Limits of control groups: of the process's own group and of all above it, in both versions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from habitus.engines import control_groups, machine
from habitus.engines.control_groups import memory_left_bytes, processors

if TYPE_CHECKING:
    from pathlib import Path

V2 = "31 23 0:28 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1 = (
    "30 23 0:27 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 30 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "35 30 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "41 30 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
)


def told(root: Path, mounts: str, own: str) -> None:
    """What ``/proc/self`` tells."""
    (root / "proc/self").mkdir(parents=True)
    (root / "proc/self/mountinfo").write_text(mounts)
    (root / "proc/self/cgroup").write_text(own)


def group(root: Path, path: str, **files: object) -> None:
    """A group's files; a name's first ``_`` stands for the dot."""
    folder = root / "sys/fs/cgroup" / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name.replace("_", ".", 1)).write_text(f"{content}\n")


def test_the_tightest_group_from_the_process_s_own_up_decides(tmp_path: Path) -> None:
    told(tmp_path, V2, "0::/slice/job/step\n")
    group(tmp_path, "", memory_stat="anon 1")  # the topmost has no limits in this version
    group(tmp_path, "slice", memory_max=1000, memory_current=500, cpu_max="150000 100000")
    group(tmp_path, "slice/job", memory_max=300, memory_current=200, cpu_max="max 100000")
    group(tmp_path, "slice/job/step", memory_max="max", memory_current=100, cpu_max="400000 100000")
    group(tmp_path, "slice/other", memory_max=1, memory_current=1, cpu_max="1 100000")
    assert memory_left_bytes(tmp_path) == 100
    assert processors(tmp_path) == 1.5


def test_the_older_version_has_a_path_for_each_controller(tmp_path: Path) -> None:
    told(tmp_path, V1, "4:memory:/jobs/7\n2:cpu,cpuacct:/batch\n0::/elsewhere\n")
    none = 9223372036854771712
    group(tmp_path, "memory", memory_limit_in_bytes=none, memory_usage_in_bytes=900)
    group(tmp_path, "memory/jobs", memory_limit_in_bytes=2000, memory_usage_in_bytes=1900,
          memory_stat="total_inactive_file 700\ninactive_file 5")  # fmt: skip
    group(tmp_path, "memory/jobs/7", memory_limit_in_bytes=none, memory_usage_in_bytes=80)
    group(tmp_path, "cpu,cpuacct", cpu_cfs_quota_us=-1, cpu_cfs_period_us=100_000)
    group(tmp_path, "cpu,cpuacct/batch", cpu_cfs_quota_us=250_000, cpu_cfs_period_us=100_000)
    assert memory_left_bytes(tmp_path) == 800
    assert processors(tmp_path) == 2.5


def test_files_that_can_be_let_go_are_no_memory_in_use(tmp_path: Path) -> None:
    told(tmp_path, V2, "0::/\n")
    group(tmp_path, "", memory_max=1000, memory_current=900)
    assert memory_left_bytes(tmp_path) == 100
    group(tmp_path, "", memory_stat="anon 5\ninactive_file 800\nslab_reclaimable 20")
    assert memory_left_bytes(tmp_path) == 920


@pytest.mark.parametrize("own", ["/docker/abc", "/../../other", "/gone"])
def test_a_container_that_sees_its_own_group_alone_reads_that_one(own: str, tmp_path: Path) -> None:
    told(tmp_path, V2.replace(" / /sys", " /docker/abc /sys"), f"0::{own}\n")
    group(tmp_path, "", memory_max=1000, memory_current=900, cpu_max="50000 100000")
    assert memory_left_bytes(tmp_path) == 100
    assert processors(tmp_path) == 0.5


@pytest.mark.parametrize("damaged", ["", "no colons\n", "0::/\n"])
def test_where_nothing_is_told_there_is_no_limit(damaged: str, tmp_path: Path) -> None:
    assert memory_left_bytes(tmp_path) is None
    told(tmp_path, damaged or "short\n", damaged)
    assert memory_left_bytes(tmp_path) is None
    assert processors(tmp_path) is None


def test_engines_go_by_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_groups, "processors", lambda: 0.5)
    monkeypatch.setattr(control_groups, "memory_left_bytes", lambda: 1 << 20)
    assert machine.n_processors() == 1
    assert machine.free_memory_bytes() == 1 << 20
