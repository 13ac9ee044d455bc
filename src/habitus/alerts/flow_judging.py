"""Judging flows: a score for each, table after table, and which of them raise an alert."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from habitus.detectors.flow.flowmeter_features import FLOWMETER_FEATURES
from habitus.errors import InputError

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from habitus.models.flow_model import FlowModel

TOLD = (
    "source_ip", "source_port", "destination_ip", "destination_port", "protocol", "community_id",
    "first_frame", "last_frame", "start_ns", "end_ns", "duration_us", "forward_packets",
    "backward_packets", "forward_raw_bytes", "backward_raw_bytes", "forward_ip_bytes",
    "backward_ip_bytes", "forward_payload_bytes", "backward_payload_bytes",
)  # fmt: skip
"""What is told of a flow, beside what the model goes by."""


def columns_for(model: FlowModel) -> frozenset[str]:
    """The features that judging by a model, and telling of it, take."""
    return model.detector.inputs.needs.union(TOLD)


def merges_twins(model: FlowModel) -> bool:
    """Whether rows of FlowMeter are joined to flows: a model of its features takes them as is."""
    return not set(model.detector.inputs.names) <= set(FLOWMETER_FEATURES)


@dataclass(frozen=True, eq=False)
class FlowVerdicts:
    """Some flows, judged.

    Attributes:
        flows: (n,) the table that was judged.
        scores: (n,) float64, NaN of a flow that cannot be scored.
        alerts: (n,) bool.
    """

    flows: pl.DataFrame
    scores: NDArray[np.float64]
    alerts: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.flows)

    def select(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> FlowVerdicts:
        """Some of them."""
        chosen = self.flows.filter(rows) if rows.dtype == np.bool_ else self.flows[rows]
        return FlowVerdicts(chosen, self.scores[rows], self.alerts[rows])


@dataclass
class FlowTally:
    """What judging came to.

    Attributes:
        n_flows, n_alerts: flows judged, and those that raised an alert.
        n_unscoreable: flows that do not tell what every flow of training told.
        silent: what they do not tell, and how many of them.
    """

    n_flows: int = 0
    n_alerts: int = 0
    n_unscoreable: int = 0
    silent: Counter[str] = field(default_factory=Counter)

    def include(self, other: FlowTally) -> None:
        """Count another's with this one's."""
        self.n_flows += other.n_flows
        self.n_alerts += other.n_alerts
        self.n_unscoreable += other.n_unscoreable
        self.silent.update(other.silent)


class FlowJudge:
    """Judges flows by a model; a flow's verdict does not depend on those beside it.

    Attributes:
        tally: counts of all that was judged.
    """

    def __init__(self, model: FlowModel) -> None:
        self.model = model
        self.tally = FlowTally()

    def judge(self, flows: pl.DataFrame) -> FlowVerdicts:
        """The verdicts on a table of flows.

        Raises:
            InputError: if it lacks columns that the model needs, or one holds no numbers.
        """
        inputs = self.model.detector.inputs
        matrix, sound = inputs.told(flows)
        scores = self.model.scores_of(matrix, sound)
        alerts = self.model.decision.is_alert(scores)
        tally, n_sound = self.tally, int(sound.sum())
        tally.n_flows += len(flows)
        tally.n_alerts += int(alerts.sum())
        if n_sound < len(flows):
            tally.n_unscoreable += len(flows) - n_sound
            tally.silent.update(inputs.silent_on(matrix[~sound]))
        return FlowVerdicts(flows, scores, alerts)


def refuse_nothing_scored(judge: FlowJudge) -> None:
    """Refuse flows of which none tells what the model goes by; where there are none, nothing.

    Raises:
        InputError: if so.
    """
    model, tally = judge.model, judge.tally
    if not tally.n_flows or tally.n_unscoreable < tally.n_flows:
        return
    n_flows, silent = tally.n_flows, tally.silent
    names = [name for name, _ in silent.most_common(6)]
    more = f" and {len(silent) - len(names)} more" if len(silent) > len(names) else ""
    flows = "the one flow does not tell" if n_flows == 1 else f"none of the {n_flows:,} flows tells"
    learned = "flows of another program"
    if model.provenance.extraction is not None:
        learned = "flows that Habitus makes of captures"
    raise InputError(
        f"{flows} all that the model goes by; missing: {', '.join(names)}{more}",
        f"it has learned {learned}: give it such, or train one on flows like these",
    )
