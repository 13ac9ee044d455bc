"""``scores.arrow``: the score of every unit that was judged, beside ``results.json``.

An Arrow IPC stream of one record batch: ``name``, ``label`` (0 normal, 1 attack), ``attack``,
``cluster``, and ``score MODEL`` for each model, null where it has none. Any Arrow library reads it.
"""

from __future__ import annotations

import hashlib
import io
import struct
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import InputError
from habitus.evaluation.unit_scores import UnitScores
from habitus.storage import atomic_write
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pyarrow as pa

SCORES_FILE = "scores.arrow"
MAX_BYTES = 1 << 30
_SCHEMA_KEY, _SCHEMA_VERSION = b"habitus.scores", b"1"
_SCORE = "score "
_TOO_LARGE = 1e150  # sums and differences of smaller ones are numbers
_END_MARK = b"\xff\xff\xff\xff" + bytes(4)
# Places of fields in flatbuffer tables of the Arrow format.
_MESSAGE_HEADER, _BATCH_COMPRESSION = 2, 3


def scores_bytes(scores: UnitScores) -> bytes:
    """The content of the file."""
    import pyarrow as pa

    schema = _schema_of(list(scores.scores))
    columns = [
        pa.array(scores.names, pa.string()),
        pa.array(scores.labels, pa.int8()),
        pa.array(scores.attacks, pa.string()),
        pa.array(scores.clusters, pa.int64()),
        *(pa.array(s, pa.float64(), mask=np.isnan(s)) for s in scores.scores.values()),
    ]
    file = io.BytesIO()
    with pa.ipc.new_stream(file, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=schema))
    return file.getvalue()


def scores_digest(scores: UnitScores) -> str:
    """The SHA-256 of the file."""
    return hashlib.sha256(scores_bytes(scores)).hexdigest()


def write_scores(folder: Path, scores: UnitScores) -> Path:
    """Write ``scores.arrow`` into a folder; returns its path."""
    with atomic_write(folder / SCORES_FILE) as file:
        file.write(scores_bytes(scores))
    return folder / SCORES_FILE


def scores_from(content: bytes, place: str, models: Sequence[str], sha256: str) -> UnitScores:
    """The scores in a file's content, which may be hostile.

    Args:
        place: what the file is called in errors.
        models: whose scores it must hold, in this order, by ``results.json``.
        sha256: the digest that stands there.

    Raises:
        InputError: if it is another file, damaged, or holds what was never written.
    """
    if hashlib.sha256(content).hexdigest() != sha256:
        raise InputError(
            f"{place}: is not the file that results.json beside it was written with: it is damaged "
            "or belongs to another evaluation; run `habitus evaluate ... -o` again"
        )
    import pyarrow as pa

    try:
        batch = _batch_of(content, _schema_of(models))
        return _from_arrow(batch, models)
    except (pa.ArrowException, OSError, ValueError, struct.error, MemoryError) as error:
        raise InputError(
            f"{place}: no scores that `habitus evaluate` wrote ({str(error) or 'too large'}); run "
            "it again with -o"
        ) from error


def _schema_of(models: Sequence[str]) -> pa.Schema:
    import pyarrow as pa

    fields = [
        pa.field("name", pa.string(), nullable=False),
        pa.field("label", pa.int8(), nullable=False),
        pa.field("attack", pa.string(), nullable=False),
        pa.field("cluster", pa.int64(), nullable=False),
        *(pa.field(f"{_SCORE}{model}", pa.float64()) for model in models),
    ]
    return pa.schema(fields, metadata={_SCHEMA_KEY: _SCHEMA_VERSION})


def _batch_of(content: bytes, wanted: pa.Schema) -> pa.RecordBatch:
    """The one record batch of a stream, whose schema is looked at before the batch is."""
    import pyarrow as pa

    if not content.endswith(_END_MARK):
        raise ValueError("cut off before its end mark")
    file = pa.BufferReader(content)
    messages = pa.ipc.MessageReader.open_stream(file)
    # One more than there are: a file may hold very many.
    first, second, *more = (*islice(messages, 3), None, None)
    if first is None or first.type != "schema":
        raise ValueError("it does not begin with its columns")
    schema = pa.ipc.read_schema(first)
    if (schema.metadata or {}).get(_SCHEMA_KEY) != _SCHEMA_VERSION or not schema.equals(wanted):
        raise ValueError(
            f"its columns are {', '.join(map(repr, schema.names[:9]))} and not "
            f"{', '.join(map(repr, wanted.names[:9]))}, or of other types"
        )
    if second is None or second.type != "record batch":
        raise ValueError("its columns are followed by no rows")
    if any(more) or file.tell() != len(content):
        raise ValueError("more follows its rows")
    if _is_compressed(second.metadata.to_pybytes()):  # a little of it may become very much
        raise ValueError("it is compressed")
    batch = pa.ipc.read_record_batch(second, schema)
    batch.validate(full=True)
    return batch


def _is_compressed(message: bytes) -> bool:
    """Whether a record batch's message, which Arrow has checked, says that its body is."""

    def place_of(table: int, number: int) -> int:
        (back,) = struct.unpack_from("<i", message, table)
        fields = table - back
        (n_bytes,) = struct.unpack_from("<H", message, fields)
        entry = 4 + 2 * number
        (offset,) = struct.unpack_from("<H", message, fields + entry) if entry < n_bytes else (0,)
        return table + offset if offset else 0

    (root,) = struct.unpack_from("<I", message, 0)
    header = place_of(root, _MESSAGE_HEADER)
    (away,) = struct.unpack_from("<I", message, header)
    return bool(place_of(header + away, _BATCH_COMPRESSION))


def _from_arrow(batch: pa.RecordBatch, models: Sequence[str]) -> UnitScores:
    if any(batch.column(name).null_count for name in ("name", "label", "attack", "cluster")):
        raise ValueError("a value is missing where every unit has one")
    labels = batch.column("label").to_numpy(zero_copy_only=False)
    if not np.isin(labels, (Label.NORMAL, Label.ATTACK)).all():
        raise ValueError("a label is neither 0 (normal) nor 1 (attack)")
    scores = {}
    for place, model in enumerate(models, start=4):
        column = batch.column(place)
        values = column.to_numpy(zero_copy_only=False)
        if not (np.abs(values[np.asarray(column.is_valid())]) < _TOO_LARGE).all():
            raise ValueError(f"a score of {model} is no number, or larger than any")
        scores[model] = values
    return UnitScores(
        names=tuple(batch.column("name").to_pylist()),
        labels=labels,
        attacks=tuple(batch.column("attack").to_pylist()),
        clusters=batch.column("cluster").to_numpy(zero_copy_only=False),
        scores=scores,
    )
