"""The native file: what is written comes back; damage is told and never crashes."""

from __future__ import annotations

import multiprocessing
import random
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reading import batches_of, column, read, rows

from habitus.errors import HabitusError, InputError
from habitus.traces.formats import native
from habitus.traces.formats.native import append_native, write_native
from habitus.traces.formats.native_append import MESSAGE_START
from habitus.traces.reading import TraceReader, read_traces
from habitus.traces.traceset import Label, TraceInfo, TraceSet, join

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
INT64 = st.integers(-(2**63), 2**63 - 1)


@st.composite
def sets(draw: st.DrawFn) -> TraceSet:
    """A set of whole traces and open segments, with or without positions and times."""
    traces = draw(st.lists(st.lists(TEXT, max_size=6), min_size=1, max_size=4))
    made = TraceSet.from_names(traces)
    numbers = st.lists(INT64, min_size=made.n_calls, max_size=made.n_calls)

    def some_column() -> Any:
        return np.array(draw(numbers), dtype=np.int64) if draw(st.booleans()) else None

    infos = tuple(
        TraceInfo(
            draw(TEXT), draw(TEXT), draw(st.sampled_from(Label)), draw(TEXT), draw(TEXT),
            draw(TEXT), draw(INT64), draw(st.integers(0, 2**40)), draw(st.booleans()),
        )
        for _ in traces
    )  # fmt: skip
    unit = draw(st.sampled_from(["line", "call"]))
    return replace(
        made, infos=infos, positions=some_column(), times_ns=some_column(), position_unit=unit
    )


def content(batch: TraceSet) -> tuple[object, ...]:
    return (
        batch.infos, rows(batch), column(batch, "positions"), column(batch, "times_ns"),
        batch.position_unit,
    )  # fmt: skip


@settings(max_examples=50)
@given(st.lists(sets(), min_size=1, max_size=3), st.lists(sets(), max_size=2))
def test_written_and_appended_batches_come_back(
    written: list[TraceSet], appended: list[TraceSet]
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder, "traces")
        write_native(path, written)
        for batch in appended:
            append_native(path, [batch])
        batches, _ = batches_of("native", path.read_bytes())
    assert [content(batch) for batch in batches] == [content(b) for b in [*written, *appended]]


def segments() -> list[TraceSet]:
    """Thread a in two segments around b; positions and times."""
    a = TraceInfo("a", "file", Label.NORMAL, group="g", split="training", thread=7, ends=False)
    b = TraceInfo("b", "file", Label.ATTACK, "shell", "g", thread=8)
    first = TraceSet(
        np.array([0, 1, 0], np.uint16), np.array([0, 2, 3]), ("read", "write"), (a, b),
        np.array([1, 3, 2]), "line", np.array([10, 30, 20]),
    )  # fmt: skip
    second = TraceSet(
        np.array([0, 1], np.uint16), np.array([0, 2]), ("close", "read"),
        (replace(a, first_call=2, ends=True),), np.array([4, 5]), "line", np.array([40, 50]),
    )  # fmt: skip
    return [first, second]


