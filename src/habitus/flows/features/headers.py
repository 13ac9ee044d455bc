"""What headers tell: flags, windows, time to live, fragments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.flows.features.feature import Column, Feature, divided
from habitus.flows.features.making import (
    LONG,
    NO_PACKET,
    NOT_TCP,
    Make,
    named,
    of_side,
    total,
)
from habitus.flows.features.rows import SCOPES, Rows, Scope
from habitus.flows.layout import FLAGS

if TYPE_CHECKING:
    from collections.abc import Iterator


def tcp() -> Iterator[Feature]:
    """Flags and windows."""
    for scope in SCOPES:
        for bit, flag in enumerate(FLAGS):
            yield Feature(
                named(scope, f"{flag}_packets"), "tcp", "integer", "packets",
                f"Packets {LONG[scope]} with the flag {flag.upper()}", "count",
                "the protocol is not TCP", _flag(scope, bit),
            )  # fmt: skip
    for scope in SCOPES[1:]:
        for part, word, formula in (
            ("first", "Window of the first packet", "as told, not scaled"),
            ("min", "Least window", "min"),
            ("max", "Largest window", "max"),
        ):
            yield Feature(
                named(scope, f"window_{part}_bytes"), "tcp", "integer", "bytes",
                f"{word} {LONG[scope]}", formula, NOT_TCP, _window(scope, part),
            )  # fmt: skip
        yield Feature(
            named(scope, "window_mean_bytes"), "tcp", "number", "bytes",
            f"Mean window of packets {LONG[scope]}", "sum / packets that tell one", NOT_TCP,
            _window_mean(scope),
        )  # fmt: skip


def _flag(scope: Scope, bit: int) -> Make:
    return lambda rows: Column(rows.total(scope, "flag_counts")[bit], rows.is_tcp)


def _window(scope: Scope, part: str) -> Make:
    def of(rows: Rows) -> Column:
        if part == "first":
            windows = rows.flows["windows_first"][:, SCOPES.index(scope) - 1]
        else:
            windows = rows.way(scope, f"window_{part}")
        return Column(windows.astype(np.int64), rows.total(scope, "tcp_packets") > 0)

    return of


def _window_mean(scope: Scope) -> Make:
    def of(rows: Rows) -> Column:
        n = rows.total(scope, "tcp_packets")
        return Column(divided(rows.way(scope, "window_sum"), n), rows.is_tcp)

    return of


def network() -> Iterator[Feature]:
    """Time to live, and fragments."""
    for scope in SCOPES[1:]:
        for part, word in (("min", "Least"), ("max", "Largest")):
            yield Feature(
                named(scope, f"ttl_{part}"), "network", "integer", "",
                f"{word} time to live (hop limit) of packets {LONG[scope]}", part, NO_PACKET,
                of_side(scope, f"ttl_{part}"),
            )  # fmt: skip
        yield Feature(
            named(scope, "header_min_bytes"), "network", "integer", "bytes",
            f"Shortest transport header of packets {LONG[scope]}", "min, but of later fragments",
            NO_PACKET, _header_min(scope),
        )  # fmt: skip
        yield Feature(
            named(scope, "fragments"), "network", "integer", "packets",
            f"Packets {LONG[scope]} that are fragments", "count", "", total(scope, "fragments"),
        )  # fmt: skip


def _header_min(scope: Scope) -> Make:
    def of(rows: Rows) -> Column:
        least = rows.way(scope, "header_min").astype(np.int64)
        return Column(least, (rows.total(scope, "packets") > 0) & (least < 0xFFFF))

    return of
