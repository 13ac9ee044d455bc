"""Which flow it is, when it was, and how it came to its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.flows.addresses import address_texts
from habitus.flows.community import community_ids
from habitus.flows.features.feature import Chosen, Column, Feature
from habitus.flows.layout import ENDED, Ended
from habitus.packets.ip_kernels import ICMP, ICMP6

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitus.flows.features.feature import Kind
    from habitus.flows.features.rows import Rows

NO_ICMP = "the protocol is not ICMP"
_REASONS = [ENDED.get(reason, "") for reason in Ended]


def _end(rows: Rows, field: str, *, initiator: bool) -> np.ndarray:
    """A field of one endpoint, ``port`` or an address's half."""
    takes_low = rows.forward_is_low == initiator
    return np.where(takes_low, rows.flows[f"low_{field}"], rows.flows[f"high_{field}"])


def _address(*, initiator: bool) -> Callable[[Rows], Column]:
    def of(rows: Rows) -> Column:
        high, low = (_end(rows, part, initiator=initiator) for part in ("high", "low"))
        return Column(address_texts(high, low, rows.flows["version"]))

    return of


def _port(*, initiator: bool) -> Callable[[Rows], Column]:
    return lambda rows: Column(_end(rows, "port", initiator=initiator).astype(np.int64))


def _field(name: str, kind: type = np.int64) -> Callable[[Rows], Column]:
    return lambda rows: Column(rows.flows[name].astype(kind))


def _icmp(name: str) -> Callable[[Rows], Column]:
    def of(rows: Rows) -> Column:
        is_icmp = np.isin(rows.flows["protocol"], (ICMP, ICMP6))
        return Column(rows.flows[name].astype(np.int64), is_icmp)

    return of


def _end_reason(rows: Rows) -> Column:
    return Column(Chosen(_REASONS, rows.flows["ended"].astype(np.int64)))


def _identity(
    name: str, kind: Kind, meaning: str, formula: str, of: Callable[[Rows], Column], null: str = "",
    unit: str = "",
) -> Feature:  # fmt: skip
    return Feature(name, "identity", kind, unit, meaning, formula, null, of)


_FIRST = "of the first packet, turned round if that was a SYN-ACK"
IDENTITY = (
    _identity("source_ip", "text", "Address of the initiator", f"source {_FIRST}",
              _address(initiator=True)),
    _identity("source_port", "integer", "Its port; 0 where the protocol has none",
              f"source port {_FIRST}", _port(initiator=True)),
    _identity("destination_ip", "text", "Address of the other side", f"destination {_FIRST}",
              _address(initiator=False)),
    _identity("destination_port", "integer", "Its port; 0 where the protocol has none",
              f"destination port {_FIRST}", _port(initiator=False)),
    _identity("protocol", "integer", "Number of the IP protocol", "6 TCP, 17 UDP, 1 ICMP, ...",
              _field("protocol")),
    _identity("ip_version", "integer", "4 or 6", "of IP", _field("version")),
    _identity("vlan", "integer", "VLAN; 0: none",
              "identifier, of two tags outer * 4096 + inner", _field("vlan")),
    _identity("n_tunnels", "integer", "Tunnels opened to get at it", "of the first packet",
              _field("n_tunnels")),
    _identity("icmp_type", "integer", "Type of ICMP",
              "of the first packet, or of the flow that it continues", _icmp("icmp_type"),
              NO_ICMP),
    _identity("icmp_code", "integer", "Code of ICMP",
              "of the first packet, or of the flow that it continues", _icmp("icmp_code"),
              NO_ICMP),
    _identity("community_id", "text", "The same name for a flow in all tools that have it",
              "Community ID v1, seed 0", lambda rows: Column(community_ids(rows.flows))),
    _identity("first_frame", "integer", "Number of its first packet in the capture", "from 1",
              _field("first_frame")),
    _identity("last_frame", "integer", "Number of its last packet in the capture", "from 1",
              lambda rows: Column(rows.last_frame())),
    _identity("start_ns", "integer", "When it began, since 1970", "time of the first packet",
              _field("first_ns"), unit="ns"),
    _identity("end_ns", "integer", "When it was last heard of, since 1970", "latest time",
              _field("last_ns"), unit="ns"),
    _identity("end_reason", "text", "Why it ended",
              "fin, rst, idle, active, evicted (no room), capture (its end)", _end_reason),
    _identity("is_midstream", "truth", "TCP of which no SYN was seen first",
              "the first packet has no SYN, and the flow continues no other",
              _field("is_midstream", bool)),
    _identity("was_turned", "truth", "Forward was turned round", "the first packet is a SYN-ACK",
              _field("was_turned", bool)),
    _identity("is_continued", "truth", "Goes on where the active timeout cut another",
              "end_reason of the one before is active", _field("is_continued", bool)),
    _identity("out_of_order", "integer", "Packets whose clock went back",
              "time before another's seen before; the gap counts as 0", _field("out_of_order"),
              unit="packets"),
)  # fmt: skip
