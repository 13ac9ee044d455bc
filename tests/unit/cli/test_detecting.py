"""What is said of records that came before an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from habitus.cli.detecting import records_kept


@pytest.mark.parametrize(
    ("n", "output", "said"),
    [
        (1, Path("a.jsonl"), "1 record from before that is kept in a.jsonl"),
        (2, Path("a.jsonl"), "2 records from before that are kept in a.jsonl"),
        (1, None, "1 record from before that was printed"),
        (1000, Path("-"), "1,000 records from before that were printed"),
    ],
)
def test_records_and_where_they_went(n: int, output: Path | None, said: str) -> None:
    assert records_kept(n, output) == said
