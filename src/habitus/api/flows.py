"""Models of flows: training, judging, explaining."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np

from habitus.alerts.flow_judging import (
    FlowJudge,
    FlowVerdicts,
    columns_for,
    merges_twins,
    refuse_nothing_scored,
)
from habitus.alerts.flow_record import TOP, flow_records
from habitus.datasets.source import input_path
from habitus.errors import InputError, UsageError
from habitus.flows.either import EitherReport, flows_of_either
from habitus.flows.labelled_reading import read_labelled_flows
from habitus.models.files import load_flow_model
from habitus.models.flow_training import fit_flow_model
from habitus.progress import SILENT, Progress

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from habitus.alerts.record import Record
    from habitus.api.options import Place
    from habitus.decisions.budget import Budget
    from habitus.flows.tracker import TrackSettings
    from habitus.models.flow_model import FlowModel

MAX_EXPLAINED = 100
"""Flows of one name that are explained; of more the first."""


def train_flows(
    detector: str,
    data: Place,
    *,
    settings: Mapping[str, object] | None = None,
    malicious: Sequence[str] = (),
    false_alarms: Budget | str | float | None = None,
    extraction: TrackSettings | None = None,
    format: str | None = None,  # noqa: A002 - the word users know from --format
    strict: bool = False,
    seed: int = 1,
    progress: Progress = SILENT,
    report: EitherReport | None = None,
) -> FlowModel:
    """Train a detector of flows on labelled ones and set its threshold.

    Args:
        detector: ``logistic``, ``boosting`` or ``flow-outlier``, which learns benign flows alone.
        data: a table of labels, a folder or archive in which one lies (``labels.csv``), or flows
            that carry labels; what nobody labels is taken as benign.
        settings: the detector's settings by name.
        malicious: labels that mean malicious, where they are not called so.
        false_alarms: the share of benign flows that may raise an alarm; by default none is set for
            a classifier, which alerts above a probability of .5, and 1 % for others.
        extraction: how packets become flows; kept with the model, which makes others alike.
        format: of other programs' flows; by default each file is recognised by its content.
        strict: whether the first broken row of those is an error.
        seed: makes every random choice.
        report: filled with what was read and what was left out.

    Raises:
        HabitusError: if the data cannot be read or learned from, or a setting is not allowed.
    """
    found = report if report is not None else EitherReport()
    labelled = read_labelled_flows(
        input_path(data), malicious=malicious, format=format, settings=extraction, strict=strict,
        progress=progress, captures=found.captures, records=found.records,
    )  # fmt: skip
    return fit_flow_model(
        detector, labelled, settings=settings, false_alarms=false_alarms, seed=seed,
        progress=progress,
    )  # fmt: skip


def judge_flows(
    model: FlowModel | Place,
    paths: Place | Sequence[Place],
    *,
    format: str | None = None,  # noqa: A002
    strict: bool = False,
    progress: Progress = SILENT,
    report: EitherReport | None = None,
    judge: FlowJudge | None = None,
) -> Iterator[FlowVerdicts]:
    """Judge every flow of ``paths``, in memory that does not grow with them, table after table.

    Captures become flows as those did that the model has learned.

    Args:
        paths: captures, flows of other programs, folders and archives of either, ``-`` for
            standard input.
        format: of other programs' flows.
        strict: whether the first broken row of those is an error.
        report: filled while reading.
        judge: counts what it judges; by default nobody does.

    Raises:
        HabitusError: while reading, if something cannot be read; in the end if no flow of all tells
            what the model goes by.
    """
    loaded = _loaded(model)
    judge = judge or FlowJudge(loaded)
    named = [paths] if isinstance(paths, str | os.PathLike) else paths
    tables = flows_of_either(
        [input_path(path) for path in named], loaded.provenance.extraction, format=format,
        strict=strict, columns=columns_for(loaded), progress=progress, report=report,
        merge_twins=merges_twins(loaded),
    )  # fmt: skip
    for _, table in tables:
        yield judge.judge(table)
    refuse_nothing_scored(judge)


def detect_flows(
    model: FlowModel | Place,
    paths: Place | Sequence[Place],
    *,
    all_flows: bool = False,
    top: int | None = TOP,
    format: str | None = None,  # noqa: A002
    strict: bool = False,
    progress: Progress = SILENT,
    report: EitherReport | None = None,
    judge: FlowJudge | None = None,
) -> Iterator[Record]:
    """Judge every flow of ``paths`` and yield records, each as soon as its flow has ended.

    Args:
        all_flows: yield a record for every flow, not only for alerts; alerts alone are explained.
        top: so many features of an alert are told one by one; None: all.
        model, paths, format, strict, report, judge: as for `judge_flows`.

    Raises:
        HabitusError: as `judge_flows`.
    """
    loaded = _loaded(model)
    for judged in judge_flows(
        loaded, paths, format=format, strict=strict, progress=progress, report=report, judge=judge
    ):
        told = judged if all_flows else judged.select(judged.alerts)
        yield from flow_records(loaded, told, top=top)


def explain_flows(
    model: FlowModel | Place,
    path: Place,
    *,
    flow: str | int | None = None,
    format: str | None = None,  # noqa: A002
    strict: bool = False,
    progress: Progress = SILENT,
    report: EitherReport | None = None,
) -> list[Record]:
    """Judge flows of ``path`` and explain them by all features, in the order of the file.

    Args:
        flow: its Community ID, which several flows may have, one after the other; or a number: of
            its first frame in a capture, or of its line in other programs' records. By default the
            flow with the highest score is explained.
        model, format, strict, report: as for `judge_flows`.

    Raises:
        HabitusError: as `judge_flows`, or if there is no such flow.
    """
    loaded = _loaded(model)
    wanted = None if flow is None else _Wanted.parse(flow)
    found: list[FlowVerdicts] = []
    n_found = 0
    for judged in judge_flows(
        loaded, path, format=format, strict=strict, progress=progress, report=report
    ):
        if wanted is None:
            found = _highest([*found, judged])
            continue
        rows = wanted.rows(judged)
        if rows.any() and n_found < MAX_EXPLAINED:
            part = judged.select(rows)
            n_found += len(part)
            found.append(part)
    if wanted is not None and not found:
        raise UsageError(
            f"{path}: holds no flow {wanted}",
            "habitus detect MODEL FILE --all --json tells of every flow its ID and where it begins",
        )
    records = [
        record
        for part in found
        for record in flow_records(loaded, part, top=None, explain_all=True)
    ]
    if not records:
        raise InputError(f"{path}: holds no flow")
    return records[:MAX_EXPLAINED]


def _highest(parts: list[FlowVerdicts]) -> list[FlowVerdicts]:
    """The one flow with the highest score; an earlier one where it is the same."""
    best = max(parts, key=lambda part: float(np.nanmax(part.scores, initial=-np.inf)))
    if len(best) > 1:
        scores = np.where(np.isnan(best.scores), -np.inf, best.scores)
        best = best.select(np.array([int(scores.argmax())]))
    return [best]


class _Wanted:
    """Which flow is meant."""

    def __init__(self, community: str | None, number: int) -> None:
        self._community = community
        self._number = number

    @classmethod
    def parse(cls, text: str | int) -> _Wanted:
        told = str(text).strip()
        if told.isascii() and told.isdigit() and len(told) <= 18:
            return cls(None, int(told))
        if ":" not in told:
            raise UsageError(
                f"--flow {told!r}: wanted a Community ID, such as 1:LQU9qZlK+B5F3KDmev6m5PMibrg=, "
                "or a number: of the flow's first frame in a capture, or of its line"
            )
        return cls(told, 0)

    def rows(self, judged: FlowVerdicts) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """(n,) bool."""
        flows = judged.flows
        if self._community is not None:
            told = flows["community_id"] == self._community
        else:
            lines = flows["source_line"] if "source_line" in flows.columns else flows["first_frame"]
            told = flows["first_frame"].fill_null(lines) == self._number
        return np.asarray(told.fill_null(value=False).to_numpy())

    def __str__(self) -> str:
        if self._community is not None:
            return f"with the Community ID {self._community}"
        return f"that begins with frame {self._number:,}, or stands in that line"


def _loaded(model: FlowModel | Place) -> FlowModel:
    return load_flow_model(model) if isinstance(model, str | os.PathLike) else model
