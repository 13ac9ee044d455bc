"""What holds for every detector of flows: those that Habitus brings, and one defined here."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import habitus.detectors.flow
from habitus.detectors.flow import (
    flow_detector_names,
    get_flow_detector,
    register_flow_detector,
)
from habitus.detectors.flow.arrays import checked
from habitus.detectors.flow.base import FlowDetector
from habitus.detectors.flow.read_features import LARGEST
from habitus.errors import InputError, ModelError, UsageError
from habitus.flows.flowtable import no_flows
from made_flows import made_flows

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from habitus.detectors.base import State
    from habitus.progress import Progress


class Most(FlowDetector):
    """A detector as its user would write one: how far the sum of all is from its mean."""

    name: ClassVar[str] = "most"
    summary: ClassVar[str] = "how much there is of everything"
    needs_labels: ClassVar[bool] = False
    score_unit: ClassVar[str] = "nats"
    unit: ClassVar[str] = "nats"

    def _learn(
        self, matrix: NDArray[np.float64], labels: NDArray[np.bool_] | None,
        groups: NDArray[Any] | None, progress: Progress, seed: int,
    ) -> None:  # fmt: skip
        del labels, groups, progress, seed
        self.means = np.nanmean(matrix, axis=0)

    def _raw(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.array([row.sum() for row in np.ascontiguousarray(self._terms(matrix))])

    def _terms(self, matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.nan_to_num(matrix / (1 + np.abs(self.means)))

    def _base(self) -> float:
        return 0.0

    def _learned(self) -> State:
        return {"means": self.means}

    def _relearn(self, state: Mapping[str, NDArray[np.generic]]) -> None:
        p = len(self.inputs.names)
        self.means = checked(state, "means", np.float64, (p,), low=-LARGEST, high=LARGEST)


@pytest.fixture(autouse=True, scope="module")
def _most_is_registered() -> Iterator[None]:
    """Known here and nowhere else."""
    with pytest.MonkeyPatch.context() as patch:
        registry = habitus.detectors.flow._DETECTORS
        patch.setattr(registry, "_made", dict(registry._made))
        register_flow_detector(Most)
        yield


NAMES = [*flow_detector_names(), Most.name]
every_detector = pytest.mark.parametrize("name", NAMES)
QUICK = {"boosting": {"trees": 10, "folds": 2}}
FLOWS, MALICIOUS, FILES = made_flows(400)
JUDGED, JUDGED_MALICIOUS, _ = made_flows(90, seed=2)


def unfitted(name: str, **settings: object) -> FlowDetector:
    return get_flow_detector(name).with_settings({**QUICK.get(name, {}), **settings})


def fit(detector: FlowDetector, flows: pl.DataFrame = FLOWS, seed: int = 1) -> FlowDetector:
    if detector.needs_labels:
        detector.fit(flows, MALICIOUS, FILES, seed=seed)
    else:
        detector.fit(flows.filter(~MALICIOUS), seed=seed)
    return detector


@cache
def fitted(name: str) -> FlowDetector:
    """Fitted once for all tests: scoring changes nothing, as one of them shows."""
    return fit(unfitted(name))


def restored(origin: FlowDetector, **changed: NDArray[np.generic]) -> FlowDetector:
    """Another detector, made from what a model keeps of the first."""
    clone = type(origin).with_settings(origin.settings.model_dump(mode="json"))
    clone.restore({name: array.copy() for name, array in (origin.state() | changed).items()})
    return clone


@every_detector
def test_a_score_is_one_finite_float64_a_flow_and_higher_is_more_suspicious(name: str) -> None:
    detector = fitted(name)
    scores = detector.score(JUDGED)
    assert scores.dtype == np.float64
    assert scores.shape == (len(JUDGED),)
    assert np.isfinite(scores).all()
    assert scores[JUDGED_MALICIOUS].mean() > scores[~JUDGED_MALICIOUS].mean()
    if detector.score_unit == "probability":
        assert (scores >= 0).all()
        assert (scores <= 1).all()


@every_detector
def test_contributions_add_up_to_the_uncalibrated_score(name: str) -> None:
    detector = fitted(name)
    found = detector.contributions(JUDGED)
    assert found.values.shape == (len(JUDGED), len(found.features))
    assert len(set(found.features)) == len(found.features)
    assert "protocol" in found.features
    assert found.unit == detector.unit
    wanted = detector.uncalibrated(JUDGED)
    assert np.allclose(found.totals(), wanted, rtol=1e-12, atol=1e-9)


@every_detector
def test_scoring_changes_nothing(name: str) -> None:
    detector = fitted(name)
    before = {key: array.copy() for key, array in detector.state().items()}
    first = detector.score(JUDGED)
    detector.contributions(JUDGED)
    assert np.array_equal(detector.score(JUDGED), first)
    for key, array in detector.state().items():
        assert np.array_equal(array, before[key]), key


@every_detector
def test_a_clone_equals_its_origin(name: str) -> None:
    origin = fitted(name)
    clone = restored(origin)
    assert np.array_equal(clone.score(JUDGED), origin.score(JUDGED))
    assert np.array_equal(clone.uncalibrated(JUDGED), origin.uncalibrated(JUDGED))
    assert np.array_equal(clone.contributions(JUDGED).values, origin.contributions(JUDGED).values)
    assert clone.ranges == origin.ranges
    assert clone.inputs.names == origin.inputs.names
    assert {key: array.dtype for key, array in clone.state().items()} == {
        key: array.dtype for key, array in origin.state().items()
    }


@every_detector
def test_the_same_seed_repeats(name: str) -> None:
    first, second = (fit(unfitted(name), seed=8).state() for _ in range(2))
    assert first.keys() == second.keys()
    for key, array in first.items():
        assert np.array_equal(array, second[key]), key


@every_detector
def test_a_flows_score_does_not_depend_on_the_others(name: str) -> None:
    detector = fitted(name)
    together = detector.score(JUDGED)
    alone = np.concatenate([detector.score(JUDGED[i : i + 1]) for i in range(len(JUDGED))])
    assert np.array_equal(alone, together)
    assert np.array_equal(detector.score(JUDGED.reverse()), together[::-1])
    parts = detector.contributions(JUDGED).values
    assert np.array_equal(detector.contributions(JUDGED[7:8]).values, parts[7:8])


@every_detector
def test_no_flows_have_no_scores(name: str) -> None:
    detector = fitted(name)
    assert detector.score(no_flows()).shape == (0,)
    assert detector.contributions(no_flows()).values.shape[0] == 0
    with pytest.raises(UsageError, match="no flows to learn from"):
        unfitted(name).fit(no_flows(), np.zeros(0, dtype=bool))


@every_detector
def test_one_class_alone_is_a_clear_error_or_what_it_learns(name: str) -> None:
    detector = unfitted(name)
    if detector.needs_labels:
        with pytest.raises(UsageError, match="all 400 flows are benign"):
            detector.fit(FLOWS, np.zeros(400, dtype=bool))
        with pytest.raises(UsageError, match="all 400 flows are malicious"):
            detector.fit(FLOWS, np.ones(400, dtype=bool))
        with pytest.raises(UsageError, match="there are no labels"):
            detector.fit(FLOWS)
    else:
        detector.fit(FLOWS.filter(~MALICIOUS), np.zeros(int((~MALICIOUS).sum()), dtype=bool))


@every_detector
def test_labels_and_groups_are_of_the_flows(name: str) -> None:
    with pytest.raises(UsageError, match="labels: wanted one for each of 400"):
        unfitted(name).fit(FLOWS, MALICIOUS[:-1])
    with pytest.raises(UsageError, match="groups: wanted one for each of 400"):
        unfitted(name).fit(FLOWS, MALICIOUS, FILES[:-1])
    numbers: Any = MALICIOUS.astype(np.int64)
    with pytest.raises(UsageError, match="labels: wanted booleans"):
        unfitted(name).fit(FLOWS, numbers)


@every_detector
def test_what_says_nothing_is_left_out_and_told(name: str) -> None:
    silent = FLOWS.with_columns(
        pl.lit(None, pl.Float64).alias("gap_mean_us"), pl.lit(7).alias("packets")
    ).drop("payload_entropy")
    detector = fit(unfitted(name), silent)
    assert not {"gap_mean_us", "packets", "payload_entropy"} & set(detector.inputs.names)
    told = " | ".join(detector.warnings())
    assert "the table lacks them: payload_entropy" in told
    assert "null in every flow: gap_mean_us" in told
    assert "the same in every flow: packets" in told
    assert np.array_equal(detector.score(silent), detector.score(FLOWS))


@every_detector
def test_nothing_to_learn_from_is_a_clear_error(name: str) -> None:
    same = FLOWS.with_columns(pl.lit(7).alias("packets"))
    with pytest.raises(UsageError, match="no feature of these flows tells one from another"):
        fit(unfitted(name, features="packets"), same)


@every_detector
def test_a_column_that_lacks_is_named_and_others_are_ignored(name: str) -> None:
    detector = fitted(name)
    with pytest.raises(InputError, match="columns that the model needs: duration_us, ip_bytes"):
        detector.score(JUDGED.drop("ip_bytes", "duration_us"))
    more = JUDGED.with_columns(pl.lit("x").alias("nonsense"))
    assert np.array_equal(detector.score(more), detector.score(JUDGED))
    needed = JUDGED.select(sorted({n for one in detector.inputs.inputs for n in one.needs}))
    assert np.array_equal(detector.score(needed), detector.score(JUDGED))


@every_detector
def test_a_column_without_numbers_is_named(name: str) -> None:
    text = JUDGED.with_columns(pl.lit("x").alias("duration_us"))
    with pytest.raises(InputError, match="the column duration_us of the table holds String"):
        fitted(name).score(text)


@every_detector
def test_what_every_flow_of_training_told_must_be_told(name: str) -> None:
    detector = fitted(name)
    mute = pl.Series(np.arange(len(JUDGED)) % 3 == 1)
    some = JUDGED.with_columns(
        pl.when(mute).then(None).otherwise(pl.col("ip_bytes")).alias("ip_bytes")
    )
    with pytest.raises(
        InputError, match=r"30 of 90 flows, the first in row 1 .* not tell ip_bytes"
    ):
        detector.score(some)
    scoreable = detector.inputs.scoreable(some)
    assert np.array_equal(scoreable, ~mute.to_numpy())
    found = detector.score(some.filter(scoreable))
    assert np.array_equal(found, detector.score(JUDGED)[scoreable])


@every_detector
@given(value=st.floats(allow_nan=True, allow_infinity=True), seed=st.integers(0, 9))
def test_no_value_makes_a_score_infinite(name: str, value: float, seed: int) -> None:
    detector = fitted(name)
    rng = np.random.default_rng(seed)
    nullable = [
        one.name
        for one, may in zip(detector.inputs.inputs, detector.inputs.may_be_null, strict=True)
        if may and one.name in JUDGED.columns
    ]
    odd = JUDGED[:5].with_columns(
        pl.lit(value, pl.Float64).alias(str(name))
        for name in rng.choice(nullable, 9, replace=False)
    )
    assert np.isfinite(detector.score(odd)).all()
    parts = detector.contributions(odd)
    assert np.isfinite(parts.values).all()
    wanted = detector.uncalibrated(odd)
    assert np.allclose(parts.totals(), wanted, rtol=1e-9, atol=1e-9)


@every_detector
def test_normal_ranges_are_those_of_benign_flows(name: str) -> None:
    detector = fitted(name)
    assert [one.name for one in detector.ranges] == list(detector.inputs.names)
    benign = FLOWS.filter(~MALICIOUS)["gap_mean_us"]
    found = next(one for one in detector.ranges if one.name == "gap_mean_us")
    assert found.unit == "us"
    wanted = np.quantile(benign.drop_nulls().to_numpy(), [0.05, 0.5, 0.95])
    assert np.allclose([found.low, found.median, found.high], wanted)
    assert np.isclose(found.null_share, benign.null_count() / len(benign))


@every_detector
def test_a_state_without_one_of_its_arrays_or_with_another_is_refused(name: str) -> None:
    state = fitted(name).state()
    for left_out in state:
        with pytest.raises(ModelError):
            unfitted(name).restore({key: state[key] for key in state if key != left_out})
    with pytest.raises(ModelError, match="none of its kind has: 'extra'"):
        restored(fitted(name), extra=np.zeros(1))


@every_detector
def test_arrays_of_another_type_or_length_are_refused(name: str) -> None:
    origin = fitted(name)
    for key, array in origin.state().items():
        with pytest.raises(ModelError):
            restored(origin, **{key: array.astype(np.complex64)})
        if array.size:
            with pytest.raises(ModelError):
                restored(origin, **{key: array.reshape(-1)[:-1]})
        if array.size and array.dtype == np.float64:
            for number in (np.nan, 1e308, -1e308):
                odd = array.copy()
                odd.reshape(-1)[odd.size // 2] = number
                _refused_or_sound(origin, key, odd)


@every_detector
@given(data=st.data())
def test_whatever_an_array_holds_it_is_refused_or_scores_are_finite(
    name: str, data: st.DataObject
) -> None:
    origin = fitted(name)
    key = data.draw(st.sampled_from(sorted(origin.state())))
    array = origin.state()[key].copy()
    if not array.size:
        return
    place = data.draw(st.integers(0, array.size - 1))
    raw = bytearray(array.tobytes())
    width = array.dtype.itemsize
    raw[place * width : (place + 1) * width] = data.draw(st.binary(min_size=width, max_size=width))
    if array.dtype == np.bool_:
        raw = bytearray(byte & 1 for byte in raw)
    odd = np.frombuffer(bytes(raw), dtype=array.dtype).reshape(array.shape)
    _refused_or_sound(origin, key, odd)


def _refused_or_sound(origin: FlowDetector, key: str, odd: NDArray[np.generic]) -> None:
    try:
        clone = restored(origin, **{key: odd})
    except ModelError:
        return
    try:
        assert np.isfinite(clone.score(JUDGED)).all()
        assert np.isfinite(clone.contributions(JUDGED).values).all()
    except InputError:  # it may ask for what these flows do not tell
        assert key in {"inputs", "may_be_null"}


@every_detector
def test_settings_by_name_are_checked(name: str) -> None:
    with pytest.raises(UsageError, match="there is no setting 'nonsense'"):
        unfitted(name, nonsense=1)
    with pytest.raises(UsageError, match="neither a set nor a feature 'nonsense'"):
        unfitted(name, features="nonsense")
    with pytest.raises(UsageError, match="no preset 'nonsense'"):
        unfitted(name, preset="nonsense")
    for preset in get_flow_detector(name).presets:
        unfitted(name, preset=preset)


@every_detector
def test_it_says_what_it_is(name: str) -> None:
    kind = get_flow_detector(name)
    assert kind.name == name
    assert kind.summary
    assert kind.__doc__
    assert kind.unit in {"log-odds", "nats"}
    for setting, field in kind.Settings.model_fields.items():
        assert field.description, setting


def test_an_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match="no flow detector is named 'nonsense'; there are: boost"):
        get_flow_detector("nonsense")


@pytest.mark.parametrize("name", flow_detector_names())
def test_scoring_imports_no_scikit_learn_and_opens_no_pickle(name: str, tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    origin = fitted(name)
    state = {key: np.ascontiguousarray(array) for key, array in origin.state().items()}
    save_file(state, tmp_path / "state.safetensors")
    JUDGED.write_parquet(tmp_path / "flows.parquet")
    np.save(tmp_path / "scores.npy", origin.score(JUDGED))
    code = f"""
import sys
import numpy as np, polars as pl
from pathlib import Path
from safetensors.numpy import load_file
from habitus.detectors.flow import get_flow_detector
here = Path({str(tmp_path)!r})
detector = get_flow_detector({name!r}).with_settings({origin.settings.model_dump()!r})
detector.restore(load_file(here / "state.safetensors"))
flows = pl.read_parquet(here / "flows.parquet")
assert np.array_equal(detector.score(flows), np.load(here / "scores.npy", allow_pickle=False))
detector.contributions(flows)
assert not [name for name in sys.modules if name.split(".")[0] in ("sklearn", "joblib")]
"""
    done = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=300
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
