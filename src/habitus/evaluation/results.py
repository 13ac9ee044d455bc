"""Results: what an evaluation found, as objects, as ``results.json`` and as ``results.csv``.

The JSON Schema is ``habitus/schemas/results.schema.json``.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import Field, InstanceOf

from habitus.evaluation.doctor.findings import Finding  # noqa: TC001 - likewise
from habitus.evaluation.result_parts import (
    FolderResult,
    Histogram,
    Interval,
    Memory,
    Part,
    PrCurve,
    RocCurve,
    ShownTrace,
    Subset,
)
from habitus.evaluation.result_text import LONG, flat, indented
from habitus.evaluation.score_file import write_scores
from habitus.evaluation.unit_scores import UnitScores  # noqa: TC001 - likewise
from habitus.models.model import FileText  # noqa: TC001 - pydantic needs it at run time
from habitus.storage import atomic_write

if TYPE_CHECKING:
    import os

    from habitus.traces.report import ReadReport


class Detection(Part):
    """Detection at a false-alarm rate of at most the one asked for.

    Attributes:
        dr: detection rate; ``dr_ci95`` its interval.
        achieved_fpr: the false-alarm rate of the threshold used.
    """

    dr: float
    dr_ci95: Interval | None
    achieved_fpr: float


class AttackResult(Part):
    """One type of attack.

    Attributes:
        n: attacks judged; ``auc`` is against all normals.
        auc_ci95: its interval; None where there is one cluster, or there are very many types.
        dr_at_fpr: detection rate by false-alarm rate.
    """

    n: int
    auc: float
    auc_ci95: Interval | None
    dr_at_fpr: dict[str, float]


class AtThreshold(Part):
    """What the model's own threshold gives here.

    Attributes:
        budget: what the threshold was set for, in words.
        expected_fpr: the share of normal traces above it that its calibration makes one expect;
            ``expected_false_alarms_ci95`` how many of the normals judged, with 95 % probability if
            they were drawn like those it was set on. None where recordings are judged, of which the
            calibration says nothing, or where a tail was extrapolated.
        fpr, dr: what it gives on this test.
    """

    threshold: float
    budget: str
    expected_fpr: float | None
    expected_false_alarms_ci95: tuple[int, int] | None
    fpr: float
    dr: float
    n_false_alarms: int
    n_detected: int


class Baseline(Part):
    """A trivial statistic of a trace, taken as a score: what a detector must clear.

    Attributes:
        stranger: which direction counts as stranger: the better of the two, chosen on the labels.
        dr_at_fpr: detection rate by false-alarm rate.
        roc: without a band.
    """

    name: str
    stranger: Literal["fewer", "more"]
    auc: float
    dr_at_fpr: dict[str, float]
    roc: RocCurve


class Result(Part):
    """One detector under one protocol.

    Attributes:
        decision: by which rule scores are made, ``trace:mean`` or ``rolling:200``.
        unit: what was judged: traces, or recordings by their strangest thread.
        auc_ci95: cluster bootstrap, attacks by folder, recording or distinct sequence, normals by
            distinct sequence or recording, as the protocol says; None where there is only one of
            either.
        n_unscoreable: judged things too short to be scored; they are in no rate.
        n_known_normals: normal traces of the test that equal a training trace; a protocol of ours
            leaves them out, and ``n_left_out`` counts the units that are wholly gone with them.
        n_with_novel: judged things that hold a call the model never saw; ``with_novel`` and
            ``without_novel`` judge these and the others by themselves.
        score_unit: of a score; the strips of shown traces are in their explanation's own unit.
        per_folder: of the attacks' ``n_folders`` folders or recordings, the least found first.
        strangest_normals, most_normal_attacks: the first few of each. To hold them against,
            ``typical_normal`` has the median score of normals, ``strongest_attack`` the highest of
            attacks; None in results of before there were these.
        calls_per_second: warm, one thread, duplicates scored like the rest.
        supervised: whether attacks were used to choose anything.
    """

    protocol: str
    caution: str
    model: FileText
    model_digest: str
    detector: str
    settings: dict[str, bool | int | float | str | None]
    decision: str
    aggregation: str
    score_unit: str
    unit: Literal["trace", "recording"]
    auc: float
    auc_ci95: Interval | None
    dr_at_fpr: dict[str, Detection]
    fpr_at_dr90: float
    at_threshold: AtThreshold | None
    roc: RocCurve
    pr: PrCurve
    histogram: Histogram
    per_attack: dict[str, AttackResult]
    n_folders: int
    per_folder: tuple[FolderResult, ...]
    with_novel: Subset
    without_novel: Subset
    strangest_normals: tuple[ShownTrace, ...]
    most_normal_attacks: tuple[ShownTrace, ...]
    typical_normal: ShownTrace | None = None
    strongest_attack: ShownTrace | None = None
    n_normal: int
    n_attack: int
    n_unscoreable: int
    n_unscoreable_attack: int
    n_distinct_normals: int
    n_known_normals: int
    n_left_out: int
    n_with_novel_normal: int
    n_with_novel_attack: int
    n_calls: int
    seed: int
    supervised: bool
    data: FileText
    data_sha256: str
    trained_on_this: bool
    train_seconds: float
    score_seconds: float
    calls_per_second: float
    memory: Memory
    baselines: tuple[Baseline, ...]


class Reading(Part):
    """What the data's reading left out.

    Attributes:
        broken, skipped: the first examples, as ``file:place: why``.
    """

    n_files: int
    n_traces: int
    n_calls: int
    n_broken: int
    n_skipped: int
    broken: tuple[str, ...]
    skipped: tuple[str, ...]

    @classmethod
    def of(cls, report: ReadReport) -> Reading:
        """The parts of a report that a reader of results needs."""
        return cls(**{name: getattr(report, name) for name in cls.model_fields})


class Results(Part):
    """One evaluation of one or more models.

    Attributes:
        final_runs: for a protocol that may be scored only once a release: how often, with this one,
            it has been scored on this machine; else None.
        peak_rss_bytes: the most memory that the process had, from its start to the last result.
        reading: what the data's reading left out; None for traces that were not read from files.
        warnings: what a reader must know before believing a number.
        findings: what the data doctor says of the traces learned and judged, its notes left out.
        scores_sha256: the digest of ``scores.arrow``, which holds ``scores``; None without them.
        scores: every judged thing with its score; not in ``results.json``.
    """

    schema_version: Literal[1] = 1
    habitus_version: str
    versions: dict[str, str]
    created: str
    command: FileText
    final_runs: int | None = None
    peak_rss_bytes: int = 0
    reading: Reading | None = None
    warnings: tuple[FileText, ...] = ()
    findings: tuple[Finding, ...] = ()
    results: tuple[Result, ...]
    scores_sha256: str | None = None
    scores: InstanceOf[UnitScores] | None = Field(default=None, exclude=True, repr=False)

    def to_json(self) -> str:
        """Indented JSON with a newline at its end; a list of numbers stands on one line."""
        return f"{indented(self.model_dump(mode='json'))}\n"

    def to_csv(self) -> str:
        """A line a result; nested numbers become columns such as ``dr_at_fpr_0.01``."""
        rows = [flat(result.model_dump(mode="json", exclude=LONG)) for result in self.results]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def write(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write ``results.json``, ``results.csv`` and the card, ``report.html``; their paths."""
        from habitus.evaluation.card.page import card_page

        # The scores first: results.json names their digest, and must not come without them.
        paths = [] if self.scores is None else [write_scores(Path(folder), self.scores)]
        for name, make in (
            ("results.json", self.to_json),
            ("results.csv", self.to_csv),
            ("report.html", lambda: card_page(self)),
        ):
            path = Path(folder) / name
            content = make().encode()  # before the file is begun
            with atomic_write(path) as file:
                file.write(content)
            paths.append(path)
        return paths
