"""The page of a comparison: whole, sealed off, readable without pictures, whatever names say."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from adfa_tree import adfa_tree

import habitus
from habitus.evaluation.comparing.figures import MAX_KINDS, area_differences, rate_differences
from habitus.evaluation.comparing.page import comparison_page

if TYPE_CHECKING:
    from habitus.evaluation.comparing.comparison import Comparisons

EVIL = "</script><script>alert(1)</script>\u2028<img src=x onerror=alert(2)>\u202e@ink"


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Comparisons:
    tree = str(adfa_tree(tmp_path_factory.mktemp("data")))
    models = {
        EVIL: habitus.train("ngram", tree, settings={"order": 3}, false_alarms=0.2),
        "other": habitus.train("stide", tree, settings={"n": 9}, false_alarms=0.2),
    }
    results = habitus.evaluate(models, tree)
    evil = [r.model_copy(update={"data": EVIL, "caution": EVIL}) for r in results.results]
    scores = results.scores
    assert scores is not None
    attacks = tuple(attack and f"{attack} {EVIL}" for attack in scores.attacks)
    kept = results.model_copy(
        update={
            "results": tuple(evil),
            "scores": type(scores)(**{**vars(scores), "attacks": attacks}),
        }
    )
    ones = [kept.model_copy(update={"results": (one,)}) for one in evil]
    return habitus.compare(*ones, replicates=50)


class Parts(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[str | None, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append((dict(attrs).get("type"), ""))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] == "script":
            self.scripts[-1] = (self.scripts[-1][0], self.scripts[-1][1] + data)


def test_the_page_is_whole_and_reaches_nowhere(compared: Comparisons) -> None:
    text = comparison_page(compared)
    assert len(text.encode()) < 6_000_000
    parts = Parts(text)
    for _, attributes in parts.elements:
        for name in ("src", "href", "action", "data", "srcset"):
            assert (attributes.get(name) or "#").startswith("#")
    assert "default-src 'none'" in text
    headings = [int(tag[1]) for tag, _ in parts.elements if re.fullmatch(r"h[1-6]", tag)]
    assert headings[0] == 1
    assert headings.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(headings))


def test_every_picture_has_words_and_a_table(compared: Comparisons) -> None:
    parts = Parts(comparison_page(compared))
    figures = [json.loads(text) for kind, text in parts.scripts if kind == "application/json"]
    plots = [a for tag, a in parts.elements if tag == "div" and a.get("class") == "plot"]
    assert len(figures) == len(plots) == 6
    for figure, plot in zip(figures, plots, strict=True):
        assert figure["data"]
        assert plot["role"] == "img"
        assert re.search(r"\d", plot["aria-label"] or "")
    keys = [attributes.get("id") for tag, attributes in parts.elements if tag == "figure"]
    assert len(set(keys)) == 6
    assert sum(tag == "table" for tag, _ in parts.elements) == 6 + 2


def test_it_says_on_what_the_pictures_stand(compared: Comparisons) -> None:
    (comparison,) = compared.comparisons
    assert comparison.n_only_a == 1
    said = "The trivial baseline is drawn on all that A can score."
    assert said in comparison_page(compared)
    swapped = comparison.model_copy(update={"n_only_a": 0, "n_only_b": 1})
    page = comparison_page(compared.model_copy(update={"comparisons": (swapped,)}))
    assert said not in page
    assert "On what both can score" in page


def test_names_run_nothing_and_forge_nothing(compared: Comparisons) -> None:
    text = comparison_page(compared)
    parts = Parts(text)
    assert not any(tag == "img" or "onerror" in attributes for tag, attributes in parts.elements)
    assert [kind for kind, _ in parts.scripts] == ["application/json"] * 6 + [None] * 2
    beside = text.replace(parts.scripts[-2][1], "")  # plotly's own
    assert "\u202e" not in beside
    assert "\u2028" not in beside


def test_a_picture_tells_the_numbers_of_the_comparison(compared: Comparisons) -> None:
    (comparison,) = compared.comparisons
    (series,) = area_differences(comparison).data
    assert series["x"][0] == comparison.auc.difference
    low, high = comparison.auc.ci95 or (np.nan, np.nan)
    assert series["x"][0] - series["error_x"]["arrayminus"][0] == pytest.approx(low)
    assert series["x"][0] + series["error_x"]["array"][0] == pytest.approx(high)
    assert len(series["y"]) == 1 + len(comparison.per_attack) == 3
    rates = rate_differences(comparison)
    for found, at in zip(rates.data, comparison.dr_at_fpr.values(), strict=True):
        assert found["x"][0] == 100 * at.detection.difference
    assert len(rates.table.rows) == 3 * 3


def test_a_picture_of_very_many_types_stays_a_picture(compared: Comparisons) -> None:
    (comparison,) = compared.comparisons
    attack = next(iter(comparison.per_attack.values()))
    many = comparison.model_copy(update={"per_attack": {f"kind {i}": attack for i in range(200)}})
    figure = area_differences(many)
    assert len(figure.data[0]["y"]) == MAX_KINDS + 1
    assert len(figure.table.rows) == 201
    assert f"first {MAX_KINDS} types" in figure.note
