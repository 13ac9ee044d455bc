"""A table of labels beside captures or logs: ``path,label``, of whole files or of single flows."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from habitus.errors import InputError
from habitus.flows.labelled import LabelledFile
from habitus.storage import readable

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "labels.csv"
"""The table of labels of a folder."""
PATH, CAPTURE, COMMUNITY = "path", "capture", "community_id"
WANTED = (
    "path,label[,group][,category][,confidence], a row for each file; or "
    "path,community_id,label, a row for each flow"
)
MAX_BYTES = 1 << 28


@dataclass(frozen=True)
class LabelledPath:
    """A file that a table of labels names.

    Attributes:
        file: its name, as there, and whose it is.
        path: where it lies.
        label: of all its flows; empty where ``by_flow`` tells one of each.
        by_flow: Community ID -> label.
        line: where the table first names it.
    """

    file: LabelledFile
    path: Path
    label: str
    by_flow: dict[str, str]
    line: int


def is_labels_file(head: bytes) -> bool:
    """Whether a file's first bytes are the header of a table of labels."""
    names = _header(head.split(b"\n", 1)[0].decode("utf-8-sig", "replace"))
    return "label" in names and (PATH in names or {CAPTURE, COMMUNITY} <= set(names))


def read_labels(
    path: Path, content: bytes | None = None, where: str | None = None
) -> list[LabelledPath]:
    """The files that a table of labels names, in its order; paths are from its own folder.

    Args:
        content: what stands in it, where it is no file but lies in an archive.
        where: what to call it in errors; by default its path.

    Raises:
        InputError: if the table cannot be read, lacks a column, labels nothing, or says two things
            of one file or flow; the line is told.
    """
    where = str(path) if where is None else where
    text = _text(path) if content is None else _decoded(content, where)
    rows = csv.reader(io.StringIO(text), strict=True)
    found: dict[str, LabelledPath] = {}
    try:
        names = [name.strip().lower() for name in next(rows, [])]
        column = PATH if PATH in names else CAPTURE
        lacking = [name for name in (column, "label") if name not in names]
        if lacking:
            raise InputError(f"{where}:1: has no column {lacking[0]!r}", f"wanted {WANTED}")
        for row in rows:
            if any(cell.strip() for cell in row):
                place = f"{where}:{rows.line_num}"
                _add(found, dict(zip(names, row, strict=False)), column, path, place, rows.line_num)
    except csv.Error as error:
        raise InputError(f"{where}:{rows.line_num}: {error}", f"wanted {WANTED}") from None
    if not found:
        raise InputError(f"{where}: labels no file", f"wanted {WANTED}")
    return list(found.values())


def _add(
    found: dict[str, LabelledPath], row: dict[str, str], column: str, table: Path, where: str,
    line: int,
) -> None:  # fmt: skip
    cells = {name: cell.strip() for name, cell in row.items()}
    name, label = cells.get(column, ""), cells.get("label", "")
    if not name:
        raise InputError(f"{where}: names no file")
    if "\0" in name:
        raise InputError(f"{where}: {readable(name)} is no path")
    known = found.get(name)
    if COMMUNITY not in cells:
        if known is not None:
            raise InputError(f"{where}: {readable(name)} has a label already, in line {known.line}")
        found[name] = LabelledPath(_file(name, cells), table.parent / name, label, {}, line)
        return
    flow = cells[COMMUNITY]
    if not flow:
        raise InputError(f"{where}: tells no {COMMUNITY}; without that column a row is a file's")
    if known is None:
        known = LabelledPath(_file(name, cells), table.parent / name, "", {}, line)
        found[name] = known
    # Two flows one after the other may have the same ends, and so one ID.
    if known.by_flow.setdefault(flow, label) != label:
        raise InputError(
            f"{where}: flow {readable(flow)} is {readable(label)!r} here, and was "
            f"{readable(known.by_flow[flow])!r} before"
        )


def _file(name: str, cells: dict[str, str]) -> LabelledFile:
    """Without a group, the path's first folder is one: captures lie by whoever recorded them."""
    folders = Path(name).parent.parts
    group = cells.get("group", "") or (folders[0] if folders else "")
    return LabelledFile(name, group, cells.get("category", ""), cells.get("confidence", "").lower())


def _header(line: str) -> list[str]:
    try:
        cells: Iterator[list[str]] = csv.reader([line])
        return [name.strip().lower() for name in next(cells, [])]
    except csv.Error:
        return []


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    return _decoded(content, str(path))


def _decoded(content: bytes, where: str) -> str:
    if len(content) > MAX_BYTES:
        raise InputError(f"{where}: is larger than {MAX_BYTES >> 20} MiB; wanted a table of labels")
    return content.decode("utf-8-sig", "replace").replace("\0", "\ufffd")
