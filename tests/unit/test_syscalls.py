"""Names, numbers and families of system calls.

The expected values are literals, checked by hand against the Linux headers and manual pages, so
that a mistake in the generator of the tables cannot hide here.
"""

import doctest
import importlib
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from habitus.syscalls import ABIS, FAMILIES, family_of, name_of, names_by_number, number_of

REPOSITORY = Path(__file__).parents[2]
DATA = REPOSITORY / "src" / "habitus" / "syscalls"
GENERATOR = REPOSITORY / "scripts" / "make_syscall_tables.py"

FACTS = {
    "i386": """
        0 restart_syscall   1 exit              2 fork              3 read
        4 write             5 open              6 close             7 waitpid
        11 execve           13 time             18 oldstat          20 getpid
        22 umount           45 brk              54 ioctl            78 gettimeofday
        90 mmap             102 socketcall      104 setitimer       117 ipc
        120 clone           136 personality     140 _llseek         142 _newselect
        146 writev          149 _sysctl         162 nanosleep       168 poll
        174 rt_sigaction    183 getcwd          190 vfork           191 ugetrlimit
        192 mmap2           195 stat64          199 getuid32        220 getdents64
        221 fcntl64         224 gettid          240 futex           243 set_thread_area
        252 exit_group      254 epoll_create    258 set_tid_address 264 clock_settime
        265 clock_gettime   270 tgkill          295 openat          300 fstatat64
        311 set_robust_list 320 utimensat       328 eventfd2        331 pipe2
        340 prlimit64       359 socket          373 shutdown        403 clock_gettime64
    """,
    "x86_64": """
        0 read              1 write             2 open              3 close
        4 stat              5 fstat             9 mmap              12 brk
        13 rt_sigaction     16 ioctl            17 pread64          21 access
        22 pipe             23 select           39 getpid           41 socket
        42 connect          56 clone            57 fork             59 execve
        60 exit             61 wait4            62 kill             63 uname
        72 fcntl            87 unlink           101 ptrace          105 setuid
        134 uselib          158 arch_prctl      166 umount2         202 futex
        217 getdents64      228 clock_gettime   231 exit_group      232 epoll_wait
        257 openat          262 newfstatat      288 accept4         302 prlimit64
        317 seccomp         319 memfd_create    321 bpf             332 statx
        334 rseq
    """,
    "aarch64": """
        0 io_setup          17 getcwd           19 eventfd2         23 dup
        25 fcntl            29 ioctl            35 unlinkat         38 renameat
        43 statfs           45 truncate         46 ftruncate        48 faccessat
        56 openat           57 close            59 pipe2            61 getdents64
        62 lseek            63 read             64 write            71 sendfile
        79 newfstatat       80 fstat            84 sync_file_range  93 exit
        94 exit_group       98 futex            117 ptrace          129 kill
        134 rt_sigaction    160 uname           163 getrlimit       172 getpid
        198 socket          203 connect         214 brk             220 clone
        221 execve          222 mmap            223 fadvise64       242 accept4
        260 wait4           261 prlimit64       281 execveat        291 statx
        294 kexec_file_load
    """,
}
COMMON_FACTS = """
    424 pidfd_send_signal   425 io_uring_setup      434 pidfd_open      435 clone3
    437 openat2             439 faccessat2          447 memfd_secret    449 futex_waitv
    452 fchmodat2           462 mseal
"""

ADFA_LD_NUMBERS = """
    1 3 4 5 6 7 8 9 10 11 12 13 15 19 20 21 22 26 27 30 33 37 38 39 40 41 42 43 45 54 57 60 61 63
    64 65 66 75 77 78 79 83 85 90 91 93 94 96 97 99 102 104 110 111 114 116 117 118 119 120 122
    124 125 128 132 133 136 140 141 142 143 144 146 148 150 151 154 155 156 157 158 159 160 162
    163 168 172 173 174 175 176 177 179 180 181 183 184 185 186 187 190 191 192 194 195 196 197
    198 199 200 201 202 203 204 205 206 207 208 209 210 211 212 213 214 215 216 219 220 221 224
    226 228 229 230 231 233 234 240 242 243 252 254 255 256 258 259 260 264 265 266 268 269 270
    272 289 292 293 295 296 298 300 301 306 307 308 309 311 314 320 322 324 328 331 332 340
"""
"""Every number that occurs in the traces of ADFA-LD, which come from a 32-bit x86 machine."""

