"""Comparisons of two models, as objects and as JSON.

The JSON Schema is ``habitus/schemas/compare.schema.json``.
"""

from __future__ import annotations

import json
from typing import Literal

from pydantic import Field

from habitus.evaluation.result_parts import Interval, Part
from habitus.evaluation.results import Result  # noqa: TC001 - pydantic needs it at run time
from habitus.models.model import FileText  # noqa: TC001 - likewise

Verdict = Literal["a better", "b better", "undecided", "no interval"]
VERDICTS: dict[Verdict, str] = {
    "a better": "excludes 0: A better",
    "b better": "excludes 0: B better",
    "undecided": "includes 0",
    "no interval": "none",
}
"""What an interval says, in words."""


class Compared(Part):
    """One measure of two models, in which more is better.

    Attributes:
        difference: ``b`` - ``a``.
        ci95: its interval by paired cluster bootstrap; None where there is too little to draw from,
            or there are very many types of attack.
        verdict: who is better, if the interval excludes 0.
    """

    a: float
    b: float
    difference: float
    ci95: Interval | None
    verdict: Verdict

    @classmethod
    def of(cls, a: float, b: float, ci95: Interval | None) -> Compared:
        """The measure with its difference and verdict."""
        return cls(a=a, b=b, difference=b - a, ci95=ci95, verdict=_verdict_of(ci95))


class AtRate(Part):
    """Detection at a false-alarm rate of at most the one asked for.

    Attributes:
        detection: of attacks found.
        achieved_fpr_a, achieved_fpr_b: the false-alarm rates of the thresholds used.
    """

    detection: Compared
    achieved_fpr_a: float
    achieved_fpr_b: float


class AttackCompared(Part):
    """One type of attack, against all normals.

    Attributes:
        n: attacks that both could score; ``n_clusters`` counts independent ones.
        dr_at_fpr: detection rates by false-alarm rate.
    """

    n: int
    n_clusters: int
    auc: Compared
    dr_at_fpr: dict[str, Compared]


class ComparedModel(Part):
    """One of the two.

    Attributes:
        results: where its results were read; empty for results that were given as objects.
        decision: by which rule its scores are made, ``trace:mean`` or ``rolling:200``.
    """

    results: FileText
    model: FileText
    model_digest: str
    detector: str
    settings: dict[str, bool | int | float | str | None]
    decision: str


class Comparison(Part):
    """Two models on the units that both could score.

    Attributes:
        n_normal, n_attack: units compared; ``n_normal_clusters`` and ``n_attack_clusters`` of them
            are independent.
        n_only_a, n_only_b: units that one of them alone could score, and that are left out.
        notes: what a reader must know before believing it.
        results: what either reaches on the units compared, for pictures; not in the JSON.
    """

    a: ComparedModel
    b: ComparedModel
    protocol: str
    caution: str
    unit: Literal["trace", "recording"]
    data: FileText
    data_sha256: str
    n_normal: int
    n_attack: int
    n_normal_clusters: int
    n_attack_clusters: int
    n_only_a: int
    n_only_b: int
    auc: Compared
    dr_at_fpr: dict[str, AtRate]
    per_attack: dict[str, AttackCompared]
    notes: tuple[FileText, ...]
    results: tuple[Result, Result] = Field(exclude=True, repr=False)


class Comparisons(Part):
    """Every pair of models that was compared.

    Attributes:
        seed, replicates: of the bootstrap.
    """

    schema_version: Literal[1] = 1
    habitus_version: str
    seed: int
    replicates: int
    comparisons: tuple[Comparison, ...]

    def to_json(self) -> str:
        """Indented JSON with a newline at its end."""
        return json.dumps(self.model_dump(mode="json"), indent=1, allow_nan=False) + "\n"


def verdict_sentence(comparison: Comparison) -> str:
    """What the interval of the area says, in words."""
    match comparison.auc.verdict:
        case "a better" | "b better" as verdict:
            better, other = ("A", "B") if verdict == "a better" else ("B", "A")
            return (
                f"by AUC {better} is better than {other}: the interval of the difference excludes 0"
            )
        case "undecided":
            return "by AUC neither is shown to be better: the interval of the difference includes 0"
    return "by AUC neither is shown to be better: too few independent observations for an interval"


def _verdict_of(ci95: Interval | None) -> Verdict:
    if ci95 is None:
        return "no interval"
    low, high = ci95
    if low > 0:
        return "b better"
    return "a better" if high < 0 else "undecided"
