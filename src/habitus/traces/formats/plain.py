"""`plain`: a trace a line, as call names, or as call numbers together with ``--abi``."""

from __future__ import annotations

import re
import string
from typing import TYPE_CHECKING, ClassVar

from habitus.errors import InputError
from habitus.syscalls import family_of
from habitus.traces.formats.adfa import call_name_of_number, is_numbers
from habitus.traces.formats.plain_writer import PLAIN_NAME
from habitus.traces.formats.unm import are_pairs
from habitus.traces.interning import NameTable
from habitus.traces.tokens import TokenReader
from habitus.traces.traceset import TraceInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.traces.formats.base import ReadOptions
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

_DIGITS = string.digits.encode()
_FIRST = string.ascii_letters.encode() + b"_"


class PlainFormat:
    """One trace a line; tokens are separated by white space or commas."""

    name: ClassVar[str] = "plain"
    title: ClassVar[str] = "a trace a line: call names, or numbers with --abi"
    sample: ClassVar[str] = "openat read close\nsocket connect sendto close\n"

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:  # noqa: ARG002
        if is_numbers(head):
            return 40 if options.abi is not None or not are_pairs(head) else 0
        tokens = [t for t in re.split(rb"[\s,]+", head)[:-1] if t][:200] or [head.strip()]
        if not all(PLAIN_NAME.fullmatch(token) for token in tokens):
            return 0
        known = sum(family_of(token.decode()) != "unknown" for token in tokens)
        return 60 if known >= 0.8 * len(tokens) else 0

    def read(
        self, files: Iterator[InputFile], options: ReadOptions, report: ReadReport
    ) -> Iterator[TraceSet]:
        def resolve(token: bytes) -> str | None:
            if PLAIN_NAME.fullmatch(token):
                return token.decode()
            return None if options.abi is None else call_name_of_number(token, options.abi)

        wanted = "a call name" if options.abi is None else f"a call name or {options.abi} number"
        reader = TokenReader(
            NameTable(resolve), report, lines_are_traces=True, wanted=wanted,
            first=_FIRST if options.abi is None else _FIRST + _DIGITS,
            further=_FIRST + _DIGITS + b".:-",
        )  # fmt: skip
        for file in files:
            if options.abi is None and is_numbers(file.head()):
                yield from reader.rest()
                raise InputError(
                    f"{file.source}: these are call numbers, and a number means another call on "
                    "each kind of machine; say whose they are: --abi i386, x86_64 or aarch64"
                )

            def describe(
                line: int,
                first_call: int,
                ends: bool,
                *,
                file: InputFile = file,
            ) -> TraceInfo:
                name = f"{file.name}:{line}"
                return TraceInfo(name, file.source, group=name, first_call=first_call, ends=ends)

            yield from reader.read(file, describe)
        yield from reader.rest()


FORMAT = PlainFormat()
