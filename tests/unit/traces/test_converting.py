"""Converting keeps what the target can hold, and a sample holds nothing private."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reading import pieces, rows

import habitus
from habitus.errors import InputError, UsageError
from habitus.traces.converting import sample_of, target_of
from habitus.traces.formats.plain_writer import write_plain
from habitus.traces.traceset import Label, TraceInfo, TraceSet, join, offsets_of

if TYPE_CHECKING:
    from pathlib import Path

STRACE = (
    '412 1700000000.000100 openat(AT_FDCWD, "/home/eve/secret", O_RDONLY) = 3\n'
    "413 1700000000.000200 futex(0x7f00, FUTEX_WAKE, 1) = 1\n"
    "412 1700000000.000300 close(3) = 0\n"
)
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=8)


def put_recordings(folder: Path) -> Path:
    for name in ("normal/eve.strace", "attack/root-shell-1.strace", "train/bob.strace"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(STRACE)
    return folder


def test_a_native_file_keeps_everything(tmp_path: Path) -> None:
    source = put_recordings(tmp_path / "data")
    written = habitus.convert(source, tmp_path / "all.habitus")
    assert (written.to, written.n_traces, written.n_calls) == ("native", 6, 9)
    assert written.lost() == []
    before, after = habitus.read_traces(source), habitus.read_traces(tmp_path / "all.habitus")
    assert after.infos == before.infos
    assert rows(after) == rows(before)
    assert before.times_ns is not None
    assert before.positions is not None
    np.testing.assert_array_equal(after.times_ns, before.times_ns)
    np.testing.assert_array_equal(after.positions, before.positions)


def test_plain_text_keeps_calls_and_says_what_is_lost(tmp_path: Path) -> None:
    source = put_recordings(tmp_path / "data")
    written = habitus.convert(source, tmp_path / "calls.txt")
    assert (tmp_path / "calls.txt").read_text() == "openat close\nfutex\n" * 3
    (lost,) = written.lost()
    assert lost == (
        "plain text does not hold labels of 6 traces, times of 9 calls, places in their files of "
        "9 calls; a native file does (--to native)"
    )


def test_what_is_read_is_never_written_over(tmp_path: Path) -> None:
    source = put_recordings(tmp_path / "data")
    file = source / "normal" / "eve.strace"
    (tmp_path / "link").symlink_to(file)
    for path, output in ((file, file), (file, tmp_path / "link"), (tmp_path / "link", file)):
        for write in (habitus.convert, habitus.sample):
            with pytest.raises(UsageError, match="is what is to be read"):
                write(str(path), output)
    for write in (habitus.convert, habitus.sample):
        with pytest.raises(UsageError, match="lies in the folder that is read"):
            write(str(source), source / "normal" / "all.habitus")
    assert file.read_text() == STRACE


@given(st.lists(st.lists(NAMES, min_size=1, max_size=30), min_size=1, max_size=20))
def test_plain_text_is_read_back(tmp_path_factory: pytest.TempPathFactory, traces: list) -> None:
    path = tmp_path_factory.mktemp("plain") / "t.txt"
    write_plain(path, [TraceSet.from_names(traces)])
    assert rows(habitus.read_traces(path, format="plain")) == traces


def test_segments_of_interleaved_threads_become_whole_lines(tmp_path: Path) -> None:
    lines = [f"{pid} {name}({pid}) = 0\n" for name in ("openat", "read") * 20 for pid in (7, 8)]
    (tmp_path / "t.strace").write_text("".join(lines))
    with pieces(64, 5):
        assert len(list(habitus.TraceReader(tmp_path / "t.strace"))) > 5
        habitus.convert(tmp_path / "t.strace", tmp_path / "t.txt")
    assert (tmp_path / "t.txt").read_text() == (" ".join(["openat", "read"] * 20) + "\n") * 2


def test_a_name_that_plain_text_cannot_hold_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"'two words' cannot stand in plain text.*--to native"):
        write_plain(tmp_path / "t.txt", [TraceSet.from_names([["openat", "two words"]])])
    assert list(tmp_path.iterdir()) == []


def test_damage_leaves_no_half_converted_file(tmp_path: Path) -> None:
    habitus.write_native(tmp_path / "a.habitus", [TraceSet.from_names([["openat"]] * 100)])
    data = (tmp_path / "a.habitus").read_bytes()
    (tmp_path / "cut.habitus").write_bytes(data[: len(data) - 100])
    with pytest.raises(InputError, match="damaged native file"):
        habitus.convert(tmp_path / "cut.habitus", tmp_path / "b.habitus")
    assert not (tmp_path / "b.habitus").exists()


def test_the_kind_of_file_follows_its_ending_unless_said() -> None:
    assert target_of("a.txt", None) == "plain"
    assert target_of("a.habitus", None) == target_of("a", None) == "native"
    assert target_of("a.txt", "native") == "native"
    with pytest.raises(UsageError, match="native or plain, not as 'csv'"):
        target_of("a", "csv")


def some_traces() -> TraceSet:
    infos = [
        TraceInfo(
            f"/home/eve/run-{i}.strace#{i}",
            "/home/eve",
            label=Label.ATTACK if i % 10 == 0 else Label.NORMAL,
            attack="eves-exploit" if i % 10 == 0 else "",
            group=f"/home/eve/run-{i // 2}",
            split="training" if i % 3 == 0 else "test",
            thread=4000 + i,
            attack_ns=5,
        )
        for i in range(200)
    ]
    names = [["openat", f"call{i}"] * (i + 1) for i in range(200)]
    made = TraceSet.from_names(names, infos=infos)
    places = np.arange(made.n_calls, dtype=np.int64)
    return replace(made, positions=places, times_ns=places)


def test_a_sample_holds_names_and_labels_alone() -> None:
    traces = some_traces()
    drawn = sample_of(traces, n_traces=40, max_calls=50, seed=3)
    assert drawn.n_traces == 40
    assert drawn.positions is None
    assert drawn.times_ns is None
    assert drawn.lengths.max() <= 50
    assert set(drawn.calls.tolist()) == set(range(len(drawn.alphabet)))
    for info in drawn.infos:
        assert "eve" not in repr(info)
        assert (info.thread, info.attack_ns, info.source) == (-1, -1, "sample")
    parts = [(info.label, info.split) for info in drawn.infos]
    counts = {part: parts.count(part) for part in set(parts)}
    # A fifth of 7 + 60 and of 13 + 120, rounded down; the largest part gets one more.
    assert counts == {
        (Label.ATTACK, "training"): 1, (Label.NORMAL, "training"): 12,
        (Label.ATTACK, "test"): 2, (Label.NORMAL, "test"): 25,
    }  # fmt: skip


def test_traces_of_one_recording_stay_together_in_a_sample() -> None:
    traces = some_traces()
    drawn = sample_of(traces, n_traces=200, max_calls=1_000)
    assert [rows(drawn), drawn.lengths.tolist()] == [rows(traces), traces.lengths.tolist()]
    groups = [info.group for info in drawn.infos]
    assert groups == [f"recording-{i // 2 + 1}" for i in range(200)]
    assert {info.attack for info in drawn.infos} == {"", "attack-1"}


def test_a_seed_repeats_a_sample() -> None:
    traces = some_traces()
    first, again, other = (sample_of(traces, n_traces=20, seed=seed) for seed in (1, 1, 2))
    assert rows(first) == rows(again) != rows(other)


@given(st.integers(4, 200))
def test_every_part_of_the_data_is_in_a_sample(n_traces: int) -> None:
    drawn = sample_of(some_traces(), n_traces=n_traces)
    assert drawn.n_traces == n_traces
    assert len({(info.label, info.split) for info in drawn.infos}) == 4


def test_a_sample_of_nothing_is_refused() -> None:
    empty = TraceSet(np.zeros(0, np.uint16), offsets_of([]), (), ())
    for traces, n_traces in ((empty, 5), (some_traces(), 3)):
        with pytest.raises(UsageError, match="cannot be drawn from"):
            sample_of(traces, n_traces=n_traces)


def test_what_is_sampled_is_read_back(tmp_path: Path) -> None:
    source = put_recordings(tmp_path / "data")
    written = habitus.sample(str(source), tmp_path / "s.habitus", n_traces=4)
    assert written.n_traces == 4
    drawn = join(habitus.TraceReader(tmp_path / "s.habitus"))
    assert {info.label for info in drawn.infos} == {Label.NORMAL, Label.ATTACK}
    assert b"eve" not in (tmp_path / "s.habitus").read_bytes()
    assert b"secret" not in (tmp_path / "s.habitus").read_bytes()
