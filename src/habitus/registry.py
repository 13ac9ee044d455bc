"""What can be chosen by name: brought by Habitus, by a package, or registered by a program."""

from __future__ import annotations

import warnings
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

_T = TypeVar("_T")


class PluginWarning(UserWarning):
    """Something that an installed package brings cannot be used, and is left out."""


class Registry(Generic[_T]):
    """Things of one kind by name, each imported when it is first asked for.

    Args:
        kind: the word for one of them, for messages.
        builtin: ``module:attribute`` by name.
        group: the entry-point group in which installed packages declare theirs.
    """

    def __init__(self, kind: str, builtin: Mapping[str, str], group: str) -> None:
        self._kind = kind
        self._builtin = builtin
        self._group = group
        self._made: dict[str, _T] = {}
        self._broken: dict[str, str] = {}

    def register(self, name: str, made: _T) -> None:
        """Make a thing known.

        Raises:
            UsageError: if the name is taken by another.
        """
        if name in self._declared or self._made.get(name, made) is not made:
            raise UsageError(f"there is already a {self._kind} named {name!r}")
        self._made[name] = made

    def names(self) -> tuple[str, ...]:
        """The names of all that can be used, sorted; a package's broken one is warned of once."""
        usable = {*self._builtin, *self._made}
        return tuple(sorted(usable.union(filter(self._is_usable, self._declared))))

    def get(self, name: str) -> _T:
        """The thing of this name.

        Raises:
            UsageError: if there is none, or a package's cannot be used; the message lists those
                there are.
        """
        if name not in self._made and name in self._declared:
            made = self._load(name)
            if made is None:
                raise UsageError(self._broken[name])
            self._made[name] = made
        if name not in self._made:
            raise UsageError(
                f"no {self._kind} is named {name!r}; there are: {', '.join(self.names())}"
            )
        return self._made[name]

    def _is_usable(self, name: str) -> bool:
        if name in self._made or name in self._builtin:
            return True
        known_broken = name in self._broken
        made = self._load(name)
        if made is not None:
            self._made[name] = made
        elif not known_broken:
            # One broken package must not keep all others from working.
            warnings.warn(f"left out: {self._broken[name]}", PluginWarning, stacklevel=3)
        return made is not None

    def _load(self, name: str) -> Any:
        """What was declared; None if it is a package's and `_broken` says what is wrong with it."""
        declared = self._declared[name]
        if isinstance(declared, str):
            module, _, attribute = declared.partition(":")
            return getattr(import_module(module), attribute)
        if name in self._broken:
            return None
        package = declared.dist.name if declared.dist else "an installed package"
        what = f"the {self._kind} {name!r}, which {package} declares,"
        try:
            made = declared.load()
        except Exception as error:  # noqa: BLE001 - importing runs whatever the package holds
            reason = f"{type(error).__name__}: {error}"
            self._broken[name] = f"{what} cannot be imported: {reason}"
            return None
        if getattr(made, "name", None) != name:
            self._broken[name] = f"{what} calls itself {getattr(made, 'name', None)!r}"
            return None
        return made

    @cached_property
    def _declared(self) -> dict[str, str | EntryPoint]:
        """What Habitus brings, and what packages bring under names that are still free."""
        from importlib.metadata import entry_points

        declared: dict[str, str | EntryPoint] = {}
        declared.update((point.name, point) for point in entry_points(group=self._group))
        declared.update(self._builtin)
        return declared
