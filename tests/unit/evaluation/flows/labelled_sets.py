"""Small sets of labelled flows, and scores of them, for tests by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.evaluation.flows.judging import JudgedFlows
from habitus.flows.labelled import LabelledFile, LabelledFlows
from made_flows import made_flows

if TYPE_CHECKING:
    from collections.abc import Sequence


def scored(
    benign: Sequence[Sequence[float]],
    malicious: Sequence[Sequence[float]],
    *,
    models: Sequence[int] | None = None,
    alert_from: float = 0.5,
    is_probability: bool = True,
) -> JudgedFlows:
    """Scores file by file, benign files first; ``models`` says by which model each file was."""
    files = [*benign, *malicious]
    scores = np.array([score for file in files for score in file], dtype=np.float64)
    file_of = np.repeat(np.arange(len(files)), [len(file) for file in files])
    return JudgedFlows(
        scores=scores,
        malicious=file_of >= len(benign),
        alerts=scores >= alert_from,
        files=file_of,
        rows=np.arange(len(scores)),
        models=np.zeros_like(file_of) if models is None else np.array(models)[file_of],
        is_probability=is_probability,
    )


def labelled(
    files: Sequence[tuple[str, int, int]], times: Sequence[tuple[int, int]] | None = None
) -> LabelledFlows:
    """Files by (source, benign flows, malicious flows); the table counts flows, or has times."""
    n = sum(benign + malicious for _, benign, malicious in files)
    table = pl.DataFrame({"packets": np.arange(n)})
    if times is not None:
        starts, ends = zip(*times, strict=True)
        table = pl.DataFrame({"start_ns": starts, "end_ns": ends})
    return LabelledFlows(
        flows=table,
        malicious=np.array(
            [bad for _, b, m in files for bad in [False] * b + [True] * m], dtype=np.bool_
        ),
        file_of=np.repeat(np.arange(len(files)), [b + m for _, b, m in files]),
        files=tuple(LabelledFile(f"{i}.pcap", source) for i, (source, _, _) in enumerate(files)),
    )


def made_set(n: int = 400, seed: int = 1) -> LabelledFlows:
    """Flows of `made_flows`, of which malicious ones can be told; two sources."""
    table, malicious, files = made_flows(n, seed)
    named = tuple(LabelledFile(f"{i}.pcap", ("here", "there")[i % 2]) for i in range(8))
    return LabelledFlows(table, malicious, files, named)
