"""What a detector's name stands for: one of traces of system calls, or one of network flows."""

from __future__ import annotations

from typing import Literal

from habitus.detectors import detector_names
from habitus.detectors.flow import flow_detector_names
from habitus.errors import UsageError

Judges = Literal["traces", "flows"]


def judges(name: str) -> Judges:
    """What the detector of this name judges.

    Raises:
        UsageError: if there is none; the message lists those there are.
    """
    if name in flow_detector_names():
        return "flows"
    if name in detector_names():
        return "traces"
    raise UsageError(
        f"no detector is named {name!r}; of traces there are: {', '.join(detector_names())}",
        f"of network flows: {', '.join(flow_detector_names())}",
    )
