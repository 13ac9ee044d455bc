"""Traces worth a look: what would be false alarms or missed, and what to hold that against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from habitus.alerts.explanation import explain_score
from habitus.alerts.record import explanation_record
from habitus.alerts.scoring import Scorer
from habitus.evaluation.result_parts import ShownTrace
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.evaluation.judged import Judged
    from habitus.models.model import Model
    from habitus.progress import Progress
    from habitus.traces.traceset import TraceSet

    Places = NDArray[np.int64]

N_SHOWN = 5
"""Of each kind: enough to see what they have in common."""


@dataclass(frozen=True)
class Notable:
    """Finds them among the judged traces of an evaluation, each sequence once.

    Attributes:
        test: the traces that were judged; ``normal`` and ``attack`` are what came of them.
        threshold: the model's own, if it is for these scores.
    """

    model: Model
    test: TraceSet
    normal: Judged
    attack: Judged
    threshold: float | None
    progress: Progress

    def strangest_normals(self) -> tuple[ShownTrace, ...]:
        """The normals with the highest scores: what would raise false alarms."""
        return self._normals(self._strangest_first(self.normal), N_SHOWN)

    def most_normal_attacks(self) -> tuple[ShownTrace, ...]:
        """The attacks with the lowest scores: what would be missed."""
        return self._attacks(np.argsort(self.attack.scores, kind="stable"), N_SHOWN)

    def typical_normal(self) -> ShownTrace:
        """The normal whose score is the median: what nothing is wrong with."""
        order = self._strangest_first(self.normal)
        return self._normals(order[len(order) // 2 :], 1)[0]

    def strongest_attack(self) -> ShownTrace:
        """The attack with the highest score: what is found first."""
        return self._attacks(self._strangest_first(self.attack), 1)[0]

    @staticmethod
    def _strangest_first(judged: Judged) -> Places:
        return np.argsort(-judged.scores, kind="stable")

    def _normals(self, order: Places, most: int) -> tuple[ShownTrace, ...]:
        """Some normals, each beside the number of attacks that score no higher."""
        scores = np.sort(self.attack.scores)
        beyond = np.searchsorted(scores, self.normal.scores, side="right")
        return self._shown(self.normal, order, beyond, most)

    def _attacks(self, order: Places, most: int) -> tuple[ShownTrace, ...]:
        """Some attacks, each beside the number of normals that score no lower."""
        scores = np.sort(self.normal.scores)
        beyond = len(scores) - np.searchsorted(scores, self.attack.scores, side="left")
        return self._shown(self.attack, order, beyond, most)

    def _shown(
        self, judged: Judged, order: Places, beyond: Places, most: int
    ) -> tuple[ShownTrace, ...]:
        """The first of each distinct sequence in this order, explained."""
        firsts: dict[int, int] = {}
        for i in order.tolist():
            firsts.setdefault(int(judged.sequences[i]), i)
            if len(firsts) == most:
                break
        shown = []
        for rank, i in enumerate(firsts.values(), 1):
            trace = int(judged.traces[i])
            info = self.test.infos[trace]
            # One by one: it is the stretch and the strip that are wanted, the score is known.
            (scored,) = Scorer(self.model, stretch_of_all=True).run([self.test.select([trace])])
            explanation = explain_score(self.model, scored)
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
                    n_beyond=int(beyond[i]),
                    is_alert=None if self.threshold is None else score > self.threshold,
                    n_calls=scored.n_calls,
                    n_novel_calls=scored.n_novel,
                    explanation=None if explanation is None else explanation_record(explanation),
                )
            )
            self.progress.advance(1)
        return tuple(shown)
