"""Results by type, by folder and by novel calls, against the curves of each part."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitus
from habitus.evaluation.breakdown import MAX_FOLDERS, per_attack, per_folder, subset
from habitus.evaluation.judged import Judged
from habitus.evaluation.metrics import roc
from habitus.traces.traceset import Label, TraceInfo

RATES = (0.01, 0.2)
SCORES = st.lists(st.integers(0, 7).map(float), min_size=1, max_size=30).map(np.array)


def judged(scores: np.ndarray, kinds: list[str], novel: list[bool] | None = None) -> Judged:
    n = len(scores)
    return Judged(
        scores, np.ones(n, np.int8), np.array(kinds), np.arange(n), np.arange(n),
        np.zeros(n, bool) if novel is None else np.array(novel), np.arange(n),
    )  # fmt: skip


@given(normal=SCORES, attack=SCORES, data=st.data())
def test_a_type_is_judged_as_if_it_were_alone(
    normal: np.ndarray, attack: np.ndarray, data: st.DataObject
) -> None:
    kinds = [data.draw(st.sampled_from("ab")) for _ in attack]
    normals = judged(normal, [""] * len(normal))
    found = per_attack(normals, judged(attack, kinds), RATES, seed=1, replicates=5)
    assert set(found) == set(kinds)
    for kind, result in found.items():
        alone = attack[np.array(kinds) == kind]
        curve = roc(normal, alone)
        assert result.n == len(alone)
        assert result.auc == pytest.approx(curve.auc, abs=1e-12)
        for rate in RATES:
            assert result.dr_at_fpr[f"{rate:g}"] == pytest.approx(curve.detection_at(rate)[0])


def test_a_type_called_unnamed_drowns_none_without_a_name() -> None:
    normals = judged(np.arange(4.0), [""] * 4)
    attacks = judged(np.array([5.0, 1, 9]), ["", "unnamed", "k"])
    found = per_attack(normals, attacks, RATES, seed=1, replicates=5)
    assert {kind: result.n for kind, result in found.items()} == {"unnamed": 2, "k": 1}


def test_with_very_many_types_there_are_no_intervals() -> None:
    scores = np.repeat(np.arange(30.0), 2)
    kinds = [str(i // 2) for i in range(60)]
    found = per_attack(
        judged(np.arange(9.0), [""] * 9), judged(scores, kinds), RATES, seed=1, replicates=5
    )
    assert all(result.auc_ci95 is None for result in found.values())


def test_folders_come_least_found_first_and_say_what_the_threshold_finds() -> None:
    infos = [TraceInfo(str(i), "s", Label.ATTACK, group=g) for i, g in enumerate("bbaac")]
    traces = habitus.TraceSet.from_names([["x"]] * 5, infos=infos)
    attack = judged(np.array([9.0, 9, 0, 6, 2]), ["k"] * 5)
    normal = judged(np.arange(8.0), [""] * 8)
    n_folders, folders = per_folder(traces, normal, attack, RATES, threshold=6.0)
    assert n_folders == 3
    assert [folder.name for folder in folders] == ["c", "a", "b"]
    # 2 lies above 0 and 1 and ties with 2; 0 ties with 0, and 6 lies above six and ties with 6.
    assert [folder.auc for folder in folders] == [2.5 / 8, (0.5 + 6.5) / 16, 1]
    assert [(folder.n, folder.n_detected) for folder in folders] == [(1, 0), (2, 0), (2, 2)]
    assert folders[1].dr_at_fpr == {"0.01": 0.0, "0.2": 0.0}
    assert folders[2].dr_at_fpr == {"0.01": 1.0, "0.2": 1.0}
    _, unsure = per_folder(traces, normal, attack, RATES, threshold=None)
    assert unsure[0].n_detected is None


def test_of_very_many_folders_the_first_are_kept_and_all_are_counted() -> None:
    n = MAX_FOLDERS + 10
    infos = [TraceInfo(str(i), "s", Label.ATTACK, group=str(i)) for i in range(n)]
    traces = habitus.TraceSet.from_names([["x"]] * n, infos=infos)
    normal, attack = judged(np.arange(9.0), [""] * 9), judged(np.arange(n) % 9.0, [""] * n)
    n_folders, folders = per_folder(traces, normal, attack, RATES, None)
    assert (n_folders, len(folders)) == (n, MAX_FOLDERS)


def test_novel_calls_divide_the_test() -> None:
    normal = judged(np.array([0.0, 1, 2, 9]), [""] * 4, [False, False, False, True])
    attack = judged(np.array([1.0, 10, 10]), [""] * 3, [False, True, True])
    without = subset(normal, attack, (0.5,), novel=False)
    assert (without.n_normal, without.n_attack, without.auc) == (3, 1, 0.5)
    assert without.dr_at_fpr == {"0.5": 0.0}
    with_novel = subset(normal, attack, (0.5,), novel=True)
    assert (with_novel.n_normal, with_novel.n_attack, with_novel.auc) == (1, 2, 1.0)
    nothing = subset(normal, judged(np.array([3.0]), [""]), (0.5,), novel=True)
    assert (nothing.n_attack, nothing.auc, nothing.dr_at_fpr) == (0, None, {})
