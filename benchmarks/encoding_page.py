"""The page of `encoding.py`: what was published, what was measured, what it means."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from common import table, test_data

from habitus import TraceSet
from habitus.detectors.neural.autoencoder import Autoencoder

N_FOLDERS = 60
PUBLISHED = "autoencoder-published/model_{}_info.json"
CONDITIONS = {
    "attacks": "attacks, one vocabulary",
    "attacks set": "attacks, each folder in its own set order",
    "attacks random": "attacks, each folder in a random order",
    "control": f"*control:* normals in {N_FOLDERS} folders, one vocabulary",
    "control set": f"*control:* normals in {N_FOLDERS} folders, each in its own set order",
    "control random": f"*control:* normals in {N_FOLDERS} folders, each in a random order",
}
SHOWN_EPOCHS = (1, 2, 3, 4, 6, 8, 10, 12)
Seeds = Sequence[dict[str, Any]]


def page(seeds: Seeds, parts: Mapping[str, TraceSet], counting: float) -> list[str]:
    """The page's lines.

    Args:
        seeds: what was measured with each seed: ``found`` by condition, ``epochs`` of training,
            and the ``settings`` of all.
        parts: ADFA-LD's.
        counting: the area of counting different calls.
    """
    settings = seeds[0]["settings"]
    epochs = settings["epochs"]
    learned = parts["training"]
    mean = {name: _mean(seeds, name, "auc") for name in CONDITIONS}
    last = np.mean([one["epochs"][-1] for one in seeds], axis=0)
    most = max(_explained(np.array(row)) for one in seeds for row in one["epochs"])
    first = np.mean([one["epochs"][0] for one in seeds], axis=0)
    return [
        "# The published autoencoder: is it the attacks, or their encoding?",
        "",
        "The research repository that the preset `daisi` comes from reports that its attacks cost "
        "many times what its validation traces cost. Its code numbers the calls of every "
        "attack folder anew, by walking through a Python set of the numbers in that folder, so "
        "that the same call is another symbol in each. Does it find attacks, or the renumbering?",
        "",
        f"**The renumbering.** With one vocabulary the AUC is {mean['attacks']:.3f}, near a coin's "
        f"and far below what counting different calls gives ({counting:.3f}). With each folder's "
        f"own numbering the same networks read {mean['attacks set']:.3f} on the same attacks. And "
        "the control: *normal* traces, those that the networks learned, read "
        f"{mean['control']:.3f} as they are and **{mean['control set']:.3f}** once they are put "
        f"into {N_FOLDERS} folders and renumbered likewise. Nothing attacks there; the numbering "
        "does it.",
        "",
        "## Measured",
        "",
        f"Preset `daisi` (hidden {settings['hidden']}, code {settings['code']}, embedding "
        f"{settings['embedding']}, windows of {settings['length']}, batch {settings['batch']}, "
        f"SGD at {settings['rate']:g}), {len(seeds)} seeds, {epochs} of its "
        f"{Autoencoder.presets['daisi']['epochs']} epochs: by then its held-out loss of "
        f"{last[0]:.4f} is below the {_told(0)['val_loss']:.4f} that was published. Learned: "
        f"ADFA-LD's {learned.n_traces} training traces, {100 * settings['stop_share']:g} % of "
        f"them held out whole. Judged, against its {parts['validation'].n_traces:,} validation "
        "normals in one vocabulary: the mean loss of a trace. *Ratio*: mean loss of a "
        "window against that of the normals. The interval is the cluster bootstrap's (folders; "
        "distinct normals), from the lowest end to the highest of all seeds. Nothing was chosen by "
        "any of these numbers.",
        "",
        *table(
            ("judged as attacks", "AUC", "of each seed", "95 %", "ratio"),
            [_condition(name, seeds) for name in CONDITIONS],
        ),
        "",
        "The set order is that of CPython's set of small integers, which depends on the numbers "
        "alone: numbers modulo the size of its table, so that of all "
        f"{len(np.unique(learned.calls))} training calls it is simply ascending, and the number 3 "
        "means another call in each folder with few calls. A random order stands for any other way "
        "to number folder by folder. Where a ratio is above 1 and the area near one half, a few "
        "costly windows raise the mean without changing how traces rank. That the set order reads "
        f"{mean['attacks set']:.3f} on attacks and {mean['control set']:.3f} on the control leaves "
        "something to the attacks, and most of it to the numbering; in a random order nothing is "
        "left.",
        "",
        "## Published",
        "",
        "The five best of 48 configurations, as their authors give them; the attacks chose epoch "
        "and configuration. Their ratio is a mean over batches, hence not that of their losses.",
        "",
        *table(
            (
                "configuration", "training loss", "validation", "attack", "their ratio",
                "attack / validation",
            ),
            [_published(number) for number in range(5)],
        ),
        "",
        "## Why its loss says little",
        "",
        "The network is asked for the embedding of the calls, and the embedding is trained, too. "
        "So the loss can fall in two ways: by giving back more, or by an embedding whose rows lie "
        "closer together. *Spread* is what it would cost to answer every call with the mean "
        "embedding; *explained* the share of the spread that is given back; *right* the share of "
        "calls whose own embedding lies nearest to what comes out. Mean of the seeds, on held-out "
        "normals.",
        "",
        *table(
            ("epoch", "loss", "spread", "explained", "right", "norm of the embedding"),
            [_epoch(number, seeds) for number in SHOWN_EPOCHS if number <= epochs],
        ),
        "",
        f"The loss falls {first[0] / last[0]:.1f}-fold, the spread {first[1] / last[1]:.1f}-fold: "
        "it falls because the target shrinks. With no seed, after no epoch, does the network do "
        f"better than one answer for all windows (explained: at most {most:.1%}). What is left of "
        "a loss is about how far a call's row lies from that answer. Rows of "
        "calls that are rare or never seen do not shrink with the others (the norm, a mean over "
        "all rows, falls far less), so that whatever reads them is costly: above all a folder "
        "renumbered into rare calls. With the target `calls`, the default, nothing can shrink.",
    ]  # fmt: skip


def _told(number: int) -> dict[str, float]:
    told: dict[str, float] = json.loads((test_data() / PUBLISHED.format(number)).read_text())
    return told


def _published(number: int) -> tuple[str, ...]:
    told = _told(number)
    return (
        f"h {told['hidden_dim']}, code {told['encoding_dim']}, batch {told['batch_size']}, "
        f"L {told['sequence_length']}",
        f"{told['train_loss']:.4f}",
        f"{told['val_loss']:.4f}",
        f"{told['attack_loss']:.3f}",
        f"{told['atk_val_ratio']:.2f}",
        f"{told['attack_loss'] / told['val_loss']:.1f}",
    )


def _mean(seeds: Seeds, condition: str, what: str) -> float:
    return float(np.mean([one["found"][condition][what] for one in seeds]))


def _condition(name: str, seeds: Seeds) -> tuple[str, ...]:
    """The areas and ratios of one condition."""
    rows = [one["found"][name] for one in seeds]
    low, high = min(row["interval"][0] for row in rows), max(row["interval"][1] for row in rows)
    return (
        CONDITIONS[name],
        f"{_mean(seeds, name, 'auc'):.3f}",
        ", ".join(f"{row['auc']:.3f}" for row in rows),
        f"{low:.3f}-{high:.3f}",
        f"{_mean(seeds, name, 'ratio'):.2f}",
    )


def _explained(row: np.ndarray) -> float:
    return float(1 - row[0] / row[1])


def _epoch(number: int, seeds: Seeds) -> tuple[str, ...]:
    """The mean of all seeds after one epoch."""
    row = np.mean([one["epochs"][number - 1] for one in seeds], axis=0)
    return (
        f"{number}",
        f"{row[0]:.4f}",
        f"{row[1]:.4f}",
        f"{_explained(row):.1%}",
        f"{row[2]:.1%}",
        f"{row[3]:.2f}",
    )
