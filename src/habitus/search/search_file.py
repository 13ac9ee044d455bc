"""`SearchFile`: what a search file may say; its descriptions make the reference page."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from habitus.search.space import Value  # noqa: TC001 - pydantic needs it at run time

Method = Literal["grid", "random", "tpe"]
ObjectiveName = Literal["auto", "nll", "synthetic-auc", "attack-auc", "source-ratio", "fold-auc"]
MAX_TRIALS = 1_000_000
_SIZE = re.compile(r"\s*([0-9.]+)\s*([kmgt]?)(i?)b\s*", re.IGNORECASE)
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class Pruning(_Table):
    """Successive halving: of trials that come to a rung, all but the best are ended."""

    first_epoch: int = Field(default=1, ge=1, description="the first rung")
    factor: int = Field(
        default=2, ge=2, le=100,
        description="the next rung is so many times later, and so much fewer trials pass a rung",
    )  # fmt: skip


class Limits(_Table):
    """What a trial may take, and what it may use."""

    seconds: float | None = Field(default=None, gt=0, description="of a trial; by default any")
    memory: str | None = Field(
        default=None,
        description="of a trial, as `2 GB`; by default what is free, divided by the jobs",
    )
    threads: int = Field(
        default=1, ge=1, le=1024,
        description="of a trial. Numbers may depend on it in their last digits, and so it does "
        "not go by the number of jobs",
    )  # fmt: skip

    @property
    def memory_bytes(self) -> int | None:
        """The memory as a number."""
        if self.memory is None:
            return None
        match = _SIZE.fullmatch(self.memory)
        try:
            n = 0
            if match:
                n = int(float(match[1]) * (1024 if match[3] else 1000) ** _POWERS[match[2].lower()])
        except ValueError:
            n = 0
        if n < 1_000_000:
            raise ValueError(f"a size of 1 MB or more is wanted, such as 2 GB, not {self.memory!r}")
        return n


class Judging(_Table):
    """What configurations are judged on."""

    held_out: float = Field(
        default=0.2, gt=0, lt=1, description="share of the normal traces that no trial learns"
    )
    anomalies: int = Field(
        default=100, ge=1, le=100_000, description="synthetic anomalies of each kind"
    )
    folds: int = Field(default=10, ge=2, le=100, description="of fold-auc")


class SearchFile(_Table):
    """A search, as its file says it."""

    title: str = Field(default="", description="what the search is, for its pages")
    detector: str = Field(description="its name (see `habitus detectors`)")
    method: Method = Field(
        description="grid: every point; random: each trial drawn by its number; tpe: Optuna's "
        "tree-structured Parzen estimator, which learns from the trials before, batch by batch"
    )
    objective: ObjectiveName = Field(
        default="auto",
        description="what a configuration is judged by; auto: nll where the detector gives calls "
        "chances, synthetic-auc elsewhere, fold-auc of flows",
    )
    aggregation: str | None = Field(
        default=None, description="a trace's score; by default as the detector has it"
    )
    trials: int | None = Field(
        default=None, ge=1, le=MAX_TRIALS,
        description="of random and tpe; a grid has as many as it has points",
    )  # fmt: skip
    batch: int = Field(
        default=8, ge=1, le=1000,
        description="of tpe: trials that are proposed at once, and judged before the next are",
    )  # fmt: skip
    seed: int = Field(default=1, ge=0, le=2**63 - 1, description="makes every random choice")
    settings: dict[str, Value] = Field(
        default={}, description="settings of the detector that stay; `preset` names a preset"
    )
    space: dict[str, Any] = Field(min_length=1, description="settings that are tried")
    pruning: Pruning | None = Field(default=None, description="ends poor trials early")
    limits: Limits = Limits()
    judging: Judging = Judging()
