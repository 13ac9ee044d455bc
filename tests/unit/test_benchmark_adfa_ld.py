"""Rows of some detectors are made anew, and the page keeps all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = """# ADFA-LD

What it is.

## `adfa-ld`

Of it.

| detector | AUC |
|---|---:|
| stide n=3 | 0.1 |
| ngram order=12 | 0.2 |
| lstm | 0.3 |
| *trivial: fewer calls* | 0.4 |

## `adfa-ld/dev`

| detector | AUC |
|---|---:|
| ngram order=12 | 0.5 |

Made by `python benchmarks/adfa_ld.py` on it.
"""


def test_new_rows_stand_where_all_of_them_would(benchmark_script: Callable[[str], Any]) -> None:
    script = benchmark_script("adfa_ld")
    made = {"best": ("best", "0.9"), "stide n=3": ("stide n=3", "0.8")}
    page = script.with_rows(PAGE, "adfa-ld", made)
    wanted = PAGE.replace("| stide n=3 | 0.1 |", "| stide n=3 | 0.8 |").replace(
        "| ngram order=12 | 0.2 |\n", "| ngram order=12 | 0.2 |\n| best | 0.9 |\n"
    )
    assert page == wanted
    again = script.with_rows(page, "adfa-ld/dev", {"best": ("best", "0.7")})
    assert again == page.replace(
        "| ngram order=12 | 0.5 |\n", "| ngram order=12 | 0.5 |\n| best | 0.7 |\n"
    )
