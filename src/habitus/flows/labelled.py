"""`LabelledFlows`: flows of which it is told whether they are malicious, and of which file each is.

A label mostly belongs to a file, and a file to a laboratory: what learns and what is judged must
not forget either.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from habitus.flows.tracker import TrackSettings

    Mask = NDArray[np.bool_]
    Indices = NDArray[np.int64]
    Floats = NDArray[np.float64]

LONGEST_PAUSE_S = 3600
"""A longer time without a flow is no part of a recording: many captures are pieces of different
years, put together."""


@dataclass(frozen=True)
class LabelledFile:
    """A file of labelled flows.

    Attributes:
        name: as its labels call it.
        source: who recorded it: what the flows of one laboratory share.
        category: what it holds, in words of whoever labelled it.
        confidence: how sure its label is: ``high``, ``medium``, ``low``; empty if nobody says.
    """

    name: str
    source: str
    category: str = ""
    confidence: str = ""


@dataclass(frozen=True, eq=False)
class LabelledFlows:
    """Flows with their labels, in memory: to learn from, or to judge a model by.

    Attributes:
        flows: (n,) with columns of `habitus.flows.formats.base.record_schema`; or some of them.
        malicious: (n,) whether each is.
        file_of: (n,) int64, which of the files each is of.
        files: the files; some may have no flow.
        benign_labels, malicious_labels: what the data call either; none where the data say nothing
            and all flows are taken as benign.
        name: what the user named; ``sha256`` is its content.
        n_unlabelled: how many other flows there were, about which no label says anything.
        extraction: how packets became flows; None where these are another program's.
        notes: what a user should hear of how the labels were read.
    """

    flows: pl.DataFrame
    malicious: Mask
    file_of: Indices
    files: tuple[LabelledFile, ...]
    benign_labels: tuple[str, ...] = ()
    malicious_labels: tuple[str, ...] = ()
    name: str = "memory"
    sha256: str = ""
    n_unlabelled: int = 0
    extraction: TrackSettings | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        n = len(self.flows)
        if self.malicious.shape != (n,) or self.file_of.shape != (n,):
            raise UsageError(f"wanted a label and a file for each of {n:,} flows")

    def __len__(self) -> int:
        return len(self.flows)

    @property
    def n_malicious(self) -> int:
        """How many are malicious."""
        return int(self.malicious.sum())

    @property
    def n_benign(self) -> int:
        """How many are not."""
        return len(self) - self.n_malicious

    @property
    def file_names(self) -> NDArray[np.object_]:
        """(n,) the file of each flow."""
        return np.array([file.name for file in self.files], dtype=object)[self.file_of]

    @property
    def sources(self) -> NDArray[np.object_]:
        """(n,) the source of each flow."""
        return np.array([file.source for file in self.files], dtype=object)[self.file_of]

    def select(self, rows: Mask | Indices) -> LabelledFlows:
        """Some flows; files keep their numbers."""
        chosen = self.flows.filter(rows) if rows.dtype == np.bool_ else self.flows[rows]
        return replace(
            self, flows=chosen, malicious=self.malicious[rows], file_of=self.file_of[rows]
        )

    def of_sources(self, *names: str) -> LabelledFlows:
        """The flows of some sources."""
        return self.select(np.isin(self.sources.astype(str), names))

    def of_confidence(self, *levels: str) -> LabelledFlows:
        """The flows of files whose label is so sure."""
        is_sure = np.array([file.confidence in levels for file in self.files], dtype=np.bool_)
        return self.select(is_sure[self.file_of])

    def n_files(self, rows: Mask | None = None) -> int:
        """How many files have a flow (among some)."""
        return len(np.unique(self.file_of if rows is None else self.file_of[rows]))

    def hours(self, rows: Mask | None = None) -> float:
        """How long the files (of some flows) were recorded, without pauses of over an hour.

        Time without a flow between two flows counts; what was recorded before the first and after
        the last cannot be known. 0 where the table tells no times.
        """
        if not {"start_ns", "end_ns"} <= set(self.flows.columns):
            return 0.0
        files = self.file_of if rows is None else self.file_of[rows]
        seconds = 0.0
        for file in np.unique(files):
            part = self.flows.filter(self.file_of == file).select("start_ns", "end_ns")
            seconds += _recorded_s(part.drop_nulls())
        return seconds / 3600


def _recorded_s(times: pl.DataFrame) -> float:
    """How long a file was recorded, in seconds."""
    if not len(times):
        return 0.0
    ordered = times.sort("start_ns")
    starts = ordered["start_ns"].to_numpy()
    ends = np.maximum.accumulate(np.maximum(ordered["end_ns"].to_numpy(), starts))
    pauses = np.maximum(starts[1:] - ends[:-1], 0).astype(np.float64) / 1e9
    whole = float(ends[-1] - starts[0]) / 1e9
    return whole - float(pauses[pauses > LONGEST_PAUSE_S].sum())


def joined(parts: Sequence[LabelledFlows]) -> LabelledFlows:
    """Several sets as one, with the columns that all of them have.

    Raises:
        UsageError: if there is none.
    """
    if not parts:
        raise UsageError("there are no labelled flows to put together")
    names = [
        name for name in parts[0].flows.columns
        if all(name in part.flows.columns for part in parts)
    ]  # fmt: skip
    begins = np.cumsum([0, *(len(part.files) for part in parts)])
    return LabelledFlows(
        flows=pl.concat([part.flows.select(names) for part in parts], how="vertical_relaxed"),
        malicious=np.concatenate([part.malicious for part in parts]),
        file_of=np.concatenate(
            [part.file_of + begin for part, begin in zip(parts, begins, strict=False)]
        ),
        files=tuple(file for part in parts for file in part.files),
        benign_labels=_all(part.benign_labels for part in parts),
        malicious_labels=_all(part.malicious_labels for part in parts),
        name=", ".join(dict.fromkeys(part.name for part in parts)),
        n_unlabelled=sum(part.n_unlabelled for part in parts),
        extraction=parts[0].extraction
        if all(part.extraction == parts[0].extraction for part in parts)
        else None,
        notes=_all(part.notes for part in parts),
    )


def _all(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """What stands in any of them, each once."""
    return tuple(dict.fromkeys(text for part in parts for text in part))


def equal_weights(groups: Indices) -> Floats:
    """(n,) float64: weights that sum to 1, so that each group weighs as much as any other."""
    if not len(groups):
        return np.zeros(0)
    _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weights: Floats = 1 / (counts[codes] * len(counts))
    return weights
