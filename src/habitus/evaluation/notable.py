"""Traces worth a look: what would be false alarms or missed, and what to hold that against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.alerts.explanation import explain_score
from habitus.alerts.record import explanation_record
from habitus.alerts.scoring import Scorer
from habitus.evaluation.result_parts import ShownTrace
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from habitus.evaluation.judged import Judged
    from habitus.models.model import Model
    from habitus.progress import Progress
    from habitus.traces.traceset import TraceSet

N_SHOWN = 5
"""Of each kind: enough to see what they have in common."""


def strangest_normals(
    model: Model,
    test: TraceSet,
    normal: Judged,
    attack: Judged,
    threshold: float | None,
    progress: Progress,
) -> tuple[ShownTrace, ...]:
    """The normals with the highest scores: what would raise false alarms.

    Args:
        threshold: the model's own, if it is for these scores.
    """
    order = np.argsort(-normal.scores, kind="stable")
    beyond = np.searchsorted(np.sort(attack.scores), normal.scores, side="right")
    return _shown(model, test, normal, order.tolist(), beyond.tolist(), threshold, progress)


def most_normal_attacks(
    model: Model,
    test: TraceSet,
    normal: Judged,
    attack: Judged,
    threshold: float | None,
    progress: Progress,
) -> tuple[ShownTrace, ...]:
    """The attacks with the lowest scores: what would be missed."""
    order = np.argsort(attack.scores, kind="stable")
    below = np.searchsorted(np.sort(normal.scores), attack.scores, side="left")
    beyond = len(normal.scores) - below
    return _shown(model, test, attack, order.tolist(), beyond.tolist(), threshold, progress)


def typical_normal(
    model: Model,
    test: TraceSet,
    normal: Judged,
    attack: Judged,
    threshold: float | None,
    progress: Progress,
) -> ShownTrace:
    """The normal whose score is the median: what nothing is wrong with."""
    order = np.argsort(-normal.scores, kind="stable")
    beyond = np.searchsorted(np.sort(attack.scores), normal.scores, side="right")
    return _shown(
        model, test, normal, order.tolist()[len(order) // 2 :], beyond.tolist(), threshold,
        progress, most=1,
    )[0]  # fmt: skip


def strongest_attack(
    model: Model,
    test: TraceSet,
    normal: Judged,
    attack: Judged,
    threshold: float | None,
    progress: Progress,
) -> ShownTrace:
    """The attack with the highest score: what is found first."""
    order = np.argsort(-attack.scores, kind="stable")
    below = np.searchsorted(np.sort(normal.scores), attack.scores, side="left")
    beyond = len(normal.scores) - below
    return _shown(
        model, test, attack, order.tolist(), beyond.tolist(), threshold, progress, most=1
    )[0]  # fmt: skip


def _shown(
    model: Model,
    test: TraceSet,
    judged: Judged,
    order: list[int],
    beyond: list[int],
    threshold: float | None,
    progress: Progress,
    most: int = N_SHOWN,
) -> tuple[ShownTrace, ...]:
    """The first of each distinct sequence in this order, explained."""
    firsts: dict[int, int] = {}
    for i in order:
        firsts.setdefault(int(judged.sequences[i]), i)
        if len(firsts) == most:
            break
    shown = []
    for rank, i in enumerate(firsts.values(), 1):
        trace = int(judged.traces[i])
        info = test.infos[trace]
        # One by one: it is the stretch and the strip that are wanted, the score is known.
        (scored,) = Scorer(model, stretch_of_all=True).run([test.select([trace])])
        explanation = explain_score(model, scored)
        score = float(judged.scores[i])
        is_attack = judged.labels[i] == Label.ATTACK
        shown.append(
            ShownTrace(
                name=info.name,
                source=info.source,
                group=info.group,
                attack=str(judged.attacks[i]) if is_attack else "",
                label="attack" if is_attack else "normal",
                rank=rank,
                score=score,
                n_equal=int(np.sum(judged.sequences == judged.sequences[i])),
                n_beyond=beyond[i],
                is_alert=None if threshold is None else score > threshold,
                n_calls=scored.n_calls,
                n_novel_calls=scored.n_novel,
                explanation=None if explanation is None else explanation_record(explanation),
            )
        )
        progress.advance(1)
    return tuple(shown)
