"""Settings given by name: checked, and what is wrong with them told in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import BaseModel, ValidationError

from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_S = TypeVar("_S", bound=BaseModel)


def checked_settings(
    name: str,
    kind: type[_S],
    presets: Mapping[str, Mapping[str, object]],
    settings: Mapping[str, object],
) -> _S:
    """A detector's settings, of text or of values; ``preset`` names one of ``presets``.

    Args:
        name: the detector's, for messages.

    Raises:
        UsageError: if a setting or preset is unknown or a value is not allowed.
    """
    given = dict(settings)
    preset = given.pop("preset", None)
    if preset is not None and preset not in presets:
        known = ", ".join(presets) or "none"
        raise UsageError(f"{name}: there is no preset {preset!r}; there are: {known}")
    try:
        return kind.model_validate({**presets.get(str(preset), {}), **given})
    except ValidationError as error:
        problems = "; ".join(_problem(dict(e), kind) for e in error.errors())
        raise UsageError(f"{name}: {problems}") from None


def _problem(error: Mapping[str, Any], settings: type[BaseModel]) -> str:
    """What is wrong with one setting, and what it should be."""
    name = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        return (
            f"there is no setting {name!r}; there are: {', '.join(settings.model_fields) or 'none'}"
        )
    if not name:  # settings that are right alone and wrong together
        return str(error["msg"]).removeprefix("Value error, ")
    field = settings.model_fields.get(name)
    meaning = field.description if field is not None else None
    if error["type"] == "string_pattern_mismatch" and meaning:
        return f"{name}={error['input']}: this form is not read ({meaning})"
    what = f"{name}={error['input']}: {error['msg'].lower()}"
    return f"{what} ({meaning})" if meaning else what
