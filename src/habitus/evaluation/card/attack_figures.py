"""What was found of each type of attack, and of each folder of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.evaluation.card.parts import (
    SYMBOLS,
    Figure,
    Json,
    Table,
    area,
    area_range,
    one_of,
    percent,
    series,
    whiskers,
)
from habitus.pictures.page import label, labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.evaluation.result_parts import FolderResult
    from habitus.evaluation.results import Result

MAX_KINDS = 40
MAX_ROWS = 200
_BREADTH = 0.7
"""Of a row, what its models' marks are spread over."""


def attack_figure(names: Sequence[str], results: Sequence[Result]) -> Figure:
    """Each type's area with its interval, and behind it the areas of its folders."""
    every = kinds_of(results)
    kinds = every[:MAX_KINDS]
    cut = (
        f" Drawn are the first {MAX_KINDS} of {len(every):,} types."
        if len(every) > MAX_KINDS
        else ""
    )
    rows = {kind: row for row, kind in enumerate(kinds)}
    data: list[Json] = []
    for number, (name, result) in enumerate(zip(labels(names), results, strict=True)):
        color, symbol = series(number), one_of(SYMBOLS, number)
        aside = (number - (len(results) - 1) / 2) * _BREADTH / len(results)
        folders = [f for f in result.per_folder if (f.attack or "unnamed") in rows]
        common = {"type": "scatter", "mode": "markers", "legendgroup": name, "name": name}
        if len(folders) > len(kinds):
            data.append(
                common
                | {
                    "x": [f.auc for f in folders],
                    "y": [rows[f.attack or "unnamed"] + aside for f in folders],
                    "showlegend": False,
                    "marker": {"color": color, "size": 6, "opacity": 0.45, "symbol": symbol},
                    "customdata": [[label(f.name), f.n] for f in folders],
                    "hovertemplate": "%{customdata[0]} (%{customdata[1]}): AUC %{x:.3f}"
                    "<extra>%{fullData.name}</extra>",
                }
            )
        found = [(kind, result.per_attack[kind]) for kind in kinds if kind in result.per_attack]
        data.append(
            common
            | {
                "x": [attack.auc for _, attack in found],
                "y": [rows[kind] + aside for kind, _ in found],
                "customdata": labels(kind for kind, _ in found),
                "error_x": whiskers(
                    [attack.auc for _, attack in found],
                    [attack.auc_ci95 for _, attack in found],
                    color=color, thickness=2,
                ),
                "marker": {"color": color, "size": 12, "symbol": symbol},
                "hovertemplate": "%{customdata}: AUC %{x:.3f}<extra>%{fullData.name}</extra>",
            }
        )  # fmt: skip
    return Figure(
        key="attacks",
        title="Area by type of attack",
        alternative="Area under the ROC by type of attack, each against all normals. "
        + " ".join(
            f"{name}: "
            + ", ".join(
                f"{k} {area(a.auc)}" for k, a in list(result.per_attack.items())[:MAX_KINDS]
            )
            + "."
            for name, result in zip(names, results, strict=True)
        ),
        data=data,
        layout={
            "height": 130 + len(kinds) * (26 + 16 * len(results)),
            "margin": {"l": 150, "r": 24, "t": 16, "b": 52},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom"},
            "xaxis": {"title": {"text": "area against all normals"}},
            "yaxis": {
                "range": [len(kinds) - 0.5, -0.5],
                "tickvals": list(range(len(kinds))),
                "ticktext": labels(kinds),
                "showgrid": False,
                "zeroline": False,
            },
            "shapes": [
                {
                    "type": "line",
                    "xref": "paper",
                    "x0": 0,
                    "x1": 1,
                    "y0": row - 0.5,
                    "y1": row - 0.5,
                    "line": {"color": "@line", "width": 1},
                    "layer": "below",
                }
                for row in range(1, len(kinds))
            ],
        },
        narrow={"margin": {"l": 90, "r": 8, "t": 8, "b": 48}},
        note="Large marks are types with their 95 % interval; small ones are the folders or "
        f"recordings of that type. A type is as sure as it has folders, not as it has traces.{cut}",
        table=_kinds_table(names, results),
    )


def kinds_of(results: Sequence[Result]) -> list[str]:
    """Every type of attack that some model could score, in order."""
    return sorted({kind for result in results for kind in result.per_attack})


def _kinds_table(names: Sequence[str], results: Sequence[Result]) -> Table:
    rows: list[tuple[str, ...]] = []
    kinds = kinds_of(results)
    for kind in kinds[:MAX_ROWS]:
        cells: list[str] = []
        count = 0
        for result in results:
            attack = result.per_attack.get(kind)
            count = max(count, attack.n if attack else 0)
            cells += (
                ["-", "-", "-"]
                if attack is None
                else [
                    area(attack.auc),
                    area_range(attack.auc_ci95),
                    percent(attack.dr_at_fpr.get("0.01")),
                ]
            )
        rows.append((kind, f"{count:,}", *cells))
    heads = [
        head
        for name in names
        for head in (f">{name}: area", ">95 %", ">found at 1 %")
    ]  # fmt: skip
    cut = f", the first {MAX_ROWS} of {len(kinds):,}" if len(kinds) > MAX_ROWS else ""
    return Table(f"By type of attack{cut}", ("type", ">attacks", *heads), rows)


def folder_table(names: Sequence[str], results: Sequence[Result]) -> Table:
    """Folders or recordings of attacks, those that the first model finds least at the top."""
    by_model = [{(f.name, f.attack): f for f in result.per_folder} for result in results]
    keys = list(dict.fromkeys(key for folders in by_model for key in folders))[:MAX_ROWS]
    rows = []
    for key in keys:
        known = [folders.get(key) for folders in by_model]
        n = max(folder.n for folder in known if folder is not None)
        cells = [cell for folder in known for cell in _folder_cells(folder)]
        rows.append((key[0] or "(no folder)", key[1] or "unnamed", f"{n:,}", *cells))
    heads = [head for name in names for head in (f">{name}: area", ">above its threshold")]
    return Table(
        "By folder or recording, the least found first",
        ("folder or recording", "type", ">attacks", *heads),
        rows,
    )


def _folder_cells(folder: FolderResult | None) -> tuple[str, str]:
    if folder is None:
        return "-", "-"
    detected = "-" if folder.n_detected is None else f"{folder.n_detected:,} of {folder.n:,}"
    return area(folder.auc), detected
