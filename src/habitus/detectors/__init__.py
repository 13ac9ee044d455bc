"""The detectors. To add one: a file here, a line in `_BUILTIN`, a page in the docs.

A detector of one's own needs none of that: `register_detector` makes a class known, and every
command and test treats it like the others.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, TypeVar

from habitus.errors import UsageError

if TYPE_CHECKING:
    from habitus.detectors.base import SequenceDetector

    _D = TypeVar("_D", bound=type[SequenceDetector])

_BUILTIN = {
    "ngram": "habitus.detectors.ngram:NGram",
    "stide": "habitus.detectors.stide:Stide",
}
_registered: dict[str, type[SequenceDetector]] = {}


def register_detector(detector: _D) -> _D:
    """Make a detector class known under its ``name``; usable as a decorator.

    Raises:
        UsageError: if the name is taken by another class.
    """
    if detector.name in _BUILTIN or _registered.get(detector.name, detector) is not detector:
        raise UsageError(f"there is already a detector named {detector.name!r}")
    _registered[detector.name] = detector
    return detector


def detector_names() -> tuple[str, ...]:
    """The names of all detectors, sorted."""
    return tuple(sorted({*_BUILTIN, *_registered}))


def get_detector(name: str) -> type[SequenceDetector]:
    """The detector class of this name.

    Raises:
        UsageError: if there is none; the message lists those there are.
    """
    if name not in _registered and name in _BUILTIN:
        module, _, attribute = _BUILTIN[name].partition(":")
        _registered[name] = getattr(import_module(module), attribute)
    if name not in _registered:
        raise UsageError(f"no detector is named {name!r}; there are: {', '.join(detector_names())}")
    return _registered[name]
