"""How well the last state of a language model tells attacks, beside what its calls cost."""

from __future__ import annotations

import argparse
import statistics
from typing import cast

import numpy as np
from common import table, test_data, write_page
from neural_models import trained

from habitus import Label, TraceSet
from habitus.datasets.source import Source, find_source
from habitus.decisions.aggregation import Aggregation
from habitus.detectors.neural.latent import Latent, centres_of
from habitus.evaluation.baselines import trivial_baselines
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.evaluation.protocols import test_part as judged_part

PROTOCOLS = ("adfa-ld/dev", "adfa-ld", "adfa-ld/distinct")
METHODS = {
    "`method=knn`, k = 11": ("knn", 11),
    "k = 1": ("knn", 1),
    "`method=k-means`, k = 1": ("k-means", 1),
    "k = 10": ("k-means", 10),
}
CALLS = "*the same network's calls: mean surprise*"
COUNTING = "*counting calls, at best*"
Row = dict[str, float]


def of_network(fitted: Latent, method: str, k: int, seed: int) -> Latent:
    """Another detector on the network of one that keeps all its training traces' states."""
    other = Latent.with_settings({**fitted.settings.model_dump(), "method": method, "k": k})
    other.vocabulary = fitted.vocabulary
    points = fitted.points
    if method == "k-means":
        points = centres_of(points, k, np.random.default_rng(seed))
    other.restore({**fitted.state(), "latent": points})
    return other


def measured(source: Source, adfa: TraceSet, seed: int) -> dict[str, Row]:
    """By what makes the score, and by protocol: the area."""
    training, part = training_part(adfa, get_protocol(PROTOCOLS[0]))
    model = trained(
        "latent method=knn", "latent", {"method": "knn"}, training, seed=seed, data="adfa-ld",
        part=part, data_sha256=source.sha256,
    )  # fmt: skip
    fitted = cast("Latent", model.detector)
    detectors = {name: of_network(fitted, *how, seed) for name, how in METHODS.items()}
    rows: dict[str, Row] = {name: {} for name in (*METHODS, CALLS)}
    for name in PROTOCOLS:
        test = judged_part(adfa, get_protocol(name))
        scores = {row: detector.trace_scores(test) for row, detector in detectors.items()}
        scores[CALLS] = Aggregation.parse("mean").scores(fitted.surprise(test), test.offsets)
        for row, found in scores.items():
            is_attack = test.labels == Label.ATTACK
            rows[row][name] = roc(found[~is_attack], found[is_attack]).auc
    return rows


def counted(adfa: TraceSet) -> tuple[str, ...]:
    """What counting calls gives, the better of two counts in the better of two directions."""
    areas = []
    for name in PROTOCOLS:
        protocol = get_protocol(name)
        baselines = trivial_baselines(judged_part(adfa, protocol), protocol, (0.01,))
        areas.append(f"{max(baseline.auc for baseline in baselines):.3f}")
    return COUNTING, *areas


def cell(areas: list[float]) -> str:
    """The median over seeds, and the smallest and largest."""
    if len(areas) == 1:
        return f"{areas[0]:.3f}"
    return f"{statistics.median(areas):.3f} ({min(areas):.3f}-{max(areas):.3f})"


def main() -> None:
    """Measure, and write the page."""
    parser = argparse.ArgumentParser(description="Benchmark latent.")
    parser.add_argument("--seeds", type=int, default=3, help="networks, by seeds from 1")
    n_seeds = parser.parse_args().seeds
    source = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip"))
    adfa = source.read()
    values = [measured(source, adfa, seed) for seed in range(1, n_seeds + 1)]
    rows = [
        (name, *(cell([of[name][protocol] for of in values]) for protocol in PROTOCOLS))
        for name in (*METHODS, CALLS)
    ]
    lines = [
        "# The last state as a detector",
        "",
        "[latent](../detectors/latent.md) with default settings but for method and k, all on the "
        f"same networks; beside it what these networks' calls cost. AUC: of {n_seeds} seeds the "
        "median, in brackets the smallest and the largest. Which part of the state is looked at "
        "was chosen on `adfa-ld/dev`; k is the paper's.",
        "",
        *table(
            ("AUC", *(f"`{protocol}`" for protocol in PROTOCOLS)),
            [*rows, counted(adfa)],
        ),
    ]
    write_page("latent", lines, "latent.py")


if __name__ == "__main__":
    main()
