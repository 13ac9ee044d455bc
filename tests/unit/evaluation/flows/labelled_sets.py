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


def random_flows(
    n_files: int, n_each: int, *, labels: Sequence[bool] | None = None, seed: int = 1
) -> LabelledFlows:
    """Files of flows drawn alike, so that nothing tells a label; by default each file holds both.

    Args:
        labels: of whole files; else every other flow is malicious.
    """
    n = n_files * n_each
    drawn, is_bad, _ = made_flows(2 * n, seed)
    table = drawn.filter(~is_bad).head(n)
    file_of = np.repeat(np.arange(n_files), n_each)
    malicious = np.arange(n) % 2 == 1 if labels is None else np.array(labels)[file_of]
    ends = {
        "source_ip": [f"10.0.0.{i % 50}" for i in range(n)],
        "destination_ip": [f"10.0.1.{i % 49}" for i in range(n)],
        "start_ns": (10**18 + file_of * 10**12 + np.arange(n) * 10**6).tolist(),
        "end_ns": (10**18 + file_of * 10**12 + (np.arange(n) + 5) * 10**6).tolist(),
        "duration_us": [5000] * n,
    }
    table = table.with_columns(
        pl.Series(name, values).cast(table.schema[name]) for name, values in ends.items()
    )
    files = tuple(LabelledFile(f"{i}.pcap", "lab") for i in range(n_files))
    return LabelledFlows(table, malicious, file_of, files)
