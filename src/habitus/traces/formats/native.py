"""`native`: Habitus's own file, one or more Arrow IPC streams of a `TraceSet`'s columns.

A row is a trace or a segment of one. Appending writes another stream behind the last, all or
nothing (`native_append`). Call names are an Arrow dictionary, so any Arrow library reads the file
without this one.
"""

from __future__ import annotations

import io
from typing import IO, TYPE_CHECKING, Any, ClassVar

import numpy as np

from habitus.errors import InputError, UsageError
from habitus.storage import atomic_write
from habitus.traces.formats.native_append import END_MARK, MESSAGE_START, appending
from habitus.traces.traceset import Label, TraceInfo, TraceSet, offsets_of

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Iterator

    import pyarrow as pa

    from habitus.files.inputfile import InputFile
    from habitus.traces.formats.base import ReadOptions
    from habitus.traces.report import ReadReport

SCHEMA_KEY = b"habitus.traces"
SCHEMA_VERSION = b"2"
_TEXT_COLUMNS = ("name", "source", "attack", "group", "split")
_NUMBERS = ("thread", "first_call", "ends", "attack_ns")
_OPTIONAL = ("positions", "times_ns")


class NativeFormat:
    """The columns of `TraceSet`, as they are."""

    name: ClassVar[str] = "native"
    title: ClassVar[str] = "Habitus's own Arrow file"
    sample: ClassVar[str] = ""

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:  # noqa: ARG002
        return 100 if head.startswith(MESSAGE_START) and SCHEMA_KEY in head else 0

    def read(
        self,
        files: Iterator[InputFile],
        options: ReadOptions,  # noqa: ARG002 - the columns say all there is
        report: ReadReport,  # noqa: ARG002 - damage is an error here, not a broken line
    ) -> Iterator[TraceSet]:
        import pyarrow as pa

        for file in files:
            try:
                while file.stream.peek(1):
                    content = _InPieces(file.stream)
                    with pa.ipc.open_stream(content) as stream:
                        version = (stream.schema.metadata or {}).get(SCHEMA_KEY)
                        if version != SCHEMA_VERSION:
                            raise InputError(
                                f"{file.source}: made by another version of Habitus "
                                f"(schema {version!r}; this one reads {SCHEMA_VERSION!r})"
                            )
                        for batch in stream:
                            yield _from_arrow(batch, file.source)
                    content.check_end()
            except MemoryError as error:
                raise InputError(
                    f"{file.source}: damaged native file, or too little memory for a batch of it"
                ) from error
            except (pa.ArrowException, OSError, UsageError, KeyError, ValueError) as error:
                raise InputError(
                    f"{file.source}: damaged native file ({error}); what stands before the damage "
                    "has been read"
                ) from error


class _InPieces(io.RawIOBase):
    """A stream that sets no memory aside for bytes that a damaged length only promises."""

    PIECE_BYTES = 1 << 24

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._last = b""

    def check_end(self) -> None:
        """Refuse a stream that is cut off between two messages, where Arrow sees no harm.

        Raises:
            ValueError: if the last bytes that were read are no end mark.
        """
        if self._last != END_MARK:
            raise ValueError("cut off before its end mark")

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        pieces = []
        while size and (piece := self._stream.read(min(size, self.PIECE_BYTES))):
            pieces.append(piece)
            size -= len(piece)
            self._last = (self._last + piece[-len(END_MARK) :])[-len(END_MARK) :]
        return b"".join(pieces)


def write_native(path: str | os.PathLike[str], batches: Iterable[TraceSet]) -> None:
    """Write batches to a new native file, which appears whole or not at all."""
    with atomic_write(path) as file:
        _write_stream(file, batches)


def map_native(buffer: pa.Buffer) -> TraceSet:
    """The traces of a native file of one batch, whose calls stay where the buffer has them.

    Of a file that is mapped into memory nothing is copied, so that many processes can share it. The
    file must be one's own: the calls are not checked.

    Raises:
        InputError: if it is no such file.
    """
    import pyarrow as pa

    try:
        with pa.ipc.open_stream(buffer) as stream:
            batches = list(stream)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"damaged native file ({error})") from error
    if not batches:
        return TraceSet.from_names([])
    if len(batches) > 1:
        raise InputError(f"a native file of one batch is wanted, not of {len(batches)}")
    return _from_arrow(batches[0], "memory", is_own=True)


def append_native(path: str | os.PathLike[str], batches: Iterable[TraceSet]) -> None:
    """Append batches to a native file, all or none; it is made if it does not exist.

    What an append left that never finished (a crash, a power cut) is cut off first. Appends to one
    file wait for each other.

    Raises:
        InputError: if the file is something else, or damaged before its end.
    """
    with appending(path, SCHEMA_KEY) as file:
        _write_stream(file, batches)


