"""The shipped recordings' calls, written as each tool would have written them.

What strace recorded of a call, its arguments and its result, fills the lines of the other formats,
so that these are as long as real ones. What strace does not tell (addresses, processors, a
container's name) is made up, of the usual length.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from habitus import read_traces
from habitus.datasets.source import demo_path
from habitus.syscalls import number_of

_TOLD = re.compile(
    r"\w+\((?P<arguments>.*?)(?: <unfinished \.\.\.>|\) +=(?P<result>.*?)(?: <(?P<took>[\d.]+)>)?)$"
)
_ARGUMENTS = ("dirfd", "pathname", "flags", "mode", "offset", "timeout")
_ENDS = frozenset({"exit", "exit_group"})


class Call(NamedTuple):
    """A call as it was recorded; ``number`` counts the calls of all files from 1."""

    number: int
    thread: int
    time_ns: int
    took_us: float
    program: str
    name: str
    arguments: str
    result: str


Writer = Callable[[Call], str]
"""The lines that a tool writes of a call."""


def texts() -> dict[str, bytes]:
    """The text of each shipped recording, by its name."""
    with tarfile.open(demo_path()) as archive:
        files = ((member.name, archive.extractfile(member)) for member in archive)
        return {name: file.read() for name, file in files if file is not None}


def recorded_calls() -> list[Call]:
    """The calls of all shipped recordings, one recording after the other, as they happened."""
    traces = read_traces(demo_path())
    lines = {name: text.decode().splitlines() for name, text in texts().items()}
    found = []
    assert traces.positions is not None  # noqa: S101 - strace tells both
    assert traces.times_ns is not None  # noqa: S101
    for row, info in enumerate(traces.infos):
        for i in range(traces.offsets[row], traces.offsets[row + 1]):
            name = traces.alphabet[traces.calls[i]]
            place, time_ns = int(traces.positions[i]), int(traces.times_ns[i])
            found.append((info.group, place, info.thread, time_ns, name))
    calls = []
    for number, (file, line, thread, time_ns, name) in enumerate(sorted(found), start=1):
        told = _TOLD.search(lines[file][line - 1])
        arguments, result, took = told.group("arguments", "result", "took") if told else [""] * 3
        took_us, program = float(took or 0) * 1e6, file.partition("/")[0]
        result = (result or "0").strip()  # of a call that is resumed on another line, say 0
        calls.append(Call(number, thread, time_ns, took_us, program, name, arguments, result))
    return calls


def write_calls(path: Path, calls: list[Call], writer: Writer, n_bytes: int, head: str = "") -> int:
    """Write the calls over and over, each time later, until the file is large enough; how many."""
    n_passes = 0
    length_ns = calls[-1].time_ns - calls[0].time_ns + 1_000_000_000
    with path.open("w") as file:
        file.write(head)
        while file.tell() < n_bytes:
            number, later_ns = n_passes * len(calls), n_passes * length_ns
            file.write("".join(map(writer, _moved(calls, number, later_ns))))
            n_passes += 1
    return n_passes * len(calls)


def _moved(calls: list[Call], number: int, later_ns: int) -> Iterator[Call]:
    for call in calls:
        yield call._replace(number=call.number + number, time_ns=call.time_ns + later_ns)


def sysdig(call: Call) -> str:
    """Sysdig's default: an enter and an exit, of which the exit tells the data."""
    clock, cpu = _clock(call.time_ns), call.number % 2
    who = f"{cpu} {call.program} ({call.thread})"
    descriptor = _descriptor(call)
    enter = f"{2 * call.number} {clock} {who} > {call.name} {descriptor}\n"
    if call.name in _ENDS:
        return enter
    clock = _clock(call.time_ns + int(call.took_us * 1_000))
    exit_ = f"res={call.result} {call.arguments}"
    return f"{enter}{2 * call.number + 1} {clock} {who} < {call.name} {exit_}\n"


def sysdig_json(call: Call) -> str:
    """Sysdig's default fields, with the thread, as ``sysdig -j`` writes them."""

    def event(direction: str, number: int, time_ns: int, told: str) -> str:
        return (
            f'{{"evt.cpu":{call.number % 2},"evt.dir":"{direction}","evt.info":{json.dumps(told)},'
            f'"evt.num":{number},"evt.outputtime":{time_ns},"evt.type":"{call.name}",'
            f'"proc.name":"{call.program}","thread.tid":{call.thread}}}\n'
        )

    enter = event(">", 2 * call.number, call.time_ns, _descriptor(call))
    if call.name in _ENDS:
        return enter
    ended_ns = call.time_ns + int(call.took_us * 1_000)
    told = f"res={call.result} {call.arguments}"
    return enter + event("<", 2 * call.number + 1, ended_ns, told)


def falco(call: Call) -> str:
    """An alert of a rule that asks for every call."""
    fields = (
        f'{{"container.id":"3f0b2a5c9d1e","container.name":"web","evt.rawtime":{call.time_ns},'
        f'"evt.time":{call.time_ns},"evt.type":"{call.name}","proc.name":"{call.program}",'
        f'"thread.tid":{call.thread}}}'
    )
    clock = _clock(call.time_ns)
    return (
        f'{{"hostname":"web-1","output":"{clock}: Notice call (type={call.name} '
        f'proc={call.program} container=3f0b2a5c9d1e)","output_fields":{fields},'
        f'"priority":"Notice","rule":"Any call","source":"syscall","tags":["container"],'
        f'"time":"2026-11-22T{clock}Z"}}\n'
    )


