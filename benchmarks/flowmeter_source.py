"""FlowMeter's own protocol beside ours, its parameters taken over, and its grid, all of it valid.

Each step is kept as soon as it is made (`kept.py`):

    python benchmarks/flowmeter_source.py
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import Any

import numpy as np
from common import WORK, table, test_data, write_page
from kept import Row, code_of, kept
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from habitus.detectors.estimators import one_thread
from habitus.detectors.flow.flowmeter_features import FLOWMETER_FEATURES, flowmeter_table
from habitus.detectors.flow.flowmeter_import import import_flowmeter, read_flowmeter_rows
from habitus.detectors.flow.logistic import Logistic
from habitus.evaluation.flows.protocols import STOPDDOS
from habitus.evaluation.flows.splits import by_file
from habitus.flows.labelled import LabelledFlows, equal_weights
from habitus.flows.labelled_reading import read_labelled_flows
from habitus.models.versions import versions_with

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

SEEDS = (1, 2, 3, 4, 5)
SHARE, STEPS, FOLDS = 0.3, 5, 10
CS = (0.1, 0.3, 0.5, 0.7, 0.9)
WEIGHTS = ("0.1:99.9", "0.25:99.75", "0.5:99.5", "0.75:99.25", "1:99", "balanced")
GRID = tuple(product(CS, ("l1", "l2"), (True, False), WEIGHTS))
CODE = code_of(
    "habitus.detectors.flow.flowmeter_import", "habitus.detectors.flow.logistic",
    "habitus.evaluation.flows.splits", "habitus.flows.labelled_reading",
    within=("habitus.detectors.flow", "habitus.evaluation.flows", "habitus.flows"),
)  # fmt: skip
FOLDER = WORK / "flowmeter_source"


@cache
def flows() -> LabelledFlows:
    """The labelled captures, without the two floods: nine of ten flows would be theirs."""
    found = read_labelled_flows(test_data() / "pcap" / "LABELS.csv")
    return found.select(found.sources.astype(str) != STOPDDOS)


@cache
def rows() -> tuple[Floats, Mask]:
    """FlowMeter's 39 features, rows that are not finite left out as its program does."""
    made = flowmeter_table(flows().flows).select(FLOWMETER_FEATURES)
    matrix = made.to_numpy().astype(np.float64)
    return matrix, np.isfinite(matrix).all(axis=1)


def main() -> None:
    """Make what is not made yet, and write the page."""
    version: Row = {"code": CODE, "data": flows().sha256, **versions_with("scikit-learn", "polars")}
    steps = {
        name: kept(FOLDER / f"{name}.json", version, make)
        for name, make in (
            ("parity", parity), ("random", by_rows), ("files", by_files), ("grid", grid),
            ("peer", peer),
        )
    }  # fmt: skip
    write_page("flowmeter_source", list(lines_of(steps)), "flowmeter_source.py")


def parity() -> Row:
    """The imported model beside FlowMeter's formula, computed from its four files by hand."""
    folder = test_data() / "flowmeter"
    model = import_flowmeter(folder)
    shipped = read_flowmeter_rows(folder / "webgoat_flow_stats.csv")
    mean, std, weights, intercept = (
        np.loadtxt(folder / f"{name}.txt") for name in ("mean", "std", "weights", "intercept")
    )
    matrix = flowmeter_table(shipped).select(FLOWMETER_FEATURES).to_numpy().astype(np.float64)
    std = np.where(std == 0, 1, std)
    by_hand = 1 / (1 + np.exp(-(intercept + ((matrix - mean) / std * weights).sum(axis=1))))
    ours = model.score(shipped)
    finite = np.isfinite(by_hand)
    here = model.score(flows().flows)
    bad = flows().malicious
    return {
        "n": len(ours), "n_compared": int(finite.sum()),
        "largest_difference": float(np.abs(ours - by_hand)[finite].max()),
        "called_malicious": float((ours >= 0.5).mean()),
        "auc_here": float(roc_auc_score(bad, here)),
        "auc_here_files": float(roc_auc_score(bad, here, sample_weight=_weights(flows()))),
        "detected_here": float((here[bad] >= 0.5).mean()),
        "false_here": float((here[~bad] >= 0.5).mean()),
    }  # fmt: skip


def _weights(of: LabelledFlows) -> Floats:
    weights = np.zeros(len(of))
    for side in (of.malicious, ~of.malicious):
        weights[side] = equal_weights(of.file_of[side])
    return weights


