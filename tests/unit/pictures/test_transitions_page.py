"""The picture of a transition matrix says what was counted."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go
import pytest

from habitus.detectors.markov import Markov
from habitus.models.training import fit_model
from habitus.pictures.heat_map import CORNER, MAX_SHOWN, heat_maps, percent
from habitus.pictures.transitions import transitions_page, transitions_record
from habitus.traces.traceset import TraceSet

if TYPE_CHECKING:
    from habitus.detectors.transitions import Transitions

TRACES = [["openat", "read", "read", "close"], ["openat", "read", "close"], ["openat", "brk"]]


def matrix_of(traces: list[list[str]], order: int = 1) -> Transitions:
    detector = Markov.with_settings({"order": order})
    detector.fit(TraceSet.from_names(traces))
    return detector.transitions()


def page_of(traces: list[list[str]], **names: str) -> str:
    model = fit_model("markov", TraceSet.from_names(traces), false_alarms=0.5, **names)
    return transitions_page(matrix_of(traces), model.provenance, "models/mine")


def cells(view: Any) -> dict[tuple[str, str], tuple[float, str]]:
    (data,) = view.data
    return {
        (before.strip(), then.strip()): (data["z"][i][j], data["text"][i][j])
        for i, before in enumerate(data["y"])
        for j, then in enumerate(data["x"])
        if data["z"][i][j] is not None
    }


def names_of(view: Any, axis: str) -> list[str]:
    return [place.strip() for place in view.data[0][axis]]


def test_a_cell_tells_share_and_counts() -> None:
    view = heat_maps(matrix_of(TRACES))[0]
    assert cells(view)["openat", "read"][1] == "after openat: read 67 % (2 of 3)"
    assert cells(view)["openat", "read"][0] == pytest.approx(-0.176, abs=1e-3)
    assert cells(view)["read", "read"][1] == "after read: read 33 % (1 of 3)"
    assert len(cells(view)) == 4


def test_every_view_shows_the_same_cells() -> None:
    views = {view.name: cells(view) for view in heat_maps(matrix_of(TRACES))}
    assert list(views) == ["by frequency", "by family"]
    assert views["by frequency"] == views["by family"]


def test_rows_and_columns_are_in_order() -> None:
    frequency, family = heat_maps(matrix_of([*TRACES, ["write", "read"], ["mmap", "read"]]))
    assert names_of(frequency, "x")[:3] == ["read", "openat", "close"]
    assert names_of(frequency, "y") == ["read", "openat", "mmap", "write"]
    assert names_of(family, "x") == ["openat", "read", "close", "write", "brk", "mmap"]
    assert [note["text"] for note in family.layout["annotations"]] == [
        "file", "descriptor", "memory",
    ]  # fmt: skip


def test_states_of_several_calls_are_named_by_all() -> None:
    view = heat_maps(matrix_of(TRACES, order=2))[0]
    assert cells(view)["openat → read", "close"][1] == ("after openat → read: close 50 % (1 of 2)")


@pytest.mark.parametrize("order", [1, 2])
def test_of_many_calls_a_corner_comes_first_and_all_views_have_a_bound(order: int) -> None:
    names = [f"call{i}" for i in range(300)]
    traces = [[name, "read", name, "brk"] for name in names] + [["read", "brk"]] * 3
    corner, *others = heat_maps(matrix_of(traces, order))
    assert corner.name == f"the {CORNER} most frequent"
    assert len(corner.data[0]["x"]) == len(corner.data[0]["y"]) == CORNER
    for view in others:
        assert len(view.data[0]["x"]) == len(view.data[0]["y"]) == MAX_SHOWN
    assert "the most frequent of 301 and 302" in page_of(traces)


def test_no_place_is_called_like_something_that_every_javascript_object_has() -> None:
    """Plotly would leave it out: ``{}["constructor"]`` is there before anything is put in."""
    view = heat_maps(matrix_of([["constructor", "__proto__", "valueOf"] * 2]))[0]
    assert all(place.endswith(" ") for axis in "xy" for place in view.data[0][axis])
    assert names_of(view, "x") == ["__proto__", "constructor", "valueOf"]


def test_plotly_knows_every_property() -> None:
    for order in (1, 2):
        for view in heat_maps(matrix_of(TRACES, order)):
            go.Figure({"data": view.data, "layout": {**view.layout, **view.narrow}})


def test_the_page_tells_the_most_frequent_in_words() -> None:
    text = page_of(TRACES, data="/traces/<mine>")
    assert "Heat map of 2 states and 4 calls; 4 transitions between them were seen" in text
    assert "The most frequent: after openat, read, 67 %." in text
    rows = re.findall(r"<tr><td>(.*?)</td><td>(.*?)</td><td.*?>(.*?)</td><td.*?>(.*?)</td>", text)
    assert rows[:2] == [("openat", "read", "67 %", "2 of 3"), ("read", "close", "67 %", "2 of 3")]
    assert len(rows) == 4
    assert "<code>/traces/&lt;mine&gt;</code>: 3 traces, 9 calls" in text


def test_hostile_names_reach_the_page_as_text() -> None:
    text = page_of([["</script><script>alert(1)//", "<b>x</b>", "\u202e"], ["a\x00", "a\\x00"]])
    assert "<script>alert" not in text
    assert "<b>" not in text.replace(text[text.index("/**") :], "")
    json.loads(re.findall(r'<script type="application/json">(.*?)</script>', text)[0])


@pytest.mark.parametrize(
    ("count", "total", "wanted"),
    [
        (2, 2, "100 %"), (999, 1000, ">99 %"), (994, 1000, "99 %"), (1203, 2934, "41 %"),
        (96, 1000, "10 %"), (94, 1000, "9.4 %"), (1, 100, "1 %"), (1, 3000, "0.033 %"),
        (1, 10**9, "1e-07 %"), (0, 5, "0 %"),
    ],
)  # fmt: skip
def test_shares_for_people(count: int, total: int, wanted: str) -> None:
    assert percent(count, total) == wanted


def test_the_record_is_the_whole_matrix() -> None:
    record = transitions_record(matrix_of(TRACES))
    assert record["states"] == [
        {"calls": ["openat"], "followed": 3}, {"calls": ["read"], "followed": 3},
    ]  # fmt: skip
    assert record["calls"][0] == {"name": "brk", "family": "memory", "count": 1}
    assert record["transitions"] == [[0, 0, 1], [0, 3, 2], [1, 1, 2], [1, 3, 1]]
    json.dumps(record)
