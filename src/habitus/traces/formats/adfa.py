"""`adfa`: ADFA-LD as its users have it, a text file of i386 call numbers a trace.

Source: G. Creech and J. Hu, "Generation of a new IDS test dataset: time to retire the KDD
collection", WCNC 2013. The list of names that ships with some copies is another table's; the
numbers are i386's, which is what this reader uses.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from habitus.syscalls import name_of
from habitus.traces.formats.unm import are_pairs
from habitus.traces.interning import NameTable
from habitus.traces.tokens import TokenReader
from habitus.traces.traceset import Label, TraceInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.traces.formats.base import ReadOptions
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

MAX_CALL_NUMBER = 65_534

_NUMBERS = re.compile(rb"[\s,]*+\d[\s\d,]*+")  # possessive: other repeats would try again and again
LIST_NOTE = "lists of call names, not used"
_LIST_FILE = re.compile(r"(^|/)ADFA-LD\+Syscall\+List\.txt$")
_KNOWN_PATH = re.compile(r"(^|/)(U[TVA]D-|(Training|Validation|Attack)_Data_Master/)")
_ATTACK_FOLDER = re.compile(r"(?:^|/)(([^/]+?)_\d+)/[^/]*$")
_SPLITS = {
    "T": ("training", Label.NORMAL),
    "V": ("validation", Label.NORMAL),
    "A": ("attack", Label.ATTACK),
}


def call_name_of_number(token: bytes, abi: str) -> str | None:
    """The name of a call written as a decimal number, or None if it is no such number."""
    if not token.isdigit() or len(token) > 12 or int(token) > MAX_CALL_NUMBER:
        return None
    return name_of(abi, int(token))


class AdfaFormat:
    """Files of i386 call numbers; split, attack type and attack folder come from the path."""

    name: ClassVar[str] = "adfa"
    title: ClassVar[str] = "ADFA-LD: i386 call numbers, a file a trace"
    sample: ClassVar[str] = "6 6 63 6 42 120 6 195 120 6 6 114 114 1 1 252\n"

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:
        if not is_numbers(head):
            return 90 if _LIST_FILE.search(name) else 0
        if _KNOWN_PATH.search(name):  # whatever --abi says: labels come from here
            return 90
        return 40 if options.abi is None and not are_pairs(head) else 0

    def read(
        self, files: Iterator[InputFile], options: ReadOptions, report: ReadReport
    ) -> Iterator[TraceSet]:
        abi = options.abi or "i386"
        names = NameTable(lambda token: call_name_of_number(token, abi))
        reader = TokenReader(names, report, lines_are_traces=False, wanted=f"an {abi} call number")
        for file in files:
            if _LIST_FILE.search(file.name) and not is_numbers(file.head()):
                report.notes[LIST_NOTE] += 1
                continue
            split, label, attack, group = place_of(file.name)

            def describe(
                line: int, first_call: int, ends: bool,  # noqa: ARG001
                *, file: InputFile = file, split: str = split, label: Label = label,
                attack: str = attack, group: str = group,
            ) -> TraceInfo:  # fmt: skip
                return TraceInfo(
                    file.name, file.source, label, attack, group, split,
                    first_call=first_call, ends=ends,
                )  # fmt: skip

            yield from reader.read(file, describe)
        yield from reader.rest()


def is_numbers(head: bytes) -> bool:
    """Whether a file's first bytes are decimal numbers, white space and commas, and no more."""
    return _NUMBERS.fullmatch(head) is not None


def place_of(name: str) -> tuple[str, Label, str, str]:
    """(split, label, attack type, attack folder) from a path of ADFA-LD; all empty elsewhere.

    >>> place_of("ADFA-LD/Attack_Data_Master/Hydra_FTP_6/UAD-Hydra-FTP-612596.txt")
    ('attack', <Label.ATTACK: 1>, 'Hydra_FTP', 'Hydra_FTP_6')
    """
    known = _KNOWN_PATH.search(name)
    if known is None:
        return "", Label.UNKNOWN, "", ""
    letter = known.group(2)[1] if known.group(3) is None else known.group(3)[0]
    split, label = _SPLITS[letter]
    folder = _ATTACK_FOLDER.search(name)
    if label is Label.NORMAL or folder is None:
        return split, label, "", ""
    return split, label, folder.group(2), folder.group(1)


FORMAT = AdfaFormat()
