"""Where sysdig's text keeps what a trace needs, whatever was printed."""

from __future__ import annotations

import time

import pytest

from habitus.traces.formats.sysdig_layout import Layout, infer_layout
from habitus.traces.formats.sysdig_stamp_kernels import (
    CLOCK,
    DATE,
    NANOSECONDS,
    NO_STAMP,
    SECONDS,
)

EVENTS = [  # number, seconds, processor, command, thread, direction, name, arguments
    (1, "19.601363716", 0, "httpd", 7513, ">", "accept", "flags=0"),
    (2, "19.601374197", 1, "httpd", 7513, "<", "accept", "fd=14(<4t>1.2.3.4:80->5.6.7.8:9)"),
    (3, "19.601506564", 0, "my tool", 3750, ">", "read", "fd=14 size=8000"),
    (4, "19.601512497", 0, "my tool", 3750, "<", "read", "res=2 data=a > b"),
    (5, "19.701512497", 1, "httpd", 7513, ">", "switch", "next=0 pgft_maj=0"),
    (6, "19.801512497", 0, "read", 3751, ">", "close", "fd=3"),
]


def printed(template: str) -> bytes:
    """The events as ``sysdig -p`` would print them."""
    return "".join(
        template.format(
            n=n, sec=sec, cpu=cpu, comm=comm, tid=tid, vtid=tid % 100, dir=direction, type=name,
            args=args, ns=1_631_078_800_000_000_000 + int(sec.replace(".", "")),
        ) + "\n"
        for n, sec, cpu, comm, tid, direction, name, args in EVENTS
    ).encode()  # fmt: skip


def places(layout: Layout | None) -> tuple[int, int, int, int]:
    assert layout is not None
    return layout.name, layout.thread, layout.time, layout.stamp


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{n} 01:40:{sec} {cpu} {comm} ({tid}) {dir} {type} {args}", (1, -1, 1, CLOCK)),
        (
            "{n} 01:40:{sec} {cpu} web (3f2a9c0d1e2b) {comm} ({tid}:{vtid}) {dir} {type} {args}",
            (1, -1, 1, CLOCK),
        ),
        (
            "{n} 01:40:{sec} {cpu} host (123456) {comm} ({tid}:{vtid}) {dir} {type} {args}",
            (1, -1, 1, CLOCK),
        ),
        ("{ns} 33 290 {comm} {tid} {type} {dir} {args}", (-1, -2, 0, NANOSECONDS)),
        ("{n} 01:40:{sec} {cpu} 33 {comm} {tid} {dir} {type} {args}", (1, -1, 1, CLOCK)),
        ("{tid} {dir} {type} {comm}", (1, -1, -1, NO_STAMP)),
        ("{dir} {type} {tid} {comm} {args}", (1, 2, -1, NO_STAMP)),
        ("{ns} {comm} {tid} {cpu} {type} {dir} {args}", (-1, -3, 0, NANOSECONDS)),
        ("16310788{sec} {tid} {dir} {type} {args}", (1, -1, 0, SECONDS)),
        ("0.{ns} {tid} {dir} {type} {args}", (1, -1, -1, NO_STAMP)),  # beyond nanoseconds
        ("{sec} {tid} {dir} {type} {args}", (1, -1, 0, SECONDS)),  # -t r
        ("2021-09-08 05:27:{sec} {tid} {dir} {type}", (1, -1, 0, DATE)),
        ("2021-09-08T05:27:{sec}Z {tid} {dir} {type}", (1, -1, 0, DATE)),
        ("{n} 01:40:{sec} {cpu} x {dir} {type} {args}", (1, 0, 1, CLOCK)),  # no id at all
        ("{n}\t01:40:{sec}\t{cpu}\t{comm}\t({tid})\t{dir}\t{type}\t{args}\r", (1, -1, 1, CLOCK)),
    ],
)
def test_places_of_a_print(template: str, expected: tuple[int, int, int, int]) -> None:
    assert places(infer_layout(printed(template))) == expected


def test_numbers_of_many_events_are_no_ids() -> None:
    """``%evt.num`` alone before the direction: every line has its own."""
    lines = [f"{n} x {'><'[n % 2]} read fd=3" for n in range(100, 140)]
    layout = infer_layout("\n".join(lines).encode())
    assert layout is not None
    assert layout.thread == 0


def test_differences_of_times_are_no_times() -> None:
    """``-t d`` and ``-t D`` print how long ago the last event was."""
    lines = [f"0.00000{9 - n % 3} {7} > read fd=3 " for n in range(20)]
    layout = infer_layout("\n".join(lines).encode())
    assert layout is not None
    assert (layout.time, layout.stamp) == (-1, NO_STAMP)


def test_a_recording_without_enter_events_counts_exits() -> None:
    exits = infer_layout(b"7 < read res=0 \n7 < close res=0 \n7 > switch next=0 \n")
    both = infer_layout(b"7 < read res=0 \n7 > close fd=3 \n7 < close res=0 \n")
    assert exits is not None
    assert both is not None
    assert (exits.exits, both.exits) == (True, False)


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"\n\n",
        b"412 1700000000.1 read(3, 0x7f, 10) = 10\n",
        b"> read the manual <\n> and again\nplain words\nmore words\n",
        b"7 switch > next=0\n8 switch > next=0\n",  # no call at all
        b"> > > > >\n",
        b"read close openat\n",
        b"6 6 63\n",
        b'{"evt.type":"read","evt.dir":">","thread.tid":7}\n',
    ],
)
def test_other_text_has_no_layout(head: bytes) -> None:
    assert infer_layout(head) is None


def test_a_head_may_end_within_a_line() -> None:
    whole = printed("{n} 01:40:{sec} {cpu} {comm} ({tid}) {dir} {type} {args}")
    for length in range(whole.index(b"\n") + 1, len(whole)):
        assert places(infer_layout(whole[:length])) == (1, -1, 1, CLOCK)


@pytest.mark.parametrize(
    "head",
    [
        b"> " * 32_768,
        b"read > " * 9_000,
        (b"> read < " * 7 + b"\n") * 1_000,
        b"1" * 65_536,
        (b"(" * 500 + b" > read\n") * 128,
        b"\n" * 65_536,
        bytes(range(256)) * 256,
        b"1.1.1.1 7 > read\n" * 3_000,
    ],
)
def test_hostile_heads_take_little_time(head: bytes) -> None:
    infer_layout(head)  # what is loaded once is loaded now
    begin = time.process_time()
    infer_layout(head)
    assert time.process_time() - begin < 0.1
