"""``scores.arrow``: written and read again, and refused whatever else stands there."""

from __future__ import annotations

import hashlib
import io
import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.errors import InputError
from habitus.evaluation.protocols import get_protocol
from habitus.evaluation.score_file import scores_bytes, scores_digest, scores_from
from habitus.evaluation.unit_scores import ScoreKeeper, UnitScores
from habitus.traces.traceset import Label, TraceInfo, TraceSet

if TYPE_CHECKING:
    from collections.abc import Callable

MODELS = ("stide", "label")  # a model may be called like a column
UNITS = UnitScores(
    names=("normal/a", "two\nlines\u2028", "</script>"),
    labels=np.array([0, 0, 1], dtype=np.int8),
    attacks=("", "", "shell\n"),
    clusters=np.array([0, 1, 1]),
    scores={
        "stide": np.array([0.5, np.nan, -0.0]),
        "label": np.array([-1e149, 1.0, np.nan]),
    },
)
COLUMNS: dict[str, Any] = {
    "name": pa.array(UNITS.names),
    "label": pa.array(UNITS.labels),
    "attack": pa.array(UNITS.attacks),
    "cluster": pa.array(UNITS.clusters),
    "score stide": pa.array([0.5, None, 0.0]),
    "score label": pa.array([2.0, 1.0, None]),
}
REQUIRED = ("name", "label", "attack", "cluster")


def read(content: bytes) -> UnitScores:
    """As a forger would have it: the digest is that of the content."""
    return scores_from(content, "x/scores.arrow", MODELS, hashlib.sha256(content).hexdigest())


def arrow(
    columns: dict[str, Any], *, version: bytes = b"1", batches: int = 1, compression: Any = None
) -> bytes:
    schema = pa.schema(
        [pa.field(n, c.type, nullable=n not in REQUIRED) for n, c in columns.items()],
        metadata={b"habitus.scores": version},
    )
    batch = pa.RecordBatch.from_arrays(list(columns.values()), schema=schema)
    file = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(file, schema, options=options) as writer:
        for _ in range(batches):
            writer.write_batch(batch)
    return file.getvalue()


def test_what_was_written_is_read() -> None:
    found = read(scores_bytes(UNITS))
    assert (found.names, found.attacks) == (UNITS.names, UNITS.attacks)
    np.testing.assert_array_equal(found.labels, UNITS.labels)
    np.testing.assert_array_equal(found.clusters, UNITS.clusters)
    assert list(found.scores) == list(MODELS)
    for model in MODELS:
        np.testing.assert_array_equal(found.scores[model], UNITS.scores[model])
    assert scores_digest(found) == scores_digest(UNITS)


def test_the_tests_own_writer_is_ours() -> None:
    """Else the hostile files below would be refused for another reason."""
    assert read(arrow(COLUMNS)).names == UNITS.names


def test_any_arrow_library_reads_it() -> None:
    table = pa.ipc.open_stream(scores_bytes(UNITS)).read_all()
    assert table.column_names == [*REQUIRED, "score stide", "score label"]
    assert table["score stide"].to_pylist() == [0.5, None, 0.0]


def changed(**columns: Any) -> Callable[[], bytes]:
    return lambda: arrow({**COLUMNS, **{n.replace("_", " "): c for n, c in columns.items()}})


def of_many_rows() -> bytes:
    """Says of itself that it has 2 ** 40 rows, and not 3."""
    content = scores_bytes(UNITS)
    assert content.count(struct.pack("<q", 3)) > len(COLUMNS)
    return content.replace(struct.pack("<q", 3), struct.pack("<q", 1 << 40))


