"""How well objectives that need no attack rank configurations, against their AUC on adfa-ld/dev.

    python benchmarks/ranking.py [SEARCH ...]      default: ngram-grid; autoencoder-grid takes hours

Prints; there is no page yet. Searches are kept in benchmarks/.work/ranking and gone on with.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
from common import WORK, test_data
from scipy.stats import spearmanr

from habitus import get_detector, run_search
from habitus.datasets.source import find_source
from habitus.decisions.scores import aggregation_of, trace_scores
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol, test_part, training_part
from habitus.search.objectives import is_likelihood
from habitus.search.plan import SearchPlan, read_search_file
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from habitus.search.results import SearchResult
    from habitus.traces.traceset import TraceSet

FOLDER = WORK / "ranking"
REPLICATES = 2000


def searched(plan: SearchPlan, name: str, objective: str, data: str) -> SearchResult:
    """The search, ranked by an objective."""
    lines = [line for line in plan.text.splitlines() if not line.startswith("objective")]
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / f"{name}-{objective}.toml"
    file.write_text(f'objective = "{objective}"\n' + "\n".join(lines) + "\n")
    return run_search(file, data, FOLDER / f"{name}-{objective}", resume=True)


def true_area(found: SearchResult, learned: TraceSet, test: TraceSet) -> dict[int, float]:
    """By trial: the AUC of a model with its settings that has learned the whole training part."""
    areas = {}
    for trial in found.trials:
        if trial.rank is None:
            continue
        detector = get_detector(found.run.detector).with_settings(found.settings_of(trial))
        detector.fit(learned, None, seed=trial.seed or 1)
        scores = trace_scores(detector, test, aggregation_of(detector))
        scores = np.where(np.isfinite(scores), scores, np.nanmin(scores) - 1)
        is_attack = test.labels == Label.ATTACK
        areas[trial.trial] = roc(scores[~is_attack], scores[is_attack]).auc
        print(f"trial {trial.trial} {trial.settings}: AUC {areas[trial.trial]:.4f}", flush=True)
    return areas


def rank_correlation(values: list[float], areas: list[float]) -> tuple[float, float, float]:
    """Spearman's, and its 95 % interval over configurations drawn anew."""
    x, y = np.array(values), np.array(areas)
    random = np.random.default_rng(1)
    drawn = []
    for _ in range(REPLICATES):
        rows = random.integers(len(x), size=len(x))
        if len(set(x[rows])) > 1 and len(set(y[rows])) > 1:
            drawn.append(spearmanr(x[rows], y[rows]).statistic)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(spearmanr(x, y).statistic), float(low), float(high)


def main() -> None:
    """Search, judge, and correlate."""
    data = str(test_data() / "adfa-ld" / "ADFA-LD.zip")
    traces = find_source(data).read()
    protocol = get_protocol("adfa-ld/dev")
    learned, test = training_part(traces, protocol)[0], test_part(traces, protocol)
    for name in sys.argv[1:] or ["ngram-grid"]:
        plan = read_search_file(name)
        likelihood = is_likelihood(get_detector(plan.file.detector))
        areas: dict[int, float] = {}
        for objective in (["nll"] if likelihood else []) + ["synthetic-auc"]:
            found = searched(plan, name, objective, data)
            areas = areas or true_area(found, learned, test)
            ranked = [t for t in found.trials if t.rank is not None and t.trial in areas]
            sign = -1 if found.run.direction == "minimize" else 1
            values = [sign * (t.value or 0.0) for t in ranked]
            rho, low, high = rank_correlation(values, [areas[t.trial] for t in ranked])
            first, best = areas[ranked[0].trial], max(areas.values())
            print(
                f"{name} by {objective}: Spearman {rho:.2f} ({low:.2f} to {high:.2f}) over "
                f"{len(ranked)} configurations; its first has AUC {first:.4f}, the best {best:.4f}"
            )


if __name__ == "__main__":
    main()
