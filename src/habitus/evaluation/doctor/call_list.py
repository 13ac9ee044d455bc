"""Lists of call names that lie beside data, such as the one that is published with ADFA-LD."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from habitus.errors import InputError
from habitus.files.inputs import open_inputs
from habitus.syscalls import ABIS, names_by_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MAX_LIST_BYTES = 1 << 20
MAX_LINE_CHARACTERS = 200
MAX_NUMBER = 65_534
_FILE_NAME = re.compile(r"sys(tem)?[\W_]*calls?[\W_]*(list|table|names|map)", re.IGNORECASE)
_DEFINED = re.compile(r"#define\s+__NR_(\w+)\s+(\d{1,5})(?!\w)")
_PAIR = re.compile(r"(?:(\w+)[\s,;:=]+(\d{1,5})|(\d{1,5})[\s,;:=]+(\w+))")
_FEWEST = 20


@dataclass(frozen=True)
class CallList:
    """A list of names and numbers.

    Attributes:
        source: which file it is.
        names: by number, from 0.
    """

    source: str
    names: Mapping[int, str]

    def agreement(self, abi: str) -> float:
        """The share of its entries that an ABI's table names the same."""
        table = names_by_number(abi)
        return sum(table.get(n) == name for n, name in self.names.items()) / len(self.names)

    @property
    def nearest_abi(self) -> str:
        """The ABI whose table it is most like."""
        return max(ABIS, key=self.agreement)


def find_call_list(path: Path) -> CallList | None:
    """The first list of call names among the files of ``path``; None if there is none.

    Reads at most `MAX_LIST_BYTES` of a file whose name says that it is such a list. Damage behind
    it, or before it, ends the search: reading the traces tells of that.
    """
    try:
        for file in open_inputs(path, on_skip=lambda *_: None):
            if _FILE_NAME.search(file.name.rpartition("/")[2]):
                names = parse_call_list(file.stream.read(MAX_LIST_BYTES))
                if names is not None:
                    return CallList(file.source, names)
    except InputError:
        return None
    return None


def parse_call_list(text: bytes) -> Mapping[int, str] | None:
    """Names by number from ``name number``, ``number name`` or ``#define __NR_name number`` lines.

    None if it is no such list. Of a number that stands twice, the first name counts.

    >>> parse_call_list(b"exit 1") is None
    True
    """
    names: dict[int, str] = {}
    for whole in text.decode("ascii", "replace").splitlines():
        line = whole[:MAX_LINE_CHARACTERS].strip()
        if found := _DEFINED.match(line):
            name, number = found[1], int(found[2])
        elif found := _PAIR.fullmatch(line):
            name, number = (found[1], int(found[2])) if found[1] else (found[4], int(found[3]))
        else:
            continue
        if number <= MAX_NUMBER and not name.isdigit():
            names.setdefault(number, re.sub(r"^(__NR_|sys_|SYS_)", "", name))
    return names if len(names) >= _FEWEST else None
