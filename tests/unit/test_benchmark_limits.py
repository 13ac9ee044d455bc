"""What the page on limits is made of: nothing that is judged was learned, and pairs are counted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from habitus import Label, TraceSet
from habitus.traces.traceset import TraceInfo

if TYPE_CHECKING:
    from collections.abc import Callable

TYPES = ("Adduser", "Web_Shell")


@pytest.fixture
def limits(
    benchmark_script: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], Any]:
    """The scripts, with a small data set in ADFA-LD's place."""
    data = benchmark_script("limits_data")
    made = made_dev(data)
    for name in ("limits_kinds", "limits_coverage", "limits_bound"):
        monkeypatch.setattr(benchmark_script(name), "dev", lambda: made)
    return benchmark_script


def made_dev(data: Any) -> Any:
    """40 training traces; 60 normals, two of them trained, and 20 attacks in 10 folders."""
    random = np.random.default_rng(1)

    def row(calls: str) -> list[str]:
        return list(random.choice(list(calls), size=int(random.integers(8, 30))))

    training = TraceSet.from_names([row("abcd") for _ in range(40)])
    rows = [row("abce") for _ in range(58)] + [training.trace(0), training.trace(1)]
    infos = [TraceInfo(f"normal-{i}", "made", Label.NORMAL, group=f"n{i}") for i in range(60)]
    for i in range(20):
        kind, folder = TYPES[i % 2], i // 2 % 5 + 1
        name = f"U-{kind}-{folder}-{7 if i < 10 else 100 + i}.txt"
        group = f"{kind}_{folder}"
        infos.append(TraceInfo(name, "made", Label.ATTACK, attack=kind, group=group))
        rows.append(rows[60] if i == 13 else row("abxy"))  # one attack stands in two folders
    judged = TraceSet.from_names(rows, infos=infos)
    attack = judged.labels == Label.ATTACK
    distinct = ~attack
    distinct[58:60] = False
    return data.Dev(training, 40, judged, distinct, np.arange(judged.n_traces))


def digests(traces: TraceSet) -> set[bytes]:
    return {bytes(digest) for digest in traces.sequence_digests()}


def test_a_longer_list_begins_with_the_shorter_and_holds_nothing_judged(limits: Any) -> None:
    coverage = limits("limits_coverage")
    judged = coverage.dev().judged.select(coverage.halves(3)[1])
    assert judged.n_traces == 29
    for curve in ("training", "validation", "both"):
        shorter, longer = (
            digests(coverage.learned_of(coverage.Point("stide", curve, size, 3)))
            for size in (10, 20)
        )
        assert shorter < longer
        assert not longer & digests(judged)
    other = coverage.learned_of(coverage.Point("stide", "validation", 10, 4))
    assert digests(other) != digests(
        coverage.learned_of(coverage.Point("stide", "validation", 10, 3))
    )


@pytest.mark.parametrize("by", ["folders", "types"])
def test_who_learns_attacks_judges_no_folder_and_no_sequence_it_learned(
    limits: Any, by: str
) -> None:
    bound = limits("limits_bound")
    every, attacks = bound.every(), bound.attacks()
    n_judged = np.zeros(every.n_traces, dtype=int)
    for learned, judged in bound.rounds(by):
        n_judged += judged
        assert not digests(every.select(learned)) & digests(every.select(judged))
        names = [
            {getattr(every.infos[i], "group" if by == "folders" else "attack") for i in chosen}
            for chosen in (np.flatnonzero(learned & attacks), np.flatnonzero(judged & attacks))
        ]
        assert not names[0] & names[1]
    # Every attack and every normal that is no training trace is judged once.
    assert n_judged[: bound.dev().judged.n_traces].sum() == 78
    assert n_judged.max() == 1
    assert not n_judged[bound.dev().judged.n_traces :].any()


def test_pairs_of_one_kind_and_of_two_make_the_whole_area(limits: Any) -> None:
    kinds = limits("limits_kinds")
    dev = kinds.dev()
    values = np.random.default_rng(2).integers(0, 9, dev.judged.n_traces).astype(np.float64)
    same, other, share = kinds.within_kinds(values)
    pairs = [
        (float(values[a] > values[n]) + 0.5 * float(values[a] == values[n]),
         kinds.kinds().judged[a] == kinds.kinds().judged[n])
        for a in np.flatnonzero(dev.attack) for n in np.flatnonzero(dev.distinct)
    ]  # fmt: skip
    assert share == pytest.approx(np.mean([is_same for _, is_same in pairs]))
    assert same == pytest.approx(np.mean([won for won, is_same in pairs if is_same]))
    assert same * share + other * (1 - share) == pytest.approx(dev.roc(values, dev.distinct).auc)


def test_process_numbers_and_the_types_that_they_stand_in(limits: Any) -> None:
    dev = limits("limits_kinds").dev()
    assert dev.processes[60] == 7
    assert dev.n_types[60] == 2
    assert dev.n_types[75] == 1
    assert not dev.n_types[:60].any()


def test_shares_of_calls_and_traces_that_make_one(limits: Any) -> None:
    kinds = limits("limits_kinds")
    traces = TraceSet.from_names([list("aab"), [], list("b")])
    np.testing.assert_allclose(kinds.shares(traces), [[2 / 3, 1 / 3], [0, 0], [0, 1]])
    assert kinds.holds(traces, "a").tolist() == [True, False, False]
    assert not kinds.holds(traces, "execve").any()
