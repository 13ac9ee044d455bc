"""`RunFolder`: the folder of a search: what was asked for, its trials, their logs."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from habitus.errors import InputError, UsageError
from habitus.models.training import versions
from habitus.search.ledger import JOURNAL, Ledger
from habitus.search.plan import MAX_FILE_BYTES, SearchPlan
from habitus.storage import atomic_write

if TYPE_CHECKING:
    import os

RUN_FILE, SEARCH_FILE, LOGS, DATA = "run.json", "search.toml", "logs", "data"
REPORT = "report.html"
_MAX_RUN_BYTES = 1 << 20
_SAME = {
    "data_sha256": "the data",
    "protocol": "--protocol",
    "objective": "the objective",
    "supervised": "--supervised",
    "beside_attacks": "--beside-attacks",
    "storage": "--storage",
    "format": "--format",
    "abi": "--abi",
}
"""What two runs of one search have in common, beside its file; and what a user calls it."""
_OURS = {RUN_FILE, SEARCH_FILE, LOGS, DATA, JOURNAL, REPORT}


class Run(BaseModel):
    """What a search was asked for, beside its file.

    Attributes:
        study: its name in the storage.
        storage: the URL of a database; None: the journal in the folder.
        data, data_sha256: what was named, and its content; ``protocol``, ``format``, ``abi`` as
            given.
        n_trials: in all.
        beside_attacks: whether each trial scores attacks, which rank nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: Literal[1] = 1
    created: str
    versions: dict[str, str]
    search: str
    study: str
    storage: str | None
    detector: str
    objective: str
    direction: Literal["minimize", "maximize"]
    unit: str
    supervised: bool
    seed: int
    n_trials: int
    data: str
    data_sha256: str
    protocol: str | None
    format: str | None
    abi: str | None
    beside_attacks: bool = False

    @classmethod
    def of(cls, **told: Any) -> Run:
        """A run that begins now."""
        return cls(
            created=datetime.now(UTC).isoformat(timespec="seconds"),
            versions=versions(),
            study=f"habitus-{secrets.token_hex(8)}",
            **told,
        )


class RunFolder:
    """The folder of a search.

    Args:
        path: what the user named.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    @property
    def data(self) -> Path:
        """Where trials read the data from, while it runs."""
        return self.path / DATA

    def log(self, number: int) -> Path:
        """The log of a trial."""
        return self.path / LOGS / f"trial-{number:04}.log"

    def is_run(self) -> bool:
        """Whether a search stands here.

        Raises:
            UsageError: if something else does.
        """
        path = self.path
        if path.is_symlink() or (path.exists() and not path.is_dir()):
            raise UsageError(f"{path}: is not a folder; name another place")
        if (path / RUN_FILE).is_file():
            return True
        if path.is_dir() and any(p.name not in _OURS for p in path.iterdir() if p.name[0] != "."):
            raise UsageError(f"{path}: holds other files; name another folder")
        return False

    def begin(self, run: Run, plan: SearchPlan) -> None:
        """Write down what is searched; the run's file last, which makes it one."""
        (self.path / LOGS).mkdir(parents=True, exist_ok=True)
        with atomic_write(self.path / SEARCH_FILE) as file:
            file.write(plan.text.encode())
        with atomic_write(self.path / RUN_FILE) as file:
            file.write((json.dumps(run.model_dump(mode="json"), indent=1) + "\n").encode())

    def read(self) -> tuple[Run, SearchPlan]:
        """What is searched here.

        Raises:
            InputError: if there is no search, or its files are damaged.
        """
        path = self.path / RUN_FILE
        if not path.is_file():
            whole, _, trial = str(self.path).partition("#")
            names_one = trial and (Path(whole) / RUN_FILE).is_file()
            hint = f"; {whole} is one, and its folder alone is wanted" if names_one else ""
            raise InputError(
                f"{self.path}: no search has been run here (there is no {RUN_FILE}){hint}"
            )
        if path.stat().st_size > _MAX_RUN_BYTES:
            raise InputError(f"{path}: damaged: it is too large")
        try:
            run = Run.model_validate(json.loads(path.read_bytes()))
        except (ValueError, ValidationError, RecursionError) as error:
            told = str(error).splitlines()[0]
            raise InputError(f"{path}: damaged: {told}") from None
        file = self.path / SEARCH_FILE
        try:
            content = file.read_bytes()[: MAX_FILE_BYTES + 1]
            return run, SearchPlan(content.decode(), str(file))
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file}: cannot be read ({error})") from None

    def ledger(self, run: Run, plan: SearchPlan, *, may_begin: bool = False) -> Ledger:
        """The run's trials."""
        return Ledger(
            self.path,
            plan.space,
            study=run.study,
            direction=run.direction,
            url=run.storage,
            pruning=plan.file.pruning,
            may_begin=may_begin,
        )


def check_same(folder: Path, kept: Run, plan: SearchPlan, new: Run, new_plan: SearchPlan) -> None:
    """Refuse to go on with a search as if it were another one.

    Raises:
        UsageError: naming what differs.
    """
    differing = [told for name, told in _SAME.items() if getattr(kept, name) != getattr(new, name)]
    if plan.text != new_plan.text:
        differing.insert(0, "the search file")
    if differing:
        raise UsageError(
            f"{folder}: another search stands here, which differs in {', '.join(differing)}: name "
            "another folder, or give what it was begun with"
        )
