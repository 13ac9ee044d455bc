"""Where a scenario plays: namespaces of its own, which vanish with all that is in them.

A scenario sees its own processes only, no network but its own loopback, and a `/tmp` in memory that
holds its home and its desk; all else is read-only, and homes are empty. It never runs as root:
started by root, it runs as `nobody`. So no scenario reaches a user's processes or changes a file,
and whatever it leaves running ends with the namespace, even if the recorder itself is killed.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
from pathlib import Path

from corpus.scenarios import search_path

NOBODY = 65534
MEMORY = "600m"
"""Most that a scenario may write."""
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)
NEEDED = ("strace", "unshare", "setpriv", "ip", "mount")

# The death signal is asked for again where the identity changes, which forgets it.
# First what is not recorded: the place, the input files, the scenario's own set-up.
_SCRIPT = """
set -e
mount -t tmpfs -o size=@memory@,mode=1777 corpus "$1/tmp"
mkdir "$1/tmp/home" "$1/tmp/desk"
touch "$1/tmp/.calls"
mount --bind "$1/calls" "$1/tmp/.calls"
cp -R "$2/." "$1/tmp/desk"
mount --rbind "$1/tmp" /tmp
mount -t tmpfs -o size=64m,mode=1777 corpus /dev/shm
for home in /home "$6"; do
  case $home in ""|/|/tmp*) continue;; esac
  [ ! -d "$home" ] || mount -t tmpfs -o size=1m,mode=700 corpus "$home"
done
mount -o remount,bind,ro /
while read -r _ _ _ _ place _; do
  case $place in /|/proc*|/sys*|/dev*|/tmp*) continue;; esac
  mount -o remount,bind,ro "$place" 2>/dev/null || :
done < /proc/self/mountinfo
ip link set lo up
@own@
cd /tmp/desk
shell=$3 setup=$4 run=$5
exec @drop@ sh -c 'ulimit -c 0
if [ -n "$2" ]; then "$1" -c "$2" >/dev/null 2>/tmp/.setup </dev/null || exit 99; fi
exec strace -f -q -s 256 -e signal=none -e raw=!execve,execveat -o /tmp/.calls "$1" -c "$3"
' sh "$shell" "$setup" "$run"
"""


class SandboxError(RuntimeError):
    """Nothing can be recorded here."""


def require_sandbox() -> None:
    """Stop with a clear message where nothing can be recorded.

    Raises:
        SandboxError: if a program is missing, or namespaces or tracing are forbidden.
    """
    absent = [name for name in NEEDED if shutil.which(name, path=search_path()) is None]
    if absent:
        raise SandboxError(
            f"not installed: {', '.join(absent)} (Debian and Ubuntu: apt install strace util-linux"
            " iproute2 mount)"
        )
    tried = subprocess.run(
        [*_unshare(), "strace", "-o", os.devnull, "true"],
        capture_output=True, text=True, env=_environment(1), check=False,
    )  # fmt: skip
    if tried.returncode:
        raise SandboxError(
            "scenarios play in namespaces of their own, under strace, and here one of the two is "
            "forbidden. In a container, allow them (--privileged, or --cap-add=SYS_ADMIN "
            "--cap-add=SYS_PTRACE); elsewhere, allow user namespaces or start as root.\n"
            f"It was said: {tried.stderr.strip()}"
        )


def start(
    folder: Path, inputs: Path, shell: str, setup: str, run: str, number: int, errors: int
) -> subprocess.Popen[bytes]:
    """Play a scenario; strace's output goes to the named pipe ``calls`` in a folder.

    The process ends when all that the scenario started has ended; killing it ends all of that.
    """
    is_root = os.geteuid() == 0
    owner = f"chown -R {NOBODY}:{NOBODY} /tmp/home /tmp/desk" if is_root else ":"
    identity = f"--reuid={NOBODY} --regid={NOBODY} --clear-groups" if is_root else ""
    script = (
        _SCRIPT.replace("@memory@", MEMORY)
        .replace("@own@", owner)
        .replace(
            "@drop@", f"setpriv {identity} --inh-caps=-all --ambient-caps=-all --pdeathsig KILL"
        )
    )
    (folder / "tmp").mkdir()
    return subprocess.Popen(
        [
            *_unshare(),
            "sh",
            "-c",
            script,
            "sh",
            str(folder),
            str(inputs),
            shell,
            setup,
            run,
            str(Path.home()),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        env=_environment(number),
        start_new_session=True,
        preexec_fn=end_with_parent,  # noqa: PLW1509 - one system call, no lock is taken
    )


def end_with_parent() -> None:
    """Be killed when the process that started this one ends, however it ends."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def _unshare() -> list[str]:
    alone = [] if os.geteuid() == 0 else ["--user", "--map-current-user", "--keep-caps"]
    return ["unshare", *alone, "--net", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]


def _environment(run: int) -> dict[str, str]:
    """All there is in the environment: nothing of the recording machine's own."""
    return {
        "PATH": search_path(),
        "HOME": "/tmp/home",
        "TMPDIR": "/tmp",
        "LANG": ("C", "C.UTF-8")[run // 2 % 2],
        "TERM": "xterm",
        "RUN": str(run),
    }
