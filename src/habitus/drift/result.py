"""`Drift`: what holding new traces against a model's population showed, as an object and as JSON.

The JSON Schema is ``habitus/schemas/drift.schema.json``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict

from habitus.decisions.population import Method  # noqa: TC001 - pydantic needs it at run time
from habitus.models.model import FileText  # noqa: TC001 - likewise
from habitus.storage import readable

if TYPE_CHECKING:
    from numpy.typing import NDArray

Verdict = Literal["same", "drifted", "cannot tell"]
Side = Literal["fewer", "as forecast", "more"]
LEVEL = 0.05
"""An adjusted p-value at or below this is a drift."""
QUANTILES = (0.5, 0.9, 0.99)
MAX_CHARACTERS = 120
"""A call's name is whatever a file holds, and may be as long as it likes."""


def _shortened(text: str) -> str:
    text = readable(text)
    return text if len(text) <= MAX_CHARACTERS else text[: MAX_CHARACTERS - 3] + "..."


CallName = Annotated[str, AfterValidator(_shortened)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Tested(_Part):
    """What a test looked for strangers by.

    Attributes:
        p: of the one-sided test that the new ones are no stranger; None where it could not be made.
        p_adjusted: the same for all tests of the check together.
    """

    p: float | None
    p_adjusted: float | None = None

    @property
    def drifted(self) -> bool:
        """Whether the new side is shown to be stranger."""
        return self.p_adjusted is not None and self.p_adjusted <= LEVEL


class Histogram(_Part):
    """Distinct sequences by value, in cells of equal width.

    Attributes:
        low, high: the lowest and the highest value, or the threshold where that lies beyond.
        n_below: how many of the cells end at the threshold or before; of a measure without one the
            cells begin at ``low``, and this is 0.
        width: of a cell.
        reference, new: sequences in each cell.
    """

    low: float
    high: float
    n_below: int
    width: float
    reference: tuple[int, ...]
    new: tuple[int, ...]


class Shift(Tested):
    """One measure of how strange a sequence is, on both sides.

    Attributes:
        measure: ``score`` of a decision; ``novel``, the share of calls that were never learned;
            ``unseen``, the share of windows that were never learned.
        decision: whose score; empty for the others.
        n_reference, n_new: distinct sequences compared, those that stand on both sides left out.
        comparable: how much there is to compare, ``n m / (n + m)`` summed over sequences that
            stand about as often.
        superiority: how often a new sequence is the stranger of a pair; .5 where both are alike.
        reference, new: the quantiles `QUANTILES`, by their share.
    """

    measure: Literal["score", "novel", "unseen"]
    decision: str
    n_reference: int
    n_new: int
    comparable: float
    superiority: float | None
    reference: dict[str, float]
    new: dict[str, float]
    histogram: Histogram | None


class Alarms(Tested):
    """Traces above a threshold, against the forecast of it.

    Attributes:
        unit: of the threshold.
        n_traces: with a score; learned ones count with the score of a detector that had not
            learned them, and are left out where there is none.
        n_over: above the threshold.
        low, high: how many were forecast, with 95 % probability.
        expected: the share that was forecast.
        side: where ``n_over`` lies.
    """

    decision: str
    threshold: float
    unit: str
    n_traces: int
    n_over: int
    low: int
    high: int
    expected: float
    side: Side


class NovelCall(_Part):
    """A call that the model never learned: how often, and in how many traces, it was made."""

    name: CallName
    count: int
    n_traces: int


class NovelTrace(_Part):
    """A trace that makes calls that the model never learned."""

    name: FileText
    n_novel: int
    n_calls: int


class ChangedCall(_Part):
    """A call that the model knows: its mean share of a sequence's calls, learned and new."""

    name: CallName
    learned: float
    new: float


class Drift(_Part):
    """What holding new traces against a model's population showed.

    Attributes:
        model, model_digest: what the user called it; the SHA-256 of its folder.
        data, data_sha256: the new traces.
        unit: of the scores of whole traces.
        method: how the scores of the reference came about (`Calibration`).
        verdict: ``drifted`` if an adjusted p-value is at most 5 %; else ``cannot tell`` if a
            marked drift might have been missed; else ``same``.
        sentence: the verdict in words; ``advice`` is what to do, ``notes`` what else to know.
        n_traces: new traces; ``n_attacks`` more are labelled attacks and left out, and so
            are the ``n_own`` that the thresholds were set on, where all of them are there again.
        n_learned: traces whose sequence the model learned, or its thresholds were set on.
        n_unscoreable: traces without a score by the decision about whole traces.
        n_more: how many more sequences would do where there are too few; None where enough, or
            where more would not help.
        lengths: quantiles of the sequences' calls, reference and new.
        n_novel_calls: different calls that were never learned; ``novel_calls`` are the most
            frequent of them, ``novel_traces`` the traces with most of them.
        changed_calls: the known calls whose share changed most.
    """

    schema_version: Literal[1] = 1
    habitus_version: str
    model: FileText
    model_digest: str
    detector: str
    data: FileText
    data_sha256: str
    seed: int
    permutations: int
    unit: str
    method: Method
    verdict: Verdict
    sentence: str = ""
    advice: tuple[FileText, ...] = ()
    notes: tuple[FileText, ...] = ()
    n_traces: int
    n_attacks: int
    n_own: int
    n_learned: int
    n_unscoreable: int
    n_more: int | None
    alarms: tuple[Alarms, ...]
    shifts: tuple[Shift, ...]
    lengths: tuple[dict[str, float], dict[str, float]]
    n_novel_calls: int
    novel_calls: tuple[NovelCall, ...]
    novel_traces: tuple[NovelTrace, ...]
    changed_calls: tuple[ChangedCall, ...]

    def shift(self, measure: str, decision: str = "") -> Shift:
        """One of the measures."""
        return next(s for s in self.shifts if (s.measure, s.decision) == (measure, decision))

    def to_json(self) -> str:
        """Indented JSON with a newline at its end."""
        return json.dumps(self.model_dump(mode="json"), indent=1, allow_nan=False) + "\n"


def quantiles_of(values: NDArray[np.float64] | NDArray[np.int64]) -> dict[str, float]:
    """`QUANTILES` by their share; empty where there are no values."""
    if not len(values):
        return {}
    # Values that there are, not means of two: they cannot be out of the range of numbers.
    return {f"{q:g}": float(np.quantile(values, q, method="inverted_cdf")) for q in QUANTILES}
