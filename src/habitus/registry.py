"""What can be chosen by name: brought by Habitus, by a package, or registered by a program."""

from __future__ import annotations

from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import EntryPoint

_T = TypeVar("_T")


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

    def register(self, name: str, made: _T) -> None:
        """Make a thing known.

        Raises:
            UsageError: if the name is taken by another.
        """
        if name in self._declared or self._made.get(name, made) is not made:
            raise UsageError(f"there is already a {self._kind} named {name!r}")
        self._made[name] = made

    def names(self) -> tuple[str, ...]:
        """All names, sorted."""
        return tuple(sorted({*self._declared, *self._made}))

    def get(self, name: str) -> _T:
        """The thing of this name.

        Raises:
            UsageError: if there is none; the message lists those there are.
        """
        if name not in self._made and name in self._declared:
            self._made[name] = self._load(name)
        if name not in self._made:
            raise UsageError(
                f"no {self._kind} is named {name!r}; there are: {', '.join(self.names())}"
            )
        return self._made[name]

    def _load(self, name: str) -> Any:
        declared = self._declared[name]
        if isinstance(declared, str):
            module, _, attribute = declared.partition(":")
            return getattr(import_module(module), attribute)
        try:
            return declared.load()
        except (ImportError, AttributeError) as error:
            package = declared.dist.name if declared.dist else "an installed package"
            raise UsageError(
                f"the {self._kind} {name!r}, which {package} declares, cannot be imported: {error}"
            ) from error

    @cached_property
    def _declared(self) -> dict[str, str | EntryPoint]:
        """What Habitus brings, and what packages bring under names that are still free."""
        from importlib.metadata import entry_points

        declared: dict[str, str | EntryPoint] = {}
        declared.update((point.name, point) for point in entry_points(group=self._group))
        declared.update(self._builtin)
        return declared
