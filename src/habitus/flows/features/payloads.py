"""What is carried, and in which order: entropy, bulks, the first packets one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.flows.features.feature import Column, Feature, divided
from habitus.flows.features.making import (
    LONG,
    Make,
    named,
    quotient,
    total,
)
from habitus.flows.features.rows import SCOPES, Rows, Scope

if TYPE_CHECKING:
    from collections.abc import Iterator


def content() -> Iterator[Feature]:
    """How random payloads look."""
    for scope in SCOPES:
        yield Feature(
            named(scope, "payload_entropy"), "content", "number", "bits/byte",
            f"Entropy of payloads {LONG[scope]}: of each packet's bytes by how often each occurs "
            "in it, of a few bytes never much",
            "sum of n log2 n - sum c log2 c over packets / bytes looked at: of a packet the first "
            "256, of a direction the packets until 512",
            "no byte of payload was captured", _entropy(scope),
        )  # fmt: skip


def _entropy(scope: Scope) -> Make:
    def of(rows: Rows) -> Column:
        if scope == "flow":
            bits = rows.ways("entropy_bits").sum(axis=0)
        else:
            bits = rows.way(scope, "entropy_bits")
        return Column(np.maximum(divided(bits, rows.total(scope, "entropy_bytes")), 0.0))

    return of


def bulk() -> Iterator[Feature]:
    """Runs of packets with payload one way, none the other way between them."""
    none = "there is no bulk"
    for scope in SCOPES[1:]:
        way = LONG[scope]
        yield Feature(
            named(scope, "bulks"), "bulk", "integer", "", f"Bulks {way}: four or more packets with "
            "payload, none the other way between them and no silence of a second", "count", "",
            total(scope, "bulks"),
        )  # fmt: skip
        for field, unit, what in (
            ("packets", "packets", "Packets"), ("bytes", "bytes", "Bytes of payload"),
        ):  # fmt: skip
            yield Feature(
                named(scope, f"bulk_{field}_mean"), "bulk", "number", unit,
                f"{what} of a bulk {way}", f"sum / {named(scope, 'bulks')}", none,
                quotient(scope, f"bulk_{field}", "bulks"),
            )  # fmt: skip
        yield Feature(
            named(scope, "bulk_bytes_per_s"), "bulk", "number", "1/s",
            f"Bytes of payload in a second of bulks {way}", "sum / time they took",
            f"{none}, or it took no time", quotient(scope, "bulk_bytes", "bulk_ns", 1e9),
        )  # fmt: skip


def first_packets() -> Iterator[Feature]:
    """The first packets one by one, to decide early."""
    for name, unit, meaning, formula, of in (
        ("first_sizes_bytes", "bytes", "Sizes of the first packets", "raw bytes of each",
         _first("sizes_bytes")),
        ("first_directions", "", "Directions of the first packets", "1 forward, -1 backward",
         _first("directions")),
        ("first_gaps_us", "us", "Time before each of the first packets",
         "0 before the first, at most 2^32 - 1", _first("gaps_us")),
    ):  # fmt: skip
        yield Feature(name, "first packets", "integers", unit, meaning, formula, "", of)


def _first(what: str) -> Make:
    return lambda rows: Column(getattr(rows.first_packets, what))
