"""The page of `ranking.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from common import table
from scipy.stats import spearmanr

from habitus.search.anomalies import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from kept import Row

REPLICATES = 2000
NAMES = {
    "ngram-grid": "n-gram models",
    "stide-grid": "windows of STIDE",
    "autoencoder-grid": "autoencoders of the source's grid",
}


def rank_correlation(values: Sequence[float], areas: Sequence[float]) -> tuple[float, float, float]:
    """Spearman's, and its 95 % interval over configurations drawn anew."""
    x, y = np.array(values), np.array(areas)
    random = np.random.default_rng(1)
    drawn = []
    for _ in range(REPLICATES):
        rows = random.integers(len(x), size=len(x))
        if len(set(x[rows])) > 1 and len(set(y[rows])) > 1:
            drawn.append(spearmanr(x[rows], y[rows]).statistic)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(spearmanr(x, y).statistic), float(low), float(high)


def lines_of(
    every: Mapping[str, Sequence[Row]], points: Mapping[str, int], epochs: int
) -> Iterator[str]:
    """The page, line by line."""
    yield from ("# What objectives rank first", "")
    yield (
        "`habitus search` ranks configurations without looking at attacks: by nats of held-out "
        "normals (`nll`) or by synthetic anomalies (`synthetic-auc`). Here every configuration of "
        "three shipped grids is judged by attacks, too, which choose nothing: the AUC on "
        f"`adfa-ld/dev` of the very models that were ranked (the autoencoders with at most {epochs}"
        " epochs). Spearman's correlation of the two, 1 if an objective ranks as attacks would; in "
        "brackets 95 % over configurations drawn anew."
    )
    yield ""
    body = [
        row
        for name, rows in every.items()
        if len(rows) == points[name]
        for objective in ("nll", "synthetic-auc")
        if (row := _row(name, objective, rows))
    ]
    yield from table(("", "by", "Spearman", "", "AUC of its first", "best", "median of all"), body)
    yield ""
    for name, rows in every.items():
        if len(rows) < points[name]:
            yield (
                f"Of `{name}` {len(rows)} of {points[name]} configurations are measured yet: "
                f"`python benchmarks/ranking.py {name}` goes on with it."
            )
            yield ""
    if len(every["stide-grid"]) == points["stide-grid"]:
        yield from _why(every["stide-grid"])
    for name, rows in every.items():
        if len(rows) == points[name]:
            yield from _every(name, rows)


def _row(name: str, objective: str, rows: Sequence[Row]) -> tuple[str, ...] | None:
    if any(row[objective] is None for row in rows):
        return None
    sign = -1.0 if objective == "nll" else 1.0
    values, areas = [sign * row[objective] for row in rows], [row["true"] for row in rows]
    rho, low, high = rank_correlation(values, areas)
    first = areas[int(np.argmax(values))]
    return (
        f"{len(rows)} {NAMES[name]}", f"`{objective}`", f"{rho:.2f}", f"({low:.2f} to {high:.2f})",
        f"{first:.3f}", f"{max(areas):.3f}", f"{np.median(areas):.3f}",
    )  # fmt: skip


def _why(rows: Sequence[Row]) -> Iterator[str]:
    short, long = rows[0], rows[-1]
    yield from ("## Why STIDE's windows come the other way round", "")
    yield (
        "By length of the windows: the area of held-out normals against each kind of synthetic "
        "anomaly, against the attacks, and the mean share of windows never seen."
    )
    yield ""
    yield from table(
        ("n", *(f"AUC {kind}" for kind in KINDS), "AUC attacks, same normals",
         "attacks, the test's normals", "unseen in normals",
         *(f"in {kind}" for kind in KINDS), "in attacks"),
        [
            (
                str(row["settings"]["n"]), *(f"{row[f'auc_{kind}']:.3f}" for kind in KINDS),
                f"{row['true_of_judged']:.3f}", f"{row['true']:.3f}", f"{row['mean_judged']:.1%}",
                *(f"{row[f'mean_{kind}']:.1%}" for kind in KINDS), f"{row['mean_attacks']:.1%}",
            )
            for row in rows
        ],
    )  # fmt: skip
    yield ""
    n_short, n_long = short["settings"]["n"], long["settings"]["n"]
    yield (
        f"**The anomalies are broken in the small, attacks in the large.** Replaced calls betray "
        f"themselves in windows of {n_short} already: {short['mean_foreign']:.0%} of those of "
        f"foreign calls are unseen, {short['mean_swapped']:.0%} of swapped ones, and "
        f"{short['mean_judged']:.0%} of normal ones. Longer windows find little more there, as the "
        "rest of such a trace is normal, while ever more windows of honest traces are unseen, too "
        f"({long['mean_judged']:.0%} at {n_long}): the area can but fall. Attacks are made of "
        f"familiar short windows ({short['mean_attacks']:.0%} unseen at {n_short}) in an order "
        f"that is not ({long['mean_attacks']:.0%} at {n_long}), from end to end. "
        "It is not the normals: against the very same ones the area of attacks rises with the "
        "length, from "
        f"{short['true_of_judged']:.2f} to {long['true_of_judged']:.2f}. Nor is it one kind of "
        "anomaly: all four fall. `spliced`, whose stretches are normal in themselves and wrong at "
        "their ends alone, is all but normal to STIDE at any length. So `synthetic-auc` chooses "
        "the shortest memory that sees a disturbance: it may compare detectors that weigh every "
        "call by its chance, as n-gram models do, and not how long a window has to be."
    )
    yield ""


def _every(name: str, rows: Sequence[Row]) -> Iterator[str]:
    yield from (f"## All {NAMES[name]}", "")
    settings = list(rows[0]["settings"])
    by = [objective for objective in ("nll", "synthetic-auc") if rows[0][objective] is not None]
    yield from table(
        (" ".join(settings), *(f"`{objective}`" for objective in by), "AUC on `adfa-ld/dev`"),
        [
            (
                " ".join(f"`{row['settings'][key]}`" for key in settings),
                *(f"{row[objective]:.4f}" for objective in by),
                f"{row['true']:.4f}",
            )
            for row in sorted(rows, key=lambda row: -row["true"])
        ],
    )
    yield ""
