"""Objectives rank what they should, and anomalies are what they say."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from search_data import traces

from habitus.detectors import get_detector
from habitus.errors import ProtocolError, UsageError
from habitus.evaluation.protocols import PROTOCOLS
from habitus.learning.session import Session
from habitus.search.anomalies import KINDS, synthetic_anomalies
from habitus.search.objectives import (
    attack_auc,
    nats_a_call,
    source_ratio,
    synthetic_auc,
)
from habitus.search.parts import (
    ANOMALIES,
    ATTACKS,
    CHOOSE,
    JUDGED,
    LEARNED,
    in_half,
    parts_of,
    read_part,
    with_anomalies,
    write_parts,
)
from habitus.search.search_file import Judging
from habitus.traces.traceset import Label, TraceInfo, TraceSet, join

JUDGING = Judging(anomalies=30)


def program(name: str, n_traces: int = 6) -> TraceSet:
    """Runs of another program, whose calls go round the other way."""
    walks = [
        [f"call{(-i - start) % 6}" for i in range(40)] + ["alien"] for start in range(n_traces)
    ]
    infos = [TraceInfo(f"{name}/{i}", "x", Label.NORMAL, group=f"{name}/{i}") for i in range(6)]
    return TraceSet.from_names(walks, infos=infos)


@pytest.fixture(scope="module")
def both() -> TraceSet:
    return join([traces(), traces(12, seed=2, label=Label.ATTACK)])


@pytest.fixture(scope="module")
def parts(both: TraceSet) -> dict[str, TraceSet]:
    made = parts_of(both, None, JUDGING, 1, supervised=True)
    return with_anomalies(made, JUDGING, 1)


def fitted(name: str, parts: dict[str, TraceSet], **settings: object):
    detector = get_detector(name).with_settings(settings)
    detector.fit(parts[LEARNED], None, seed=1)
    return detector


def test_nothing_that_is_judged_is_learned(parts: dict[str, TraceSet]) -> None:
    learned = {bytes(d) for d in parts[LEARNED].sequence_digests()}
    for name in (JUDGED, ANOMALIES):
        assert not learned & {bytes(d) for d in parts[name].sequence_digests()}
    assert not (parts[LEARNED].labels == Label.ATTACK).any()
    assert not (parts[JUDGED].labels == Label.ATTACK).any()


def test_nats_are_those_of_the_definition(parts: dict[str, TraceSet]) -> None:
    detector = fitted("ngram", parts, order=3)
    measured = nats_a_call(detector, parts)
    assert math.isclose(
        measured.value, float(detector.surprise(parts[JUDGED]).mean()), rel_tol=1e-6
    )
    assert measured.beside["share_guessed"] == 1


def test_calls_that_a_detector_says_nothing_of_cost_a_guess(parts: dict[str, TraceSet]) -> None:
    detector = fitted("lstm", parts, window=5, cells=4, embedding=4, epochs=1, batch=8)
    measured = nats_a_call(detector, parts)
    plain = fitted("lstm", parts, window=5, cells=4, embedding=4, epochs=1, batch=8, baseline=0)
    surprise = plain.surprise(parts[JUDGED])
    told = np.isfinite(surprise)
    n_first = 5 * parts[JUDGED].n_traces
    assert (~told).sum() == n_first
    guess = math.log(len(detector.vocabulary) + 1)
    expected = (surprise[told].astype(float).sum() + n_first * guess) / len(surprise)
    assert math.isclose(measured.value, expected, rel_tol=1e-6)


def test_what_is_taken_off_a_surprise_takes_nothing_off_the_objective(
    parts: dict[str, TraceSet],
) -> None:
    small = {"cells": 4, "embedding": 4, "epochs": 2, "batch": 8}
    half = nats_a_call(fitted("lstm", parts, **small, baseline=0.5), parts)
    none = nats_a_call(fitted("lstm", parts, **small, baseline=0.0), parts)
    assert half.value == none.value


@pytest.mark.parametrize("name", ["lstm", "transformer", "autoencoder"])
def test_a_network_is_measured_while_it_learns_as_it_is_when_it_has_ended(
    name: str, parts: dict[str, TraceSet]
) -> None:
    """To prune by: what is told after an epoch is its value if training had ended there."""
    objective = synthetic_auc if name == "autoencoder" else nats_a_call
    told: list[float] = []
    wanted = {"epochs": 3, "batch": 8, "average": 0.0, "rate": 0.003, "stop_share": 0.3}
    detector = get_detector(name).with_settings(wanted)
    detector.session = Session(
        watch=lambda _, as_if_ended: told.append(objective(as_if_ended(), parts).value)
    )
    detector.fit(parts[LEARNED], None, seed=1)
    assert len(told) == 3
    for epoch in range(detector.history.best, 3):  # what came after the best has changed nothing
        assert math.isclose(told[epoch], objective(detector, parts).value, rel_tol=1e-5)
    unwatched = get_detector(name).with_settings(wanted)
    unwatched.fit(parts[LEARNED], None, seed=1)
    assert objective(unwatched, parts).value == objective(detector, parts).value


def test_chances_that_add_up_to_more_than_one_are_refused(parts: dict[str, TraceSet]) -> None:
    with pytest.raises(UsageError, match="chances add up to more than 1"):
        nats_a_call(fitted("ngram", parts, order=3, floor=3), parts)


def test_a_better_model_of_order_ranks_first(parts: dict[str, TraceSet]) -> None:
    for objective, sign in ((nats_a_call, -1), (synthetic_auc, 1), (attack_auc, 1)):
        values = [objective(fitted("ngram", parts, order=n), parts).value for n in (1, 2)]
        assert sign * values[1] > sign * values[0], objective.__name__


def test_areas_are_of_each_kind_and_their_mean(parts: dict[str, TraceSet]) -> None:
    measured = synthetic_auc(fitted("ngram", parts, order=2), parts)
    kinds = {f"auc_{info.attack}" for info in parts[ANOMALIES].infos}
    assert set(measured.beside) == kinds
    assert math.isclose(measured.value, float(np.mean(list(measured.beside.values()))))


def test_what_cannot_be_scored_raises_no_alarm(parts: dict[str, TraceSet]) -> None:
    """A window longer than all traces says nothing of any: no better than chance."""
    assert synthetic_auc(fitted("stide", parts, n=64), parts).value == 0.5


def test_the_halves_of_a_supervised_search_share_no_recording(parts: dict[str, TraceSet]) -> None:
    for name in (ATTACKS, JUDGED):
        groups = {info.group: info.split for info in parts[name].infos}
        assert set(groups.values()) == {"choose", "report"}
        chosen = in_half(parts[name], CHOOSE)
        assert {groups[info.group] for info in chosen.infos} == {CHOOSE}


def test_a_supervised_objective_reports_on_what_it_did_not_choose_by(
    parts: dict[str, TraceSet],
) -> None:
    detector = fitted("ngram", parts, order=2)
    before = attack_auc(detector, parts)
    infos = tuple(i for i in parts[ATTACKS].infos if i.split == CHOOSE)
    calm = in_half(parts[JUDGED], CHOOSE)
    only = {**parts, ATTACKS: join([in_half(parts[ATTACKS], CHOOSE), _reported(calm)])}
    after = attack_auc(detector, only)
    assert infos
    assert after.value == before.value
    assert after.beside["auc_reported"] != before.beside["auc_reported"]


def _reported(calm: TraceSet) -> TraceSet:
    infos = tuple(
        replace(info, name=f"x{i}", split="report", label=Label.ATTACK)
        for i, info in enumerate(calm.infos)
    )
    return replace(calm, infos=infos)


def test_the_source_s_ratio_is_the_mean_losses_ratio(parts: dict[str, TraceSet]) -> None:
    detector = fitted("ngram", parts, order=2)
    means = [
        float(detector.surprise(in_half(parts[name], CHOOSE)).astype(float).mean())
        for name in (ATTACKS, JUDGED)
    ]
    measured = source_ratio(detector, parts)
    assert math.isclose(measured.value, means[0] / means[1])
    assert {"ratio_reported", "auc_reported"} <= set(measured.beside)


def test_attacks_of_a_final_protocol_choose_nothing(both: TraceSet) -> None:
    final = replace(PROTOCOLS["folder"], is_final=True)
    with pytest.raises(ProtocolError, match="may choose nothing"):
        parts_of(both, final, JUDGING, 1, supervised=True)


def test_supervised_without_attacks_is_told() -> None:
    with pytest.raises(UsageError, match="no labelled attacks"):
        parts_of(traces(), None, JUDGING, 1, supervised=True)


# Anomalies


@pytest.fixture(scope="module")
def anomalies() -> TraceSet:
    return synthetic_anomalies(
        traces(12, seed=3), traces(), join([program("web")]), n_each=40, seed=1
    )


def test_every_kind_is_there_and_none_is_normal(anomalies: TraceSet) -> None:
    kinds = [info.attack for info in anomalies.infos]
    assert {kind: kinds.count(kind) for kind in KINDS} == dict.fromkeys(KINDS, 40)
    normal = {bytes(d) for t in (traces(12, seed=3), traces()) for d in t.sequence_digests()}
    assert not normal & {bytes(d) for d in anomalies.sequence_digests()}
    assert (anomalies.labels == Label.ATTACK).all()


def test_anomalies_hold_no_call_that_the_data_never_make(anomalies: TraceSet) -> None:
    """A call that is new gives anything away: it would be the only thing that is ranked."""
    assert set(anomalies.alphabet) <= {f"call{i}" for i in range(6)}


def test_the_same_seed_makes_the_same_anomalies(anomalies: TraceSet) -> None:
    arguments = (traces(12, seed=3), traces(), program("web"))
    again = synthetic_anomalies(*arguments, n_each=40, seed=1)
    other = synthetic_anomalies(*arguments, n_each=40, seed=2)
    assert np.array_equal(again.calls, anomalies.calls)
    assert again.infos == anomalies.infos
    assert not np.array_equal(other.calls, anomalies.calls)


def test_a_permuted_trace_makes_the_calls_of_a_normal_one(anomalies: TraceSet) -> None:
    normal = traces(12, seed=3)
    counts = {tuple(sorted(normal.trace(i))) for i in range(normal.n_traces)}
    for i, info in enumerate(anomalies.infos):
        if info.attack == "permuted":
            assert tuple(sorted(anomalies.trace(i))) in counts


def test_nothing_is_foreign_to_its_own_program() -> None:
    normal = traces(6)
    same = replace(
        program("a"),
        infos=tuple(replace(i, group=normal.infos[0].group) for i in program("a").infos),
    )
    own = replace(
        normal, infos=tuple(replace(i, group=normal.infos[0].group) for i in normal.infos)
    )
    made = synthetic_anomalies(own, own, same, n_each=5, seed=1)
    assert "foreign" not in {info.attack for info in made.infos}


def test_traces_too_short_for_anomalies_are_told() -> None:
    short = TraceSet.from_names([["a", "b"]] * 4)
    with pytest.raises(UsageError, match="no held-out normal trace has 16 calls"):
        synthetic_anomalies(short, short, program("web"), n_each=5, seed=1)


def test_parts_come_back_from_their_files_without_a_copy(
    parts: dict[str, TraceSet], tmp_path
) -> None:
    import pyarrow as pa

    for name, path in write_parts(parts, tmp_path).items():
        buffer = pa.memory_map(str(path)).read_buffer()
        again = read_part(buffer)
        assert again.infos == parts[name].infos
        assert np.array_equal(again.sequence_digests(), parts[name].sequence_digests())
        assert not again.calls.flags.owndata
        begin = again.calls.__array_interface__["data"][0]
        assert buffer.address <= begin < buffer.address + buffer.size
