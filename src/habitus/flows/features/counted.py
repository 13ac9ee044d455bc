"""Counts, sizes, gaps, rates and what else packets add up to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from habitus.flows.features.feature import Column, Feature, divided
from habitus.flows.features.rows import SCOPES, Moments, Rows, Scope
from habitus.flows.layout import FLAGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.flows.features.feature import Group, Kind

Make = Callable[[Rows], Column]

LONG = {"flow": "both ways", "forward": "from the initiator", "backward": "to the initiator"}
BYTES = {
    "raw": "the frame on the wire, from its link header on",
    "ip": "from the IP header on, by the length it tells",
    "transport": "from the transport header on",
    "payload": "what the transport carries",
}
NO_PACKET, ONE_PACKET = "there is no such packet", "there are fewer than two such packets"
NO_GAP, ONE_GAP = "there are fewer than two such packets", "there are fewer than three such packets"
NOT_TCP = "the protocol is not TCP, or there is no such packet"


def named(scope: Scope, name: str) -> str:
    """A feature's name: of both ways together it has no word before it."""
    return name if scope == "flow" else f"{scope}_{name}"


def _total(scope: Scope, field: str) -> Make:
    return lambda rows: Column(rows.total(scope, field))


def volume() -> Iterator[Feature]:
    """Packets and bytes, by what is counted."""
    for scope in SCOPES:
        way = LONG[scope]
        yield Feature(
            named(scope, "packets"), "volume", "integer", "packets", f"Packets {way}", "count", "",
            _total(scope, "packets"),
        )  # fmt: skip
        for kind, what in BYTES.items():
            yield Feature(
                named(scope, f"{kind}_bytes"), "volume", "integer", "bytes",
                f"Bytes {way}: {what}", "sum", "", _total(scope, f"{kind}_bytes"),
            )  # fmt: skip
        yield Feature(
            named(scope, "header_bytes"), "volume", "integer", "bytes",
            f"Bytes of transport headers {way}", "transport_bytes - payload_bytes", "",
            _difference(scope, "transport_bytes", "payload_bytes"),
        )  # fmt: skip
        yield Feature(
            named(scope, "payload_packets"), "volume", "integer", "packets",
            f"Packets with payload {way}", "count where payload_bytes > 0", "",
            _total(scope, "payload_packets"),
        )  # fmt: skip


def _difference(scope: Scope, above: str, below: str) -> Make:
    return lambda rows: Column(rows.total(scope, above) - rows.total(scope, below))


def _moments(
    group: Group, of: Callable[[Rows], Moments], name: str, unit: str, what: str,
    nulls: tuple[str, str],
) -> Iterator[Feature]:  # fmt: skip
    """Mean, standard deviation, least and largest."""
    for part, word, formula, null in (
        ("mean", "Mean", "sum / n", nulls[0]),
        ("std", "Standard deviation", "sqrt(sum (x - mean)^2 / (n - 1))", nulls[1]),
        ("min", "Least", "min", nulls[0]),
        ("max", "Largest", "max", nulls[0]),
    ):
        field = {"min": "low", "max": "high"}.get(part, part)
        yield Feature(
            f"{name}_{part}_{unit}", group, "number", unit, f"{word} of {what}", formula, null,
            _part(of, field),
        )  # fmt: skip


def _part(of: Callable[[Rows], Moments], field: str) -> Make:
    return lambda rows: Column(getattr(of(rows), field))


def sizes() -> Iterator[Feature]:
    """How large packets are."""
    for scope in SCOPES:
        for kind in ("raw", "ip", "payload"):
            yield from _moments(
                "sizes", _sizes_of(scope, kind), named(scope, kind), "bytes",
                f"the sizes of packets {LONG[scope]}: {BYTES[kind]}", (NO_PACKET, ONE_PACKET),
            )  # fmt: skip


def _sizes_of(scope: Scope, kind: str) -> Callable[[Rows], Moments]:
    return lambda rows: rows.sizes(scope, kind)