def not_utf8() -> bytes:
    buffers = pa.array(["a", "b", "c"]).buffers()
    name = pa.StringArray.from_buffers(3, buffers[1], pa.py_buffer(b"a\xffc"))
    return arrow({**COLUMNS, "name": name})


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty": (lambda: b"", "cut off before its end mark"),
    "text": (lambda: b"name,label\n", "cut off before its end mark"),
    "cut before the end mark": (lambda: scores_bytes(UNITS)[:-8], "cut off before its end mark"),
    "cut in the rows": (lambda: scores_bytes(UNITS)[:-60] + b"\xff" * 4 + bytes(4), ""),
    "cut in the columns": (lambda: scores_bytes(UNITS)[:90] + b"\xff" * 4 + bytes(4), ""),
    "nothing but an end": (lambda: b"\xff" * 4 + bytes(4), "does not begin with"),
    "two batches": (lambda: arrow(COLUMNS, batches=2), "more follows its rows"),
    "no batch": (lambda: arrow(COLUMNS, batches=0), "followed by no rows"),
    "two files": (lambda: scores_bytes(UNITS) * 2, "more follows its rows"),
    "another version": (lambda: arrow(COLUMNS, version=b"2"), "its columns are 'name'"),
    "compressed": (lambda: arrow(COLUMNS, compression="zstd"), "it is compressed"),
    "a column too few": (
        lambda: arrow({n: c for n, c in COLUMNS.items() if n != "attack"}),
        "its columns are 'name', 'label', 'cluster'",
    ),
    "a column too many": (changed(score_other=pa.array([1.0, 2, 3])), "its columns are"),
    "columns in another order": (
        lambda: arrow(dict(reversed(COLUMNS.items()))),
        "its columns are 'score label'",
    ),
    "scores of another type": (
        changed(score_stide=pa.array(np.array([1, 2, 3], np.float32))), "or of other types",
    ),
    "names in a dictionary": (
        changed(name=pa.array(["a", "b", "c"]).dictionary_encode()), "or of other types",
    ),
    "a score that is no number": (
        changed(score_stide=pa.array([1.0, np.nan, 2.0])), "a score of stide is no number",
    ),
    "an infinite score": (
        changed(score_label=pa.array([1.0, -np.inf, 2.0])), "a score of label is no number",
    ),
    "a score whose differences are infinite": (
        changed(score_label=pa.array([1e308, -1e308, 2.0])), "a score of label is no number",
    ),
    "an unknown label": (
        changed(label=pa.array(np.array([0, -1, 1], np.int8))), "neither 0 .normal. nor 1",
    ),
    "a label missing": (changed(label=pa.array([0, None, 1], pa.int8())), ""),
    "rows that are not there": (of_many_rows, ""),
    "no UTF-8": (not_utf8, ""),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_refused(name: str) -> None:
    make, said = HOSTILE[name]
    with pytest.raises(InputError, match=rf"^x/scores\.arrow: no scores that .*{said}"):
        read(make())


@given(place=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_changed_byte_is_refused_or_harmless(place: int, value: int) -> None:
    content = bytearray(scores_bytes(UNITS))
    content[place % len(content)] = value
    try:
        found = read(bytes(content))
    except InputError:
        return
    assert found.n_units == len(found.labels) == len(found.clusters) == len(found.attacks)
    for scores in found.scores.values():
        assert len(scores) == found.n_units
        assert not np.isinf(scores).any()


@given(st.binary(max_size=200))
def test_no_noise_is_scores(noise: bytes) -> None:
    with pytest.raises(InputError):
        read(noise + b"\xff" * 4 + bytes(4))


def test_another_evaluations_scores_are_refused() -> None:
    with pytest.raises(InputError, match=r"is not the file that results\.json beside it was"):
        scores_from(scores_bytes(UNITS), "x/scores.arrow", MODELS, "0" * 64)


def test_recordings_are_as_strange_as_their_strangest_thread_that_was_judged() -> None:
    labels = [Label.NORMAL, Label.NORMAL, Label.ATTACK, Label.NORMAL, Label.NORMAL]
    infos = [
        TraceInfo(str(i), "s", label, attack="shell" if label else "", group=group)
        for i, (label, group) in enumerate(zip(labels, "bbaac", strict=True))
    ]
    traces = TraceSet.from_names([["x"], ["y"], ["x"], ["z"], ["w"]], infos=infos)
    keeper = ScoreKeeper(traces, get_protocol("folder"))
    keeper.add("all", np.array([1.0, 2.0, 3.0, np.inf, np.nan]))
    keeper.add("some", np.array([4.0, 5.0]), np.array([True, False, False, True, False]))
    units = keeper.kept
    assert units.names == ("a", "b", "c")
    assert units.labels.tolist() == [Label.ATTACK, Label.NORMAL, Label.NORMAL]
    assert units.attacks == ("shell", "", "")
    assert len(set(units.clusters.tolist())) == 3
    np.testing.assert_array_equal(units.scores["all"], [3, 2, np.nan])
    np.testing.assert_array_equal(units.scores["some"], [5, 4, np.nan])


def test_equal_sequences_are_one_cluster() -> None:
    infos = [TraceInfo(str(i), "s", Label(i == 3), group=str(i)) for i in range(4)]
    traces = TraceSet.from_names([["x"], ["y"], ["x"], ["x"]], infos=infos)
    units = ScoreKeeper(traces, get_protocol("adfa-ld")).kept
    assert units.names == ("0", "1", "2", "3")
    first, second, third, attack = units.clusters.tolist()
    assert first == third
    assert len({first, second, attack}) == 3