def _write_stream(file: IO[bytes], batches: Iterable[TraceSet]) -> None:
    import pyarrow as pa

    schema = _schema()
    with pa.ipc.new_stream(file, schema) as writer:
        for batch in batches:
            if batch.n_traces:
                writer.write_batch(_to_arrow(batch, schema))


def _schema() -> pa.Schema:
    import pyarrow as pa

    fields = [(name, pa.string()) for name in _TEXT_COLUMNS]
    fields += [
        ("label", pa.int8()),
        ("thread", pa.int64()),
        ("first_call", pa.int64()),
        ("ends", pa.bool_()),
        ("attack_ns", pa.int64()),
        ("position_unit", pa.string()),
        ("calls", pa.list_(pa.dictionary(pa.uint16(), pa.string()))),
        ("positions", pa.list_(pa.int64())),
        ("times_ns", pa.list_(pa.int64())),
    ]
    return pa.schema(fields, metadata={SCHEMA_KEY: SCHEMA_VERSION})


def _to_arrow(batch: TraceSet, schema: pa.Schema) -> pa.RecordBatch:
    import pyarrow as pa

    if batch.n_calls >= 1 << 31:
        raise UsageError("a batch of a native file holds at most 2,147,483,647 calls")
    offsets = pa.array(batch.offsets.astype(np.int32))

    def lists(values: pa.Array | None, kind: pa.DataType) -> pa.Array:
        if values is None:
            return pa.nulls(batch.n_traces, kind)
        return pa.ListArray.from_arrays(offsets, values)

    names = pa.DictionaryArray.from_arrays(
        pa.array(batch.calls, pa.uint16()), pa.array(batch.alphabet, pa.string())
    )
    columns: list[Any] = [
        pa.array([getattr(info, name) for info in batch.infos], pa.string())
        for name in _TEXT_COLUMNS
    ]
    columns += [
        pa.array(batch.labels),
        pa.array([info.thread for info in batch.infos], pa.int64()),
        pa.array([info.first_call for info in batch.infos], pa.int64()),
        pa.array([info.ends for info in batch.infos], pa.bool_()),
        pa.array([info.attack_ns for info in batch.infos], pa.int64()),
        pa.array([batch.position_unit] * batch.n_traces, pa.string()),
        lists(names, schema.field("calls").type),
        lists(None if batch.positions is None else pa.array(batch.positions), pa.list_(pa.int64())),
        lists(None if batch.times_ns is None else pa.array(batch.times_ns), pa.list_(pa.int64())),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _from_arrow(batch: pa.RecordBatch, source: str, *, is_own: bool = False) -> TraceSet:
    """A `TraceSet` of one record batch, every offset and index checked by Arrow first.

    Args:
        is_own: nothing is checked, and the calls are not copied.
    """
    batch.validate(full=not is_own)
    wanted = _schema()
    if not batch.schema.equals(wanted):
        raise InputError(f"{source}: its columns are not those of a native file")
    if any(batch.column(name).null_count for name in wanted.names if name not in _OPTIONAL):
        raise InputError(f"{source}: a value is missing where every trace has one")
    rows = {name: batch.column(name).to_pylist() for name in _TEXT_COLUMNS}
    rows |= {n: batch.column(n).to_pylist() for n in _NUMBERS}
    rows["label"] = [Label(label) for label in batch.column("label").to_pylist()]
    infos = tuple(
        TraceInfo(**{name: column[i] for name, column in rows.items()})
        for i in range(batch.num_rows)
    )
    calls = batch.column("calls")
    flat = calls.flatten()
    units = set(batch.column("position_unit").to_pylist())

    lengths = calls.value_lengths()

    def column(name: str) -> np.ndarray[Any, np.dtype[np.int64]] | None:
        values = batch.column(name)
        if values.null_count == len(values):
            return None
        numbers = values.flatten()
        if numbers.null_count or not values.value_lengths().equals(lengths):
            raise InputError(f"{source}: {name} must hold one number a call")
        return np.array(numbers.to_numpy(zero_copy_only=False), dtype=np.int64)

    names = flat.dictionary.to_pylist()
    if flat.null_count or None in names:
        raise InputError(f"{source}: a call without a name")
    if len(set(names)) != len(names):
        raise InputError(f"{source}: two numbers for one call name")
    return TraceSet(
        calls=flat.indices.to_numpy(zero_copy_only=is_own).astype(np.uint16, copy=not is_own),
        offsets=offsets_of(lengths.to_numpy(zero_copy_only=False)),
        alphabet=tuple(names),
        infos=infos,
        positions=column("positions"),
        position_unit=units.pop() if len(units) == 1 else "call",
        times_ns=column("times_ns"),
        _unchecked=is_own,
    )


FORMAT = NativeFormat()
