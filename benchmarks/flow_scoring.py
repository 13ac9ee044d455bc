"""How fast flow models score flows, explain them, and make the matrix they compute with.

Flows are those of the labelled Zeek logs, over and over: real columns, real nulls. It prints and
writes no page yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import numpy as np
from common import Store, test_data

FLOWS, EXPLAINED = 1_000_000, 10_000
FEWER = {"boosting": 200_000}
"""What is slower need not run as long."""


def rate(work: Callable[[], object], n: int) -> float:
    """Flows a second."""
    started = time.perf_counter()
    work()
    return n / (time.perf_counter() - started)


def main() -> None:
    """Measure, and print medians."""
    import polars as pl

    from habitus.detectors.flow import flow_detector_names, get_flow_detector
    from habitus.flows.reading import read_flow_records

    store = Store("flow_scoring")
    folder = test_data() / "zeek-labelled"
    logs = pl.concat([read_flow_records(path) for path in sorted(folder.glob("*.labeled"))])
    logs = logs.filter(pl.col("label").is_in(["Benign", "Malicious"]))
    malicious = (logs["label"] == "Malicious").to_numpy()
    files = logs["source_file"].to_numpy()
    contenders: dict[str, Callable[[], float]] = {}
    for name in flow_detector_names():
        n = FEWER.get(name, FLOWS)
        detector = get_flow_detector(name).with_settings({})
        if detector.needs_labels:
            detector.fit(logs, malicious, files)
        else:
            detector.fit(logs.filter(~malicious))
        times = -(-n // len(logs))
        table = pl.concat([logs] * times, rechunk=True)[:n]
        matrix = np.asfortranarray(detector.inputs.matrix(table))
        p = matrix.shape[1]
        detector.score(logs[:10])
        detector.contributions(logs[:10])
        contenders |= {
            f"{name}: scores of a matrix, {p} columns": partial(
                rate, partial(detector.score_matrix, matrix), n
            ),
            f"{name}: scores of a table": partial(rate, partial(detector.score, table), n),
            f"{name}: contributions": partial(
                rate, partial(detector.contributions, table[:EXPLAINED]), EXPLAINED
            ),
        }
    store.measure(contenders)
    for name in contenders:
        print(f"{name}: {store.median(name) / 1e6:.3f} M flows/s ({store.spread(name)})")


if __name__ == "__main__":
    main()
