"""What sizes of the autoencoder were tried on `adfa-ld/dev`; a table on the detector's page."""

from __future__ import annotations

import json

import torch
from common import RESULTS, WORK, table, test_data, write_between

from habitus import Label
from habitus.datasets.source import find_source
from habitus.decisions.aggregation import Aggregation
from habitus.detectors.neural.autoencoder import Autoencoder
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.evaluation.protocols import test_part as judged_part

TRIED: list[dict[str, object]] = [
    {"epochs": 8, "length": 6, "hidden": 32, "code": 2},
    {"epochs": 8, "length": 6, "hidden": 64, "code": 8},
    {"epochs": 8, "length": 6, "hidden": 64, "code": 8, "unknown_share": 0.2},
    {"epochs": 8, "length": 10, "hidden": 64, "code": 3},
    {"epochs": 8, "length": 10, "hidden": 64, "code": 16},
    {"epochs": 8, "length": 10, "hidden": 128, "code": 32},
    {"epochs": 8, "length": 12, "hidden": 128, "code": 16},
    {"epochs": 10, "length": 12, "hidden": 256, "code": 8},
    {"epochs": 10, "length": 12, "hidden": 256, "code": 64},
    {"epochs": 10, "length": 8, "hidden": 256, "code": 64},
    {"epochs": 10, "length": 8, "hidden": 256, "code": 8},
    {"epochs": 10, "length": 8, "hidden": 512, "code": 16},
]
STORE = WORK / "tried_autoencoder.json"
Row = dict[str, float]


def measured(settings: dict[str, object]) -> Row:
    """Train once, with seed 1, and judge on `adfa-ld/dev`."""
    traces = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read()
    protocol = get_protocol("adfa-ld/dev")
    detector = Autoencoder.with_settings(settings)
    detector.fit(training_part(traces, protocol)[0], seed=1)
    judged = judged_part(traces, protocol)
    surprise = detector.surprise(judged)
    row = {
        "parameters": float(detector.history.n_parameters),
        "loss": detector.history.kept.held_out_loss,
        "right": detector.history.kept.held_out_accuracy,
    }
    for aggregation in ("mean", "median"):
        scores = Aggregation.parse(aggregation).scores(surprise, judged.offsets)
        normal = scores[judged.labels == Label.NORMAL]
        row[aggregation] = roc(normal, scores[judged.labels == Label.ATTACK]).auc
    return row


def all_measured() -> list[Row]:
    """What was measured before is kept: take the file away to measure anew."""
    held: dict[str, Row] = json.loads(STORE.read_text()) if STORE.exists() else {}
    rows = []
    for settings in TRIED:
        key = json.dumps(settings, sort_keys=True)
        if key not in held:
            held[key] = measured(settings)
            WORK.mkdir(exist_ok=True)
            STORE.write_text(json.dumps(held, indent=1))
            print(key, held[key], flush=True)
        rows.append(held[key])
    return rows


def main() -> None:
    """Measure what is not yet, and put the table on the page."""
    torch.set_num_threads(1)
    body = [
        (
            ", ".join(f"{name} {value}" for name, value in settings.items()).replace("_", " "),
            f"{row['parameters']:,.0f}",
            f"{row['loss']:.3f}",
            f"{row['right']:.1%}",
            f"{row['mean']:.3f}",
            f"{row['median']:.3f}",
        )
        for settings, row in zip(TRIED, all_measured(), strict=True)
    ]
    head = ("tried", "parameters", "held-out loss, nats", "right", "AUC of the mean", "median")
    page = RESULTS.parent / "detectors" / "autoencoder.md"
    write_between(page, list(table(head, body)), "tried_autoencoder.py")


if __name__ == "__main__":
    main()