FAMILY_FACTS = {
    "file": "open openat creat unlink rename mkdir chmod stat newfstatat getdents64 chdir umask",
    "descriptor": "read write close lseek dup2 fcntl64 ioctl fstat poll _newselect eventfd2",
    "memory": "brk mmap2 munmap mprotect mlock madvise memfd_create",
    "process": "fork clone3 execve waitpid exit_group getpid sched_yield prctl prlimit64 unshare",
    "signal": "kill tgkill rt_sigaction rt_sigreturn pause signalfd4",
    "time": "time gettimeofday nanosleep setitimer timerfd_create times",
    "network": "socketcall socket connect accept4 sendto recvmsg",
    "ipc": "ipc semop shmat mq_open pipe2 futex futex_waitv set_robust_list",
    "security": "setuid32 getuid capset keyctl seccomp landlock_add_rule ptrace",
    "system": "uname mount chroot reboot finit_module bpf perf_event_open",
}


def facts(text: str) -> list[tuple[int, str]]:
    words = text.split()
    return [(int(number), name) for number, name in zip(words[::2], words[1::2], strict=True)]


def first_fields(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line.split("\t")[0] for line in lines if not line.startswith("#")]


@pytest.mark.parametrize("abi", ABIS)
def test_hand_checked_numbers(abi: str) -> None:
    expected = facts(FACTS[abi]) + facts(COMMON_FACTS)
    assert len(expected) >= 25
    assert [(number, name_of(abi, number)) for number, _ in expected] == expected
    assert [(number_of(abi, name), name) for _, name in expected] == expected


@pytest.mark.parametrize(("abi", "count"), [("i386", 461), ("x86_64", 385), ("aarch64", 327)])
def test_a_table_has_each_number_and_each_name_once(abi: str, count: int) -> None:
    rows = first_fields(DATA / "tables" / f"{abi}.tsv")
    assert rows == [str(number) for number in sorted(names_by_number(abi))]
    assert len(rows) == len(set(names_by_number(abi).values())) == count


def test_numbers_from_424_on_are_the_same_on_every_abi() -> None:
    i386, x86_64, aarch64 = (
        {number: name for number, name in names_by_number(abi).items() if number >= 424}
        for abi in ABIS
    )
    assert i386 == x86_64 == aarch64
    assert sorted(i386) == list(range(424, 472))


def test_every_number_in_adfa_ld_has_a_name() -> None:
    observed = {int(number) for number in ADFA_LD_NUMBERS.split()}
    assert len(observed) == 175
    assert observed <= names_by_number("i386").keys()


def test_i386_has_no_gap_up_to_340_but_the_numbers_that_were_never_used() -> None:
    assert set(range(341)) - names_by_number("i386").keys() == {222, 223, 251, 285}


@pytest.mark.parametrize("abi", ABIS)
def test_a_number_outside_the_table_is_named_by_abi_and_number(abi: str) -> None:
    assert name_of(abi, 9999) == f"{abi}:9999"
    assert number_of(abi, f"{abi}:9999") is None
    assert family_of(f"{abi}:9999") == "unknown"


def test_a_negative_number_is_refused() -> None:
    with pytest.raises(ValueError, match="-1"):
        name_of("i386", -1)


def test_an_unknown_abi_is_refused_with_the_known_ones() -> None:
    expected = "unknown ABI 'arm', expected one of: i386, x86_64, aarch64"
    with pytest.raises(ValueError, match=expected):
        name_of("arm", 1)
    with pytest.raises(ValueError, match=expected):
        number_of("arm", "read")
    with pytest.raises(ValueError, match=expected):
        names_by_number("arm")


def test_a_name_of_another_abi_has_no_number() -> None:
    assert number_of("x86_64", "socketcall") is None
    assert number_of("aarch64", "open") is None


def test_a_table_is_read_only() -> None:
    with pytest.raises(TypeError):
        names_by_number("i386")[1] = "overwritten"  # type: ignore[index]


def test_families_cover_exactly_the_names_of_the_tables() -> None:
    named = {name for abi in ABIS for name in names_by_number(abi).values()}
    assert first_fields(DATA / "families.tsv") == sorted(named)


