"""A Ray cluster of two nodes on one machine, each in a network of its own if one may have such."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

RAY = [sys.executable, "-m", "ray.scripts.scripts"]
PORT = 6399
STORE_BYTES = 200 << 20
_SPACES = ("habitus-a", "habitus-b")
_ADDRESSES = ("10.77.7.1", "10.77.7.2")


class TwoNodes:
    """A head and a second node, one processor each; in network namespaces where we are root.

    Attributes:
        is_apart: whether they are in namespaces, with an address each.
        environment: in which a command finds the cluster, and the modules that it needs.
    """

    def __init__(self, folder: Path, modules: list[str]) -> None:
        self._folder = folder
        self.is_apart = _lay_wire()
        self.address = _ADDRESSES[0] if self.is_apart else "127.0.0.1"
        self.environment = {
            **os.environ, "RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": os.pathsep.join(modules),
            "RAY_ADDRESS": f"{self.address}:{PORT}", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
            "RAY_AUTH_MODE": "disabled",  # nobody else is on this wire
        }  # fmt: skip
        self._nodes = [self._start(0)]
        self._await_processors(1)
        self._nodes.append(self._start(1))
        self._await_processors(2)

    def within(self, node: int, command: list[str]) -> list[str]:
        """A command as it is run on a node."""
        return ["ip", "netns", "exec", _SPACES[node], *command] if self.is_apart else command

    def kill_second(self) -> None:
        """End the second node at once, with all that runs on it."""
        self._kill(1)

    def close(self) -> None:
        """End both, and take the wire away."""
        for node in reversed(range(len(self._nodes))):
            self._kill(node)
        _take_wire_away()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _kill(self, node: int) -> None:
        root = self._nodes[node]
        for pid in _in_space(_SPACES[node]) if self.is_apart else _descendants(root.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        root.wait()

    def _start(self, node: int) -> subprocess.Popen[bytes]:
        place = self._folder / f"node-{node}"
        place.mkdir(parents=True)
        mine = _ADDRESSES[node] if self.is_apart else "127.0.0.1"
        which = ["--head", f"--port={PORT}"] if not node else [f"--address={self.address}:{PORT}"]
        of_head = [] if node else [f"--temp-dir={place}", "--include-dashboard=false"]
        command = [
            *RAY, "start", *which, f"--node-ip-address={mine}", "--num-cpus=1", "--block",
            f"--object-store-memory={STORE_BYTES}", *of_head,
            "--disable-usage-stats",
        ]  # fmt: skip
        with (self._folder / f"node-{node}.log").open("wb") as log:
            return subprocess.Popen(
                self.within(node, command), env=self.environment, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def _await_processors(self, n: int) -> None:
        script = (
            "import ray; ray.init(address='auto', log_to_driver=False, logging_level=40); "
            "print(int(ray.cluster_resources().get('CPU', 0)))"
        )
        until = time.monotonic() + 120
        while time.monotonic() < until:
            done = subprocess.run(
                self.within(0, [sys.executable, "-c", script]), env=self.environment,
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.stdout.strip().endswith(str(n)):
                return
            time.sleep(1)
        self.close()
        sys.exit(f"the cluster did not come up: {done.stdout[-300:]} {done.stderr[-600:]}")


def _lay_wire() -> bool:
    """Two networks with a wire between them; False where that may not be had."""
    _take_wire_away()
    a, b = _SPACES
    commands = [
        f"ip netns add {a}", f"ip netns add {b}",
        f"ip link add hab0 netns {a} type veth peer name hab0 netns {b}",
        *(
            f"ip -n {space} {what}"
            for space, address in zip(_SPACES, _ADDRESSES, strict=True)
            for what in (
                f"addr add {address}/24 dev hab0", "link set hab0 up", "link set lo up",
                "route add default dev hab0",  # by which Ray finds out which address is its own
            )
        ),
    ]  # fmt: skip
    if shutil.which("ip") is None:
        return False
    for command in commands:
        if subprocess.run(command.split(), capture_output=True, check=False).returncode:
            _take_wire_away()
            return False
    return True


def _take_wire_away() -> None:
    if shutil.which("ip") is None:
        return
    for space in _SPACES:
        subprocess.run(["ip", "netns", "del", space], capture_output=True, check=False)


def _in_space(space: str) -> list[int]:
    """The processes of a network namespace."""
    told = subprocess.run(
        ["ip", "netns", "pids", space], capture_output=True, text=True, check=False
    )
    return [int(pid) for pid in told.stdout.split()]


def _descendants(root: int) -> list[int]:
    """A process, its children, and theirs."""
    parents: dict[int, int] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
    found = [root]
    for pid in found:  # grows while it is gone through
        found += [child for child, parent in parents.items() if parent == pid]
    return found
