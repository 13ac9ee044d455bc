"""What a reader must know before believing a result."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.evaluation.protocols import PROTOCOLS, Protocol

if TYPE_CHECKING:
    from habitus.evaluation.results import Result
    from habitus.models.model import Model

FEW = 10
"""Fewer observations than this on either side are called few."""
MOSTLY_UNKNOWN = 0.5
"""A model that never saw so large a share of the calls was made for something else."""


def caveats_of(
    result: Result,
    model: Model,
    protocol: Protocol,
    n_independent: tuple[int, ...],
    share_unknown: float,
) -> list[str]:
    """A line for each thing that stands in the way of believing a result.

    Args:
        n_independent: normal and attack clusters of the bootstrap.
        share_unknown: of the calls judged, those that the model never saw.
    """
    lines = []
    part, data = model.provenance.part, model.provenance.data
    learned = PROTOCOLS.get(part)
    if not result.trained_on_this or learned is None or learned.training is not protocol.training:
        lines.append(
            f"{result.model} was trained on {data!r} ({part}), not on the training part of "
            f"{result.protocol}"
        )
    if share_unknown >= MOSTLY_UNKNOWN:
        lines.append(
            f"{share_unknown:.0%} of the calls judged are unknown to {result.model}: is it a model "
            "of this program, and are --format and --abi right?"
        )
    if result.n_known_normals and protocol.leaves_out_known:
        wholly = f", and with them {result.n_left_out} whole {result.unit}s"
        lines.append(
            f"{result.n_known_normals} normal traces equal one that {result.model} was trained on "
            f"and are left out{wholly if result.n_left_out else ''}"
        )
    elif result.n_known_normals:
        lines.append(
            f"{result.n_known_normals} of the normal traces judged equal one that {result.model} "
            "was trained on"
        )
    if min(result.n_normal, result.n_attack) < FEW:
        lines.append(
            f"{result.n_normal} normal and {result.n_attack} attack {result.unit}s are few: a "
            f"false-alarm rate below {1 / result.n_normal:.1%} cannot be seen here, and the "
            "intervals are too narrow"
        )
    elif min(n_independent) < FEW:
        lines.append(
            f"the {result.n_normal} normal and {result.n_attack} attack {result.unit}s are "
            f"{n_independent[0]} and {n_independent[1]} independent observations (equal sequences "
            "or one recording are one), which is few: the intervals are too narrow"
        )
    best = max(result.baselines, key=lambda baseline: baseline.auc)
    if best.auc >= result.auc:
        lines.append(
            f"{result.model} (AUC {result.auc:.3f}) does not clear the trivial baseline "
            f"'{best.stranger} {best.name}' (AUC {best.auc:.3f})"
        )
    if result.n_unscoreable:
        lines.append(
            f"{result.n_unscoreable} {result.unit}s are too short for {result.model} to score "
            f"({result.n_unscoreable_attack} of them attacks); they are in no rate"
        )
    return lines
