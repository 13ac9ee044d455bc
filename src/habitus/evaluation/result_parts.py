"""Parts of a result that a picture is made of: curves, counts, and the traces worth a look."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from habitus.models.model import FileText  # noqa: TC001 - pydantic needs it at run time
from habitus.storage import readable

Interval = tuple[float, float]


def readable_record(value: Any) -> Any:
    """A JSON value whose texts can all be shown and stored, as `FileText` can."""
    match value:
        case str():
            return readable(value)
        case dict():
            return {readable(key): readable_record(inner) for key, inner in value.items()}
        case list() | tuple():
            return [readable_record(inner) for inner in value]
    return value


class Part(BaseModel):
    """A part of results."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class BandOf(Part):
    """A 95 % cluster-bootstrap interval at each of some places, each place by itself.

    Attributes:
        at: places on the curve's x-axis; ``low`` and ``high`` are the interval there.
    """

    at: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class RocCurve(Part):
    """Detection over false alarms, from the strictest threshold on; points that lie on a line left
    out.

    Attributes:
        fpr, tpr: false-alarm and detection rates.
        thresholds: a score that high is an alert; None before the first.
        band: None where there is only one cluster to resample.
    """

    fpr: tuple[float, ...]
    tpr: tuple[float, ...]
    thresholds: tuple[float | None, ...]
    band: BandOf | None


class PrCurve(Part):
    """Precision over recall, from the strictest threshold on, at this test's share of attacks.

    Attributes:
        average: average precision; ``average_ci95`` its interval.
        attack_share: what precision a guess would have.
    """

    recall: tuple[float, ...]
    precision: tuple[float, ...]
    band: BandOf | None
    average: float
    average_ci95: Interval | None
    attack_share: float


class Histogram(Part):
    """How many normals and attacks score how much.

    Attributes:
        edges: one more than there are bins; a bin holds its lower edge, the last one both.
    """

    edges: tuple[float, ...]
    normal: tuple[int, ...]
    attack: tuple[int, ...]


class FolderResult(Part):
    """The attacks of one folder or recording.

    Attributes:
        attack: the type of the first of them.
        n: attacks judged; ``n_detected`` of them lie above the model's own threshold, or None where
            it is for another aggregation.
        median_score: of its attacks; ``auc`` is against all normals.
    """

    name: FileText
    attack: FileText
    n: int
    n_detected: int | None
    median_score: float
    auc: float
    dr_at_fpr: dict[str, float]


class Subset(Part):
    """What is left of the test when only some of its traces are judged.

    Attributes:
        auc: None, and ``dr_at_fpr`` empty, where normals or attacks are missing.
        dr_at_fpr: false alarms are counted among the subset's normals.
    """

    n_normal: int
    n_attack: int
    auc: float | None
    dr_at_fpr: dict[str, float]


class ShownTrace(Part):
    """A trace worth a look: a normal that is strange, or an attack that is not.

    Attributes:
        group: the recording or folder it belongs to; the score is the recording's if these are
            judged.
        rank: from 1, the strangest normal or the most normal attack first, distinct sequences only.
        n_equal: judged things of this label with the same sequence, itself included.
        n_beyond: of a normal, the attacks that score no higher; of an attack, the normals that
            score no lower.
        is_alert: by the model's own threshold; None where that is for another aggregation.
        explanation: as in an alert record; None for a trace without calls.
    """

    name: FileText
    source: FileText
    group: FileText
    attack: FileText
    label: Literal["normal", "attack"]
    rank: int
    score: float
    n_equal: int
    n_beyond: int
    is_alert: bool | None
    n_calls: int
    n_novel_calls: int
    explanation: Annotated[dict[str, Any], AfterValidator(readable_record)] | None


class Memory(Part):
    """What a model takes up, in bytes.

    Attributes:
        detector: the fitted detector's arrays.
        remembered: the training traces kept for explanations and thresholds.
        disk: the model's folder; None if it was not read from one.
    """

    detector: int
    remembered: int
    disk: int | None
