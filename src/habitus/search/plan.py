"""`SearchPlan`: a search file that was found sound; whatever is not is told by its line and key."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from habitus.errors import UsageError
from habitus.search.lines import line_of
from habitus.search.search_file import Judging, Limits, Pruning, SearchFile
from habitus.search.space import MAX_GRID, Choices, Range, Space

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping

MAX_FILE_BYTES = 64 << 10


class SearchPlan:
    """A search file that was found sound.

    Attributes:
        file: what it says.
        space: what is tried.
        text: the file's own.
        name: what the user called it.
    """

    def __init__(self, text: str, name: str) -> None:
        self.text, self.name = text, name
        try:
            content = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            told = str(error)
            where = re.search(r"\(at line (\d+)", told)
            place = f"{name}:{where[1]}" if where else name
            raise UsageError(f"{place}: no TOML: {told}") from None
        try:
            self.file = SearchFile.model_validate(content)
        except ValidationError as error:
            raise self._invalid(error, ()) from None
        self.space = Space({key: self._parameter(key, of) for key, of in self.file.space.items()})
        try:
            _ = self.file.limits.memory_bytes
        except ValueError as error:
            raise self.error(("limits", "memory"), str(error)) from None
        self._check_conditions()
        self._check_method()

    @property
    def n_trials(self) -> int:
        """How many trials it asks for."""
        return self.file.trials or sum(1 for _ in self.space.grid())

    def error(self, keys: tuple[str | int, ...], *told: str) -> UsageError:
        """An error that names the line on which a key stands, and the key."""
        line = line_of(self.text, keys)
        place = self.name if line is None else f"{self.name}:{line}"
        key = ".".join(map(str, keys))
        return UsageError(f"{place}: {key}: {told[0]}", *told[1:])

    def _invalid(self, error: ValidationError, above: tuple[str | int, ...]) -> UsageError:
        """What pydantic found first, in words for people."""
        # A key that nobody knows is most often why another is missing.
        unknown = [one for one in error.errors() if one["type"] == "extra_forbidden"]
        found = (unknown or error.errors())[0]
        keys = (*above, *(key for key in found["loc"] if _is_key(key)))
        model = {
            "missing": "is missing",
            "extra_forbidden": "there is no such key",
            "too_short": "at least one is wanted",
        }
        said = model.get(found["type"], str(found["msg"]).removeprefix("Value error, "))
        if found["type"] == "extra_forbidden":
            said += f"; there are: {', '.join(_known_keys(keys))}"
        return self.error(keys, said[:1].lower() + said[1:])

    def _parameter(self, name: str, given: Any) -> Choices | Range:
        kind: type[Choices | Range] = Range
        if isinstance(given, list):
            given, kind = {"choices": given}, Choices
        elif isinstance(given, dict) and "choices" in given:
            kind = Choices
        elif not isinstance(given, dict):
            raise self.error(
                ("space", name),
                "what is tried is a list of values, or a table {low = .., high = ..}; a setting "
                "that stays belongs under [settings]",
            )
        try:
            made = kind.model_validate(given)
        except ValidationError as error:
            raise self._invalid(error, ("space", name)) from None
        if name in self.file.settings:
            raise self.error(("space", name), "stands under [settings], too")
        return made

    def _check_conditions(self) -> None:
        before: dict[str, Choices | Range] = {}
        for name, parameter in self.space.parameters.items():
            for other, values in parameter.when.items():
                keys = ("space", name, "when", other)
                if other not in before:
                    raise self.error(keys, "a condition names a setting that stands before it here")
                known = before[other].values()
                strange = [value for value in values if known and value not in known]
                if strange:
                    raise self.error(keys, f"{other} is never {strange[0]!r}")
            before[name] = parameter

    def _check_method(self) -> None:
        if self.file.method != "grid":
            if self.file.trials is None:
                raise self.error(("method",), f"{self.file.method} wants a number of trials")
            return
        if self.file.trials is not None:
            raise self.error(("trials",), "a grid has as many trials as points: leave it out")
        for name, parameter in self.space.parameters.items():
            if not parameter.values():
                raise self.error(
                    ("space", name), "a grid wants a list of values, or a range with a step"
                )
        if self.space.n_products > MAX_GRID:
            raise self.error(
                ("space",), f"this grid has {self.space.n_products:,} points; at most {MAX_GRID:,}"
            )


def _is_key(part: object) -> bool:
    """Whether a part of pydantic's place is a key, and no name of a type that it has tried."""
    return isinstance(part, int) or (isinstance(part, str) and part not in _TRIED)


_TRIED = {"bool", "int", "float", "str"}


def _known_keys(keys: tuple[str | int, ...]) -> list[str]:
    """The keys of the table in which a key stands."""
    tables: Mapping[str, type[BaseModel]] = {
        "pruning": Pruning, "limits": Limits, "judging": Judging,
    }  # fmt: skip
    if len(keys) > 2:
        return [*dict.fromkeys([*Choices.model_fields, *Range.model_fields])]
    return [*(tables[str(keys[0])] if len(keys) > 1 else SearchFile).model_fields]


def read_search_file(path: str | os.PathLike[str]) -> SearchPlan:
    """Read a search file: a path, or the name of one that Habitus ships.

    Raises:
        UsageError: if there is none, or it is not sound; the message names line and key.
    """
    found = Path(path)
    if not found.exists():
        shipped = shipped_searches()
        found = shipped.get(found.name.removesuffix(".toml"), found)
        if not found.exists():
            raise UsageError(
                f"{path}: no such file, and no search of this name is shipped; there are: "
                f"{', '.join(shipped)}"
            )
    if not found.is_file():
        raise UsageError(f"{path}: is no file; a search is a file of TOML")
    if found.stat().st_size > MAX_FILE_BYTES:
        raise UsageError(f"{path}: a search file has at most {MAX_FILE_BYTES >> 10} KiB")
    try:
        text = found.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: no TOML: byte {error.start} is no UTF-8") from None
    return SearchPlan(text, str(path))


def shipped_searches() -> dict[str, Path]:
    """The search files that Habitus ships, by name."""
    folder = Path(__file__).parent.parent / "searches"
    return {path.stem: path for path in sorted(folder.glob("*.toml"))}
