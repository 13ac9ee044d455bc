"""What sizes of the autoencoder were tried on `adfa-ld/dev`; a table on the detector's page."""

from __future__ import annotations

from functools import cache, partial

import torch
from common import RESULTS, WORK, table, test_data, write_between
from kept import JUDGED_BY, JUDGES, Row, code_of, kept, version_of, work_of

from habitus import Label, TraceSet
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
FOLDER = WORK / "tried_autoencoder"
SEED = 1


@cache
def adfa() -> tuple[TraceSet, TraceSet]:
    """What is learned, and what is judged."""
    traces = find_source(str(test_data() / "adfa-ld" / "ADFA-LD.zip")).read()
    protocol = get_protocol("adfa-ld/dev")
    return training_part(traces, protocol)[0], judged_part(traces, protocol)


def measured(settings: dict[str, object]) -> Row:
    """Train once, and judge on `adfa-ld/dev`."""
    learned, judged = adfa()
    detector = Autoencoder.with_settings(settings)
    detector.fit(learned, seed=SEED)
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


# Now, as it is imported: an edit in the midst of a run must not stand for what runs.
CODE = code_of(Autoencoder.__module__, *JUDGED_BY, within=JUDGES) + work_of(measured)


def row_of(settings: dict[str, object]) -> Row:
    """What was measured of these settings before, or is now."""
    asked = Autoencoder.with_settings(settings).settings.model_dump(mode="json")
    name = ".".join(f"{setting}={value}" for setting, value in settings.items())
    version = version_of(CODE, *adfa(), settings=asked, seed=SEED)
    return kept(FOLDER / f"{name}.json", version, partial(measured, settings))


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
        for settings, row in ((settings, row_of(settings)) for settings in TRIED)
    ]
    head = ("tried", "parameters", "held-out loss, nats", "right", "AUC of the mean", "median")
    page = RESULTS.parent / "detectors" / "autoencoder.md"
    write_between(page, list(table(head, body)), "tried_autoencoder.py")


if __name__ == "__main__":
    main()
