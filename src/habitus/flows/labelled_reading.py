"""From files to `LabelledFlows`: a table of labels, flows that carry labels, or none at all."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.errors import InputError, UsageError
from habitus.files.inputfile import HEAD_BYTES
from habitus.files.inputs import files_in
from habitus.files.named import refuse_missing
from habitus.flows.archived_labels import ArchivedLabels, archived_labels
from habitus.flows.captures import holds_captures
from habitus.flows.extracting import extract_flows
from habitus.flows.flowtable import SOURCE, no_flows
from habitus.flows.formats.base import LABEL
from habitus.flows.label_words import UNLABELLED, classes_of
from habitus.flows.labelled import LabelledFile, LabelledFlows
from habitus.flows.labels_file import NAME, LabelledPath, is_labels_file, read_labels
from habitus.flows.reading import flow_record_tables
from habitus.flows.record_report import FlowReport
from habitus.flows.report import CaptureReport
from habitus.flows.tracker import TrackSettings
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

_LABEL, _FILE = "\0label", "\0file"
"""Of each flow while it is read: its label, whoever tells it, and which file it is of."""


def read_labelled_flows(
    path: str | os.PathLike[str],
    *,
    malicious: Sequence[str] = (),
    format: str | None = None,  # noqa: A002 - the word users know from --format
    settings: TrackSettings | None = None,
    outer: bool = False,
    strict: bool = False,
    progress: Progress = SILENT,
    captures: CaptureReport | None = None,
    records: FlowReport | None = None,
) -> LabelledFlows:
    """Flows and their labels.

    ``path`` is a table of labels (`labels_file.WANTED`), a folder or an archive in which one lies
    (``labels.csv``), or flows of another program that carry labels, as Zeek's
    ``conn.log.labeled``. Of captures and flows that nobody labels all are taken as benign, and
    `LabelledFlows.notes` says so.

    Args:
        malicious: labels that mean malicious, where they are not called so.
        format: of other programs' flows; by default each file is recognised by its content.
        settings: how packets become flows; ``outer``: those that carry tunnels, not those inside.
        strict: make the first broken row of other programs' flows an error.
        captures, records: filled while reading, whichever is read.

    Raises:
        UsageError: if it must be said which labels are malicious.
        InputError: if something cannot be read, or names what is not there; if a set holds both
            captures and other programs' flows, which a model would tell apart instead; if nothing
            is labelled.
    """
    reader = _Reader(
        format, settings or TrackSettings(), outer, strict, progress, captures or CaptureReport(),
        records or FlowReport(),
    )  # fmt: skip
    table = _labels_of(Path(path))
    if table is not None:
        flows, files, digest = reader.listed(table)
    elif (inside := archived_labels(Path(path))) is not None:
        flows, files, digest = reader.archived(inside)
    else:
        flows, files, digest = reader.unlisted(path)
    if not len(flows):
        raise InputError(f"{path}: there is no flow in it")
    extraction = reader.settings if reader.has_captures else None
    return _classified(flows, files, malicious, str(path), digest, extraction)


def _labels_of(path: Path) -> Path | None:
    """The table of labels that a path is, or that lies in the folder that it is."""
    if str(path) == "-":
        raise UsageError("labelled flows are read from files, not from standard input")
    refuse_missing([path])
    if path.is_dir():
        beside = (path / name for name in (NAME, NAME.replace("labels", "LABELS")))
        return next((table for table in beside if table.is_file()), None)
    return path if path.is_file() and is_labels_file(_head(path)) else None


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None


def _forgive(report: CaptureReport | FlowReport, source: str) -> None:
    """Take back that a file was left out: it is no flows, and was read all the same."""
    told = [one for one in report.skipped if one.startswith(f"{source}: ")]
    for one in told:
        report.skipped.remove(one)
    report.n_skipped -= len(told)


class _Reader:
    """Reads flows of either kind; each gets its file's number and its label."""

    def __init__(
        self, format: str | None, settings: TrackSettings, outer: bool, strict: bool,  # noqa: A002
        progress: Progress, captures: CaptureReport, records: FlowReport,
    ) -> None:  # fmt: skip
        self.format = format
        self.settings = settings
        self.outer = outer
        self.strict = strict
        self.progress = progress
        self.captures = captures
        self.records = records
        self.has_captures = False

    def listed(self, table: Path) -> tuple[pl.DataFrame, tuple[LabelledFile, ...], str]:
        """What a table of labels names."""
        named = read_labels(table)
        self._refuse_absent(table, named)
        digest = hashlib.sha256(table.read_bytes())
        kinds: dict[bool, LabelledPath] = {}
        parts = []
        self.progress.stage("reading what is labelled", len(named))
        for number, one in enumerate(named):
            digest.update(_digest(one.path))
            is_packets = holds_captures(one.path)
            kinds.setdefault(is_packets, one)
            if len(kinds) == 2:
                raise InputError(
                    f"{table}: {kinds[True].file.name} holds captures and {kinds[False].file.name} "
                    "does not: a model would learn to tell the two apart",
                    "label either captures or other programs' flows",
                )
            try:
                flows = self._flows([one.path], is_packets=is_packets, progress=SILENT)
            except InputError as error:
                raise InputError(f"{table}:{one.line}: {error.args[0]}", *error.args[1:]) from None
            parts.append(_told(flows, one).with_columns(pl.lit(number).alias(_FILE)))
            self.progress.advance(1)
        return pl.concat(parts, rechunk=True), tuple(one.file for one in named), digest.hexdigest()

    def archived(
        self, labels: ArchivedLabels
    ) -> tuple[pl.DataFrame, tuple[LabelledFile, ...], str]:
        """What a table of labels names that lies in an archive with it; the rest has no label."""
        labels.refuse_absent()
        is_packets = self.format is None and holds_captures(labels.archive)
        flows = self._flows([labels.archive], is_packets=is_packets, progress=self.progress)
        for report in (self.captures, self.records):
            _forgive(report, labels.table)
        files, parts = [], []
        for number, (one, name, own) in enumerate(labels.parts(flows)):
            files.append(LabelledFile(name, "") if one is None else one.file)
            unlabelled = own.drop(LABEL, strict=False).with_columns(
                pl.lit(None, pl.String()).alias(_LABEL)
            )
            told = unlabelled if one is None else _told(own, one)
            parts.append(told.with_columns(pl.lit(number).alias(_FILE)))
        return pl.concat(parts, rechunk=True), tuple(files), _digest(labels.archive).hex()

    def unlisted(
        self, path: str | os.PathLike[str]
    ) -> tuple[pl.DataFrame, tuple[LabelledFile, ...], str]:
        """What says itself what it is, or does not say at all."""
        found = Path(path)
        digest = _digest(found)
        is_packets = self.format is None and holds_captures(found)
        flows = self._flows([path], is_packets=is_packets, progress=self.progress)
        label = pl.col(LABEL) if LABEL in flows.columns else pl.lit(None, pl.String())
        names, codes = np.unique(
            flows[SOURCE].fill_null("").to_numpy().astype(str), return_inverse=True
        )
        folder = found.resolve().name if found.is_dir() else found.resolve().parent.name
        files = tuple(LabelledFile(_below(found, name), folder) for name in names.tolist())
        table = flows.with_columns(label.alias(_LABEL), pl.Series(_FILE, codes))
        return table.drop(LABEL, strict=False), files, digest.hex()

    def _flows(
        self, paths: Sequence[str | os.PathLike[str]], *, is_packets: bool, progress: Progress
    ) -> pl.DataFrame:
        self.has_captures |= is_packets
        if is_packets:
            tables = list(
                extract_flows(
                    paths, self.settings, outer=self.outer, progress=progress, report=self.captures
                )
            )
            return pl.concat(tables, rechunk=True) if tables else no_flows()
        return pl.concat(
            flow_record_tables(
                paths,
                format=self.format,
                strict=self.strict,
                progress=progress,
                report=self.records,
            ),
            rechunk=True,
        )

    def _refuse_absent(self, table: Path, named: Sequence[LabelledPath]) -> None:
        """Before any work is done on the rest."""
        for one in named:
            try:
                refuse_missing([one.path])
            except InputError as error:
                raise InputError(
                    f"{table}:{one.line}: {error.args[0]}",
                    f"paths are from the folder of the table, {table.parent}",
                ) from None


