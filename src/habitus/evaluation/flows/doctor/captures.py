"""The capture test: how well can a model tell the benign captures from each other?

Benign captures differ in nothing that a detector of attacks should see. If a model tells them
apart, it can tell a malicious capture from them in the same way, and a label that follows captures
proves nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.estimators import one_thread
from habitus.detectors.flow.feature_sets import DEFAULT, features_named
from habitus.detectors.flow.matrix import FlowInputs
from habitus.errors import UsageError
from habitus.evaluation.doctor.findings import Finding, Kind
from habitus.evaluation.flows.doctor.labels import columns_of
from habitus.evaluation.metrics import roc
from habitus.flows.labelled import LabelledFlows  # noqa: TC001 - checks are called with it

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Indices = NDArray[np.int64]

CAPTURES = Kind(
    id="capture-test",
    meaning="A model that learns which benign capture a flow is of is right about flows that it "
    "has not seen.",
    effect="Captures have a handwriting (a laboratory, a host, a day), and the same model can tell "
    "malicious captures by theirs. Labels that follow captures then prove nothing by random rows.",
    remedy="Believe figures with whole files and sources held out only; record benign and "
    "malicious flows in the same captures.",
    warning=0.65,
    serious=0.8,
    reason="mean area over pairs of captures, .5 where they cannot be told; it counts only where "
    "labels follow captures, and is a note where captures hold both classes",
)
MIN_FLOWS, MAX_FLOWS, MAX_CAPTURES, N_FOLDS, TREES = 20, 200, 20, 5, 50
_WHEN = {"start_ns", "end_ns", "first_frame", "last_frame"}
"""Of course these tell captures apart."""


def capture_test(flows: LabelledFlows, seed: int) -> Iterator[Finding]:
    """How well benign captures can be told apart, by all features and by single columns."""
    benign = np.flatnonzero(~flows.malicious)
    sizes = np.bincount(flows.file_of[benign], minlength=len(flows.files))
    large = np.argsort(-sizes, kind="stable")[:MAX_CAPTURES]
    large = large[sizes[large] >= MIN_FLOWS]
    if len(large) < 2:
        return
    rng = np.random.default_rng(seed)
    rows = np.sort(
        np.concatenate(
            [rng.permutation(benign[flows.file_of[benign] == one])[:MAX_FLOWS] for one in large]
        )
    )
    part = flows.select(rows)
    codes = np.searchsorted(np.sort(large), part.file_of)
    try:
        _, matrix, _ = FlowInputs.chosen(part.flows, features_named(DEFAULT))
    except UsageError:
        return
    chances = _held_out(matrix, codes, seed)
    area = pairwise_area(chances, codes)
    right = float(np.mean([(chances[codes == c].argmax(1) == c).mean() for c in range(len(large))]))
    follows = _labels_follow_captures(flows)
    told = [(name, column) for name, column in columns_of(part) if name not in _WHEN]
    columns = sorted(
        ((_told_by(column, codes, len(large)), name) for name, column in told),
        reverse=True,
    )[:5]
    said = "so labels that follow captures prove nothing" if follows >= 0.5 else (
        "but most malicious flows share their captures with benign ones"
    )  # fmt: skip
    if area < 0.65:
        said = "which is little"
    yield CAPTURES.finding(
        f"a model tells {len(large)} benign captures apart: area {area:.3f} over pairs, right "
        f"about {right:.0%} of flows where guessing is about {1 / len(large):.0%}; {said}",
        len(large),
        flows.n_files(~flows.malicious),
        examples=[f"{name} alone: {value:.3f}" for value, name in columns],
        numbers={"auc": area, "right": right, "chance": 1 / len(large), "labels_follow": follows},
        graded_by=area if follows >= 0.5 else 0.0,
    )


def _held_out(matrix: Floats, codes: Indices, seed: int) -> Floats:
    """(n, n_captures) what a forest says of rows that it has not learned."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold

    chances = np.zeros((len(codes), int(codes.max()) + 1))
    filled = np.where(np.isnan(matrix), -1.0, matrix)
    folds = StratifiedKFold(N_FOLDS, shuffle=True, random_state=seed % (1 << 32))
    with one_thread():
        for learned, judged in folds.split(filled, codes):
            forest = RandomForestClassifier(
                TREES, class_weight="balanced", random_state=seed % (1 << 32), n_jobs=1
            )
            forest.fit(filled[learned], codes[learned])
            chances[judged] = forest.predict_proba(filled[judged])
    return chances


def pairwise_area(chances: Floats, codes: Indices) -> float:
    """The mean area over all pairs of classes.

    Source: D. J. Hand, R. J. Till, "A simple generalisation of the area under the ROC curve for
    multiple class classification problems", 2001.
    """
    n = chances.shape[1]
    areas = [
        roc(chances[codes == j, i], chances[codes == i, i]).auc
        for i in range(n)
        for j in range(n)
        if i != j
    ]
    return float(np.mean(areas))


def _told_by(column: Floats, codes: Indices, n: int) -> float:
    """The mean area over pairs of captures of one column, the better side of each pair."""
    values = np.where(np.isnan(column), -1.0, column)
    parts = [np.sort(values[codes == i]) for i in range(n)]
    areas = []
    for i in range(n):
        for j in range(i):
            below = np.searchsorted(parts[j], parts[i], side="left")
            up_to = np.searchsorted(parts[j], parts[i], side="right")
            area = float((below + up_to).mean()) / (2 * len(parts[j]))
            areas.append(max(area, 1 - area))
    return float(np.mean(areas))


def _labels_follow_captures(flows: LabelledFlows) -> float:
    """The share of malicious flows in files without a benign one, files weighed equally."""
    bad = np.unique(flows.file_of[flows.malicious])
    good = np.unique(flows.file_of[~flows.malicious])
    return float((~np.isin(bad, good)).mean()) if len(bad) else 0.0
