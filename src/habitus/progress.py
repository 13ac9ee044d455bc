"""How long work says where it is, without knowing who listens."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Hears of the stages of a long piece of work."""

    def stage(self, label: str, total: int | None = None) -> None:
        """A new stage begins; ``total`` is its size in steps of any unit, if known."""
        ...

    def advance(self, steps: int) -> None:
        """So many steps of the stage are done."""
        ...

    def label(self, text: str) -> None:
        """The stage goes on, and this is how it stands."""
        ...


class Silent:
    """Listens to nothing."""

    def stage(self, label: str, total: int | None = None) -> None:
        """Ignore it."""

    def advance(self, steps: int) -> None:
        """Ignore it."""

    def label(self, text: str) -> None:
        """Ignore it."""


SILENT = Silent()
