"""`logistic`: its weights are those of scikit-learn, and all of it can be read."""

from __future__ import annotations

import json
import warnings

import numpy as np
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from habitus.detectors.flow.logistic import Logistic
from habitus.errors import UsageError
from made_flows import made_flows

FLOWS, MALICIOUS, FILES = made_flows(300)


def fitted(**settings: object) -> Logistic:
    made = Logistic.with_settings(settings)
    made.fit(FLOWS, MALICIOUS, FILES)
    return made


@pytest.mark.parametrize("class_weight", ["balanced", "none", "1:99", ".1:99.9"])
def test_without_nulls_and_logarithms_it_is_plain_scikit_learn(class_weight: str) -> None:
    names = ["packets", "payload_bytes", "backward_ip_bytes"]
    made = fitted(
        features=",".join(names), scale="plain", class_weight=class_weight, calibrate="none"
    )
    rows = FLOWS.select(made.inputs.names).to_numpy().astype(np.float64)
    weight = {"balanced": "balanced", "none": None, "1:99": {False: 1, True: 99}}.get(
        class_weight, {False: 0.1, True: 99.9}
    )
    scaler = StandardScaler().fit(rows)
    wanted = LogisticRegression(class_weight=weight, tol=1e-10, max_iter=10_000).fit(
        scaler.transform(rows), MALICIOUS
    )
    found = made.score(FLOWS)
    assert np.allclose(found, wanted.predict_proba(scaler.transform(rows))[:, 1], atol=1e-5)


def test_its_parameters_are_json_and_enough_to_score() -> None:
    made = fitted(features="packets,gap_mean_us,payload_entropy,protocol")
    told = json.loads(json.dumps(made.parameters()))
    log_odds = np.full(len(FLOWS), told["intercept"])
    for one in told["inputs"]:
        if one["name"].startswith("protocol="):
            numbers = {"tcp": 6, "udp": 17, "icmp": 1}[one["name"][9:]]
            x = (FLOWS["protocol"] == numbers).to_numpy().astype(np.float64)
        else:
            x = FLOWS[one["name"]].cast(pl.Float64).to_numpy()
        is_null = np.isnan(x)
        x = np.log1p(x) if one["transform"] == "log1p" else x
        log_odds += np.nan_to_num(one["weight"] * (x - one["mean"]) / one["std"])
        log_odds += one["null_weight"] * (is_null - one["null_mean"]) / one["null_std"]
    assert np.allclose(made.uncalibrated(FLOWS), log_odds)
    assert told["calibration"]["kind"] == "sigmoid"
    z = told["calibration"]["slope"] * log_odds + told["calibration"]["shift"]
    assert np.allclose(made.score(FLOWS), 1 / (1 + np.exp(-z)))


def test_an_undefined_value_counts_as_the_mean_and_says_so_of_its_feature() -> None:
    is_null = FLOWS["gap_mean_us"].is_null().to_numpy()
    labels = is_null | (np.arange(300) % 10 == 0)
    made = Logistic.with_settings({"features": "gap_mean_us,packets"})
    made.fit(FLOWS, labels, FILES)
    gaps = made.contributions(FLOWS).values[:, 0]
    assert len(set(gaps[is_null].tolist())) == 1
    assert gaps[is_null].min() > gaps[~is_null].max()


def test_l1_makes_weights_0_and_the_less_c_the_more_of_them() -> None:
    zeros = [
        sum(one["weight"] == 0 for one in fitted(penalty="l1", c=c).parameters()["inputs"])
        for c in (0.01, 1.0)
    ]
    assert zeros[0] > zeros[1] > 0


@pytest.mark.parametrize("penalty", ["l2", "l1", "elastic", "none"])
@pytest.mark.parametrize("intercept", [True, False])
def test_every_penalty_learns_and_warns_of_nothing_but_in_words(
    penalty: str, intercept: bool
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = fitted(features="volume", penalty=penalty, intercept=intercept)
    assert (made.parameters()["intercept"] == 0) == (not intercept)
    scores = made.score(FLOWS)
    assert scores[MALICIOUS].mean() > scores[~MALICIOUS].mean() + 0.3


def test_a_penalty_too_weak_for_columns_that_say_the_same_still_gives_weights() -> None:
    made = fitted(c=1e6, calibrate="none")
    assert np.isfinite(made.score(FLOWS)).all()


def test_a_solver_that_comes_to_no_end_is_told() -> None:
    assert "the solver did not converge in 2 steps" in " ".join(fitted(iterations=2).warnings())
    assert not fitted().warnings()


def test_few_flows_of_a_class_are_not_calibrated_and_that_is_told() -> None:
    labels = np.arange(300) < 5
    made = Logistic.with_settings({"features": "volume"})
    made.fit(FLOWS, labels, FILES)
    assert "not calibrated: one class has 5 flows" in " ".join(made.warnings())
    assert made.calibration.kind == "none"


def test_labels_that_follow_nothing_are_not_calibrated_or_all_but_even() -> None:
    labels = np.random.default_rng(0).random(300) < 0.5
    made = Logistic.with_settings({"features": "volume"})
    made.fit(FLOWS, labels, FILES)
    told = " ".join(made.warnings())
    spread = np.ptp(made.score(FLOWS))
    assert "do not rely on this model" in told or spread < 0.5


def test_weights_of_0_are_refused() -> None:
    with pytest.raises(UsageError, match="class_weight=0:1: wanted two numbers above 0"):
        fitted(class_weight="0:1")
    with pytest.raises(UsageError, match="class_weight=a:1: this form is not read"):
        fitted(class_weight="a:1")
