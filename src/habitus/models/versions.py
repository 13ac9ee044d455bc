"""The versions that a model's numbers depend on."""

from __future__ import annotations

import platform
from importlib.metadata import version

from habitus.version import __version__


def versions_with(*libraries: str) -> dict[str, str]:
    """Habitus's, Python's, those of the libraries that all numbers depend on, and of others."""
    used = sorted({"numba", "numpy", *libraries})
    found = {name: version(name) for name in used}
    return {"habitus": __version__, "python": platform.python_version(), **found}
