"""Flows as other programs write them down. To add one: a file here, a line below, a page.

A package that declares a format as an entry point of the group ``habitus.flow_formats``
(``name = "module:INSTANCE"``) makes it known to the command line, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from habitus.registry import Registry

if TYPE_CHECKING:
    from habitus.flows.formats.base import FlowFormat

_FORMATS: Registry[FlowFormat] = Registry(
    "flow format",
    {
        "cicflowmeter": "habitus.flows.formats.cicflowmeter:FORMAT",
        "flowmeter": "habitus.flows.formats.flowmeter:FORMAT",
        "habitus": "habitus.flows.formats.habitus:FORMAT",
        "nfstream": "habitus.flows.formats.nfstream:FORMAT",
        "suricata": "habitus.flows.formats.suricata:FORMAT",
        "zeek": "habitus.flows.formats.zeek:FORMAT",
    },
    "habitus.flow_formats",
)


def register_flow_format(made: FlowFormat) -> FlowFormat:
    """Make a format known under its ``name``, beside those that Habitus brings.

    Raises:
        UsageError: if the name is taken by another format.
    """
    _FORMATS.register(made.name, made)
    return made


def flow_format_names() -> tuple[str, ...]:
    """The names of all formats, sorted."""
    return _FORMATS.names()


def get_flow_format(name: str) -> FlowFormat:
    """The format of this name.

    Raises:
        UsageError: if there is none; the message lists those there are.
    """
    return _FORMATS.get(name)
