"""What tells attacks from ordinary use? Each column of the table of flows alone, and all together.

A column is judged on captures that it was not looked at in: for each capture that holds attacks,
how often which of its values is an attack's is counted in all other captures, and the area under
the curve (AUC) measured in this one. Numbers are counted in sixteen classes of equal size.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from habitus.flows.features.declared import features

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

# Who and where, and what the way adds: not what is said.
PLACES = (
    "source_ip", "source_port", "destination_ip", "destination_port", "vlan",
    "ip_version", "forward_ttl_min", "forward_ttl_max", "backward_ttl_min", "backward_ttl_max",
)  # fmt: skip
# Names that stand for a thing: a port is not more than another.
NAMES = ("source_ip", "destination_ip", "destination_port", "end_reason")
N_CLASSES = 16
PRIOR_FLOWS = 2


@dataclass(frozen=True)
class Telling:
    """How well a column tells: the mean of captures, the least and the most."""

    column: str
    mean: float
    least: float
    most: float


def places(flows: pl.DataFrame) -> list[Telling]:
    """Columns of `PLACES`, the most telling first."""
    return _told(flows, PLACES)


def behaviours(flows: pl.DataFrame) -> list[Telling]:
    """Every feature of behaviour that is one value, the most telling first."""
    names = [
        feature.name
        for feature in features()
        if feature.group != "identity" and feature.kind != "integers" and feature.name not in PLACES
    ]
    return _told(flows, (*names, "protocol", "end_reason"))


def together(flows: pl.DataFrame) -> Telling:
    """All features of behaviour at once, by boosted trees."""
    names = [b.column for b in behaviours(flows) if b.column != "end_reason"]
    values = flows.select(pl.col(sorted(names)).cast(pl.Float64)).to_numpy()
    is_attack, areas = _is_attack(flows), []
    for here in _held_out(flows):
        model = HistGradientBoostingClassifier(
            learning_rate=0.06, max_iter=150, class_weight="balanced", random_state=1
        )
        known = ~np.isnan(values[~here]).all(axis=0)  # it cannot do with a column of nulls alone
        with threadpool_limits(1):  # so little that a second thread only waits
            model.fit(values[~here][:, known], is_attack[~here])
        areas.append(_area(is_attack[here], model.predict_proba(values[here][:, known])[:, 1]))
    return Telling("all of them", float(np.mean(areas)), min(areas), max(areas))


def _told(flows: pl.DataFrame, names: tuple[str, ...]) -> list[Telling]:
    is_attack, found = _is_attack(flows), []
    for name in names:
        areas = []
        for here in _held_out(flows):
            codes = _classes(flows[name], ~here)
            n_codes = int(codes.max()) + 1
            n = np.bincount(codes[~here], minlength=n_codes)
            n_attacks = np.bincount(codes[~here], weights=is_attack[~here], minlength=n_codes)
            prior = PRIOR_FLOWS * is_attack[~here].mean()
            share = (n_attacks + prior) / (n + PRIOR_FLOWS)
            areas.append(_area(is_attack[here], share[codes[here]]))
        found.append(Telling(name, float(np.mean(areas)), min(areas), max(areas)))
    return sorted(found, key=lambda telling: -telling.mean)


def _held_out(flows: pl.DataFrame) -> Iterator[NDArray[np.bool_]]:
    """The flows of one capture after another, of those that hold both."""
    is_attack, capture = _is_attack(flows), flows["capture"].to_numpy()
    for name in np.unique(capture):
        here = capture == name
        if is_attack[here].any() and not is_attack[here].all():
            yield here


def _classes(values: pl.Series, counted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """A number of a class for each value, by the quantiles of those that are counted."""
    if values.name in NAMES:
        return values.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
    numbers = values.cast(pl.Float64).to_numpy()
    known = numbers[counted & ~np.isnan(numbers)]
    inner = np.linspace(0, 1, N_CLASSES + 1)[1:-1]
    bounds = np.unique(np.quantile(known, inner)) if len(known) else np.zeros(0)
    codes = np.searchsorted(bounds, np.nan_to_num(numbers))
    return np.where(np.isnan(numbers), len(bounds) + 1, codes)


def _is_attack(flows: pl.DataFrame) -> NDArray[np.bool_]:
    return (flows["label"] == "attack").to_numpy()


def _area(is_attack: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    return float(roc_auc_score(is_attack, scores))
