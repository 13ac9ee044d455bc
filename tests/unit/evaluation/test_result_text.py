"""Results as text: the JSON of any value, in lines that people can read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from habitus.evaluation.result_text import flat, indented

PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    PLAIN.filter(lambda v: v not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(value=VALUES)
def test_it_is_the_value(value: Any) -> None:
    assert json.loads(indented(value)) == value


def test_lists_of_numbers_stand_on_one_line() -> None:
    value = {"a": [1, 2], "b": {"c": [{"d": 1, "e": "x"}, {"d": [3]}]}, "f": [], "g": {}}
    assert indented(value) == (
        '{\n "a": [1, 2],\n "b": {\n  "c": [\n   {"d": 1, "e": "x"},\n'
        '   {\n    "d": [3]\n   }\n  ]\n },\n "f": [],\n "g": {}\n}'
    )


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="JSON"):
        indented({"a": [float("nan")]})


def test_parts_of_a_result_have_columns_of_their_own() -> None:
    row = flat(
        {
            "memory": {"detector": 5, "disk": None},
            "with_novel": {"n_normal": 2, "n_attack": 0, "auc": None, "dr_at_fpr": {}},
            "pr": {"average": 0.5, "recall": [0, 1]},
            "auc_ci95": None,
        }
    )
    assert row == {
        "bytes_detector": 5, "bytes_disk": None, "auc_with_novel": None, "average_precision": 0.5,
        "auc_ci95": None,
    }  # fmt: skip
