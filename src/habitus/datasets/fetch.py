"""Fetching one file: resumed, bounded, checked against the digest that is expected."""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from habitus.datasets.part import Part, Version
from habitus.datasets.web import Answer, CutOff, ask, shown
from habitus.errors import DataHomeError
from habitus.progress import SILENT, Progress
from habitus.storage import sha256_of_file

if TYPE_CHECKING:
    import os

MAX_FILE_BYTES = 1 << 36
RESERVE_BYTES = 1 << 26
"""Left free on the disk."""
ATTEMPTS = 4
WAIT_SECONDS = 1.0
"""Before the second attempt; twice, thrice as long before the next."""
_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)", re.ASCII)
_UNSATISFIED = re.compile(r"bytes \*/(\d{1,18})", re.ASCII)
_STRONG_ETAG = re.compile(r'"[\x21\x23-\x7e]{1,1000}"')
_DATE = re.compile(r"[A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d GMT", re.ASCII)


def download(
    address: str,
    place: Path,
    parts: Path,
    *,
    sha256: str | None = None,
    progress: Progress = SILENT,
) -> None:
    """Fetch a file, unless what is there has its digest; nobody else may do so meanwhile.

    Args:
        place: what becomes the file.
        parts: the folder of what has come so far, on the same file system.
        sha256: what it must be, if that is known.

    Raises:
        DataHomeError: if it cannot be fetched, or is not what it must be.
    """
    import pooch

    if sha256 is not None and place.is_file() and sha256_of_file(place) == sha256:
        return
    pooch.get_logger().setLevel("ERROR")  # its notes are for users of pooch
    part = Part(parts, address)
    fetcher = Fetcher(part, has_digest=sha256 is not None, progress=progress)
    expected = sha256 and f"sha256:{sha256}"
    whole = part.path.with_suffix(".whole")
    for is_last in (False, True):
        try:
            pooch.retrieve(address, expected, whole.name, whole.parent, downloader=fetcher)
            break
        except ValueError as error:  # pooch's word for a wrong digest; it removed what came
            if fetcher.resumed and not is_last:  # the older part may be to blame
                continue
            found = re.findall(r"\b[0-9a-f]{64}\b", str(error))
            raise DataHomeError(
                f"what came has the SHA-256 {found[-1] if found else '(unknown)'}, where {sha256} "
                "was expected; it was not kept"
            ) from error
    place.parent.mkdir(parents=True, exist_ok=True)
    whole.replace(place)


@dataclass
class Fetcher:
    """A downloader for pooch that goes on where an earlier one was cut off.

    Attributes:
        part: what has come so far.
        has_digest: whether the whole will be checked, so that parts of versions that the server
            cannot tell apart may be put together.
        resumed: whether the last file was put together so.
    """

    part: Part
    has_digest: bool
    progress: Progress = SILENT
    resumed: bool = False

    def __call__(self, url: str, output_file: str | os.PathLike[str], pooch: object = None) -> None:  # noqa: ARG002 - what pooch calls it with
        """Fetch ``url`` to ``output_file``.

        Raises:
            DataHomeError: if it cannot be fetched; what came is kept where it can be of use.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._rest(url)
                break
            except CutOff as error:
                if attempt == ATTEMPTS:
                    raise DataHomeError(
                        f"{error} ({ATTEMPTS} attempts; {self.part.size:,} bytes are kept, and the "
                        "next fetch of this address goes on from there)"
                    ) from error
                time.sleep(WAIT_SECONDS * attempt)
        self.part.hand_over(Path(output_file))

    def _rest(self, url: str) -> None:
        """Fetch what is missing."""
        known, start = self.part.version(), self.part.size
        total: int | None
        if start and not (known.validator or self.has_digest):
            start = 0
        asked = {"Range": f"bytes={start}-"} if start else {}
        if start and known.validator:
            asked["If-Range"] = known.validator
        with ask(url, asked) as answer:
            if start and answer.status == 416:
                whole = _UNSATISFIED.fullmatch(answer.header("Content-Range"))
                if whole and int(whole[1]) == start:
                    self.resumed = True
                    return
                self.part.drop()
                raise CutOff("the server has another version of the file than the part kept")
            if start and answer.status == 206:
                total = self._total_of_range(answer, start, known)
                self.resumed = True
            elif answer.status == 200:
                start, total = 0, answer.number("Content-Length")
                self.part.begin(Version(address=url, validator=_validator(answer), total=total))
            else:
                raise answer.refuse()
            self._receive(answer, start, total)

    def _total_of_range(self, answer: Answer, start: int, known: Version) -> int:
        """The whole file's bytes, of an answer that is to be its rest."""
        found = _RANGE.fullmatch(answer.header("Content-Range"))
        total = int(found[3]) if found and found[3] != "*" else known.total
        if (
            not found
            or int(found[1]) != start
            or total is None
            or int(found[2]) + 1 != total
            or known.total not in {None, total}
        ):
            self.part.drop()
            raise CutOff(
                f"the server was asked for bytes {start}- and answers with "
                f"{answer.header('Content-Range')!r}"
            )
        return total

    def _receive(self, answer: Answer, start: int, total: int | None) -> None:
        """Write an answer's content behind what is there."""
        limit = self._limit(start, total)
        label = f"fetching {shown(answer.address).rpartition('/')[2][:60]}"
        self.progress.stage(label, total)
        self.progress.advance(start)
        with self.part.path.open("ab") as file:
            for block in answer.blocks():
                start += len(block)
                if start > limit:
                    file.truncate(0)
                    raise DataHomeError(
                        f"more than {limit:,} bytes, which is all there is room for"
                        if total is None
                        else f"more than the {total:,} bytes that were announced"
                    )
                file.write(block)
                self.progress.advance(len(block))
        if total is not None and start != total:
            raise CutOff(f"the connection ended after {start:,} of {total:,} bytes")

    def _limit(self, start: int, total: int | None) -> int:
        """How long the file may become.

        Raises:
            DataHomeError: if that is less than it says it is.
        """
        free = shutil.disk_usage(self.part.path.parent).free - RESERVE_BYTES
        if total is not None and total - start > free:
            raise DataHomeError(
                f"it has {total:,} bytes, of which {total - start:,} are to come, and "
                f"{self.part.path.parent} has room for {max(0, free):,}; HABITUS_HOME moves the "
                "data home"
            )
        if total is not None and total > MAX_FILE_BYTES:
            raise DataHomeError(
                f"it says that it has {total:,} bytes; more than {MAX_FILE_BYTES:,} are not fetched"
            )
        return min(MAX_FILE_BYTES, start + max(0, free)) if total is None else total


def _validator(answer: Answer) -> str:
    """What tells a file's versions apart; weak ETags do not, byte for byte."""
    etag, date = answer.header("ETag"), answer.header("Last-Modified")
    return next((v for v, form in ((etag, _STRONG_ETAG), (date, _DATE)) if form.fullmatch(v)), "")
