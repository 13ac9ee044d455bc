"""What is sent: texts, what looks compressed or encrypted, and how much of each.

All of it is cut from two pools. What is random in a pool is random in every packet that carries a
piece of it, but the archive of all captures need hold it only once.
"""

from __future__ import annotations

import random

POOL_BYTES = 1 << 15
_VOCABULARY = (
    "the and of a to in harbour tide ledger cargo crane anchor weather ship berth pilot customs "
    "with from over before after channel window light storm winter morning office captain letter "
    "container schedule arrival departure manifest tonnage buoy cable signal engine repair invoice "
    "amber birch cedar delta ember fjord grove heron inlet kelp lagoon mooring north quay reef"
)
WORDS = _VOCABULARY.split()
_rng = random.Random("pools")
NOISE = _rng.randbytes(POOL_BYTES)


def _prose(n_bytes: int) -> bytes:
    """Sentences, marked up as on a page."""
    made, n = [], 0
    while n < n_bytes:
        words = " ".join(_rng.choices(WORDS, k=_rng.randint(5, 16)))
        made.append(f"<p>{words.capitalize()}.</p>\n".encode())
        n += len(made[-1])
    return b"".join(made)[:n_bytes]


TEXT = _prose(POOL_BYTES)


def cut(pool: bytes, start: int, n_bytes: int) -> bytes:
    """``n_bytes`` of a pool that has neither beginning nor end."""
    start %= len(pool)
    times = (start + n_bytes) // len(pool) + 1
    return (pool * times)[start : start + n_bytes]


def noise(rng: random.Random, n_bytes: int) -> bytes:
    """Bytes as of something compressed or encrypted."""
    return cut(NOISE, rng.randrange(POOL_BYTES), n_bytes)


def text(rng: random.Random, n_bytes: int) -> bytes:
    """Bytes as of a page."""
    return cut(TEXT, rng.randrange(0, len(TEXT), 64), n_bytes)


def size(rng: random.Random, median: float, spread: float, most: int) -> int:
    """A size in bytes: most are small, some are large (log-normal, cut off)."""
    return max(1, min(most, round(rng.lognormvariate(0.0, spread) * median)))


def word(rng: random.Random) -> str:
    """A word longer than two letters, as in names."""
    return rng.choice(WORDS[6:])
