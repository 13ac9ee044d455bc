"""Protocols: who is learned, who is judged, and that nobody is both."""

from __future__ import annotations

import hashlib
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pytest
from adfa_tree import FOLDERS, TRAINING, VALIDATION, adfa_tree

from habitus.errors import ProtocolError, UsageError
from habitus.evaluation.protocols import (
    PROTOCOLS,
    default_protocol,
    get_protocol,
    test_part,
    training_part,
)
from habitus.traces.reading import read_traces
from habitus.traces.traceset import Label, TraceInfo, TraceSet

if TYPE_CHECKING:
    from pathlib import Path

test_part.__test__ = False  # type: ignore[attr-defined]  # its name is not for pytest


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> TraceSet:
    return read_traces(adfa_tree(tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def adfa(test_data: Path) -> TraceSet:
    return read_traces(test_data / "adfa-ld" / "ADFA-LD.zip")


def parts(traces: TraceSet, name: str) -> tuple[TraceSet, TraceSet]:
    protocol = get_protocol(name)
    return training_part(traces, protocol)[0], test_part(traces, protocol)


def n_of(traces: TraceSet, label: Label) -> int:
    return int(np.sum(traces.labels == label))


def test_adfa_ld_learns_training_and_judges_all_else(tiny: TraceSet) -> None:
    assert default_protocol(tiny, "x") is PROTOCOLS["adfa-ld"]
    learned, judged = parts(tiny, "adfa-ld")
    assert learned.n_traces == len(TRAINING)
    assert n_of(judged, Label.NORMAL) == len(VALIDATION)
    assert n_of(judged, Label.ATTACK) == 2 * len(FOLDERS)
    assert not set(learned.names) & set(judged.names)


def test_distinct_leaves_out_copies_and_what_was_learned(tiny: TraceSet) -> None:
    learned, judged = parts(tiny, "adfa-ld/distinct")
    normal = judged.select(judged.labels == Label.NORMAL)
    sequences = {tuple(normal.trace(i)) for i in range(normal.n_traces)}
    assert len(sequences) == normal.n_traces == len(set(VALIDATION) - set(TRAINING))
    assert not sequences & {tuple(learned.trace(i)) for i in range(learned.n_traces)}
    assert n_of(judged, Label.ATTACK) == 2 * len(FOLDERS)
    # Of copies, the first stays.
    assert any(name.endswith("UVD-0002.txt") for name in normal.names)


def assert_partition(traces: TraceSet) -> None:
    whole = parts(traces, "adfa-ld")[1]
    dev, final = parts(traces, "adfa-ld/dev")[1], parts(traces, "adfa-ld/final")[1]
    assert sorted(dev.names + final.names) == sorted(whole.names)
    assert len(set(dev.names + final.names)) == whole.n_traces
    for half, folders in ((dev, range(1, 6)), (final, range(6, 11))):
        attacks = {i.group for i in half.infos if i.label is Label.ATTACK}
        assert {int(group.rpartition("_")[2]) for group in attacks} == set(folders)


def test_dev_and_final_part_the_test_exactly(tiny: TraceSet) -> None:
    assert_partition(tiny)


def test_equal_normals_lie_in_one_half(tiny: TraceSet) -> None:
    halves = [parts(tiny, f"adfa-ld/{half}")[1] for half in ("dev", "final")]
    dev, final = (
        {tuple(h.trace(i)) for i in range(h.n_traces) if h.labels[i] == Label.NORMAL}
        for h in halves
    )
    assert not dev & final


def test_only_final_is_final() -> None:
    assert [p.name for p in PROTOCOLS.values() if p.is_final] == ["adfa-ld/final"]


def test_the_real_adfa_ld_has_the_numbers_of_the_literature(adfa: TraceSet) -> None:
    learned, judged = parts(adfa, "adfa-ld")
    assert learned.n_traces == 833
    assert (n_of(judged, Label.NORMAL), n_of(judged, Label.ATTACK)) == (4372, 746)
    distinct = parts(adfa, "adfa-ld/distinct")[1]
    assert (n_of(distinct, Label.NORMAL), n_of(distinct, Label.ATTACK)) == (2342, 746)
    sequences = adfa.sequence_ids()
    is_training = np.array([info.split == "training" for info in adfa.infos])
    is_validation = np.array([info.split == "validation" for info in adfa.infos])
    assert len(np.unique(sequences[is_validation])) == 2420
    assert np.isin(sequences[is_validation], sequences[is_training]).sum() == 422
    assert np.bincount(sequences[is_validation]).max() == 968


def test_the_real_dev_and_final_part_the_real_test(adfa: TraceSet) -> None:
    assert_partition(adfa)


def test_the_real_dev_normals_follow_the_hash_of_their_numbers(
    adfa: TraceSet, test_data: Path
) -> None:
    """Recomputed from the zip itself, without any reader of ours."""
    dev = parts(adfa, "adfa-ld/dev")[1]
    with zipfile.ZipFile(test_data / "adfa-ld" / "ADFA-LD.zip") as archive:
        wanted = set()
        for name in archive.namelist():
            file = name.rpartition("/")[2]
            if "/Validation_Data_Master/" in name and file.startswith("UVD"):
                numbers = b" ".join(archive.read(name).split())
                if hashlib.sha256(numbers).hexdigest()[-1] in "02468ace":
                    wanted.add(name)
    assert {i.name for i in dev.infos if i.label is Label.NORMAL} == wanted


def folder_traces(*rows: tuple[str, Label, str, str]) -> TraceSet:
    """Traces from (calls, label, recording, split)."""
    infos = [
        TraceInfo(f"{group}#{i}", group, label=label, group=group, split=split)
        for i, (_, label, group, split) in enumerate(rows)
    ]
    return TraceSet.from_names([list(calls) for calls, *_ in rows], infos=infos)


N, A = Label.NORMAL, Label.ATTACK


def test_a_recording_is_learned_or_judged_whole() -> None:
    rows = [(f"abc{c}", N, f"run-{i // 2}", "") for i, c in enumerate("defghijklm")]
    traces = folder_traces(*rows, ("xyz", A, "attack-1", ""))
    learned, judged = parts(traces, "folder")
    groups = [info.group for info in learned.infos]
    assert len(set(groups)) == 3
    assert all(groups.count(group) == 2 for group in groups)
    assert n_of(learned, A) == 0
    # What was learned is judged by nobody: `evaluate` leaves out all that equals it.
    assert PROTOCOLS["folder"].leaves_out_known
    assert n_of(judged, A) == 1


def test_the_choice_of_recordings_depends_on_their_names_alone() -> None:
    rows = [("abc", N, f"run-{i}", "") for i in range(9)] + [("xyz", A, "attack-1", "")]
    learned = parts(folder_traces(*rows), "folder")[0]
    shuffled = parts(folder_traces(*rows[::-1]), "folder")[0]
    assert {i.group for i in learned.infos} == {i.group for i in shuffled.infos}


def test_a_train_folder_is_all_that_is_learned_and_never_judged() -> None:
    traces = folder_traces(
        ("abc", N, "t", "training"), ("abd", N, "n", ""), ("xyz", A, "a", ""),
        ("xxx", A, "b", "training"),
    )  # fmt: skip
    learned, judged = parts(traces, "folder")
    assert [info.group for info in learned.infos] == ["t"]
    assert [info.group for info in judged.infos] == ["n", "a"]


def test_unlabelled_traces_are_neither_learned_nor_judged_by_a_protocol() -> None:
    traces = folder_traces(("ab", N, "n", ""), ("ab", Label.UNKNOWN, "u", ""), ("xy", A, "a", ""))
    learned, judged = parts(traces, "folder")
    assert "u" not in {info.group for info in (*learned.infos, *judged.infos)}


def test_without_a_protocol_everything_but_attacks_is_learned() -> None:
    traces = folder_traces(("ab", N, "n", ""), ("ab", Label.UNKNOWN, "u", ""), ("x", A, "a", ""))
    learned, name = training_part(traces, None)
    assert [info.group for info in learned.infos] == ["n", "u"]
    assert name == "all"


def test_data_that_a_protocol_does_not_fit_is_refused(tiny: TraceSet) -> None:
    normal = tiny.select(tiny.labels == Label.NORMAL)
    with pytest.raises(ProtocolError, match=f"found {len(VALIDATION)} and 0"):
        test_part(normal, get_protocol("folder"))
    with pytest.raises(ProtocolError, match="nothing to learn from"):
        training_part(folder_traces(("ab", N, "n", "")), get_protocol("adfa-ld"))
    with pytest.raises(UsageError, match="adfa-ld/distinct"):
        get_protocol("adfa")
    assert default_protocol(normal, "x") is None


def test_an_attack_outside_a_numbered_folder_is_refused() -> None:
    traces = folder_traces(("ab", N, "n", "validation"), ("xy", A, "Hydra_FTP", "attack"))
    with pytest.raises(ProtocolError, match="not in a numbered attack folder"):
        test_part(traces, get_protocol("adfa-ld/dev"))
