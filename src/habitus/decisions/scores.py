"""From a detector to a score a trace: by an aggregation, or whole where the detector says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.decisions.aggregation import WHOLE, Aggregation, RunningScore
from habitus.decisions.rule import Rule, highest_of, rolling_scores
from habitus.detectors.whole import RunningTrace, TraceDetector
from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from habitus.detectors.base import SequenceDetector
    from habitus.traces.traceset import TraceSet


def aggregation_of(detector: SequenceDetector, text: str | None = None) -> Aggregation:
    """The aggregation that ``text`` names, or the detector's usual one.

    Raises:
        UsageError: if there is no such aggregation, or not for this detector.
    """
    is_whole = isinstance(detector, TraceDetector)
    chosen = Aggregation.parse(text or (WHOLE if is_whole else detector.aggregation))
    if (chosen.kind == WHOLE) != is_whole:
        knows = "only whole traces" if is_whole else "every call"
        fits = WHOLE if is_whole else "mean, median, quantile:Q or worst:W"
        raise UsageError(
            f"the aggregation {chosen} is not for {detector.name}, which scores {knows}: say {fits}"
        )
    return chosen


def rules_of(
    detector: SequenceDetector, aggregation: str | None, rolling: Sequence[str]
) -> tuple[Rule, ...]:
    """The rules of a model: one about whole traces, then those about the last calls.

    Args:
        rolling: windows, as ``200`` or ``200:median``.

    Raises:
        UsageError: if one does not fit the detector, or stands twice.
    """
    if rolling and isinstance(detector, TraceDetector) and not detector.rolls:
        raise UsageError(
            f"{detector.name} knows only whole traces, and makes no score of their last calls"
        )
    rules = (
        Rule(aggregation_of(detector, aggregation)),
        *(Rule.parse(f"rolling:{window}") for window in rolling),
    )
    if len(set(rules)) < len(rules):
        raise UsageError(f"a decision stands twice: {', '.join(map(str, rules))}")
    return rules


def rule_scores(detector: SequenceDetector, traces: TraceSet, rule: Rule) -> NDArray[np.float64]:
    """(n_traces,) float64: each whole trace's score by a rule, of a rolling one the highest."""
    if rule.window is None:
        return trace_scores(detector, traces, rule.aggregation)
    return highest_of(
        rolling_scores(detector.surprise(traces), traces.offsets, rule), traces.offsets
    )


def trace_scores(
    detector: SequenceDetector,
    traces: TraceSet,
    aggregation: Aggregation,
    surprise: NDArray[np.float32] | None = None,
) -> NDArray[np.float64]:
    """(n_traces,) float64: the score of each whole trace; NaN where it cannot be scored.

    Args:
        surprise: (n_calls,) float32, where it is known already.
    """
    if isinstance(detector, TraceDetector):
        return detector.trace_scores(traces)
    surprise = detector.surprise(traces) if surprise is None else surprise
    return aggregation.scores(surprise, traces.offsets)


def running_score(
    detector: SequenceDetector, aggregation: Aggregation
) -> RunningScore | RunningTrace:
    """The score of one trace that arrives in segments."""
    return detector.running() if isinstance(detector, TraceDetector) else aggregation.running()


def score_unit(detector: SequenceDetector, rule: str | None = None) -> str:
    """The unit of a trace's score, or of that which a decision's rule makes.

    Of a detector of whole traces that `rolls`, the last calls' score is of its surprise's unit.
    """
    if isinstance(detector, TraceDetector) and not _is_rolling(rule):
        return detector.score_unit
    return detector.unit


def max_score(detector: SequenceDetector, rule: str | None = None) -> float | None:
    """The highest score that a trace can have, by a rule; None if there is no bound."""
    if isinstance(detector, TraceDetector) and not _is_rolling(rule):
        return detector.max_score
    return detector.max_surprise


def _is_rolling(rule: str | None) -> bool:
    return rule is not None and Rule.parse(rule).window is not None
