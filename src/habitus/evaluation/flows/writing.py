"""Writing results of flows: ``results.json``, ``results.csv`` and the card, ``report.html``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from habitus.evaluation.card.flow_page import flow_card_page
from habitus.storage import atomic_write

if TYPE_CHECKING:
    import os

    from habitus.evaluation.flows.results import FlowResults


def write_flow_results(results: FlowResults, folder: str | os.PathLike[str]) -> list[Path]:
    """Write all three; their paths."""
    paths = []
    for name, make in (
        ("results.json", results.to_json),
        ("results.csv", results.to_csv),
        ("report.html", lambda: flow_card_page(results)),
    ):
        path = Path(folder) / name
        content = make().encode()  # before the file is begun
        with atomic_write(path) as file:
            file.write(content)
        paths.append(path)
    return paths