def gaps() -> Iterator[Feature]:
    """How long it takes from packet to packet."""
    for scope in SCOPES:
        way = LONG[scope]
        yield Feature(
            named(scope, "duration_us"), "gaps", "number", "us",
            f"Time from the first packet {way} to the latest", "latest time - first time",
            "" if scope == "flow" else NO_PACKET, _duration(scope),
        )  # fmt: skip
        yield from _moments(
            "gaps", _gaps_of(scope), named(scope, "gap"), "us",
            f"the time between packets {way} that follow each other", (NO_GAP, ONE_GAP),
        )  # fmt: skip


def _gaps_of(scope: Scope) -> Callable[[Rows], Moments]:
    return lambda rows: rows.gaps(scope)


def _duration(scope: Scope) -> Make:
    return lambda rows: Column(rows.duration_ns(scope) / 1e3, rows.total(scope, "packets") > 0)


def activity() -> Iterator[Feature]:
    """Times of activity, and the silences between them."""
    for name, word in (("active", "a time of activity"), ("idle", "a silence between two")):
        yield Feature(
            f"{name}_count", "activity", "integer", "", f"How often there was {word}", "count", "",
            _spans_count(f"{name}_ns"),
        )  # fmt: skip
        yield from _moments(
            "activity", _spans_of(f"{name}_ns"), name, "us", f"how long {word} lasted",
            ("there is none", "there are fewer than two"),
        )  # fmt: skip
    yield Feature(
        "subflows", "activity", "integer", "", "Stretches between silences of a second",
        "1 + count of gaps above the setting subflow_s", "",
        lambda rows: Column(rows.flows["subflows"].astype(np.int64)),
    )  # fmt: skip


def _spans_of(field: str) -> Callable[[Rows], Moments]:
    return lambda rows: rows.spans(rows.flows[field])


def _spans_count(field: str) -> Make:
    return lambda rows: Column(rows.flows[field]["n"].astype(np.int64))


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
                f"{word} {LONG[scope]}", formula, NOT_TCP, _window(scope, f"window_{part}"),
            )  # fmt: skip
        yield Feature(
            named(scope, "window_mean_bytes"), "tcp", "number", "bytes",
            f"Mean window of packets {LONG[scope]}", "sum / packets that tell one", NOT_TCP,
            _window_mean(scope),
        )  # fmt: skip


def _flag(scope: Scope, bit: int) -> Make:
    def of(rows: Rows) -> Column:
        flags = rows.flows["sides"]["flag_counts"][:, :, bit].astype(np.int64)
        counts = flags.sum(axis=1) if scope == "flow" else flags[:, SCOPES.index(scope) - 1]
        return Column(counts, rows.is_tcp())

    return of


def _window(scope: Scope, field: str) -> Make:
    def of(rows: Rows) -> Column:
        side = rows.side(scope)
        defined = rows.is_tcp() & (side["packets"] > 0) & (side["window_first"] >= 0)
        return Column(side[field].astype(np.int64), defined)

    return of


def _window_mean(scope: Scope) -> Make:
    def of(rows: Rows) -> Column:
        side = rows.side(scope)
        return Column(divided(side["window_sum"], side["tcp_packets"]), rows.is_tcp())

    return of


def network() -> Iterator[Feature]:
    """Time to live, and fragments."""
    for scope in SCOPES[1:]:
        for part, word in (("min", "Least"), ("max", "Largest")):
            yield Feature(
                named(scope, f"ttl_{part}"), "network", "integer", "",
                f"{word} time to live (hop limit) of packets {LONG[scope]}", part, NO_PACKET,
                _of_side(scope, f"ttl_{part}"),
            )  # fmt: skip
        yield Feature(
            named(scope, "header_min_bytes"), "network", "integer", "bytes",
            f"Shortest transport header of packets {LONG[scope]}", "min, but of later fragments",
            "there is no such packet", _header_min(scope),
        )  # fmt: skip
        yield Feature(
            named(scope, "fragments"), "network", "integer", "packets",
            f"Packets {LONG[scope]} that are fragments", "count", "", _total(scope, "fragments"),
        )  # fmt: skip


