"""Labels that follow something else than behaviour: a file, a laboratory, a host, one column."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.detectors.flow.feature_sets import why_left_out
from habitus.evaluation.doctor.findings import Finding, Kind
from habitus.evaluation.doctor.shortcuts import area_by_chance
from habitus.evaluation.metrics import roc
from habitus.flows.features.declared import features
from habitus.flows.labelled import LabelledFlows, equal_weights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

ONE_COLUMN = Kind(
    id="one-column-tells",
    meaning="A single column of the table tells malicious flows from benign ones, files weighed "
    "equally; also those that models do not learn by default, such as times to live and ports.",
    effect="A model may do no more than read that column: a distance, a service, a capture's clock."
    " What it finds elsewhere nobody knows.",
    remedy="Read every result against it (`one feature`); leave out a column that tells where, "
    "when or by whom a flow was captured; hold out files and sources.",
    warning=0.8,
    serious=0.95,
    reason="area of the best column, files weighed equally; behaviour alone seldom reaches .95",
)
ONE_HOST = Kind(
    id="single-host-labels",
    meaning="One address stands in nearly all flows of one class, and in few of the other.",
    effect="The label is that host: what tells its system, its distance or its services tells the "
    "label.",
    remedy="Record attacks from several hosts, and ordinary use from those hosts, too.",
    warning=0.5,
    serious=0.8,
    reason="share in one class less the share in the other; files weighed equally",
)
ONE_CLASS_FILES = Kind(
    id="one-class-files",
    meaning="Files all of whose flows have one label: the label follows the file.",
    effect="Whatever tells files apart tells the label; by random rows a model is judged on files "
    "that it knows.",
    remedy="Hold out whole files; see what the capture test says.",
    warning=0.5,
    serious=None,
    reason="share of the files; whole captures are often labelled, which is no fault by itself",
)
ONE_CLASS_SOURCES = Kind(
    id="one-class-sources",
    meaning="Sources (laboratories, sensors) that recorded flows of one class alone.",
    effect="Whatever tells the laboratory tells the label. Such a source gives a rate of "
    "detection, or of false alarms, and no area.",
    remedy="Read results by source; do not count such a source as evidence of both.",
    warning=0.01,
    serious=0.99,
    reason="share of the sources; where it is all of them, label and laboratory are one",
)
FEW_FILES = Kind(
    id="few-files",
    meaning="A class of fewer than ten files.",
    effect="Intervals are wide, and one file more would move the result: it is underpowered.",
    remedy="Find more captures of that class before you compare models.",
    warning=0.0,
    serious=0.61,
    reason="how far below ten the smaller class lies; serious below four, where hardly anything "
    "can be held out",
)
LOPSIDED = Kind(
    id="one-file-is-the-class",
    meaning="One file holds more than half of the flows of a class.",
    effect="Figures over flows are that file's; training without weights learns that file.",
    remedy="Weigh files equally, as `habitus evaluate` does first; or thin that file out.",
    warning=0.5,
    serious=0.95,
    reason="share of the class's flows",
)
_FEW = 10
_FEW_VALUES = 20
_SHOWN = 5


def one_column_tells(flows: LabelledFlows, seed: int) -> Iterator[Finding]:
    """The columns that tell the label best, each by itself."""
    del seed
    if not 0 < flows.n_malicious < len(flows):
        return
    weights = np.zeros(len(flows))
    for side in (flows.malicious, ~flows.malicious):
        weights[side] = equal_weights(flows.file_of[side])
    areas = sorted(
        ((_area(column, flows, weights), name) for name, column in columns_of(flows)), reverse=True
    )
    if not areas or areas[0][0] < ONE_COLUMN.warning:  # type: ignore[operator]
        return
    best, name = areas[0]
    n_files = [flows.n_files(side) for side in (~flows.malicious, flows.malicious)]
    by_chance = min(area_by_chance(n_files[0], n_files[1], 2 * len(areas)), 1.0)
    few = f"; of so few files the best of {len(areas)} may reach {by_chance:.2f} by chance"
    yield ONE_COLUMN.finding(
        f"{name} alone tells malicious flows from benign ones: AUC {best:.3f}"
        + (f", {told}" if (told := _about(flows, name)) else "")
        + (few if by_chance >= best else ""),
        len(flows),
        len(flows),
        examples=[
            f"{other}: AUC {area:.3f}" + (f" ({told})" if (told := _about(flows, other)) else "")
            for area, other in areas[:_SHOWN]
        ],
        numbers={"auc": best, "by_chance": by_chance},
        graded_by=best,
    )


def columns_of(flows: LabelledFlows) -> Iterator[tuple[str, Floats]]:
    """Every number that the table tells of a flow, NaN where undefined; constant ones left out."""
    for feature in features():
        if feature.kind in {"text", "integers"} or feature.name not in flows.flows.columns:
            continue
        column = flows.flows[feature.name].cast(pl.Float64).fill_null(np.nan).to_numpy()
        told = column[np.isfinite(column)]
        if len(told) < len(column) or (len(told) and told.min() < told.max()):
            yield feature.name, column


def _area(column: Floats, flows: LabelledFlows, weights: Floats) -> float:
    """The area of a column; of few values, in the order in which they are malicious."""
    values, codes = np.unique(column, return_inverse=True)  # all NaN are one value, the last
    if len(values) <= _FEW_VALUES:
        bad = np.bincount(codes, weights * flows.malicious, len(values))
        all_ = np.bincount(codes, weights, len(values))
        scores = (bad / np.maximum(all_, 1e-300))[codes]
        sides = (scores[~flows.malicious], scores[flows.malicious])
        both = (weights[~flows.malicious], weights[flows.malicious])
        return roc(*sides, *both).auc
    scores = codes.astype(np.float64)
    if np.isnan(values[-1]):  # what is undefined is neither more nor less
        scores[codes == len(values) - 1] = np.median(scores[codes < len(values) - 1])
    area = roc(
        scores[~flows.malicious], scores[flows.malicious],
        weights[~flows.malicious], weights[flows.malicious],
    ).auc  # fmt: skip
    return max(area, 1 - area)


def _about(flows: LabelledFlows, name: str) -> str:
    """What to know of a column that tells the label."""
    parts = []
    column = flows.flows[name].to_numpy()
    numbers = np.unique(flows.file_of)
    still = sum(len(np.unique(column[flows.file_of == number])) == 1 for number in numbers.tolist())
    if len(numbers) > 1 and still >= 0.9 * len(numbers):
        parts.append("the same throughout nearly every file")
    why = why_left_out(name)
    if why:
        parts.append(f"not learned by default: {why}")
    return "; ".join(parts)


def single_host(flows: LabelledFlows, seed: int) -> Iterator[Finding]:
    """The address that tells the label best."""
    del seed
    if not {"source_ip", "destination_ip"} <= set(flows.flows.columns):
        return
    if not 0 < flows.n_malicious < len(flows):
        return
    ends = flows.flows.select("source_ip", "destination_ip").with_columns(
        pl.int_range(pl.len()).alias("row")
    )
    long = ends.unpivot(index="row", value_name="address").drop_nulls("address")
    long = long.unique(["row", "address"])
    weights = np.zeros(len(flows))
    for side in (flows.malicious, ~flows.malicious):
        weights[side] = equal_weights(flows.file_of[side])
    signed = np.where(flows.malicious, weights, -weights)
    lean = (
        long.with_columns(pl.Series("w", signed[long["row"].to_numpy()]))
        .group_by("address")
        .agg(pl.col("w").sum())
        .sort(pl.col("w").abs(), "address", descending=[True, False])
    )
    if not len(lean):
        return
    address, difference = lean.row(0)
    share = abs(float(difference))
    if share < ONE_HOST.warning:  # type: ignore[operator]
        return
    own = ends.select(
        pl.col("source_ip").eq_missing(address) | pl.col("destination_ip").eq_missing(address)
    ).to_series().to_numpy()  # fmt: skip
    which = "malicious" if difference > 0 else "benign"
    n_bad, n_good = int((own & flows.malicious).sum()), int((own & ~flows.malicious).sum())
    yield ONE_HOST.finding(
        f"{address} stands for the {which} label: it is in {n_bad:,} of {flows.n_malicious:,} "
        f"malicious and {n_good:,} of {flows.n_benign:,} benign flows",
        n_bad + n_good,
        len(flows),
        examples=[f"{a}: {d:+.2f}" for a, d in lean.head(_SHOWN).iter_rows()],
        graded_by=share,
    )


def class_counts(flows: LabelledFlows, seed: int) -> Iterator[Finding]:
    """How the classes lie in files and sources."""
    del seed
    sides = {"benign": ~flows.malicious, "malicious": flows.malicious}
    if not 0 < flows.n_malicious < len(flows):
        return
    of_file = np.array(
        [np.bincount(flows.file_of[s], minlength=len(flows.files)) for s in sides.values()]
    )
    there = of_file.sum(axis=0) > 0
    alone = there & (of_file == 0).any(axis=0)
    if alone.any():
        yield ONE_CLASS_FILES.finding(
            f"{int(alone.sum()):,} of {int(there.sum()):,} files hold one class alone",
            int(alone.sum()), int(there.sum()),
        )  # fmt: skip
    sources = flows.sources.astype(str)
    names = sorted(set(sources.tolist()))
    single = [
        (name, which)
        for name in names
        for which, other in (("benign", "malicious"), ("malicious", "benign"))
        if not ((sources == name) & sides[other]).any()
    ]
    if single and len(names) > 1:
        told = ", ".join(f"{name} ({which})" for name, which in single)
        yield ONE_CLASS_SOURCES.finding(
            f"{len(single)} of {len(names)} sources recorded one class alone: {told}",
            len(single), len(names), examples=[f"{name}: {which} only" for name, which in single],
        )  # fmt: skip
    for which, side in sides.items():
        n = flows.n_files(side)
        if n < _FEW:
            yield FEW_FILES.finding(
                f"{which} flows are of {n} file{'' if n == 1 else 's'}", n, _FEW,
                graded_by=1 - n / _FEW,
            )  # fmt: skip
        counts = np.bincount(flows.file_of[side], minlength=len(flows.files))
        share = float(counts.max() / counts.sum())
        if n > 1 and share > 0.5:
            name = flows.files[int(counts.argmax())].name
            yield LOPSIDED.finding(
                f"{share:.0%} of the {which} flows are of {name}", int(counts.max()),
                int(counts.sum()),
            )  # fmt: skip