def test_every_name_has_one_of_the_families_and_every_family_is_used() -> None:
    named = {name for abi in ABIS for name in names_by_number(abi).values()}
    counts = Counter(family_of(name) for name in named)
    assert counts.keys() == set(FAMILIES)
    assert min(counts.values()) >= 20


@pytest.mark.parametrize("family", FAMILIES)
def test_hand_checked_families(family: str) -> None:
    names = FAMILY_FACTS[family].split()
    assert {name: family_of(name) for name in names} == dict.fromkeys(names, family)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("llseek", "_llseek"),
        ("pread", "pread64"),
        ("pwrite", "pwrite64"),
        ("prlimit", "prlimit64"),
        ("pselect", "pselect6"),
        ("recv", "recvfrom"),
        ("send", "sendto"),
        ("_exit", "exit"),
        ("old_mmap", "mmap"),
        ("fstatat", "newfstatat"),
    ],
)
def test_spellings_of_tracers_have_the_family_of_the_call(spelling: str, name: str) -> None:
    assert all(number_of(abi, spelling) is None for abi in ABIS)
    assert family_of(spelling) == family_of(name) != "unknown"


@pytest.mark.parametrize("event", ["procexit", "switch", "signaldeliver", ""])
def test_what_is_not_a_system_call_has_no_family(event: str) -> None:
    assert family_of(event) == "unknown"


@pytest.mark.parametrize(
    "module", ["habitus.syscalls", "habitus.syscalls.names", "habitus.syscalls.families"]
)
def test_examples_in_the_documentation(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted
    assert not result.failed


needs_cpp = pytest.mark.skipif(shutil.which("cpp") is None, reason="needs a C preprocessor")

GENERATOR_INPUTS = {
    "hrw-i386": "write\t4\npidfd_open\t434\nmseal\t462\nepoll_wait_old\n",
    "hrw-x86-64": "write\t1\npidfd_open\t434\nmseal\t462\n",
    "unistd-32": "#define __NR_write 4\n#define __NR_break 17\n",
    "unistd-64": "#define __NR_write 1\n#define __NR_uselib 134\n",
    "unistd-generic": """
        #include <asm/bitsperlong.h>
        #ifdef __ARCH_WANT_RENAMEAT
        #define __NR_renameat 38
        #endif
        #define __NR3264_mmap 222
        #define __NR_arch_specific_syscall 244
        #if __BITS_PER_LONG == 32
        #define __NR_clock_gettime64 403
        #endif
        #define __NR_pidfd_open 434
        #define __NR_syscalls 435
        #if __BITS_PER_LONG == 64
        #define __NR_mmap __NR3264_mmap
        #else
        #define __NR_mmap2 __NR3264_mmap
        #endif
    """,
}
"""Headers and lists small enough to read here, each named by the option that takes it."""


def generate(folder: Path, **changed: str) -> subprocess.CompletedProcess[str]:
    arguments = ["--hrw-commit=0123abc", "--headers-version=6.1", f"--output={folder}"]
    for option, text in (GENERATOR_INPUTS | changed).items():
        path = folder / option
        path.write_text("\n".join(line.strip(" ") for line in text.split("\n")))
        arguments.append(f"--{option}={path}")
    command = [sys.executable, str(GENERATOR), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@needs_cpp
def test_the_generator_joins_its_sources(tmp_path: Path) -> None:
    assert generate(tmp_path).returncode == 0
    tables = {
        abi: [
            line
            for line in (tmp_path / f"{abi}.tsv").read_text().splitlines()
            if not line.startswith("#")
        ]
        for abi in ABIS
    }
    common = ["434\tpidfd_open", "462\tmseal"]
    assert tables == {
        "i386": ["4\twrite", "17\tbreak", *common],
        "x86_64": ["1\twrite", "134\tuselib", *common],
        "aarch64": ["38\trenameat", "222\tmmap", *common],
    }


@needs_cpp
def test_the_generator_refuses_sources_that_contradict_each_other(tmp_path: Path) -> None:
    result = generate(tmp_path, **{"hrw-i386": "read\t4\n"})
    assert result.returncode != 0
    assert "number 4 is both read and write" in result.stderr
    assert not list(tmp_path.glob("*.tsv"))
