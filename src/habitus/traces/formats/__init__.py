"""The formats. To add one: a file here, a line in `_FORMATS`, a page in the docs.

A format of one's own needs none of that: `register_format` makes one known to a program; a package
that declares one as an entry point of the group ``habitus.formats`` (``name = "module:INSTANCE"``)
makes it known to the command line, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.registry import Registry

if TYPE_CHECKING:
    from habitus.traces.formats.base import Format

_FORMATS: Registry[Format] = Registry(
    "format",
    {
        "adfa": "habitus.traces.formats.adfa:FORMAT",
        "auditd": "habitus.traces.formats.auditd:FORMAT",
        "falco": "habitus.traces.formats.falco:FORMAT",
        "lid-ds": "habitus.traces.formats.lid_ds:FORMAT",
        "native": "habitus.traces.formats.native:FORMAT",
        "perf": "habitus.traces.formats.perf:FORMAT",
        "plain": "habitus.traces.formats.plain:FORMAT",
        "strace": "habitus.traces.formats.strace:FORMAT",
        "sysdig": "habitus.traces.formats.sysdig:FORMAT",
        "table": "habitus.traces.formats.table:FORMAT",
        "tracee": "habitus.traces.formats.tracee:FORMAT",
        "unm": "habitus.traces.formats.unm:FORMAT",
    },
    "habitus.formats",
)


def register_format(made: Format) -> Format:
    """Make a format known under its ``name``, beside those that Habitus brings.

    Raises:
        UsageError: if the name is taken by another format.
    """
    _FORMATS.register(made.name, made)
    return made


def format_names() -> tuple[str, ...]:
    """The names of all formats, sorted."""
    return _FORMATS.names()


def get_format(name: str) -> Format:
    """The format of this name.

    Raises:
        UsageError: if there is none; the message lists those there are.
    """
    return _FORMATS.get(name)
