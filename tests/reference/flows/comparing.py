"""Whether a table of flows says what the slow way says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from reference.flows.features import features_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import polars as pl

    from habitus.flows.tracker import TrackSettings
    from reference.flows.tracking import Flow


def assert_same(table: pl.DataFrame, flows: Sequence[Flow], settings: TrackSettings) -> None:
    """Feature by feature: whole numbers and texts exactly, others to nine digits."""
    assert table["first_frame"].to_list() == [flow.first.frame for flow in flows]
    for row, flow in zip(table.iter_rows(named=True), flows, strict=True):
        expected = features_of(flow, settings)
        missing = set(row) - set(expected) - {"source_file"}
        assert not missing, f"the slow way lacks {missing}"
        where = f"flow of frame {flow.first.frame}"
        differing = {
            name: (value, expected[name])
            for name, value in row.items()
            if name != "source_file" and not is_same(name, value, expected)
        }
        assert not differing, f"{where}: (fast, slow) of {differing}"


def is_same(name: str, value: Any, expected: dict[str, Any]) -> bool:
    """Whether one feature is."""
    slow = expected[name]
    if not isinstance(value, float):
        return bool(value == slow and type(value) is type(slow))
    # A spread much smaller than what it is the spread of has fewer digits.
    least = 1e-12 * (expected[name.replace("_std_", "_max_")] or 0) if "_std_" in name else 0.0
    return slow is not None and math.isclose(value, slow, rel_tol=1e-9, abs_tol=least)
