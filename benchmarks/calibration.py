"""Whether false alarms come as forecast: 50 random splits of ADFA-LD's normal training traces.

Each split has three parts that share no sequence: one is learned, thresholds are set on the second,
and the third is what comes. The forecast for the third is made before it is looked at.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from common import table, test_data, write_page

from habitus import TraceSet, get_detector
from habitus.datasets.source import find_source
from habitus.decisions.budget import Budget
from habitus.decisions.decision import Decision, decide
from habitus.decisions.rule import Rule
from habitus.decisions.scores import aggregation_of, trace_scores
from habitus.detectors.base import SequenceDetector
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.evaluation.protocols.base import VALIDATION, in_split
from habitus.models.calibrating import (
    cross_fitted_population,
    held_out_population,
)
from habitus.traces.holding_out import parts_kept_together
from habitus.traces.traceset import join

DETECTORS = ("stide", "ngram", "neighbours")
BUDGETS = ("1%", "5%", "10%")
N_SPLITS = 50
SEED = 1


@dataclass
class Tally:
    """What became of one forecast, split by split.

    Attributes:
        held: whether the 95 % interval held what came.
        rates: the false-alarm rate of what came; ``elsewhere`` that of the validation normals.
        expected: the rate forecast.
    """

    held: list[bool] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    elsewhere: list[float] = field(default_factory=list)
    expected: list[float] = field(default_factory=list)

    def add(self, decision: Decision, scores: np.ndarray, others: np.ndarray) -> None:
        """Hold what came against the forecast."""
        alarms = int(np.sum(scores > decision.threshold))
        low, high = decision.calibration.rate.interval(len(scores))
        self.held.append(low <= alarms <= high)
        self.rates.append(alarms / len(scores))
        self.elsewhere.append(float(np.mean(others > decision.threshold)))
        self.expected.append(decision.calibration.rate.expected)

    def row(self, *head: str) -> tuple[str, ...]:
        """One line of a table."""
        low, high = np.quantile(self.rates, [0.025, 0.975])
        return (
            *head,
            f"{sum(self.held)} of {len(self.held)}",
            f"{np.mean(self.expected):.2%}",
            f"{np.mean(self.rates):.2%}",
            f"{low:.1%} to {high:.1%}",
            f"{np.mean(self.elsewhere):.1%}",
        )


def thirds(traces: TraceSet, random: np.random.Generator) -> list[TraceSet]:
    """Three random parts of about equal size that share no sequence."""
    parts = parts_kept_together(traces, n_wanted=10)
    third_of = random.permutation(np.arange(int(parts.max()) + 1) % 3)[parts]
    return [traces.select(third_of == i) for i in range(3)]


def fitted(name: str, traces: TraceSet) -> SequenceDetector:
    """A detector with its default settings."""
    detector = get_detector(name)()
    detector.fit(traces, seed=SEED)
    return detector


def measure(name: str, splits: list[list[TraceSet]], others: TraceSet) -> dict[str, Tally]:
    """Every split's forecast, by ``BUDGET METHOD``."""
    tallies: dict[str, Tally] = {}
    rule = Rule(aggregation_of(get_detector(name)()))
    for learned, calibration, to_come in splits:
        by_method = {}
        detector = fitted(name, learned)
        by_method["held-out"] = (
            detector,
            held_out_population(detector, learned, calibration, [rule], 60.0),
        )
        both = join([learned, calibration])
        detector = fitted(name, both)
        by_method["cross-fitting"] = (
            detector,
            cross_fitted_population(detector, both, [rule], 60.0, folds=5, seed=SEED),
        )
        for method, (detector, population) in by_method.items():
            new = trace_scores(detector, to_come, rule.aggregation)
            elsewhere = trace_scores(detector, others, rule.aggregation)
            for budget in BUDGETS:
                decision = decide(population, 0, Budget.parse(budget), seed=SEED)
                tally = tallies.setdefault(f"{budget} {method}", Tally())
                tally.add(decision, new[np.isfinite(new)], elsewhere[np.isfinite(elsewhere)])
    return tallies


def main() -> None:
    """Measure, and write the page."""
    traces = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read()
    normal, _ = training_part(traces, get_protocol("adfa-ld"))
    others = traces.select(in_split(traces, VALIDATION))
    random = np.random.default_rng(SEED)
    splits = [thirds(normal, random) for _ in range(N_SPLITS)]
    head = (
        "detector", "budget", "interval held", "rate expected", "rate measured",
        "95 % of splits", "validation normals",
    )  # fmt: skip
    rows: dict[str, list[tuple[str, ...]]] = {"held-out": [], "cross-fitting": []}
    for name in DETECTORS:
        for key, tally in measure(name, splits, others).items():
            budget, method = key.split()
            rows[method].append(tally.row(name, budget))
            print(method, *rows[method][-1], flush=True)
    n_each = sorted({part.n_traces for split in splits for part in split})
    lines = [
        "# False alarms, forecast and measured",
        "",
        f"{N_SPLITS} random splits of the {normal.n_traces} normal training traces of ADFA-LD into "
        f"thirds of {n_each[0]} to {n_each[-1]} traces that share no sequence: one is learned, the "
        "threshold is set on the second, the third is what comes. *Interval held*: in how many "
        "splits the number of false alarms in the third part lay in the 95 % interval forecast "
        "before. *Rate expected*: what the forecast says on average, no more than the budget; "
        "*rate measured*: the mean over the splits, and where 95 % of the splits lie. "
        f"*Validation normals*: what the same thresholds give on the {others.n_traces:,} normal "
        "traces that ADFA-LD ships for validation. They were not drawn like the training traces, "
        "so that no forecast from these holds for them: "
        "[why](../explanation/thresholds.md). Detectors have their default settings; seed "
        f"{SEED}.",
        "",
        "## Threshold set on held-out traces",
        "",
        *table(head, rows["held-out"]),
        "",
        "## Threshold set by cross-fitting",
        "",
        "The first two parts are both learned, and scored in five folds by detectors that had not "
        "learned them: approximate, because those learned less than the one that judges.",
        "",
        *table(head, rows["cross-fitting"]),
    ]
    write_page("calibration", lines, "calibration.py")


if __name__ == "__main__":
    main()
