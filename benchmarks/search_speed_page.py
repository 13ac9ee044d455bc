"""The page of `search_speed.py`."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence

from common import table
from kept import Row

Rows = Mapping[str, Sequence[Row]]
N_NOTHING = 200
BUSY_SECONDS = 10.0
SEEDS = (1, 2, 3)
EPOCHS = 15
FACTORS = {3: "a third", 2: "a half"}
"""Epochs, and after which of them the first trials are pruned."""


def lines_of(rows: Rows) -> Iterator[str]:
    """The page, line by line."""
    yield "# Speed of searches"
    yield ""
    yield (
        "Everything measured in turn, A B A B, on one machine of two cores; medians. Believe "
        "ratios of rows that stand together, not seconds."
    )
    yield from _workers(rows)
    yield from _overhead(rows)
    yield from _pruning(rows)
    yield from _grid(rows)


def median(rows: Sequence[Row], key: str = "seconds") -> float:
    """Of a measurement's runs."""
    return float(statistics.median(row[key] for row in rows))


def _spread(rows: Sequence[Row], key: str = "seconds") -> str:
    values = [row[key] for row in rows]
    return f"{min(values):.1f} to {max(values):.1f}"


def _workers(rows: Rows) -> Iterator[str]:
    yield from ("", "## Two workers", "")
    yield (
        "Four autoencoders of the preset `daisi` (windows of 15, two epochs each) on the 833 "
        "training traces of ADFA-LD, of which a fifth is kept to judge by. Beside the search the "
        "same trials in processes without any search, their data ready-made: what the machine "
        "itself gives a second process. *Trials alone* is from the first trial's begin to the last "
        "one's end, without reading, making anomalies and starting processes."
    )
    yield ""
    body = []
    for what, name, key in (
        ("search, whole", "search", "seconds"),
        ("search, trials alone", "search", "trials"),
        ("processes without a search", "alone", "seconds"),
    ):
        one, two = rows[f"{name}-1"], rows[f"{name}-2"]
        body.append(
            (
                what, f"{median(one, key):.1f}", _spread(one, key), f"{median(two, key):.1f}",
                _spread(two, key), f"{median(one, key) / median(two, key):.2f}",
            )
        )  # fmt: skip
    head = ("", "1 worker, s", "", "2 workers, s", "", "times as fast")
    yield from table(head, body)


def _overhead(rows: Rows) -> Iterator[str]:
    yield from ("", "## What a trial costs beside its work", "")
    yield (
        f"Trials that compute for {BUSY_SECONDS:.0f} seconds of the wall's clock, three to each "
        f"worker; and {N_NOTHING} trials that do nothing. The first hold the start of processes, "
        "too, though not of PyTorch. The journal's line is on the disk before the next trial "
        "begins."
    )
    yield ""
    body = []
    for jobs in (1, 2):
        first = rows[f"busy-{jobs}"][0]
        a_trial = first["beyond"] / first["a_slot"]
        idle = median(rows[f"nothing-{jobs}"]) / N_NOTHING
        body.append(
            (
                str(jobs), f"{a_trial * 1e3:.0f}", f"{a_trial / BUSY_SECONDS:.2%}",
                f"{idle * 1e3:.1f}", f"{idle / BUSY_SECONDS:.2%}",
            )
        )  # fmt: skip
    yield from table(
        ("workers", "a trial of ten seconds, ms", "of it", "a trial of nothing, ms",
         "of ten seconds"),
        body,
    )  # fmt: skip


def _pruning(rows: Rows) -> Iterator[str]:
    yield from ("", "## Pruning", "")
    yield (
        f"The same 16 language models (`lstm`, drawn by chance, {EPOCHS} epochs) on every sixth of "
        "the 833 training traces, two workers: without pruning; by thirds, after 1, 3 and 9 "
        "epochs; and by halves, after 1, 2, 4 and 8. One search for each seed. Last the best trial "
        "of the search without pruning, trained again six times with nothing but chance changed."
    )
    yield ""
    body = []
    for factor, told in FACTORS.items():
        for seed in SEEDS:
            whole, pruned = rows[f"whole-{seed}"][0], rows[f"pruned-{factor}-{seed}"][0]
            again = rows[f"again-{seed}"][0]["values"]
            body.append(
                (
                    told, f"{seed}", f"{whole['epochs']} / {pruned['epochs']}",
                    *(f"{whole[key] / pruned[key]:.1f}" for key in ("epochs", "sum", "seconds")),
                    f"{whole['best']:.3f} / {pruned['best']:.3f}",
                    "the same" if whole["trial"] == pruned["trial"] else "another",
                    f"{min(again):.3f} to {max(again):.3f}",
                )
            )  # fmt: skip
    yield from table(
        ("kept on a rung", "seed", "epochs learned, without / with", "times fewer",
         "times less of the processors", "times less waiting", "best nll, without / with",
         "best trial", "the best without, trained again"),
        body,
    )  # fmt: skip
    yield ""
    yield (
        "Which trials are pruned goes by which came to a rung before. What leads in the end need "
        "not lead on the first rung: thirds end more of it there than halves."
    )


def _grid(rows: Rows) -> Iterator[str]:
    yield from ("", "## A grid of logistic regressions", "")
    yield (
        "`logistic-grid` on 14,723 flows of Zeek's labelled logs, three captures held out in turn, "
        "two workers, from the call to the table; beside it scikit-learn's `GridSearchCV(n_jobs=2)`"
        " of the same points, folds and columns, without the reading (`benchmarks/"
        "grid_search_cv.py`). With its default solver and tolerance it stops above the minimum, so "
        "that areas differ; with `newton-cholesky` to 1e-6 the points of l2 are ours. The source's "
        "grid has l1 with a solver that knows none: 60 of its 120 points are no number."
    )
    yield ""
    body = []
    for what, ours, peer, penalty in (
        ("60 points of l2, peer by default", "grid-l2", "peer-l2", "l2"),
        ("60 points of l2, peer to the minimum", "grid-l2", "peer-l2-exact", "l2"),
        ("all 120, peer by liblinear for l1", "grid-all", "peer-all", ""),
    ):
        mine, theirs = rows[ours][0]["areas"], rows[peer][0]["areas"]
        differing = [abs(mine[point] - theirs[point]) for point in mine if penalty in point]
        body.append(
            (
                what, f"{median(rows[ours]):.1f}", _spread(rows[ours]),
                f"{median(rows[peer]):.1f}", _spread(rows[peer]),
                f"{median(rows[peer]) / median(rows[ours]):.1f}",
                f"{max(differing):.1g}",
            )
        )  # fmt: skip
    yield from table(
        ("", "search, s", "", "GridSearchCV, s", "", "times as fast",
         "largest difference of an area"),
        body,
    )  # fmt: skip
