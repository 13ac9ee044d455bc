"""Addresses as text."""

from __future__ import annotations

from ipaddress import IPv6Address
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def address_texts(
    high: NDArray[np.uint64], low: NDArray[np.uint64], version: NDArray[np.uint8]
) -> list[str]:
    """Addresses of 128 bits, of IPv4 the low 32, as text; each different one is made once."""
    if (version == 4).all():
        distinct, which = np.unique(low, return_inverse=True)
        return _chosen([_of_four_bytes(address) for address in distinct.tolist()], which)
    keys = np.empty(len(low), dtype=[("high", "<u8"), ("low", "<u8"), ("version", "u1")])
    keys["high"], keys["low"], keys["version"] = high, low, version
    distinct, which = np.unique(keys, return_inverse=True)
    texts = [
        _of_four_bytes(low) if version == 4 else str(IPv6Address((high << 64) | low))
        for high, low, version in distinct.tolist()
    ]
    return _chosen(texts, which)


def _of_four_bytes(address: int) -> str:
    return f"{address >> 24}.{address >> 16 & 255}.{address >> 8 & 255}.{address & 255}"


def _chosen(texts: list[str], which: NDArray[np.int64]) -> list[str]:
    return list(np.array(texts, dtype=object)[which])
