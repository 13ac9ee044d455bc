"""Addresses as text."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def address_texts(
    high: NDArray[np.uint64], low: NDArray[np.uint64], version: NDArray[np.uint8]
) -> list[str]:
    """Addresses of 128 bits, of IPv4 the low 32, as text; each different one is made once."""
    keys = np.empty(len(low), dtype=[("high", "<u8"), ("low", "<u8"), ("version", "u1")])
    keys["high"], keys["low"], keys["version"] = high, low, version
    distinct, which = np.unique(keys, return_inverse=True)
    texts = np.array(
        [
            str(IPv4Address(int(key["low"])))
            if key["version"] == 4
            else str(IPv6Address((int(key["high"]) << 64) | int(key["low"])))
            for key in distinct
        ],
        dtype=object,
    )
    return list(texts[which])