def _header_min(scope: Scope) -> Make:
    def of(rows: Rows) -> Column:
        least = rows.side(scope)["header_min"].astype(np.int64)
        return Column(least, (rows.total(scope, "packets") > 0) & (least < 0xFFFF))

    return of


def _of_side(scope: Scope, field: str) -> Make:
    def of(rows: Rows) -> Column:
        side = rows.side(scope)
        return Column(side[field].astype(np.int64), side["packets"] > 0)

    return of


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
        sides = rows.flows["sides"]
        if scope == "flow":
            bits, n = sides["entropy_bits"].sum(axis=1), sides["entropy_bytes"].sum(axis=1)
        else:
            bits, n = rows.side(scope)["entropy_bits"], rows.side(scope)["entropy_bytes"]
        return Column(np.maximum(divided(bits, n), 0.0))

    return of


def bulk() -> Iterator[Feature]:
    """Runs of packets with payload one way, none the other way between them."""
    none = "there is no bulk"
    for scope in SCOPES[1:]:
        way = LONG[scope]
        yield Feature(
            named(scope, "bulks"), "bulk", "integer", "", f"Bulks {way}: four or more packets with "
            "payload, none the other way between them and no silence of a second", "count", "",
            _total(scope, "bulks"),
        )  # fmt: skip
        for field, unit, what in (
            ("packets", "packets", "Packets"), ("bytes", "bytes", "Bytes of payload"),
        ):  # fmt: skip
            yield Feature(
                named(scope, f"bulk_{field}_mean"), "bulk", "number", unit,
                f"{what} of a bulk {way}", f"sum / {named(scope, 'bulks')}", none,
                _quotient(scope, f"bulk_{field}", "bulks"),
            )  # fmt: skip
        yield Feature(
            named(scope, "bulk_bytes_per_s"), "bulk", "number", "1/s",
            f"Bytes of payload in a second of bulks {way}", "sum / time they took",
            f"{none}, or it took no time", _quotient(scope, "bulk_bytes", "bulk_ns", 1e9),
        )  # fmt: skip


def _quotient(scope: Scope, above: str, below: str, factor: float = 1.0) -> Make:
    return lambda rows: Column(divided(rows.total(scope, above) * factor, rows.total(scope, below)))


def first_packets() -> Iterator[Feature]:
    """The first packets one by one, to decide early."""
    for name, unit, meaning, formula, of in (
        ("first_sizes_bytes", "bytes", "Sizes of the first packets", "raw bytes of each",
         _first("first_sizes")),
        ("first_directions", "", "Directions of the first packets", "1 forward, -1 backward",
         _first_directions),
        ("first_gaps_us", "us", "Time before each of the first packets", "0 before the first",
         _first("first_gaps_us")),
    ):  # fmt: skip
        yield Feature(name, "first packets", _LIST, unit, meaning, formula, "", of)


_LIST: Kind = "integers"


def _kept(rows: Rows) -> NDArray[np.bool_]:
    """(n, MAX_FIRST) whether there was such a packet: it has a byte at least."""
    found: NDArray[np.bool_] = rows.flows["first_sizes"] > 0
    return found


def _lists(rows: Rows, values: NDArray[np.int64]) -> Column:
    """(n, MAX_FIRST) numbers as a list for each flow, of the packets that there were."""
    kept = _kept(rows)
    return Column(values[kept], lengths=np.count_nonzero(kept, axis=1))


def _first(field: str) -> Make:
    return lambda rows: _lists(rows, rows.flows[field].astype(np.int64))


def _first_directions(rows: Rows) -> Column:
    places = np.arange(rows.flows["first_sizes"].shape[1], dtype=np.uint32)
    is_backward = rows.flows["first_sides"][:, np.newaxis] >> places & 1
    return _lists(rows, np.where(is_backward, -1, 1))
