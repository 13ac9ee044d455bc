"""The ledger of protocols that may be scored only once a release: when, and on which version."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from habitus.datasets.home import home_folder
from habitus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.evaluation.results import Result


def record(protocol: str, results: Sequence[Result]) -> int:
    """Write a run down in the data home; returns how many there have been with this version."""
    path = home_folder() / "final-runs.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    run = {
        "protocol": protocol,
        "habitus_version": __version__,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "models": {result.model: result.model_digest for result in results},
        "auc": {result.model: result.auc for result in results},
    }
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(run) + "\n")
    runs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    same = [r for r in runs if (r["protocol"], r["habitus_version"]) == (protocol, __version__)]
    return len(same)
