"""Libraries that only some detectors need, and that an install may therefore lack."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from habitus.errors import MissingLibrary


def extra_module(module: str, extra: str, user: str) -> Any:
    """A module of a library that comes with one of Habitus's extras.

    Args:
        extra: its name, as in ``habitus[outlier]``.
        user: what needs it.

    Raises:
        MissingLibrary: if it cannot be imported; the message says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingLibrary(
            f"{user} needs {module.partition('.')[0]}, which cannot be imported ({error}): "
            f'pip install "habitus[{extra}]"'
        ) from None
