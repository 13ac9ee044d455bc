"""Tables of the card: the summary, novel calls, cost, and where everything comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.evaluation.card.parts import Table, area, percent, size
from habitus.evaluation.caveats import FEW

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.evaluation.results import Result, Results


def novel_table(names: Sequence[str], results: Sequence[Result]) -> Table:
    """Each model on all of the test, and on its traces with and without novel calls."""
    rows = []
    for name, result in zip(names, results, strict=True):
        everything = {rate: found.dr for rate, found in result.dr_at_fpr.items()}
        for which, n_normal, n_attack, auc, detection in (
            ("all", result.n_normal, result.n_attack, result.auc, everything),
            *(
                (which, part.n_normal, part.n_attack, part.auc, part.dr_at_fpr)
                for which, part in (
                    ("without novel calls", result.without_novel),
                    ("with novel calls", result.with_novel),
                )
            ),
        ):
            found = (percent(detection.get(rate)) for rate in ("0.01", "0.05"))
            few = " (few)" if auc is not None and min(n_normal, n_attack) < FEW else ""
            rows.append((name, which, f"{n_normal:,}", f"{n_attack:,}", area(auc) + few, *found))
    return Table(
        "With and without calls that the model never saw in training",
        ("model", "judged", ">normals", ">attacks", ">area", ">found at 1 %", ">at 5 %"),
        rows,
    )


def cost_table(names: Sequence[str], results: Sequence[Result]) -> Table:
    """Speed and memory."""
    return Table(
        "Speed and memory, on the machine that made this card",
        (
            "model", ">calls scored a second", ">trained in", ">detector", ">normals remembered",
            ">on disk",
        ),
        [
            (
                name,
                f"{result.calls_per_second / 1e6:.2f} million",
                f"{result.train_seconds:.2f} s",
                size(result.memory.detector),
                size(result.memory.remembered),
                size(result.memory.disk),
            )
            for name, result in zip(names, results, strict=True)
        ],
    )  # fmt: skip


def model_table(names: Sequence[str], results: Sequence[Result]) -> Table:
    """What was judged with."""
    return Table(
        "Models",
        (
            "model",
            "folder or name",
            "detector and settings",
            "score",
            "trained on this data",
            "SHA-256",
        ),
        [
            (
                name,
                result.model,
                " ".join([result.detector, *(f"{k}={v}" for k, v in result.settings.items())]),
                result.decision,
                "yes" if result.trained_on_this else "no",
                result.model_digest or "never saved",
            )
            for name, result in zip(names, results, strict=True)
        ],
    )


def origin_table(results: Results) -> Table:
    """What was judged, when, and by which versions."""
    first = results.results[0]
    versions = ", ".join(f"{name} {number}" for name, number in results.versions.items())
    rows = [
        ("data", first.data),
        ("SHA-256 of its content", first.data_sha256),
        ("protocol", first.protocol),
        ("made", results.created),
        ("by", versions),
        ("seed of the bootstrap", str(first.seed)),
        ("attacks used to choose anything", "yes" if first.supervised else "no"),
        ("most memory the process had", size(results.peak_rss_bytes)),
    ]
    if results.final_runs is not None:
        rows.append(("scored with this version here", f"{results.final_runs} times"))
    return Table("Data and versions", ("what", "which"), rows)
