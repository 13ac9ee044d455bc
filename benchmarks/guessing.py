"""Why a better guesser of the next call is not a better detector, and what follows from it."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from common import table, test_data, write_page
from neural_models import trained
from scipy.stats import spearmanr
from sklearn.metrics import roc_auc_score

from habitus import TraceSet
from habitus.datasets.source import find_source
from habitus.decisions.aggregation import Aggregation
from habitus.detectors import get_detector
from habitus.detectors.base import SequenceDetector
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from numpy.typing import NDArray

EPOCHS = (2, 5, 10, 20, 40)
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8)
MEAN = Aggregation("mean")


class Judged:
    """The traces of ``adfa-ld/dev``, each sequence scored once."""

    def __init__(self, traces: TraceSet) -> None:
        self.is_attack = traces.labels == Label.ATTACK
        self.sequences = traces.sequence_ids()
        self.distinct = traces.select(np.unique(self.sequences, return_index=True)[1])
        self.distinct_is_attack = self.distinct.labels == Label.ATTACK

    def scores(self, detector: SequenceDetector) -> NDArray[np.float64]:
        """(n_distinct,) mean surprise of each distinct sequence."""
        return MEAN.scores(detector.surprise(self.distinct), self.distinct.offsets)

    def auc(self, scores: NDArray[np.float64]) -> float:
        """The area under the ROC over all traces."""
        return float(roc_auc_score(self.is_attack, scores[self.sequences]))


def with_baseline(detector: SequenceDetector, share: float) -> SequenceDetector:
    """The same network, with another share of the baseline taken off."""
    settings = detector.settings.model_dump(mode="json") | {"baseline": share}
    made = type(detector).with_settings(settings)
    made.vocabulary = detector.vocabulary
    made.restore(detector.state())
    return made


def main() -> None:
    """Train, compare, and write the page."""
    source = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip"))
    traces = source.read()
    protocol = get_protocol("adfa-ld/dev")
    normal, part = training_part(traces, protocol)
    judged = Judged(traces.select(protocol.test(traces)))

    rows, plain = [], {}
    for epochs in EPOCHS:
        model = trained(
            "lstm", "lstm", {"epochs": epochs}, normal, seed=1,
            data="adfa-ld", data_sha256=source.sha256, part=part,
        )  # fmt: skip
        last = model.detector
        kept = last.history.kept  # type: ignore[attr-defined]
        plain[epochs] = judged.scores(with_baseline(last, 0.0))
        rows.append(
            (
                f"{epochs}", f"{kept.held_out_loss:.3f}", f"{kept.perplexity:.2f}",
                f"{kept.held_out_accuracy:.1%}", f"{judged.auc(plain[epochs]):.4f}",
                f"{judged.auc(judged.scores(last)):.4f}",
            )
        )  # fmt: skip
    shares = [
        (f"{share:g}", f"{judged.auc(judged.scores(with_baseline(last, share))):.4f}")
        for share in SHARES
    ]
    scores = {"lstm": plain[EPOCHS[-1]], f"lstm, {EPOCHS[2]} epochs": plain[EPOCHS[2]]}
    for name, order in (("12-gram", 12), ("2-gram", 2)):
        ngram = get_detector("ngram").with_settings({"order": order})
        ngram.fit(normal)
        scores[name] = judged.scores(ngram)
    alike = [
        (
            f"{one} and {other}",
            *(
                f"{spearmanr(scores[one][which], scores[other][which]).statistic:.3f}"
                for which in (~judged.distinct_is_attack, judged.distinct_is_attack)
            ),
        )
        for one, other in combinations(scores, 2)
    ]
    write_page(
        "guessing",
        [
            "# A better guesser is not a better detector",
            "",
            "All areas under the ROC are of `adfa-ld/dev`, on which defaults are chosen: they tell "
            "why, and are no evidence of how well. Score of a trace: the mean surprise of its "
            "calls. What follows from it: "
            "[Understanding the language model](../explanation/language-model.md).",
            "",
            "## The longer it learns",
            "",
            "`lstm`, seed 1. *Plain* surprise is minus the log of the chance; the last column "
            "takes off the default share of what a first-order chain is surprised by.",
            "",
            *table(
                ("epochs", "held-out loss, nats", "perplexity", "right", "AUC, plain", "AUC"), rows
            ),
            "",
            "## How alike models rank traces",
            "",
            "Spearman's rank correlation of the scores of distinct traces, all by plain surprise.",
            "",
            *table(("models", "normals", "attacks"), alike),
            "",
            "## What the baseline's share does",
            "",
            *table(("baseline", "AUC"), shares),
        ],
        "guessing.py",
    )


if __name__ == "__main__":
    main()
