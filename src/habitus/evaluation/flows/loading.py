"""From captures and logs with labels to `LabelledFlows`."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.errors import InputError
from habitus.flows.extracting import extract_flows
from habitus.flows.flowtable import no_flows
from habitus.flows.formats.base import LABEL
from habitus.flows.labelled import LabelledFile, LabelledFlows
from habitus.flows.reading import read_flow_records
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from habitus.flows.report import CaptureReport

BENIGN, MALICIOUS = "benign", "malicious"
_MAX_BYTES = 1 << 26


def flows_of_labelled_captures(
    labels: str | os.PathLike[str],
    *,
    confidence: Sequence[str] = (),
    progress: Progress = SILENT,
    report: CaptureReport | None = None,
) -> LabelledFlows:
    """The flows of captures that a CSV file labels, each with its file's label.

    Its columns: ``path`` (from the CSV file's folder), ``label`` (``benign``, or what begins with
    ``malicious``); and if it has them ``group`` (the source; else the path's first folder),
    ``category`` and ``confidence``.

    Args:
        confidence: if any are told, only files whose label is so sure are read.
        report: counts what was read.

    Raises:
        InputError: if the file lacks a column, a label is none of these, or a capture cannot be
            read; the line is told.
    """
    folder = Path(labels).parent
    files, is_malicious = _labels(Path(labels), confidence)
    tables: list[pl.DataFrame] = []
    progress.stage("reading captures", len(files))
    for file in files:
        found = list(extract_flows([folder / file.name], report=report))
        tables.append(pl.concat(found) if found else no_flows())
        progress.advance(1)
    lengths = [len(table) for table in tables]
    return LabelledFlows(
        flows=pl.concat(tables, rechunk=True),
        malicious=np.repeat(np.array(is_malicious, dtype=np.bool_), lengths),
        file_of=np.repeat(np.arange(len(files)), lengths),
        files=tuple(files),
    )


def flows_of_labelled_logs(
    paths: Sequence[str | os.PathLike[str]], *, source: str = "", progress: Progress = SILENT
) -> LabelledFlows:
    """The flows of logs that label each flow by itself, as Zeek's ``conn.log.labeled``.

    Flows labelled neither benign nor malicious (``Background``) are counted and left out.

    Args:
        source: who recorded them; by default each log's folder.

    Raises:
        InputError: if a log cannot be read, or labels no flow.
    """
    tables, files, n_unlabelled = [], [], 0
    for path in paths:
        table = read_flow_records(path, progress=progress)
        words = pl.col(LABEL).str.to_lowercase()
        kept = table.filter((words == BENIGN) | words.str.starts_with(MALICIOUS))
        if not len(kept):
            raise InputError(f"{path}: labels none of its {len(table):,} flows benign or malicious")
        n_unlabelled += len(table) - len(kept)
        tables.append(kept)
        files.append(LabelledFile(Path(path).name, source or Path(path).resolve().parent.name))
    whole = pl.concat(tables, rechunk=True)
    is_malicious = whole[LABEL].str.to_lowercase().str.starts_with(MALICIOUS)
    return LabelledFlows(
        flows=whole.drop(LABEL),
        malicious=is_malicious.to_numpy(),
        file_of=np.repeat(np.arange(len(files)), [len(table) for table in tables]),
        files=tuple(files),
        n_unlabelled=n_unlabelled,
    )


def flows_by_address(
    capture: str | os.PathLike[str], attacker: str, *, source: str = ""
) -> LabelledFlows:
    """The flows of one capture, malicious if the attacker's address is at either end.

    Each host that talks to others is a file of its own: in one capture, hosts are what can be held
    out. A flow is its client's: the source of its first packet.

    Raises:
        InputError: if the capture cannot be read, or no flow is the attacker's.
    """
    table = pl.concat(list(extract_flows([capture])) or [no_flows()])
    ends = pl.col("source_ip").eq_missing(attacker) | pl.col("destination_ip").eq_missing(attacker)
    malicious = table.select(ends.alias("is"))["is"].to_numpy()
    if not malicious.any():
        raise InputError(f"{capture}: none of its {len(table):,} flows is of {attacker}")
    hosts = table["source_ip"].fill_null("no address").to_numpy().astype(object)
    hosts[malicious] = attacker
    names, codes = np.unique(hosts.astype(str), return_inverse=True)
    name = source or Path(capture).stem
    return LabelledFlows(
        flows=table,
        malicious=malicious,
        file_of=codes.astype(np.int64),
        files=tuple(LabelledFile(f"{name}/{host}", name) for host in names.tolist()),
    )


def _labels(path: Path, confidence: Sequence[str]) -> tuple[list[LabelledFile], list[bool]]:
    """The files that a CSV file labels, and whether each is malicious."""
    rows = csv.DictReader(io.StringIO(_text(path)))
    lacking = [name for name in ("path", "label") if name not in (rows.fieldnames or ())]
    if lacking:
        raise InputError(f"{path}: has no column {lacking[0]!r}; wanted path,label[,group]")
    files, is_malicious, seen = [], [], set[str]()
    for row in rows:
        where = f"{path}:{rows.line_num}"
        name, word = (row["path"] or "").strip(), (row["label"] or "").strip().lower()
        if word != BENIGN and not word.startswith(MALICIOUS):
            raise InputError(f"{where}: the label is {word[:40]!r}; wanted benign or malicious")
        if not name or name in seen:
            raise InputError(f"{where}: {'named twice: ' + name if name else 'names no file'}")
        seen.add(name)
        sure = (row.get("confidence") or "").strip().lower()
        if confidence and sure not in confidence:
            continue
        folders = Path(name).parent.parts
        group = (row.get("group") or "").strip() or (folders[0] if folders else "")
        files.append(LabelledFile(name, group, (row.get("category") or "").strip(), sure))
        is_malicious.append(word.startswith(MALICIOUS))
    if not files:
        raise InputError(f"{path}: labels no file{' so surely' if confidence else ''}")
    return files, is_malicious


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    if len(content) > _MAX_BYTES:
        raise InputError(f"{path}: larger than {_MAX_BYTES >> 20} MiB; wanted a table of labels")
    return content.decode("utf-8-sig", "replace")
