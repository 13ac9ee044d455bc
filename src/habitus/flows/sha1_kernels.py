"""SHA-1 of short messages, and base64, for names that every flow gets.

Source: FIPS PUB 180-4, section 6.1; RFC 4648, section 4. A library's call for each flow takes
longer than all else that is said of it, and lets no other thread work meanwhile.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import inlined_kernel, row_kernel

MAX_MESSAGE_BYTES = 55
"""Longer ones need a second block."""
DIGEST_BYTES = 20
TEXT_BYTES = 28
_ROUNDS = 80
N_WORDS = _ROUNDS
_MASK = 0xFFFFFFFF
BASE64 = np.frombuffer(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", dtype=np.uint8
)


@inlined_kernel
def turned(word, n):
    """A word of 32 bits, turned to the left."""
    return ((word << n) | (word >> (32 - n))) & _MASK


@row_kernel
def sha1(block, n_bytes, words, digest):
    """The digest of one message.

    Args:
        block: (64,) uint8, of which the first ``n_bytes`` are the message, at most
            `MAX_MESSAGE_BYTES`; the others are overwritten.
        words: (N_WORDS,) int64 to reckon on; ``digest`` (5,) int64, filled with words of 32 bits.
    """
    block[n_bytes] = 0x80
    block[n_bytes + 1 :] = 0
    block[62], block[63] = (8 * n_bytes) >> 8, (8 * n_bytes) & 0xFF
    for i in range(16):
        at = 4 * i
        words[i] = (
            (np.int64(block[at]) << 24) | (np.int64(block[at + 1]) << 16)
            | (np.int64(block[at + 2]) << 8) | np.int64(block[at + 3])
        )  # fmt: skip
    for i in range(16, _ROUNDS):
        words[i] = turned(words[i - 3] ^ words[i - 8] ^ words[i - 14] ^ words[i - 16], 1)
    a, b, c, d, e = 0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0
    for i in range(_ROUNDS):
        if i < 20:
            mixed, constant = (b & c) | (~b & d), 0x5A827999
        elif i < 40:
            mixed, constant = b ^ c ^ d, 0x6ED9EBA1
        elif i < 60:
            mixed, constant = (b & c) | (b & d) | (c & d), 0x8F1BBCDC
        else:
            mixed, constant = b ^ c ^ d, 0xCA62C1D6
        following = (turned(a, 5) + mixed + e + constant + words[i]) & _MASK
        a, b, c, d, e = following, a, turned(b, 30), c, d
    digest[0] = (0x67452301 + a) & _MASK
    digest[1] = (0xEFCDAB89 + b) & _MASK
    digest[2] = (0x98BADCFE + c) & _MASK
    digest[3] = (0x10325476 + d) & _MASK
    digest[4] = (0xC3D2E1F0 + e) & _MASK


@row_kernel
def write_base64(digest, letters, text, at):
    """Write a digest as text from ``at`` on: `TEXT_BYTES` letters, the last one ``=``."""
    n_bits, bits = 0, np.int64(0)
    for word in range(5):
        bits, n_bits = (bits << 32) | digest[word], n_bits + 32
        while n_bits >= 6:
            n_bits -= 6
            text[at] = letters[(bits >> n_bits) & 63]
            at += 1
        bits &= 63
    text[at] = letters[(bits << (6 - n_bits)) & 63]
    text[at + 1] = 61  # =
