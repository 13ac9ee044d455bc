"""`ForwardOnly`: a stream as `tarfile` wants it, which lets headers take little memory.

tarfile reads a long name and the records of a pax header whole, of whatever length they say they
are. Older ones search them in a time that grows with the square of that length.
"""

from __future__ import annotations

import re
from typing import IO

from habitus.errors import InputError

MAX_HEADER_BYTES = 1 << 16
"""For all headers before one member; a path has at most 4,096 bytes, an extended attribute 64 KiB
and mostly far fewer."""
MAX_READ_BYTES = 1 << 20
MAX_DIGITS = 1_000
"""Over a run of them tarfile's search for records takes a time that grows with its square."""
_SKIP_BYTES = 1 << 16


class ForwardOnly:
    """Reads and skips forward, and refuses to hold more than a little at once.

    Args:
        source: what to call the stream in errors.

    Attributes:
        last: what was read last.
    """

    def __init__(self, stream: IO[bytes], source: str) -> None:
        self._stream = stream
        self._source = source
        self._place = 0
        self._left: int | None = None
        self.last = b""

    def expect_header(self) -> None:
        """What is read from here on is a member's headers."""
        self._left = MAX_HEADER_BYTES

    def expect_data(self) -> None:
        """What is read from here on is a member's data."""
        self._left = None

    def read(self, size: int) -> bytes:
        if size > (MAX_READ_BYTES if self._left is None else self._left):
            raise InputError(
                f"{self._source}: a member of the tar archive has headers of more than "
                f"{MAX_HEADER_BYTES >> 10} KiB, as no honest archive does"
            )
        data = self.last = self._stream.read(size)
        self._place += len(data)
        if self._left is not None:
            self._left -= size
            if any(len(run) > MAX_DIGITS for run in re.findall(rb"\d+", data)):
                raise InputError(f"{self._source}: a header of the tar archive is a mass of digits")
        return data

    def tell(self) -> int:
        return self._place

    def seekable(self) -> bool:
        return False

    def seek(self, place: int) -> int:
        if place < self._place:
            raise InputError(f"{self._source}: a damaged tar archive; fetch it again")
        while self._place < place:
            data = self._stream.read(min(place - self._place, _SKIP_BYTES))
            if not data:
                break
            self._place += len(data)
        return self._place
