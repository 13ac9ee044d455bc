"""Where records of `habitus detect` may go, and what is said of those before an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from habitus.cli.detecting import records_kept, refuse_to_replace
from habitus.errors import UsageError


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


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A file that is read, and records of before beside it."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("open read close\n")
    (tmp_path / "in" / "alerts.jsonl").write_text('{"timestamp":"","habitus":{}}\n')
    (tmp_path / "in" / "empty").touch()
    (tmp_path / "link.txt").symlink_to(tmp_path / "in" / "a.txt")
    return tmp_path


@pytest.mark.parametrize(
    ("read", "written"),
    [
        ("in/a.txt", "in/a.txt"),
        ("in/a.txt", "link.txt"),
        ("link.txt", "in/../in/a.txt"),
        ("in", "in/a.txt"),
        (".", "in/a.txt"),
    ],
)
def test_what_is_read_is_never_written_over(read: str, written: str, folder: Path) -> None:
    with pytest.raises(UsageError, match="to be read; name another file"):
        refuse_to_replace(["-", str(folder / read)], folder / written)
    assert (folder / "in" / "a.txt").read_text() == "open read close\n"


@pytest.mark.parametrize("written", ["in/alerts.jsonl", "in/new.jsonl", "in/empty", "elsewhere"])
def test_records_of_before_may_be_replaced(written: str, folder: Path) -> None:
    refuse_to_replace([str(folder / "in")], folder / written)
    refuse_to_replace([str(folder / "in")], Path("-"))
    refuse_to_replace([str(folder / "in")], None)
    refuse_to_replace([str(folder / "nowhere")], folder / written)
