"""What the public functions share: how places and options of files are written."""

from __future__ import annotations

import os
from typing import TypedDict

Place = str | os.PathLike[str]


class FileOptions(TypedDict, total=False):
    """How files are to be read, for every function that reads them.

    Attributes:
        format: the name of a format; by default each file is recognised by its content.
        abi: whose numbers call numbers are, where a format does not tell.
        strict: whether the first broken line or unrecognised file is an error.
    """

    format: str | None
    abi: str | None
    strict: bool
