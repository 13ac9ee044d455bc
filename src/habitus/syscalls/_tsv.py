"""The one reader for the data files that ship beside the modules of this package."""

from collections.abc import Iterator
from pathlib import Path

_HERE = Path(__file__).parent


def read_pairs(relative_path: str) -> Iterator[tuple[str, str]]:
    """Yield the two fields of every row of a packaged file, skipping ``#`` comment lines."""
    with (_HERE / relative_path).open(encoding="utf-8") as lines:
        for line in lines:
            if not line.startswith("#"):
                first, second = line.rstrip("\n").split("\t")
                yield first, second
