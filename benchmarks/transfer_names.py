"""One name for what is one call on two ABIs, and in two decades of the same system.

Only what a reader of both tables would call the same: 64-bit variants that one ABI needs and the
other does not, calls that took the place of others by taking a folder or flags besides, and the
calls that i386 makes through one (`socketcall`, `ipc`). That last step loses what they are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from habitus import TraceSet

_THROUGH_SOCKETCALL = (
    "socket", "bind", "connect", "listen", "accept", "accept4", "getsockname", "getpeername",
    "socketpair", "sendto", "recvfrom", "shutdown", "setsockopt", "getsockopt", "sendmsg",
    "recvmsg", "sendmmsg", "recvmmsg",
)  # fmt: skip
_THROUGH_IPC = (
    "semop", "semget", "semctl", "semtimedop", "msgsnd", "msgrcv", "msgget", "msgctl", "shmat",
    "shmdt", "shmget", "shmctl",
)  # fmt: skip
_IDS = (
    "getuid", "getgid", "geteuid", "getegid", "setreuid", "setregid", "getgroups", "setgroups",
    "fchown", "setresuid", "getresuid", "setresgid", "getresgid", "lchown", "chown", "setuid",
    "setgid", "setfsuid", "setfsgid",
)  # fmt: skip
ONE_NAME: dict[str, str] = {
    # What one ABI has for long files, wide ids and its own way of passing arguments.
    "_llseek": "lseek", "_newselect": "select", "mmap2": "mmap", "ugetrlimit": "getrlimit",
    "fcntl64": "fcntl", "stat64": "stat", "lstat64": "lstat", "fstat64": "fstat",
    "fstatat64": "stat", "newfstatat": "stat", "statfs64": "statfs", "fstatfs64": "fstatfs",
    "truncate64": "truncate", "ftruncate64": "ftruncate", "sendfile64": "sendfile",
    "getdents64": "getdents", "fadvise64_64": "fadvise64", "waitpid": "wait4",
    "set_thread_area": "arch_prctl", "sigaction": "rt_sigaction", "sigreturn": "rt_sigreturn",
    "sigprocmask": "rt_sigprocmask", "signal": "rt_sigaction", "olduname": "uname",
    **{f"{name}32": name for name in _IDS},
    # What took the place of an older call.
    "openat": "open", "openat2": "open", "creat": "open", "statx": "stat", "faccessat": "access",
    "faccessat2": "access", "readlinkat": "readlink", "unlinkat": "unlink", "renameat": "rename",
    "renameat2": "rename", "mkdirat": "mkdir", "linkat": "link", "symlinkat": "symlink",
    "fchmodat": "chmod", "fchownat": "chown", "dup3": "dup2", "pipe2": "pipe",
    "eventfd2": "eventfd", "epoll_create1": "epoll_create", "inotify_init1": "inotify_init",
    "signalfd4": "signalfd", "pselect6": "select", "ppoll": "poll", "epoll_pwait": "epoll_wait",
    "clone3": "clone", "vfork": "clone", "fork": "clone", "prlimit64": "getrlimit",
    **dict.fromkeys(_THROUGH_SOCKETCALL, "socketcall"), **dict.fromkeys(_THROUGH_IPC, "ipc"),
}  # fmt: skip


def renamed(traces: TraceSet) -> TraceSet:
    """The same traces with one name for what is one call."""
    index: dict[str, int] = {}
    lookup = np.array(
        [index.setdefault(ONE_NAME.get(name, name), len(index)) for name in traces.alphabet],
        dtype=np.uint16,
    )
    return replace(traces, calls=lookup[traces.calls], alphabet=tuple(index))
