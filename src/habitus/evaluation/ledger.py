"""The ledger of protocols that may be scored only once a release: when, and on which version."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from habitus.datasets.home import home_folder
from habitus.errors import DataHomeError
from habitus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.evaluation.results import Result


LEDGER = "final-runs.jsonl"


def runs(protocol: str) -> int:
    """How often a protocol has been scored on this machine with this version.

    Raises:
        DataHomeError: if the ledger cannot be read: a run that nobody can count is not begun.
    """
    path = home_folder() / LEDGER
    if not path.exists():
        return 0
    found = 0
    for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines()):
        try:
            run = json.loads(line)
            found += (run["protocol"], run["habitus_version"]) == (protocol, __version__)
        except (ValueError, KeyError, TypeError) as error:
            raise DataHomeError(
                f"{path}:{number + 1}: damaged: this line tells of no run; set the file aside"
            ) from error
    return found


def record(protocol: str, results: Sequence[Result]) -> None:
    """Write a run down in the data home."""
    path = home_folder() / LEDGER
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
