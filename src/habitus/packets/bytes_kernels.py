"""Numbers in bytes, for loops that have checked before that the bytes are there."""

from __future__ import annotations

import numpy as np

from habitus.compiled import inlined_kernel, row_kernel


@inlined_kernel
def big16(data, at):
    """Two bytes, the first one the higher."""
    return (np.int64(data[at]) << 8) | np.int64(data[at + 1])


@inlined_kernel
def big32(data, at):
    """Four bytes, the first one the highest."""
    return (big16(data, at) << 16) | big16(data, at + 2)


@row_kernel
def big64(data, at):
    """Eight bytes as an unsigned number, the first one the highest."""
    return (np.uint64(big32(data, at)) << np.uint64(32)) | np.uint64(big32(data, at + 4))


@inlined_kernel
def read16(data, at, is_big):
    """Two bytes in either order."""
    if is_big:
        return big16(data, at)
    return np.int64(data[at]) | (np.int64(data[at + 1]) << 8)


@inlined_kernel
def read32(data, at, is_big):
    """Four bytes in either order."""
    if is_big:
        return big32(data, at)
    return read16(data, at, False) | (read16(data, at + 2, False) << 16)
