"""Fetching a known public data set into the data home."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from habitus.datasets import web
from habitus.datasets.entry import FIRST_USE, GIVEN, PUBLISHED, DataEntry
from habitus.datasets.fetch import download
from habitus.datasets.home import DataHome, home_folder, now, refuse_bad_digest
from habitus.datasets.intake import refuse_other_kind
from habitus.datasets.known import KNOWN
from habitus.datasets.links import linked_files
from habitus.datasets.locks import exclusive
from habitus.datasets.publication import KnownData, KnownFile
from habitus.datasets.trust import Fetched, TrustBook
from habitus.errors import DataHomeError, UsageError
from habitus.progress import SILENT, Progress
from habitus.storage import files_below, readable, sha256_of_file, sha256_of_path

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from habitus.datasets.entry import Trust

MIRROR = "HABITUS_MIRROR"
_ARCHIVES = (".tar.gz", ".tgz", ".tar", ".zip", ".Z")


@dataclass(frozen=True)
class Wanted:
    """How a data set is to be fetched.

    Attributes:
        mirrors: addresses to try first; one that ends in ``/`` is a folder below which files'
            names are looked for.
        sha256: the digest that its one file must have, if the user was told of one.
        trusts_anew: whether what differs from what came before is accepted.
    """

    known: KnownData
    mirrors: tuple[str, ...] = ()
    sha256: str | None = None
    trusts_anew: bool = False

    def addresses(self, file: KnownFile) -> list[str]:
        """Where to look for a file or page, in order."""
        tried = [m + file.name if m.endswith("/") else m for m in self.mirrors]
        return list(dict.fromkeys([*tried, *file.addresses]))


def get(
    name: str,
    *,
    mirrors: Sequence[str] = (),
    sha256: str | None = None,
    trusts_anew: bool = False,
    progress: Progress = SILENT,
    say: Callable[[str], object] = lambda _: None,
) -> tuple[DataEntry, bool]:
    """Fetch a known data set into the home; one that is there is left as it is.

    Args:
        mirrors: addresses to try before ``HABITUS_MIRROR`` and those that are known; one that ends
            in ``/`` is a folder below which files' names are looked for.
        sha256: the digest that it must have, of data that are one file.
        trusts_anew: accept what differs from what came before.
        say: hears what the user should know: what was trusted, left out, or failed on the way.

    Returns:
        Its entry, and whether it is new.

    Raises:
        UsageError: if no data set of this name is known, or an address or digest is none.
        DataHomeError: if it cannot be fetched: every address tried, and why, and what to do.
    """
    wanted = _wanted(name, mirrors, sha256, trusts_anew)
    home, folder = DataHome(), home_folder() / "downloads"
    if name in home:
        return _there(home, wanted), False
    with exclusive(
        folder / f"{name}.lock",
        on_wait=lambda: say(f"another `habitus data get {name}` is at work; waiting for it to end"),
    ):
        if name in home:
            return _there(home, wanted), False
        fetch = _Fetch(wanted, folder / name, TrustBook(home_folder()), progress, say)
        entry = home.take(*fetch.run())
        if wanted.known.page:
            _tell_of_archives(home.path(name), say)
        shutil.rmtree(folder / name, ignore_errors=True)  # if not, the next run finds it
    return entry, True


def _wanted(name: str, mirrors: Sequence[str], sha256: str | None, trusts_anew: bool) -> Wanted:
    if name not in KNOWN:
        raise UsageError(
            f"no public data set is known as {name!r}; `habitus data list` shows those that are, "
            f"and `habitus data add {name} PATH` adds data of your own"
        )
    known = KNOWN[name]
    for mirror in mirrors:
        web.refuse_bad_address(mirror, "--mirror")
    base = os.environ.get(MIRROR)
    if base:
        web.refuse_bad_address(base, MIRROR)
        mirrors = [*mirrors, base.rstrip("/") + "/"]
    if sha256 is not None:
        refuse_bad_digest(sha256)
        if len(known.files) != 1:
            raise UsageError(f"--sha256: {name} is several files, which no one digest is of")
    return Wanted(known, tuple(mirrors), sha256.lower() if sha256 else None, trusts_anew)


def _there(home: DataHome, wanted: Wanted) -> DataEntry:
    """The entry of what is there, unchanged since it came."""
    entry = home.entry(wanted.known.name)
    home.path(entry.name)
    if wanted.sha256 not in {None, entry.sha256}:
        raise DataHomeError(
            f"{entry.name!r} is in the data home with the SHA-256 {entry.sha256}, where "
            f"{wanted.sha256} was asked for; `habitus data remove {entry.name}` and fetch it again"
        )
    return entry


def _tell_of_archives(folder: Path, say: Callable[[str], object]) -> None:
    """Say which of its files a reader of the folder will pass over."""
    archives = [path for path in files_below(folder) if path.name.endswith(_ARCHIVES)]
    if archives:
        say(
            f"{len(archives)} of its files are archives, which are read when they are named "
            f"themselves, as in --data {archives[0]}"
        )


class _Fetch:
    """One run: files one after the other, each from the first address that has it."""

    def __init__(
        self,
        wanted: Wanted,
        folder: Path,
        book: TrustBook,
        progress: Progress,
        say: Callable[[str], object],
    ) -> None:
        self.wanted, self.book = wanted, book
        self.progress, self.say = progress, say
        self.parts, self.content = folder / "parts", folder / "content"
        self.trust: Trust = PUBLISHED
        self.used: list[str] = []
        self.trusted: list[tuple[str, str]] = []

    def run(self) -> tuple[DataEntry, Path]:
        """Fetch everything; what to remember of it, and where it lies."""
        known = self.wanted.known
        files = self._linked(known.page) if known.page else list(known.files)
        self._forget_others({file.name for file in files})
        try:
            for file in files:
                self._fetch(file)
        finally:  # what was trusted is told, whether the rest can be had or not
            self._tell_of_trust()
        staged = self.content / files[0].name if not known.page else self.content
        entry = DataEntry(
            name=known.name,
            file=known.name if known.page else files[0].name,
            source=web.shown(self.used[0]),
            sha256=sha256_of_path(staged),
            n_bytes=sum((self.content / file.name).stat().st_size for file in files),
            added=now(),
            addresses=tuple(map(web.shown, self.used)),
            trust=self.trust,
        )
        return entry, staged

    def _linked(self, page: KnownFile) -> list[KnownFile]:
        """The files that the data set's page links to; the page itself is not kept."""
        failures = []
        for address in self.wanted.addresses(page):
            try:
                links = linked_files(*web.page(address))
            except DataHomeError as error:
                failures.append((address, str(error)))
                continue
            for link, why in links.left_out.items():
                self.say(f"left out: {readable(web.shown(link))}: {why}")
            return [KnownFile(name, (link,)) for name, link in links.files.items()]
        raise self._failed(page.name, failures)

    def _fetch(self, file: KnownFile) -> None:
        """Fetch a file from the first address that has it."""
        # A linked file has one address: mirrors are tried for the page.
        is_linked = self.wanted.known.page is not None
        addresses = list(file.addresses) if is_linked else self.wanted.addresses(file)
        failures: list[tuple[str, str]] = []
        for address in addresses:
            try:
                self._fetch_from(address, file)
            except DataHomeError as error:
                failures.append((address, str(error)))
                continue
            for tried, why in failures:
                self.say(f"not from {web.shown(tried)}: {why}")
            self.used.append(address)
            return
        raise self._failed(file.name, failures)

    def _fetch_from(self, address: str, file: KnownFile) -> None:
        """Fetch a file from an address, and see whether it may be trusted."""
        expected = self.wanted.sha256 or file.sha256
        place = self.content / file.name
        if expected is not None:
            download(address, place, self.parts, sha256=expected, progress=self.progress)
            if expected != file.sha256:
                self.trust = GIVEN
            return
        before = self.book.before(web.shown(address), self.wanted.known.name, file.name)
        # One that an interrupted run has finished stays, if it is known to be from here.
        if before is None or not place.is_file() or sha256_of_file(place) != before[1].sha256:
            download(address, place, self.parts, progress=self.progress)
        try:
            self._judge(address, file, before)
        except DataHomeError:
            place.unlink()
            raise

    def _judge(self, address: str, file: KnownFile, before: tuple[str, Fetched] | None) -> None:
        """Trust what came, or refuse it: by its kind, and by what came for the file before."""
        place = self.content / file.name
        refuse_other_kind(place, file.name)
        found, name = sha256_of_file(place), self.wanted.known.name
        is_new = before is None or before[1].sha256 != found
        if before is not None and is_new and not self.wanted.trusts_anew:
            here = "here" if before[0] == web.shown(address) else before[0]
            raise DataHomeError(
                f"what came has the SHA-256 {found}, and what came from {here} on "
                f"{before[1].first_seen} had {before[1].sha256}: it was changed, by its publisher "
                "or by somebody on the way; it was not kept. Ask the publisher; if the change is "
                f"theirs, `habitus data get {name} --trust-anew`"
            )
        self.trust = FIRST_USE
        if is_new:
            self.trusted.append((file.name, found))
        fetched = Fetched(
            sha256=found,
            n_bytes=place.stat().st_size,
            data_set=name,
            file=file.name,
            first_seen=now() if before is None or is_new else before[1].first_seen,
        )
        if (web.shown(address), fetched) != before:
            self.book.remember(web.shown(address), fetched)

    def _tell_of_trust(self) -> None:
        """Say what was trusted without anything to compare it with."""
        if not self.trusted:
            return
        name, digest = self.trusted[0]
        what = f"{name}; it has the SHA-256 {digest}"
        if len(self.trusted) > 1:
            what = f"these {len(self.trusted):,} files; {self.book.path} says what each has"
        self.say(
            f"trusted on first use: nobody has published a digest of {what}, to which later "
            "fetches are compared, whatever address they come from"
        )

    def _forget_others(self, names: set[str]) -> None:
        """Remove files of an earlier run that are no longer linked to."""
        for path in files_below(self.content) if self.content.is_dir() else []:
            if path.relative_to(self.content).as_posix() not in names:
                path.unlink()

    def _failed(self, file: str, failures: Sequence[tuple[str, str]]) -> DataHomeError:
        name = self.wanted.known.name
        return DataHomeError(
            f"{name}: {file} could not be fetched",
            *(f"  {web.shown(address)}: {why}" for address, why in failures),
            f"If you have a copy: `habitus data add {name} PATH`. If it lies elsewhere on the web: "
            f"`habitus data get {name} --mirror ADDRESS`, or {MIRROR}=ADDRESS-OF-A-FOLDER.",
        )
