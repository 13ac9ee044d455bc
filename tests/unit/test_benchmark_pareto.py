"""The front holds those that no other beats in both, and the picture names every detector."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS: dict[str, dict[str, Any]] = {
    name: {
        "areas": {"adfa-ld": area}, "intervals": {"adfa-ld": (area - 0.1, area + 0.1)},
        "calls_per_second": rate, "train_seconds": 1.0,
    }
    for name, area, rate in (
        ("slow", 0.9, 1e3), ("beaten", 0.7, 1e4), ("middle", 0.8, 1e5), ("quick", 0.6, 1e6),
        ("outlier estimator=equal", 0.8, 1e4),
    )
}  # fmt: skip


@pytest.fixture
def page(benchmark_script: Callable[[str], Any]) -> Any:
    return benchmark_script("pareto_page")


def test_no_other_is_both_quicker_and_better(page: Any) -> None:
    assert page.front(ROWS, "adfa-ld") == ["quick", "middle", "slow"]


def test_the_picture_names_all_and_the_table_marks_the_front(page: Any) -> None:
    svg = page.picture(ROWS, "adfa-ld").svg()
    assert all(f">{page.short_name(name)}</text>" in svg for name in ROWS)
    text = "\n".join(page.lines_of(ROWS, ("adfa-ld",), 400_000))
    assert text.count("| **") == 3
    assert "| `beaten` | 0.700 (0.600-0.800)" in text
    assert "factor of 1,000 in speed for 0.300 of area" in text