def test_a_file_is_recognised_and_its_segments_join(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    append_native(path, segments()[:1])
    append_native(path, segments()[1:])
    reader = TraceReader(path)
    traces = join(reader)
    assert rows(traces) == [["read", "write", "close", "read"], ["read"]]
    assert column(traces, "positions") == [[1, 3, 4, 5], [2]]
    assert column(traces, "times_ns") == [[10, 30, 40, 50], [20]]
    assert [(i.name, i.label, i.attack, i.group, i.thread) for i in traces.infos] == [
        ("a", Label.NORMAL, "", "g", 7),
        ("b", Label.ATTACK, "shell", "g", 8),
    ]
    assert reader.report.formats == {"native": 1}
    assert reader.report.n_traces == 2


def test_any_arrow_library_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "traces"
    write_native(path, segments()[:1])
    table = pa.ipc.open_stream(path.read_bytes()).read_all()
    assert table.column("calls").to_pylist() == [["read", "write"], ["read"]]
    assert table.column("name").to_pylist() == ["a", "b"]
    assert table.schema.metadata == {b"habitus.traces": b"2"}


def test_an_error_while_writing_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "traces"
    write_native(path, segments())
    before = path.read_bytes()

    def failing() -> Any:
        yield segments()[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_native(path, failing())
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_cut_anywhere_is_its_intact_prefix_or_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "traces"
    ends = []
    for batch in segments():
        append_native(path, [batch])
        ends.append(path.stat().st_size)
    data = path.read_bytes()
    whole = [content(batch) for batch in batches_of("native", data)[0]]
    read_whole = set()
    sound = []  # lengths that no error is told of
    cut = tmp_path / "cut"
    for length in range(1, len(data)):
        cut.write_bytes(data[:length])
        got = []
        try:
            got += map(content, TraceReader(cut, format="native"))
            sound.append(length)
        except InputError as error:
            assert str(error).startswith(f"{cut}: damaged native file")  # noqa: PT017
        read_whole.add(len(got))
        assert got == whole[: len(got)]
    assert read_whole == {0, 1, 2}
    assert sound == ends[:-1]  # the end of an append, behind which there need be no other


def test_what_stands_before_the_damage_is_read(tmp_path: Path) -> None:
    path = tmp_path / "traces"
    append_native(path, segments()[:1])
    intact = path.stat().st_size
    append_native(path, segments()[1:])
    path.write_bytes(path.read_bytes()[: intact + 100])
    reader = TraceReader(path)
    assert rows(next(reader)) == [["read", "write"], ["read"]]
    with pytest.raises(InputError, match="what stands before the damage has been read"):
        next(reader)


@pytest.mark.parametrize("seed", range(8))
def test_flipped_bytes_are_refused_or_read_and_never_crash(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "traces"
    for batch in segments():
        append_native(path, [batch])
    data = path.read_bytes()
    chance = random.Random(seed)
    refused = 0
    for _ in range(150):
        damaged = bytearray(data)
        for _ in range(chance.choice([1, 1, 4, 30])):
            damaged[chance.randrange(len(data))] = chance.choice([0, 1, 127, 128, 255])
        try:
            traces, _ = read("native", bytes(damaged))
        except HabitusError:
            refused += 1
        else:
            traces.sequence_digests()
            assert traces.n_calls <= len(data)
    assert refused > 10


def arrow_batch(**changed: Any) -> bytes:
    """A native file whose one batch has columns replaced (or another schema)."""
    schema = changed.pop("schema", native._schema())
    batch = native._to_arrow(segments()[0], native._schema())
    columns = {name: batch.column(name) for name in batch.schema.names} | changed
    arrays = [columns[field.name].cast(field.type) for field in schema]
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
    return bytes(sink.getvalue())


def dictionary(names: list[str | None], indices: list[int | None]) -> pa.Array:
    calls = pa.DictionaryArray.from_arrays(pa.array(indices, pa.uint16()), pa.array(names))
    return pa.ListArray.from_arrays(pa.array([0, 2, 3], pa.int32()), calls)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"name": pa.array(["a", None])}, "a value is missing"),
        ({"first_call": pa.array([0, None])}, "a value is missing"),
        ({"ends": pa.array([True, None])}, "a value is missing"),
        ({"position_unit": pa.array(["line", None])}, "a value is missing"),
        ({"label": pa.array([0, 9])}, "damaged native file .9 is not a valid Label"),
        ({"calls": dictionary(["read", None], [0, 1, 0])}, "a call without a name"),
        ({"calls": dictionary(["read", "write"], [0, None, 0])}, "a call without a name"),
        ({"calls": dictionary(["read", "read"], [0, 1, 0])}, "two numbers for one call name"),
        ({"positions": pa.array([[1], [2]])}, "positions must hold one number a call"),
        ({"positions": pa.array([[1], [2, 3]])}, "positions must hold one number a call"),
        ({"times_ns": pa.array([[1, None], [3]])}, "times_ns must hold one number a call"),
        ({"times_ns": pa.array([[1, 2], None])}, "times_ns must hold one number a call"),
    ],
)
def test_columns_that_make_no_sense_are_refused(changed: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        read("native", arrow_batch(**changed))


def test_other_versions_and_other_arrow_files_are_refused(tmp_path: Path) -> None:
    later = native._schema().with_metadata({"habitus.traces": "3"})
    with pytest.raises(InputError, match=r"made by another version of Habitus .schema b'3'"):
        read("native", arrow_batch(schema=later))
    foreign = arrow_batch(schema=native._schema().remove_metadata())
    path = tmp_path / "foreign.arrow"
    path.write_bytes(foreign)
    with pytest.raises(InputError, match="no format recognises it"):
        read_traces(path)
    fewer = pa.schema(list(native._schema())[:-1], metadata={"habitus.traces": "2"})
    with pytest.raises(InputError, match="columns are not those of a native file"):
        read("native", arrow_batch(schema=fewer))


def test_an_empty_recording_says_so(tmp_path: Path) -> None:
    path = tmp_path / "traces"
    write_native(path, [])
    with pytest.raises(InputError, match="no trace could be read"):
        read_traces(path)


@pytest.mark.parametrize("left", [1, 4, 7, 8, 100, 1500, -8, -1])
def test_what_a_torn_append_left_hides_no_later_one(tmp_path: Path, left: int) -> None:
    path = tmp_path / "traces"
    append_native(path, segments()[:1])
    intact = path.read_bytes()
    append_native(path, segments()[1:])
    torn = path.read_bytes()[len(intact) :][:left]
    path.write_bytes(intact + torn)
    append_native(path, segments()[1:])
    assert rows(read_traces(path)) == [["read", "write", "close", "read"], ["read"]]


def test_a_first_append_that_was_torn_is_made_good(tmp_path: Path) -> None:
    path = tmp_path / "traces"
    append_native(path, segments()[:1])
    path.write_bytes(path.read_bytes()[:-9])
    append_native(path, segments()[:1])
    assert rows(read_traces(path)) == [["read", "write"], ["read"]]


def test_an_error_while_appending_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "traces"
    write_native(path, segments()[:1])
    before = path.read_bytes()

    def failing() -> Any:
        yield segments()[1]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        append_native(path, failing())
    assert path.read_bytes() == before


def test_nothing_is_appended_to_other_files_or_behind_damage(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("openat read close\n")
    with pytest.raises(InputError, match="is no native file"):
        append_native(path, segments())
    assert path.read_text() == "openat read close\n"
    write_native(path, segments())
    whole = path.read_bytes()
    body = whole.index(MESSAGE_START, 8)  # the second message
    for damaged in (
        whole[:body] + b"\0" + whole[body + 1 :],
        whole + bytes(64),
        whole[:-9] + whole,
    ):
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="damaged behind byte"):
            append_native(path, segments())
        assert path.read_bytes() == damaged


def _append_some(path: Path) -> None:
    for _ in range(10):
        append_native(path, [TraceSet.from_names([["read", "write"]])])


def test_appends_of_several_processes_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "traces"
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_append_some, args=(path,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    batches, _ = batches_of("native", path.read_bytes())
    assert [rows(batch) for batch in batches] == [[["read", "write"]]] * 30
