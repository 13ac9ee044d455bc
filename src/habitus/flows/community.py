"""Community ID: the same short name for a flow in Zeek, Suricata, Wireshark and here.

Source: C. Kreibich, "Community ID flow hashing", version 1, github.com/corelight/community-id-spec.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import TYPE_CHECKING

from habitus.packets.ip_kernels import ICMP, ICMP6, SCTP, TCP, UDP

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SEED = b"\0\0"
_WITH_PORTS = {TCP, UDP, SCTP}
# What is answered by what: types that have a counterpart stand for ports of both sides.
_ANSWERS = {
    ICMP: {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10},
    ICMP6: {
        128: 129, 129: 128, 133: 134, 134: 133, 135: 136, 136: 135, 130: 131, 131: 130, 144: 145,
        145: 144, 139: 140, 140: 139,
    },
}  # fmt: skip


def community_ids(flows: NDArray[np.void]) -> list[str]:
    """(n,) of `FLOW`."""
    names = ("low_high", "low_low", "high_high", "high_low")
    halves = [flows[name].astype(">u8").tobytes() for name in names]
    rows = zip(
        flows["version"].tolist(), flows["protocol"].tolist(), flows["low_port"].tolist(),
        flows["high_port"].tolist(), flows["forward_is_low"].tolist(), flows["icmp_type"].tolist(),
        flows["icmp_code"].tolist(), strict=True,
    )  # fmt: skip
    found = []
    for i, (version, protocol, low_port, high_port, forward_is_low, kind, code) in enumerate(rows):
        at = slice(8 * i, 8 * i + 8)
        low, high = halves[0][at] + halves[1][at], halves[2][at] + halves[3][at]
        if version == 4:
            low, high = low[12:], high[12:]
        ports = b""
        if protocol in _WITH_PORTS:
            ports = low_port.to_bytes(2, "big") + high_port.to_bytes(2, "big")
        elif protocol in _ANSWERS:
            source, destination = (low, high) if forward_is_low else (high, low)
            answer = _ANSWERS[protocol].get(kind)
            one = kind.to_bytes(2, "big")
            other = (code if answer is None else answer).to_bytes(2, "big")
            # Without a counterpart type and code tell one way only, and nothing is put in order.
            if answer is None or (source, one) < (destination, other):
                low, high, ports = source, destination, one + other
            else:
                low, high, ports = destination, source, other + one
        digest = hashlib.sha1(_SEED + low + high + bytes([protocol, 0]) + ports)  # noqa: S324
        found.append("1:" + b64encode(digest.digest()).decode())
    return found
