"""`Space`: which values settings may take, and the points that a grid or chance makes of it."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

Value = bool | int | float | str
"""Of a setting."""
Point = dict[str, Value]
"""A value for each setting that has one here."""

MAX_GRID = 100_000
MAX_CHOICES = 1000


class Parameter(BaseModel):
    """What a setting may be.

    Attributes:
        when: of other settings of the space, the values with which this one has any.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    when: dict[str, tuple[Value, ...]] = Field(
        default={},
        description="other settings of the space, each with the values for which this one is "
        "tried; with all others it keeps its default",
    )

    @model_validator(mode="before")
    @classmethod
    def _lists_conditions(cls, given: Any) -> Any:
        """One value may stand without brackets."""
        if isinstance(given, dict) and isinstance(given.get("when"), dict):
            when = {k: tuple(v) if isinstance(v, list) else (v,) for k, v in given["when"].items()}
            return {**given, "when": when}
        return given

    def is_tried(self, point: Point) -> bool:
        """Whether it has a value beside the others of a point."""
        return all(name in point and point[name] in self.when[name] for name in self.when)


class Choices(Parameter):
    """One of some values."""

    choices: tuple[Value, ...] = Field(
        min_length=1, max_length=MAX_CHOICES, description="the values; a list alone means this"
    )

    @model_validator(mode="before")
    @classmethod
    def _takes_lists(cls, given: Any) -> Any:
        if isinstance(given, dict) and isinstance(given.get("choices"), list):
            return {**given, "choices": tuple(given["choices"])}
        return given

    @model_validator(mode="after")
    def _are_different(self) -> Self:
        if len(set(self.choices)) < len(self.choices):
            raise ValueError("a value stands twice")
        return self

    def values(self) -> tuple[Value, ...]:
        """All of them, in order."""
        return self.choices

    def told(self, most: int = 12) -> str:
        """The values for people, the first of them where there are many."""
        more = f" and {len(self.choices) - most:,} more" if len(self.choices) > most else ""
        return ", ".join(map(str, self.choices[:most])) + more

    def drawn(self, random: np.random.Generator) -> Value:
        """One, each as likely as the others."""
        return self.choices[int(random.integers(len(self.choices)))]


class Range(Parameter):
    """A number between two others."""

    low: int | float = Field(description="the least; whole numbers at both ends make it whole")
    high: int | float = Field(description="the most")
    log: bool = Field(default=False, description="drawn evenly by its logarithm")
    step: int | float | None = Field(
        default=None, gt=0, description="from the least on; a grid needs it, but of whole numbers"
    )

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low ({self.low}) is not below high ({self.high})")
        if self.log and self.low <= 0:
            raise ValueError("a logarithm wants numbers above 0")
        if self.log and self.step is not None:
            raise ValueError("log and step cannot both be")
        if self.step is not None and self.is_whole and not isinstance(self.step, int):
            raise ValueError("the steps of whole numbers are whole")
        return self

    @property
    def is_whole(self) -> bool:
        """Whether it is of whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @property
    def n_steps(self) -> int | None:
        """How many values it has; None if they cannot be counted."""
        step = 1 if self.step is None and self.is_whole and not self.log else self.step
        # The last step may miss the end by a rounding error.
        return None if step is None else int((self.high - self.low) / step + 1e-9) + 1

    def values(self) -> tuple[Value, ...]:
        """All of them, in order, where they can be counted."""
        return tuple(self._at(i) for i in range(self.n_steps or 0))

    def told(self) -> str:
        """The values for people."""
        how = ", by the logarithm" if self.log else ""
        step = f", in steps of {self.step:g}" if self.step is not None else ""
        return f"{self.low:g} to {self.high:g}{how}{step}"

    def drawn(self, random: np.random.Generator) -> Value:
        """One by chance."""
        if self.n_steps is not None:
            return self._at(int(random.integers(self.n_steps)))
        if not self.log:
            return float(random.uniform(self.low, self.high))
        # Each whole number has the room around it that rounds to it.
        room = 0.5 if self.is_whole else 0.0
        drawn = math.exp(random.uniform(math.log(self.low - room), math.log(self.high + room)))
        drawn = min(max(drawn, self.low), self.high)
        return round(drawn) if self.is_whole else drawn

    def _at(self, i: int) -> Value:
        step = 1 if self.step is None else self.step
        return self.low + i * step if self.is_whole else float(f"{self.low + i * step:.12g}")


@dataclass(frozen=True)
class Space:
    """What is tried of each setting, in the order of the file.

    Attributes:
        parameters: by the name of the setting. A condition names settings that stand before.
    """

    parameters: Mapping[str, Choices | Range]

    def grid(self) -> Iterator[Point]:
        """Every point once, the last setting's values changing quickest."""
        seen = set()
        each = [parameter.values() for parameter in self.parameters.values()]
        for values in itertools.product(*each):
            point: Point = {}
            for (name, parameter), value in zip(self.parameters.items(), values, strict=True):
                if parameter.is_tried(point):
                    point[name] = value
            key = tuple(point.items())
            if key not in seen:
                seen.add(key)
                yield point

    @property
    def n_products(self) -> int:
        """How many points a grid goes through, those without a condition's setting many times."""
        return math.prod(len(parameter.values()) for parameter in self.parameters.values())

    def drawn(self, seed: int, number: int) -> Point:
        """The point that chance makes for a trial: by its number, whatever came before it."""
        random = np.random.default_rng([seed, number])
        point: Point = {}
        for name, parameter in self.parameters.items():
            # Drawn even where it is not tried, so that one setting's draw moves no other's.
            value = parameter.drawn(random)
            if parameter.is_tried(point):
                point[name] = value
        return point


def trial_seed(seed: int, number: int) -> int:
    """The seed of a trial's training, from the search's and the trial's number."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
