"""What several features are made with: names, sums, moments and quotients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from habitus.flows.features.feature import Column, Feature, divided
from habitus.flows.features.rows import Moments, Rows, Scope

if TYPE_CHECKING:
    from habitus.flows.features.feature import Group

Make = Callable[[Rows], Column]

LONG = {"flow": "both ways", "forward": "from the initiator", "backward": "to the initiator"}
BYTES = {
    "raw": "the frame on the wire, from its link header on",
    "ip": "from the IP header on, by the length it tells",
    "transport": "from the transport header on",
    "payload": "what the transport carries",
}
NO_PACKET, ONE_PACKET = "there is no such packet", "there are fewer than two such packets"
NO_GAP, ONE_GAP = "there are fewer than two such packets", "there are fewer than three such packets"
NOT_TCP = "the protocol is not TCP, or there is no such packet"


def named(scope: Scope, name: str) -> str:
    """A feature's name: of both ways together it has no word before it."""
    return name if scope == "flow" else f"{scope}_{name}"


def total(scope: Scope, field: str) -> Make:
    """A count or a sum, of one direction or of both together."""
    return lambda rows: Column(rows.total(scope, field))


def quotient(scope: Scope, above: str, below: str, factor: float = 1.0) -> Make:
    """One sum by another, undefined where that is 0."""
    return lambda rows: Column(divided(rows.total(scope, above) * factor, rows.total(scope, below)))


def of_side(scope: Scope, field: str) -> Make:
    """A number of one direction, undefined where it has no packet."""

    def of(rows: Rows) -> Column:
        return Column(rows.way(scope, field).astype(np.int64), rows.total(scope, "packets") > 0)

    return of


def moments(
    group: Group, of: Callable[[Rows], Moments], name: str, unit: str, what: str,
    nulls: tuple[str, str],
) -> Iterator[Feature]:  # fmt: skip
    """Mean, standard deviation, least and largest."""
    for part, word, formula, null in (
        ("mean", "Mean", "sum / n", nulls[0]),
        ("std", "Standard deviation", "sqrt(sum (x - mean)^2 / (n - 1))", nulls[1]),
        ("min", "Least", "min", nulls[0]),
        ("max", "Largest", "max", nulls[0]),
    ):
        field = {"min": "low", "max": "high"}.get(part, part)
        yield Feature(
            f"{name}_{part}_{unit}", group, "number", unit, f"{word} of {what}", formula, null,
            _part(of, field),
        )  # fmt: skip


def _part(of: Callable[[Rows], Moments], field: str) -> Make:
    return lambda rows: Column(getattr(of(rows), field))
