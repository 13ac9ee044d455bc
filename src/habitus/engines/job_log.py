"""A job's log keeps its beginning and its end, however much the job prints."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

END_BYTES = 5_000_000
"""Of a log that is too long, what is kept of its beginning, and as much of its end."""
SLACK_BYTES = 5_000_000
"""What a job may add before its log is shortened anew."""
_MARK = re.compile(rb"\n\[([0-9]+) bytes are left out here\]\n")


def is_long(path: Path, *, end_bytes: int = END_BYTES, slack_bytes: int = 0) -> bool:
    """Whether a log has more than two ends.

    Args:
        slack_bytes: so much more it may have.
    """
    with suppress(OSError):
        return path.stat().st_size > 2 * end_bytes + slack_bytes
    return False


def shorten(path: Path, *, end_bytes: int = END_BYTES) -> None:
    """Leave out the middle of a log that is long, and say how much that is.

    Whoever adds to it has opened it to append, and adds nothing meanwhile, which would be left out
    and not be counted.
    """
    if not is_long(path, end_bytes=end_bytes):
        return
    with suppress(OSError):  # a log that cannot be shortened is no fault of the job's
        with path.open("r+b") as file:
            file.seek(end_bytes)
            mark = _MARK.match(file.read(100))
            begin = end_bytes + (mark.end() if mark else 0)
            file.seek(-end_bytes, 2)
            last = max(begin, file.tell())
            file.seek(last)
            tail = file.read(end_bytes)
            n = last - begin + (int(mark[1]) if mark else 0)
            file.truncate(end_bytes)
        with path.open("ab") as file:
            file.write(b"\n[%d bytes are left out here]\n" % n + tail)