def _told(flows: pl.DataFrame, one: LabelledPath) -> pl.DataFrame:
    """Flows with the label that a table gives them."""
    flows = flows.drop(LABEL, strict=False)
    if not one.by_flow:
        return flows.with_columns(pl.lit(one.label).alias(_LABEL))
    truth = pl.DataFrame(
        {"community_id": list(one.by_flow), _LABEL: list(one.by_flow.values())},
        schema={"community_id": pl.String(), _LABEL: pl.String()},
    )
    return flows.join(truth, on="community_id", how="left", maintain_order="left")


def _below(path: Path, source: str) -> str:
    """A file's name below what the user named."""
    return source.removeprefix(f"{path}/") if path.is_dir() else source.rsplit("/", 1)[-1]


def _digest(path: Path) -> bytes:
    """SHA-256 of a file, or of the names and contents of all files of a folder."""
    if path.is_dir():
        whole = hashlib.sha256()
        for file in files_in(path, lambda *_: None):
            whole.update(f"{file.relative_to(path)}\0".encode(errors="surrogateescape"))
            whole.update(_digest(file))
        return whole.digest()
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").digest()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None


def _classified(
    flows: pl.DataFrame, files: tuple[LabelledFile, ...], malicious: Sequence[str], name: str,
    digest: str, extraction: TrackSettings | None,
) -> LabelledFlows:  # fmt: skip
    """Flows whose label says which class they are of; if none has one, all are benign."""
    words = flows[_LABEL].fill_null("").str.strip_chars()
    counts = Counter(dict(words.value_counts().iter_rows()))
    labelled = {label: n for label, n in counts.items() if label.lower() not in UNLABELLED}
    if not labelled:
        if malicious:
            raise UsageError(f"{name}: --malicious {malicious[0]}: no flow has a label")
        return LabelledFlows(
            flows.drop(_LABEL, _FILE), np.zeros(len(flows), dtype=np.bool_),
            flows[_FILE].to_numpy().astype(np.int64), files, name=name, sha256=digest,
            extraction=extraction,
            notes=(f"{name} says of no flow whether it is malicious: all are taken as benign",),
        )  # fmt: skip
    classes = classes_of(labelled, name, malicious)
    known = flows.filter(words.is_in(list(labelled)))
    is_malicious = known[_LABEL].str.strip_chars().is_in(list(classes.malicious))
    return LabelledFlows(
        flows=known.drop(_LABEL, _FILE),
        malicious=is_malicious.to_numpy(),
        file_of=known[_FILE].to_numpy().astype(np.int64),
        files=files,
        benign_labels=classes.benign,
        malicious_labels=classes.malicious,
        name=name,
        sha256=digest,
        n_unlabelled=len(flows) - len(known),
        extraction=extraction,
    )