def by_rows() -> Row:
    """FlowMeter's protocol: 70 / 30 of single flows; and what changes if one thing is put right."""
    matrix, finite = rows()
    bad = flows().malicious[finite]
    numbers = np.arange(len(bad))
    found: dict[str, list[float]] = {}
    for seed in SEEDS:
        train, test = train_test_split(numbers, test_size=SHARE, random_state=seed, stratify=bad)
        for name, steps in (("five steps", STEPS), ("converged", 5000)):
            hard, soft = _judged(matrix[finite], bad, train, test, steps)
            found.setdefault(f"{name}, hard", []).append(hard)
            found.setdefault(f"{name}, scores", []).append(soft)
    return {
        name: [float(np.mean(values)), min(values), max(values)] for name, values in found.items()
    }


def by_files() -> Row:
    """The same model, a third of the files held out instead of a third of the flows."""
    matrix, finite = rows()
    of = flows().select(finite)
    found: dict[str, list[float]] = {}
    for seed in SEEDS:
        for split in by_file(of, 3, seed=seed):
            train, test = np.flatnonzero(split.train), np.flatnonzero(split.test)
            for name, steps in (("five steps", STEPS), ("converged", 5000)):
                hard, soft = _judged(matrix[finite], of.malicious, train, test, steps)
                found.setdefault(f"{name}, hard", []).append(hard)
                found.setdefault(f"{name}, scores", []).append(soft)
            ours = Logistic.with_settings({})
            learned = of.select(split.train)
            ours.fit(learned.flows, learned.malicious, learned.file_names.astype(str), seed=seed)
            scores = ours.score(of.select(split.test).flows)
            found.setdefault("ours, scores", []).append(
                float(roc_auc_score(of.malicious[test], scores))
            )
    return {
        name: [float(np.mean(values)), min(values), max(values)] for name, values in found.items()
    }


def _judged(
    matrix: Floats, bad: Mask, train: NDArray[np.int64], test: NDArray[np.int64], steps: int
) -> tuple[float, float]:
    """(its "AUC", of hard labels; the area under the ROC of the same model)."""
    model = make_pipeline(
        StandardScaler(), LogisticRegression(C=0.5, max_iter=steps, class_weight="balanced")
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that five steps do not converge is the point
        model.fit(matrix[train], bad[train])
    hard = roc_auc_score(bad[test], model.predict(matrix[test]))
    return float(hard), float(roc_auc_score(bad[test], model.predict_proba(matrix[test])[:, 1]))


def _folds() -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    matrix, finite = rows()
    bad = flows().malicious[finite]
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=1)
    return list(folds.split(matrix[finite], bad))


def grid() -> Row:
    """FlowMeter's grid by our detector, whose solver fits each penalty; a fold is read once."""
    of = flows().select(rows()[1])
    begin = time.process_time()
    areas = np.zeros((len(GRID), FOLDS))
    for fold, (train, test) in enumerate(_folds()):
        learned, judged = of.select(train), of.select(test)
        read = Logistic.with_settings({"preset": "flowmeter"})
        read.fit(learned.flows, learned.malicious, seed=1)
        matrix, held_out = (read.inputs.matrix(some.flows) for some in (learned, judged))
        for place, (c, penalty, intercept, weight) in enumerate(GRID):
            one = Logistic.with_settings(
                {"preset": "flowmeter", "c": c, "penalty": penalty, "intercept": intercept,
                 "class_weight": weight}
            )  # fmt: skip
            one.inputs = read.inputs
            linear = one._fitted(matrix, learned.malicious, 1, [])
            areas[place, fold] = roc_auc_score(judged.malicious, linear.log_odds(held_out))
        print(f"fold {fold + 1} of {FOLDS}", flush=True)
    return {
        "seconds": time.process_time() - begin, "auc": areas.mean(axis=1).tolist(), "n": len(of)
    }  # fmt: skip


def peer() -> Row:
    """scikit-learn's GridSearchCV as FlowMeter has it: one solver for both penalties."""
    matrix, finite = rows()
    bad = flows().malicious[finite]
    weights: list[Any] = [
        {False: float(a), True: float(b)} for a, b in (w.split(":") for w in WEIGHTS[:-1])
    ]
    search = GridSearchCV(
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000)),
        {
            "logisticregression__C": CS,
            "logisticregression__l1_ratio": [1.0, 0.0],
            "logisticregression__fit_intercept": [True, False],
            "logisticregression__class_weight": [*weights, "balanced"],
        },
        scoring="roc_auc", cv=_folds(), n_jobs=1, refit=False,
    )  # fmt: skip
    begin = time.process_time()
    with warnings.catch_warnings(), one_thread():
        warnings.simplefilter("ignore")
        search.fit(matrix[finite], bad)
    areas = np.asarray(search.cv_results_["mean_test_score"], dtype=np.float64)
    return {
        "seconds": time.process_time() - begin, "n_valid": int(np.isfinite(areas).sum()),
        "best": float(np.nanmax(areas)),
    }  # fmt: skip


