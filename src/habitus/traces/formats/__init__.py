"""The formats. To add one: a file here, a line in `_BUILTIN`, a page in the docs."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from habitus.errors import UsageError

if TYPE_CHECKING:
    from habitus.traces.formats.base import Format

_BUILTIN = {
    "adfa": "habitus.traces.formats.adfa:AdfaFormat",
    "native": "habitus.traces.formats.native:NativeFormat",
    "plain": "habitus.traces.formats.plain:PlainFormat",
    "strace": "habitus.traces.formats.strace:StraceFormat",
}
_registered: dict[str, Format] = {}


def register_format(made: Format) -> Format:
    """Make a format known under its ``name``, beside those that Habitus brings.

    Raises:
        UsageError: if the name is taken by another format.
    """
    if made.name in _BUILTIN or _registered.get(made.name, made) is not made:
        raise UsageError(f"there is already a format named {made.name!r}")
    _registered[made.name] = made
    return made


def format_names() -> tuple[str, ...]:
    """The names of all formats, sorted."""
    return tuple(sorted({*_BUILTIN, *_registered}))


def get_format(name: str) -> Format:
    """The format of this name.

    Raises:
        UsageError: if there is none; the message lists those there are.
    """
    if name not in _registered and name in _BUILTIN:
        module, _, attribute = _BUILTIN[name].partition(":")
        _registered[name] = getattr(import_module(module), attribute)()
    if name not in _registered:
        raise UsageError(f"no format is named {name!r}; there are: {', '.join(format_names())}")
    return _registered[name]
