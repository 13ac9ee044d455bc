"""`Budget`: how many false alarms a user will bear, and how sure they want to be of it."""

from __future__ import annotations

import math
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from habitus.errors import UsageError

DEFAULT_MERGE_SECONDS = 60.0
"""Alarms of one recording with no more than this between them are one alarm."""

_TEXT = re.compile(r"([0-9.eE+-]+)\s*(%|/\s*(day|hour|week))?")
_DAYS = {"hour": 1 / 24, "day": 1.0, "week": 7.0}


class Budget(BaseModel):
    """False alarms that may be.

    Attributes:
        per: ``trace``: ``alarms`` is a share of normal traces, from 0 to below 1; ``day``: it is
            alarms a day, of which those that merge count once.
        confidence: None: the budget holds on average over all sets of normal traces that the
            threshold might have been set on; a share such as .95: it holds for so many of them.
        merge_seconds: for ``day``: alarms of one recording this close are one.
        extrapolated: whether, beyond what the traces can show, a fitted tail may set the threshold.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    per: Literal["trace", "day"] = "trace"
    alarms: float = Field(ge=0)
    confidence: float | None = Field(None, gt=0, lt=1)
    merge_seconds: float = Field(DEFAULT_MERGE_SECONDS, ge=0, le=86_400.0)
    extrapolated: bool = False

    @model_validator(mode="after")
    def _is_a_share(self) -> Budget:
        if self.per == "trace" and self.alarms >= 1:
            raise ValueError(f"a share of traces is below 1, not {self.alarms:g}")
        return self

    @classmethod
    def parse(
        cls,
        text: str | float,
        *,
        confidence: float | None = None,
        merge_seconds: float = DEFAULT_MERGE_SECONDS,
        extrapolated: bool = False,
    ) -> Budget:
        """Read ``1%``, ``0.01`` or ``2/day``.

        >>> Budget.parse("1%").alarms
        0.01
        >>> Budget.parse("7/week").per
        'day'

        Raises:
            UsageError: if it is no such budget.
        """
        match = _TEXT.fullmatch(str(text).strip())
        try:
            number = float(match[1]) if match else math.nan
        except ValueError:
            number = math.nan
        is_rate = match is not None and match[3] is not None
        if match is not None and match[2] == "%":
            number /= 100
        if not (math.isfinite(number) and number >= 0 and (is_rate or number < 1)):
            raise UsageError(
                f"a false-alarm budget is a share from 0 to below 1 such as 1% or 0.01, or a rate "
                f"such as 2/day, not {text!r}"
            )
        if confidence is not None and not 0 < confidence < 1:
            raise UsageError(
                f"a confidence is a share between 0 and 1 such as 95%, not {confidence}"
            )
        if not 0 <= merge_seconds <= 86_400:
            raise UsageError(
                f"alarms merge within 0 seconds to a day (86400), not {merge_seconds:g}"
            )
        if extrapolated and (is_rate or confidence is not None):
            raise UsageError(
                "a tail can be extrapolated only for a share of traces, on average: beyond the "
                "data there is no confidence to be had"
            )
        return cls(
            per="day" if is_rate else "trace",
            alarms=number / _DAYS[match[3]] if match is not None and is_rate else number,
            confidence=confidence,
            merge_seconds=merge_seconds,
            extrapolated=extrapolated,
        )

    def __str__(self) -> str:
        said = (
            f"{self.alarms * 100:g} % of normal traces"
            if self.per == "trace"
            else f"{self.alarms:g} alarms a day"
        )
        sure = "on average" if self.confidence is None else f"{self.confidence:.0%} sure"
        return f"{said}, {sure}"