def tracee(call: Call) -> str:
    """An event of Tracee's flat schema."""
    number = number_of("x86_64", call.name)
    values = zip(_ARGUMENTS, call.arguments.split(", "), strict=False)
    arguments = ",".join(
        f'{{"name":"{name}","type":"const char*","value":{json.dumps(value)}}}'
        for name, value in values
    )
    returned = call.result.partition(" ")[0]
    returned = returned if re.fullmatch(r"0|-?[1-9]\d{0,8}", returned) else "0"
    return (
        f'{{"timestamp":{call.time_ns},"threadStartTime":{call.time_ns - 52_000_000},'
        f'"processorId":{call.number % 2},"processId":7,"cgroupId":5247,"threadId":7,'
        f'"parentProcessId":1,"hostProcessId":{call.thread},"hostThreadId":{call.thread},'
        f'"hostParentProcessId":2241,"userId":1000,"mountNamespace":4026532256,'
        f'"pidNamespace":4026532259,"processName":"{call.program}","executable":{{"path":""}},'
        f'"hostName":"3f0b2a5c9d1e","containerId":"3f0b2a5c9d1e","container":{{}},'
        f'"kubernetes":{{}},"eventId":"{number}","eventName":"{call.name}",'
        f'"matchedPolicies":["all"],"argsNum":{call.arguments.count(", ") + 1},'
        f'"returnValue":{returned},"syscall":"{call.name}","stackAddresses":null,'
        f'"contextFlags":{{"containerStarted":true,"isCompat":false}},"threadEntityId":1384652714,'
        f'"processEntityId":1384652714,"parentEntityId":3211945621,"args":[{arguments}]}}\n'
    )


def perf_trace(call: Call) -> str:
    """A line of ``perf trace -T``, which counts time from boot."""
    time_us = call.time_ns // 1_000 % 10**11
    told = f"{call.name}({call.arguments})"
    head = f"{time_us // 1_000:6}.{time_us % 1_000:03} ({call.took_us / 1_000:6.3f} ms)"
    return f"{head}: {call.program}/{call.thread} {told:<70} = {call.result}\n"


def perf_script(call: Call) -> str:
    """An enter, as ``perf record -e raw_syscalls:sys_enter`` has it, by ``perf script``."""
    time_us = call.time_ns // 1_000 % 10**11
    seconds = f"{time_us // 1_000_000:5}.{time_us % 1_000_000:06}"
    words = ", ".join(f"{word:x}" for word in (*_words(call), call.number, 0))
    return (
        f"{call.program:>16} {call.thread:5} [{call.number % 2:03}] {seconds}: "
        f"raw_syscalls:sys_enter: NR {number_of('x86_64', call.name)} ({words})\n"
    )


def auditd(call: Call) -> str:
    """The records of a call: with a path, if it takes one, and with the command line."""
    path = re.search(r'"(/[^"]*)"', call.arguments)
    milliseconds = call.time_ns // 1_000_000
    stamp = f"msg=audit({milliseconds // 1_000}.{milliseconds % 1_000:03}:{call.number})"
    words = " ".join(f"a{i}={word:x}" for i, word in enumerate(_words(call)))
    failed = call.result.startswith("-1")
    who = (
        "auid=1000 uid=1000 gid=1000 euid=1000 suid=1000 fsuid=1000 egid=1000 sgid=1000 fsgid=1000"
    )
    records = (
        f"type=SYSCALL {stamp}: arch=c000003e syscall={number_of('x86_64', call.name)} "
        f"success={'no exit=-2' if failed else 'yes exit=3'} {words} items={int(bool(path))} "
        f'ppid=2241 pid={call.thread} {who} tty=pts0 ses=1 comm="{call.program}" '
        f'exe="/usr/bin/{call.program}" subj=unconfined key="all"\n'
    )
    if path:
        records += (
            f'type=CWD {stamp}: cwd="/home/ada"\n'
            f'type=PATH {stamp}: item=0 name="{path[1]}" inode=1835265 dev=fd:00 mode=0100644 '
            "ouid=0 ogid=0 rdev=00:00 nametype=NORMAL cap_fp=0 cap_fi=0 cap_fe=0 cap_fver=0\n"
        )
    return f"{records}type=PROCTITLE {stamp}: proctitle=2F62696E2F7368002D6300{call.thread:08X}\n"


TABLE_HEAD = "time,pid,tid,syscall,label\n"


def table(call: Call) -> str:
    """A row of a table of times, threads and names."""
    seconds, part_ns = divmod(call.time_ns, 1_000_000_000)
    return f"{seconds}.{part_ns // 1_000:06},{call.thread},{call.thread},{call.name},normal\n"


def _clock(time_ns: int) -> str:
    seconds, part_ns = divmod(time_ns, 1_000_000_000)
    minutes = seconds // 60
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}:{seconds % 60:02}.{part_ns:09}"


def _descriptor(call: Call) -> str:
    first = call.arguments.partition(",")[0]
    return f"fd={first}(<f>/usr/lib/x86_64-linux-gnu/libc.so.6)" if first.isdigit() else ""


def _words(call: Call) -> tuple[int, int, int, int]:
    """Four arguments as numbers: a descriptor, two addresses and a size."""
    near = call.time_ns & 0xFFFFFF
    return call.number & 7, 0x7FFFFF000000 + near, 0x555555000000 + near, near & 0xFFFF
