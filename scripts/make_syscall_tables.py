r"""Regenerate the system-call tables of ``habitus.syscalls`` from their two public sources.

The sources are the lists of https://github.com/hrw/syscalls-table (``data/tables``), which follow
the newest kernels, and the kernel's own UAPI headers, which also keep calls that were removed.
Where both name a number they must agree. The output depends on the arguments alone:

    python scripts/make_syscall_tables.py \
        --hrw-i386 syscalls-i386 --hrw-x86-64 syscalls-x86_64 --hrw-commit 2d39b256fc2f \
        --unistd-32 asm/unistd_32.h --unistd-64 asm/unistd_64.h \
        --unistd-generic asm-generic/unistd.h --headers-version 6.1.187 \
        --output src/habitus/syscalls/tables

It needs a C preprocessor. A call that is new to the tables also needs a family, by hand, in
``families.tsv``; the unit tests say which.
"""

import argparse
import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

Table = dict[int, str]

# From pidfd_send_signal on, a new call gets the same number on all three ABIs.
FIRST_COMMON_NUMBER = 424

# What arm64's own asm/unistd.h defines before it includes the generic one, and its word size.
AARCH64_DEFINES = (
    "__BITS_PER_LONG=64",
    "__ARCH_WANT_RENAMEAT",
    "__ARCH_WANT_NEW_STAT",
    "__ARCH_WANT_SET_GET_RLIMIT",
    "__ARCH_WANT_SYS_CLONE3",
    "__ARCH_WANT_MEMFD_SECRET",
)

# Macros that look like calls: the size of the table, and the start of a reserved range.
NOT_CALLS = frozenset({"syscalls", "arch_specific_syscall"})


def main() -> None:
    """Read the arguments, build the three tables and write them."""
    options = parse_arguments()
    i386 = agree(read_list(options.hrw_i386), read_header(options.cpp, options.unistd_32))
    x86_64 = agree(read_list(options.hrw_x86_64), read_header(options.cpp, options.unistd_64))
    generic = read_header(options.cpp, options.unistd_generic, AARCH64_DEFINES)
    # One shared range, checked across all three ABIs, completes each of them.
    common = agree(agree(common_part(i386), common_part(x86_64)), common_part(generic))

    hrw = f"github.com/hrw/syscalls-table @ {options.hrw_commit} (MIT, (c) Marcin Juszkiewicz)"
    headers = f"Linux {options.headers_version} UAPI headers"
    aarch64_sources = [
        f"{headers}, asm-generic/unistd.h as arm64 configures it",
        f"from {FIRST_COMMON_NUMBER} on, where the three ABIs have the same numbers, also",
        hrw,
    ]
    write_table(options.output / "i386.tsv", i386 | common, [hrw, f"{headers}, unistd_32.h"])
    write_table(options.output / "x86_64.tsv", x86_64 | common, [hrw, f"{headers}, unistd_64.h"])
    write_table(options.output / "aarch64.tsv", generic | common, aarch64_sources)


def parse_arguments() -> argparse.Namespace:
    """Parse the command line; only the name of the preprocessor has a default."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    inputs = ("hrw-i386", "hrw-x86-64", "unistd-32", "unistd-64", "unistd-generic")
    for name in inputs:
        parser.add_argument(f"--{name}", type=Path, required=True, metavar="FILE")
    parser.add_argument("--hrw-commit", required=True, help="commit the two lists come from")
    parser.add_argument("--headers-version", required=True, help="kernel version of the headers")
    parser.add_argument("--output", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--cpp", default="cpp", help="C preprocessor (default: %(default)s)")
    return parser.parse_args()


def read_list(path: Path) -> Table:
    """Read a list of hrw/syscalls-table; a name without a number is not a call of that ABI."""
    rows = [line.split() for line in path.read_text(encoding="utf-8").splitlines()]
    return to_table((row[0], int(row[1])) for row in rows if len(row) == 2)


def read_header(cpp: str, path: Path, defines: tuple[str, ...] = ()) -> Table:
    """Read the calls that a UAPI header defines under the given preprocessor definitions."""
    # The headers' includes say what the machine running this is; the definitions say it instead.
    source = re.sub(r"^#include .*$", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    flags = [f"-D{define}" for define in defines]
    macros = subprocess.run(
        [cpp, "-undef", "-dM", *flags, "-"],
        input=source,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = re.findall(r"^#define (__NR\w+) (\w+)$", macros, flags=re.MULTILINE)
    values: dict[str, str] = dict(found)
    # The generic header spells some calls twice over: __NR_mmap is __NR3264_mmap, which is 222.
    return to_table(
        (name, int(values.get(value, value)))
        for macro, value in values.items()
        if (name := macro.removeprefix("__NR_")) != macro and name not in NOT_CALLS
    )


def to_table(rows: Iterable[tuple[str, int]]) -> Table:
    """Turn rows of name and number into a table; one number must not have two names."""
    table: Table = {}
    for name, number in rows:
        if table.setdefault(number, name) != name:
            raise SystemExit(f"number {number} is both {table[number]} and {name}")
    return table


def agree(first: Table, second: Table) -> Table:
    """Join two tables that must not contradict each other."""
    return to_table((name, number) for table in (first, second) for number, name in table.items())


def common_part(table: Table) -> Table:
    """Return the calls whose number is the same on all three ABIs."""
    return {number: name for number, name in table.items() if number >= FIRST_COMMON_NUMBER}


def write_table(path: Path, table: Table, sources: list[str]) -> None:
    """Write one table in order of number, under a comment that names its sources."""
    comment = [f"Linux system calls of {path.stem}: number<TAB>name.", "Sources:"]
    comment += [f"  {source}" for source in sources]
    comment.append("Made by scripts/make_syscall_tables.py; do not edit.")
    lines = [f"# {line}" for line in comment]
    lines += [f"{number}\t{name}" for number, name in sorted(table.items())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
