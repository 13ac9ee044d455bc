"""Every format knows its own files and no other's, quickly, whatever it is shown."""

from __future__ import annotations

import io
import random
import time
from typing import cast

import pytest

from habitus.files.inputfile import HEAD_BYTES, InputFile
from habitus.syscalls import ABIS
from habitus.traces.formats import format_names, get_format
from habitus.traces.formats.base import ReadOptions
from habitus.traces.reading import recognise

SAMPLES = {name: get_format(name).sample for name in format_names() if get_format(name).sample}
NUMBERS = {"adfa"}  # numbers alone: what they are hangs on where they lie


def recognised(head: bytes, name: str = "file", abi: str | None = None) -> str | None:
    stream = io.BufferedReader(cast("io.RawIOBase", io.BytesIO(head)))
    return recognise(head, InputFile(name, name, stream), ReadOptions(abi=abi))


@pytest.mark.parametrize("name", sorted(SAMPLES.keys() - NUMBERS))
def test_a_sample_is_recognised_by_its_own_format_alone(name: str) -> None:
    sample = SAMPLES[name].encode()
    assert recognised(sample) == name
    repeated = (sample * (HEAD_BYTES // len(sample) + 1))[:HEAD_BYTES]  # ends within a line
    assert recognised(repeated) == name


def test_numbers_are_recognised_where_adfa_ld_lies() -> None:
    place = "ADFA-LD/Training_Data_Master/UTD-0001.txt"
    assert recognised(SAMPLES["adfa"].encode(), place) == "adfa"


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_windows_line_ends_make_no_difference(name: str) -> None:
    sample = SAMPLES[name].encode().replace(b"\n", b"\r\n")
    sniff = get_format(name).sniff
    assert sniff(sample, "file", ReadOptions()) == sniff(
        SAMPLES[name].encode(), "file", ReadOptions()
    )


def hostile_heads() -> dict[str, bytes]:
    """Heads made to be looked at again and again by a careless expression."""
    made = {
        "spaces": b" " * HEAD_BYTES,
        "digits": b"1" * HEAD_BYTES,
        "letters": b"a" * HEAD_BYTES,
        "braces": b"{" * HEAD_BYTES,
        "brackets": b"[" * HEAD_BYTES,
        "quotes": b'"' * HEAD_BYTES,
        "escapes": b"\\" * HEAD_BYTES,
        "newlines": b"\n" * HEAD_BYTES,
        "zeros": bytes(HEAD_BYTES),
        "arrows": b"> " * (HEAD_BYTES // 2),
        "numbers": b"1 " * (HEAD_BYTES // 2),
        "pairs": b"1 2\n" * (HEAD_BYTES // 4),
        "equals": b"a=" * (HEAD_BYTES // 2),
        "commas": b"," * HEAD_BYTES,
        "random": random.Random(1).randbytes(HEAD_BYTES),
        "deep": b'{"a":' * (HEAD_BYTES // 5),
    }
    for name, sample in SAMPLES.items():
        line = sample.encode().split(b"\n")[0]
        made[f"{name} without an end"] = (line * (HEAD_BYTES // len(line) + 1))[:HEAD_BYTES]
        half = line[: len(line) // 2]
        made[f"{name}, half"] = half + b" " * (HEAD_BYTES - len(half))
        made[f"{name}, half and digits"] = half + b"9" * (HEAD_BYTES - len(half))
    return made


@pytest.mark.parametrize("name", format_names())
def test_no_head_takes_long(name: str) -> None:
    sniff = get_format(name).sniff
    sniff(b"x\n", "file", ReadOptions())  # imports and compiles
    slow = {}
    for what, head in hostile_heads().items():
        for abi in (None, *ABIS):
            started = time.perf_counter()
            assert 0 <= sniff(head, "file", ReadOptions(abi=abi)) <= 100
            slow[what, abi] = time.perf_counter() - started
    # Milliseconds are expected; the square of 64 KiB takes minutes on any machine.
    assert {what: seconds for what, seconds in slow.items() if seconds > 20} == {}
