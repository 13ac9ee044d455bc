"""Results: what an evaluation found, as objects, as ``results.json`` and as ``results.csv``.

The JSON Schema is ``habitus/schemas/results.schema.json``.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, ConfigDict

from habitus.evaluation.doctor.findings import Finding  # noqa: TC001 - likewise
from habitus.models.model import FileText  # noqa: TC001 - pydantic needs it at run time
from habitus.storage import atomic_write

if TYPE_CHECKING:
    import os

    from habitus.traces.report import ReadReport

Interval = tuple[float, float]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Detection(_Part):
    """Detection at a false-alarm rate of at most the one asked for.

    Attributes:
        dr: detection rate; ``dr_ci95`` its interval.
        achieved_fpr: the false-alarm rate of the threshold used.
    """

    dr: float
    dr_ci95: Interval | None
    achieved_fpr: float


class AttackResult(_Part):
    """One type of attack.

    Attributes:
        n: attacks judged; ``auc`` is against all normals.
        dr_at_fpr: detection rate by false-alarm rate.
    """

    n: int
    auc: float
    dr_at_fpr: dict[str, float]


class AtThreshold(_Part):
    """What the model's own threshold gives here.

    Attributes:
        false_alarms_budget: what the threshold was set for, on its own calibration traces.
        fpr, dr: what it gives on this test.
    """

    threshold: float
    false_alarms_budget: float
    fpr: float
    dr: float
    n_false_alarms: int
    n_detected: int


class Baseline(_Part):
    """A trivial statistic of a trace, taken as a score: what a detector must clear.

    Attributes:
        stranger: which direction counts as stranger: the better of the two, chosen on the labels.
    """

    name: str
    stranger: Literal["fewer", "more"]
    auc: float


class Result(_Part):
    """One detector under one protocol.

    Attributes:
        unit: what was judged: traces, or recordings by their strangest thread.
        auc_ci95: cluster bootstrap, attacks by folder, recording or distinct sequence, normals by
            distinct sequence or recording, as the protocol says; None where there is only one of
            either.
        n_unscoreable: judged things too short to be scored; they are in no rate.
        n_known_normals: normal traces of the test that equal a training trace; a protocol of ours
            leaves them out, and ``n_left_out`` counts the units that are wholly gone with them.
        n_with_novel: judged things that hold a call the model never saw.
        calls_per_second: warm, one thread, duplicates scored like the rest.
        supervised: whether attacks were used to choose anything.
    """

    protocol: str
    caution: str
    model: FileText
    model_digest: str
    detector: str
    settings: dict[str, bool | int | float | str | None]
    aggregation: str
    unit: Literal["trace", "recording"]
    auc: float
    auc_ci95: Interval | None
    dr_at_fpr: dict[str, Detection]
    fpr_at_dr90: float
    at_threshold: AtThreshold | None
    per_attack: dict[str, AttackResult]
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
    baselines: tuple[Baseline, ...]


class Reading(_Part):
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


class Results(_Part):
    """One evaluation of one or more models.

    Attributes:
        final_runs: for a protocol that may be scored only once a release: how often, with this one,
            it has been scored on this machine; else None.
        reading: what the data's reading left out; None for traces that were not read from files.
        warnings: what a reader must know before believing a number.
        findings: what the data doctor says of the traces learned and judged, its notes left out.
    """

    schema_version: Literal[1] = 1
    habitus_version: str
    versions: dict[str, str]
    created: str
    command: FileText
    final_runs: int | None = None
    reading: Reading | None = None
    warnings: tuple[FileText, ...] = ()
    findings: tuple[Finding, ...] = ()
    results: tuple[Result, ...]

    def to_json(self) -> str:
        """Indented JSON with a newline at its end."""
        return json.dumps(self.model_dump(mode="json"), indent=1, allow_nan=False) + "\n"

    def to_csv(self) -> str:
        """A line a result; nested numbers become columns such as ``dr_at_fpr_0.01``."""
        rows = [_flat(result) for result in self.results]
        columns = list(dict.fromkeys(name for row in rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue()

    def write(self, folder: str | os.PathLike[str]) -> list[Path]:
        """Write ``results.json`` and ``results.csv`` into a folder; returns their paths."""
        paths = []
        for name, text in (("results.json", self.to_json()), ("results.csv", self.to_csv())):
            path = Path(folder) / name
            with atomic_write(path) as file:
                file.write(text.encode())
            paths.append(path)
        return paths


def _flat(result: Result) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, value in result.model_dump(mode="json").items():
        match name, value:
            case "settings", dict():
                row[name] = " ".join(f"{key}={setting}" for key, setting in value.items())
            case "dr_at_fpr", dict():
                for rate, detection in value.items():
                    row[f"dr_at_fpr_{rate}"] = detection["dr"]
                    row[f"achieved_fpr_{rate}"] = detection["achieved_fpr"]
            case "auc_ci95", list() | tuple():
                row["auc_ci95_low"], row["auc_ci95_high"] = value
            case "at_threshold", dict():
                row |= {f"at_threshold_{key}": number for key, number in value.items()}
            case "per_attack", dict():
                row |= {f"auc_{attack}": found["auc"] for attack, found in value.items()}
            case "baselines", _:
                row |= {f"baseline_{b['name']}": b["auc"] for b in value}
            case _:
                row[name] = value
    return row
