"""Community ID: the same short name for a flow in Zeek, Suricata, Wireshark and here.

Source: C. Kreibich, "Community ID flow hashing", version 1, github.com/corelight/community-id-spec.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from habitus.flows.community_kernels import ID_BYTES, NO_ANSWER, write_ids
from habitus.flows.features.feature import Texts
from habitus.flows.sha1_kernels import BASE64, N_WORDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What is answered by what, of ICMP and of ICMPv6.
_ANSWERS = (
    {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10},
    {
        128: 129, 129: 128, 133: 134, 134: 133, 135: 136, 136: 135, 130: 131, 131: 130, 144: 145,
        145: 144, 139: 140, 140: 139,
    },
)  # fmt: skip


def community_ids(flows: NDArray[np.void]) -> Texts:
    """(n,) of `FLOW`."""
    n = len(flows)
    text = np.empty(n * ID_BYTES, dtype=np.uint8)
    block, words = np.zeros(64, dtype=np.uint8), np.zeros(N_WORDS, dtype=np.int64)
    digest = np.zeros(5, dtype=np.int64)
    write_ids(flows, _answers(), BASE64, block, words, digest, text)
    return Texts(text, np.full(n, ID_BYTES, dtype=np.int64))


@cache
def _answers() -> NDArray[np.int64]:
    table = np.full((2, 256), NO_ANSWER, dtype=np.int64)
    for row, answers in enumerate(_ANSWERS):
        for asked, answer in answers.items():
            table[row, asked] = answer
    return table
