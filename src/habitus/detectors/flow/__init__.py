"""The detectors of flows. To add one: a file here, a line in `_DETECTORS`, a page in the docs.

As with detectors of system calls, `register_flow_detector` makes a class known to a program, and an
entry point of the group ``habitus.flow_detectors`` to the command line, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

from habitus.registry import Registry

if TYPE_CHECKING:
    from habitus.detectors.flow.base import FlowDetector

    _D = TypeVar("_D", bound=type[FlowDetector])

_DETECTORS: Registry[type[FlowDetector]] = Registry(
    "flow detector",
    {
        "boosting": "habitus.detectors.flow.boosting:Boosting",
        "flow-outlier": "habitus.detectors.flow.flow_outlier:FlowOutlier",
        "logistic": "habitus.detectors.flow.logistic:Logistic",
    },
    "habitus.flow_detectors",
)


def register_flow_detector(detector: _D) -> _D:
    """Make a class known under its ``name``; usable as a decorator.

    Raises:
        UsageError: if the name is taken by another class.
    """
    _DETECTORS.register(detector.name, detector)
    return detector


def flow_detector_names() -> tuple[str, ...]:
    """The names of all detectors of flows, sorted."""
    return _DETECTORS.names()


def get_flow_detector(name: str) -> type[FlowDetector]:
    """The class of this name.

    Raises:
        UsageError: if there is none; the message lists those there are.
    """
    return _DETECTORS.get(name)