# The page


def lines_of(steps: dict[str, Row]) -> Iterator[str]:
    """The page, line by line."""
    same, single, files, tried, theirs = steps.values()
    yield "# FlowMeter's model, judged its way and ours"
    yield ""
    yield (
        "FlowMeter (github.com/deepfence/FlowMeter) judges a logistic regression of 39 features by "
        "single flows held out at random (70 / 30), by the area of its *hard* answers, 0 or 1, "
        "after a last fit of five steps. Its benign capture is not shipped; this is its protocol "
        f"on the labelled captures of test suites, {flows().n_benign:,} benign and "
        f"{flows().n_malicious:,} malicious flows of {flows().n_files()} files (the two floods "
        "left out). Its program drops rows that are not finite, in silence: those of one packet, "
        f"whose duration is 0. Here that leaves {tried['n']:,} of {len(flows()):,} flows, and of "
        f"the malicious ones {int(rows()[1][flows().malicious].sum()):,}. **Everything held out at "
        "random is shortcut-prone.**"
    )
    yield ""
    yield "## One thing put right at a time"
    yield ""
    lines = (
        ("its protocol: random flows, five steps, hard answers", single["five steps, hard"]),
        ("its model, area of its probabilities", single["five steps, scores"]),
        ("fitted to the end, hard answers", single["converged, hard"]),
        ("fitted to the end, area of its probabilities", single["converged, scores"]),
        ("a third of the *files* held out, five steps, hard answers", files["five steps, hard"]),
        ("files held out, fitted to the end, area", files["converged, scores"]),
        ("files held out, our `logistic` with its defaults", files["ours, scores"]),
    )
    yield from table(
        ("what is judged", "mean", "least", "most"),
        [(what, *(f"{value:.3f}" for value in values)) for what, values in lines],
    )
    yield ""
    yield (
        "Hard answers have one point of a ROC: their area is the mean of detection and of benign "
        "flows left in peace, and says nothing of any other threshold. Random flows: five seeds. "
        "Files: three folds by five seeds; areas are over flows, as its are."
    )
    yield ""
    yield "## Its parameters"
    yield ""
    yield (
        "`habitus model import-flowmeter` takes its four files over. On its own "
        f"{same['n']} flows the imported model and its formula, computed by hand from the files, "
        f"differ by {same['largest_difference']:.1e} at most (wanted 1e-9; {same['n_compared']} "
        "rows compared). It calls "
        f"{same['called_malicious']:.1%} of them malicious: it was trained on them. On the "
        f"captures above it finds {same['detected_here']:.1%} of the malicious flows and calls "
        f"{same['false_here']:.1%} of the benign ones malicious; AUC {same['auc_here']:.3f} over "
        f"flows, {same['auc_here_files']:.3f} with files weighed equally. Its authors fitted it on "
        "rows of one direction each, and the label was the capture."
    )
    yield ""
    yield "## Its grid"
    yield ""
    yield (
        f"{len(GRID)} combinations (C {', '.join(map(str, CS))}; l1 and l2; with and without "
        f"intercept; six class weights), {FOLDS} folds of single flows, ROC-AUC, {tried['n']:,} "
        "flows. Processor time on one thread."
    )
    yield ""
    areas = np.array(tried["auc"])
    yield from table(
        ("by", "combinations that give a number", "best AUC", "worst AUC", "seconds"),
        [
            (
                "our `logistic`", f"{int(np.isfinite(areas).sum())} of {len(GRID)}",
                f"{areas.max():.4f}", f"{areas.min():.4f}", f"{tried['seconds']:.0f}",
            ),
            (
                "GridSearchCV with one solver, as FlowMeter has it",
                f"{theirs['n_valid']} of {len(GRID)}", f"{theirs['best']:.4f}", "-",
                f"{theirs['seconds']:.0f}",
            ),
        ],
    )  # fmt: skip
    yield ""
    best = [GRID[place] for place in np.argsort(-areas, kind="stable")[:5]]
    yield "The five best: " + "; ".join(
        f"C {c}, {penalty}, {'with' if intercept else 'without'} intercept, {weight}"
        for c, penalty, intercept, weight in best
    ) + (
        f". From the best to the worst it is {areas.max() - areas.min():.3f} by single flows held "
        f"out; from flows to files held out, fitted to the end, it is "
        f"{single['converged, scores'][0] - files['converged, scores'][0]:.3f}."
    )  # fmt: skip


if __name__ == "__main__":
    main()
