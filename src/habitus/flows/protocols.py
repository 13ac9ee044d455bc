"""Names of IP protocols: ours, and all those under which programs write them.

Source: IANA, "Assigned Internet Protocol Numbers".
"""

from __future__ import annotations

NAMES = {
    0: "HOPOPT", 1: "ICMP", 2: "IGMP", 4: "IP-in-IP", 6: "TCP", 17: "UDP", 33: "DCCP", 41: "IPv6",
    47: "GRE", 50: "ESP", 51: "AH", 58: "ICMPv6", 88: "EIGRP", 89: "OSPF", 103: "PIM", 112: "VRRP",
    132: "SCTP", 135: "Mobile IPv6", 136: "UDP-Lite",
}  # fmt: skip
"""By number, as we write them."""

_ALSO = {
    "icmpv4": 1, "ipip": 4, "ipv4": 4, "icmp6": 58, "ipv6-icmp": 58, "ospfigp": 89, "udplite": 136,
}  # fmt: skip
NUMBERS = {name.lower(): number for number, name in NAMES.items()} | _ALSO
"""By name in lower case, as anybody writes them."""


def protocol_named(text: str) -> int | None:
    """The number that a protocol's name, or its number in digits, stands for."""
    number = NUMBERS.get(text.lower())
    if number is None and text.isascii() and text.isdigit() and len(text) <= 3:
        number = int(text)
    return number if number is not None and number <= 255 else None
