"""Addresses as text."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING

import numpy as np

from habitus.flows.address_kernels import LONGEST, write_quads
from habitus.flows.features.feature import Chosen, Texts

if TYPE_CHECKING:
    from numpy.typing import NDArray


def address_texts(
    high: NDArray[np.uint64], low: NDArray[np.uint64], version: NDArray[np.uint8]
) -> Texts | Chosen:
    """(n,) addresses of 128 bits, of IPv4 the low 32, as text."""
    if (version == 4).all():
        text = np.empty(len(low) * LONGEST, dtype=np.uint8)
        lengths = np.empty(len(low), dtype=np.int64)
        n_bytes = write_quads(np.ascontiguousarray(low), text, lengths)
        return Texts(text[:n_bytes], lengths)
    keys = np.empty(len(low), dtype=[("high", "<u8"), ("low", "<u8"), ("version", "u1")])
    keys["high"], keys["low"], keys["version"] = high, low, version
    distinct, which = np.unique(keys, return_inverse=True)
    texts = [  # each different one is made once
        str(IPv4Address(low)) if version == 4 else str(IPv6Address((high << 64) | low))
        for high, low, version in distinct.tolist()
    ]
    return Chosen(texts, which)
