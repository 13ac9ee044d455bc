"""`auditd`: the log of Linux's audit system, a trace a process."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, ClassVar

from habitus.files.lines import first_lines
from habitus.syscalls import name_of
from habitus.traces.events import (
    ENDS_OF_PROCESSES,
    BrokenLine,
    canonical_or_numbered,
    is_blank,
    read_events,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.traces.events import Event, Thread
    from habitus.traces.formats.base import ReadOptions
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

# Fields after comm= hold what programs chose; only what stands before it is looked at.
_CALL = re.compile(
    rb"(?:node=(\S{1,253}) )?type=SYSCALL msg=audit\((\d{1,10})\.(\d{3}):\d{1,20}\): "
    rb"arch=([0-9a-f]{1,8}) syscall=(\d{1,10}) [^\"]*? pid=(\d{1,10}) "
)
_INTERPRETED = re.compile(
    rb"(?:node=(\S{1,253}) )?type=SYSCALL msg=audit\([^()]{0,60}?(\d\d):(\d\d):(\d\d)\.(\d{3})"
    rb":\d{1,20}\) : arch=(\S{1,40}) "
    rb"syscall=(unknown-syscall\(\d{1,10}\)|[A-Za-z_]\w{0,63})(?:\([a-z_0-9]{1,20}\))? "
    rb"(?:.{0,400}? )??pid=(\d{1,10}) "
)
_WITHOUT_NUMBER = re.compile(rb"(?:node=\S{1,253} )?type=SYSCALL [^\"]{0,120}? syscall=-1 ")
_RECORD = re.compile(
    rb"(?:node=\S{1,253} )?type=([A-Z][A-Z0-9_]{1,40}|UNKNOWN\[\d{1,5}\]) "
    rb"msg=audit\([^()]{1,60}:\d{1,20}\) ?:"
)
_LOST = re.compile(
    rb"\baudit: (?:audit_lost=|backlog limit exceeded|rate limit exceeded|kauditd \w+ queue)"
)
_LOST_RECORD = re.compile(rb" (?:audit_lost=[1-9]|op=set lost=|op=lost)|backlog limit exceeded")
_LOST_NOTE = "marks of lost records"
_SEPARATOR = re.compile(rb"----\s*$|time->")
_ARCHES = {0xC000003E: "x86_64", 0x40000003: "i386", 0xC00000B7: "aarch64"}
_ABIS = {
    "x86_64": "x86_64",
    "aarch64": "aarch64",
    **dict.fromkeys(("i386", "i486", "i586", "i686"), "i386"),
}
_X32_BIT = 0x40000000
_X32_FIRST = 512
_X32_CALLS = (  # those with numbers of their own; the others have x86_64's
    *("rt_sigaction", "rt_sigreturn", "ioctl", "readv", "writev", "recvfrom", "sendmsg"),
    *("recvmsg", "execve", "ptrace", "rt_sigpending", "rt_sigtimedwait", "rt_sigqueueinfo"),
    *("sigaltstack", "timer_create", "mq_notify", "kexec_load", "waitid", "set_robust_list"),
    *("get_robust_list", "vmsplice", "move_pages", "preadv", "pwritev", "rt_tgsigqueueinfo"),
    *("recvmmsg", "sendmmsg", "process_vm_readv", "process_vm_writev", "setsockopt"),
    *("getsockopt", "io_setup", "io_submit", "execveat", "preadv2", "pwritev2"),
)
_NOTES = {
    kind.encode(): f"{kind} records"
    for kind in (
        *("ANOM_ABEND", "AVC", "BPF", "BPRM_FCAPS", "CAPSET", "CRED_ACQ"),
        *("CRED_DISP", "CRED_REFR", "CRYPTO_KEY_USER", "CWD", "EOE", "EXECVE", "FD_PAIR", "IPC"),
        *("KERN_MODULE", "LOGIN", "MMAP", "NETFILTER_CFG", "OBJ_PID", "PATH"),
        *("PROCTITLE", "SECCOMP", "SERVICE_START", "SERVICE_STOP", "SOCKADDR", "SOCKETCALL"),
        *("SYSTEM_BOOT", "SYSTEM_RUNLEVEL", "SYSTEM_SHUTDOWN", "TTY", "URINGOP", "USER_ACCT"),
        *("USER_AUTH", "USER_CMD", "USER_END", "USER_LOGIN", "USER_LOGOUT", "USER_START"),
    )
}


class AuditdFormat:
    """Records of ``audit.log``, raw or enriched, and what ``ausearch`` writes of them.

    SYSCALL records are calls. They tell the process, not the thread, so a trace is a process; where
    records name the node they come from, it is a process of that node.
    """

    name: ClassVar[str] = "auditd"
    title: ClassVar[str] = "log of Linux's audit system, a trace a process"
    sample: ClassVar[str] = (
        "type=SYSCALL msg=audit(1700000000.100:24287): arch=c000003e syscall=257 success=yes "
        "exit=3 a0=ffffff9c a1=7ffd19c592c0 a2=80000 a3=0 items=1 ppid=411 pid=412 auid=1000 "
        'uid=1000 gid=1000 tty=pts0 ses=1 comm="cat" exe="/usr/bin/cat" key="files"\n'
        'type=CWD msg=audit(1700000000.100:24287): cwd="/home/ada"\n'
        "type=SYSCALL msg=audit(1700000000.104:24288): arch=c000003e syscall=231 a0=0 a1=e7 a2=3c "
        "a3=7f0 items=0 ppid=411 pid=412 auid=1000 uid=1000 gid=1000 tty=pts0 ses=1 "
        'comm="cat" exe="/usr/bin/cat" key=(null)\n'
    )

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:  # noqa: ARG002
        lines = [line for line in first_lines(head, 60) if not _SEPARATOR.match(line)]
        found = sum(_RECORD.match(line) is not None for line in lines)
        return 95 if found and found >= 0.5 * len(lines) else 0

    def read(
        self,
        files: Iterator[InputFile],
        options: ReadOptions,  # noqa: ARG002 - every record tells its ABI
        report: ReadReport,
    ) -> Iterator[TraceSet]:
        return read_events(
            files, report, canonical_or_numbered, lambda _: parse, ends=ENDS_OF_PROCESSES
        )


def parse(line: bytes) -> Event | str | None:
    """A record of any of the three ways to write one.

    Raises:
        BrokenLine: if it is none of them.
    """
    raw = _CALL.match(line)
    if raw is None:
        return _other(line)
    node, seconds, milliseconds, arch, number, pid = raw.groups()
    time_ns = int(seconds) * 1_000_000_000 + int(milliseconds) * 1_000_000
    return _name_of(arch, number), _process(node, pid), time_ns


def _process(node: bytes | None, pid: bytes) -> Thread:
    return int(pid) if node is None else (node.decode("ascii", "replace"), int(pid))


def _other(line: bytes) -> Event | str | None:
    """What a line is that is no raw record of a call."""
    record = _RECORD.match(line)
    if record is not None:
        kind = record[1]
        return _interpreted(line) if kind == b"SYSCALL" else _NOTES.get(kind) or _note(kind, line)
    if is_blank(line):
        return None
    if _LOST.search(line):
        return _LOST_NOTE
    if _SEPARATOR.match(line):
        return "separators of ausearch"
    raise BrokenLine("not a record of the audit log: no type=... msg=audit(...)")


def _interpreted(line: bytes) -> Event | str:
    """A call as ``ausearch -i`` writes it; its date is in the words of some locale and zone."""
    told = _INTERPRETED.match(line)
    if told is None or b" comm=" in told[0]:
        if _WITHOUT_NUMBER.match(line):
            return "calls without a number"
        raise BrokenLine("a SYSCALL record without arch, syscall and pid before comm")
    node, hours, minutes, seconds, milliseconds, arch, name, pid = told.groups()
    day_seconds = int(hours) * 3600 + int(minutes) * 60 + int(seconds)
    time_ns = day_seconds * 1_000_000_000 + int(milliseconds) * 1_000_000
    if name.startswith(b"unknown-syscall("):
        word, number = arch.decode("ascii", "replace"), int(name[16:-1])
        abi = _ABIS.get(word)
        name = (f"arch-{word}:{number}" if abi is None else name_of(abi, number)).encode()
    return name, _process(node, pid), time_ns


def _note(kind: bytes, line: bytes) -> str:
    """What a record is that is not of the common types: one of few notes, whatever it says."""
    if kind in {b"DAEMON_ABORT", b"DAEMON_ERR"}:
        return _LOST_NOTE
    if kind in {b"CONFIG_CHANGE", b"KERNEL"}:
        return _LOST_NOTE if _LOST_RECORD.search(line) else f"{kind.decode()} records"
    return "records of auditd itself" if kind.startswith(b"DAEMON_") else "records of other types"


@lru_cache(4096)
def _name_of(arch: bytes, number: bytes) -> bytes:
    """The name of a call by its machine (an ELF number, of `linux/audit.h`) and its number."""
    machine, call = int(arch, 16), int(number)
    abi = _ARCHES.get(machine)
    if abi is None:
        return f"arch-{machine:08x}:{call}".encode()
    if abi == "x86_64" and call & _X32_BIT:
        call &= ~_X32_BIT
        if 0 <= call - _X32_FIRST < len(_X32_CALLS):
            return _X32_CALLS[call - _X32_FIRST].encode()
    return name_of(abi, call).encode()


FORMAT = AuditdFormat()
