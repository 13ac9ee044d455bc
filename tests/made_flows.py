"""Tables of flows made up for tests: every column of the schema, and two kinds of flow in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.flows.features.declared import features
from habitus.flows.flowtable import SOURCE, schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

N_FILES = 8


def made_flows(n: int, seed: int = 1) -> tuple[pl.DataFrame, NDArray[np.bool_], NDArray[np.int64]]:
    """(n,) flows, whether each is malicious, and the file that it is of.

    A quarter is malicious: they carry more, answer less, and never last long. Where the schema
    allows null, a tenth of the values are.
    """
    rng = np.random.default_rng(seed)
    malicious = rng.random(n) < 0.25
    files = rng.integers(0, N_FILES, n)
    columns: dict[str, pl.Series] = {SOURCE: pl.Series([f"{file}.pcap" for file in files])}
    for feature in features():
        larger = np.where(malicious, 3.0 * ("forward" in feature.name), 0.0)
        smaller = np.where(malicious, 2.0 * ("backward" in feature.name), 0.0)
        numbers = np.exp(rng.normal(4, 1, n) + larger - smaller)
        if feature.kind == "integer":
            made = pl.Series(numbers.astype(np.int64))
            if feature.name == "protocol":
                made = pl.Series(rng.choice([6, 17, 1], n))
        elif feature.kind == "truth":
            made = pl.Series(rng.random(n) < 0.5)
        elif feature.kind == "text":
            made = pl.Series([f"text {i}" for i in range(n)], dtype=pl.String)
        elif feature.kind == "integers":
            kept = rng.integers(1, 5, n)
            made = pl.Series(
                [rng.integers(1, 1500, k).tolist() for k in kept], dtype=pl.List(pl.Int64)
            )
        else:
            made = pl.Series(numbers)
        if feature.null:
            made = made.set(pl.Series(rng.random(n) < 0.1), None)
        columns[feature.name] = made
    return pl.DataFrame(columns, schema=schema()), malicious, files
