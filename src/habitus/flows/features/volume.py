"""How much goes by: packets, bytes, their sizes, and what that is in a second."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.flows.features.feature import Column, Feature, divided
from habitus.flows.features.making import (
    BYTES,
    LONG,
    NO_PACKET,
    ONE_PACKET,
    Make,
    moments,
    named,
    total,
)
from habitus.flows.features.rows import SCOPES, Moments, Rows, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def volume() -> Iterator[Feature]:
    """Packets and bytes, by what is counted."""
    for scope in SCOPES:
        way = LONG[scope]
        yield Feature(
            named(scope, "packets"), "volume", "integer", "packets", f"Packets {way}", "count", "",
            total(scope, "packets"),
        )  # fmt: skip
        for kind, what in BYTES.items():
            yield Feature(
                named(scope, f"{kind}_bytes"), "volume", "integer", "bytes",
                f"Bytes {way}: {what}", "sum", "", total(scope, f"{kind}_bytes"),
            )  # fmt: skip
        yield Feature(
            named(scope, "header_bytes"), "volume", "integer", "bytes",
            f"Bytes of transport headers {way}", "transport_bytes - payload_bytes", "",
            _difference(scope, "transport_bytes", "payload_bytes"),
        )  # fmt: skip
        yield Feature(
            named(scope, "payload_packets"), "volume", "integer", "packets",
            f"Packets with payload {way}", "count where payload_bytes > 0", "",
            total(scope, "payload_packets"),
        )  # fmt: skip


def _difference(scope: Scope, above: str, below: str) -> Make:
    return lambda rows: Column(rows.total(scope, above) - rows.total(scope, below))


def sizes() -> Iterator[Feature]:
    """How large packets are."""
    for scope in SCOPES:
        for kind in ("raw", "ip", "payload"):
            yield from moments(
                "sizes", _sizes_of(scope, kind), named(scope, kind), "bytes",
                f"the sizes of packets {LONG[scope]}: {BYTES[kind]}", (NO_PACKET, ONE_PACKET),
            )  # fmt: skip


def _sizes_of(scope: Scope, kind: str) -> Callable[[Rows], Moments]:
    return lambda rows: rows.sizes(scope, kind)


def rates() -> Iterator[Feature]:
    """What goes by in a second, and one way against the other."""
    for scope in SCOPES:
        for field in ("packets", "raw_bytes", "ip_bytes", "payload_bytes"):
            yield Feature(
                named(scope, f"{field}_per_s"), "rates", "number", "1/s",
                f"{field.replace('_', ' ').capitalize()} {LONG[scope]} in a second",
                f"{named(scope, field)} / duration_us * 1e6", "the flow lasted no time",
                _rate(scope, field),
            )  # fmt: skip
    for field in ("packets", "raw_bytes", "payload_bytes"):
        yield Feature(
            f"backward_to_forward_{field}", "rates", "number", "",
            f"{field.replace('_', ' ').capitalize()} to the initiator for each from it",
            f"backward_{field} / forward_{field}", f"forward_{field} is 0", _ratio(field),
        )  # fmt: skip


def _rate(scope: Scope, field: str) -> Make:
    return lambda rows: Column(
        divided(rows.total(scope, field) * 1e9, rows.duration_ns("flow").astype(np.float64))
    )


def _ratio(field: str) -> Make:
    return lambda rows: Column(divided(rows.total("backward", field), rows.total("forward", field)))
