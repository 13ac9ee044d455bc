"""The report of a search: nothing breaks out of it, every search has one, and it is bounded."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from report_data import CONDITIONAL, SIMPLE, searched

import habitus
from habitus.errors import UsageError
from habitus.pictures.axes import short
from habitus.pictures.drawing import PALETTE, Drawing
from habitus.search.agreement import agreement
from habitus.search.report.page import report_page
from habitus.search.report.picture import NoPicture
from html_tree import Element, parsed

if TYPE_CHECKING:
    from pathlib import Path

    from habitus.search.results import SearchResult

KINDS = ("parallel", "importance", "curves", "agreement", "attacks")


@pytest.fixture(scope="module")
def found() -> SearchResult:
    return searched(60)


@pytest.fixture(scope="module")
def page(found: SearchResult) -> Element:
    return parsed(report_page(found))


def figure(page: Element, key: str) -> Element:
    (one,) = (f for f in page.all("figure") if f.attributes["id"] == f"figure-{key}")
    return one


def rows_of(element: Element) -> list[list[str]]:
    """The rows of the first table below an element, its heading among them."""
    rows = element.all("table")[0].all("tr")
    return [[c.text for c in row.children if isinstance(c, Element)] for row in rows]


def test_every_picture_is_there_with_its_words_and_its_numbers(page: Element) -> None:
    keys = [f.attributes["id"] for f in page.all("figure")]
    expected = ["parallel", "importance", *(f"slice-{i}" for i in range(6)), "learning",
                "agreement", "attacks"]  # fmt: skip
    assert sorted(map(str, keys)) == sorted(f"figure-{key}" for key in expected)
    for one in page.all("figure"):
        (drawn,) = one.all("svg")
        assert drawn.attributes["role"] == "img"
        assert len(drawn.attributes["aria-label"] or "") > 30
        assert len(rows_of(one)) > 1


def test_the_page_reaches_nothing_and_runs_nothing(found: SearchResult) -> None:
    html = report_page(found)
    page = parsed(html)
    assert not page.all("script")
    (policy,) = (
        str(m.attributes["content"]) for m in page.all("meta")
        if m.attributes.get("http-equiv") == "Content-Security-Policy"
    )  # fmt: skip
    assert policy.startswith("default-src 'none'")
    assert policy.endswith("script-src ")
    for element in page.all():
        for name, value in element.attributes.items():
            assert not name.startswith("on")
            if name in {"href", "src"}:
                assert (value or "").startswith("#")
    assert not re.search(r"url\(|@import", html)


def test_the_best_is_told_first_and_drawn_over_the_others(
    found: SearchResult, page: Element
) -> None:
    best = found.best
    assert best is not None
    tile = page.all(cls="tile")[0]
    assert f"trial {best.trial}" in tile.text
    for name, value in best.settings.items():
        assert f"{name}={short(value)}" in tile.text
    lines = [p for p in figure(page, "parallel").all("path") if p.all("title")]
    widths = [float(line.attributes["stroke-width"] or 0) for line in lines]
    assert widths[-1] == max(widths)
    assert lines[-1].text.startswith(f"trial {best.trial}, rank 1:")
    assert len(lines) == sum(trial.rank is not None for trial in found.trials)


def test_better_is_up_whichever_way_the_objective_goes(found: SearchResult) -> None:
    for direction in ("minimize", "maximize"):
        run = found.run.model_copy(update={"direction": direction})
        one = replace(found, run=run)
        ranked = [t for t in one.trials if t.rank is not None]
        circles = {
            m.title.split(",")[0]: float(m.attributes["cy"])
            for m in habitus.draw_search(one, "slice", "rate").drawing.marks if m.tag == "circle"
        }  # fmt: skip
        values = {f"trial {t.trial}": float(t.value or 0) for t in ranked}
        low, high = min(circles, key=values.__getitem__), max(circles, key=values.__getitem__)
        assert (circles[low] < circles[high]) == (direction == "minimize")


def test_attacks_are_said_to_have_ranked_nothing(page: Element) -> None:
    said = "attacks were looked at beside; they ranked nothing"
    assert said in page.all(cls="caution")[0].text
    for key in ("agreement", "attacks"):
        assert said.capitalize() in figure(page, key).text
    assert "has chosen by attacks" in figure(page, "agreement").text


def test_without_attacks_the_page_says_how_to_have_them() -> None:
    page = parsed(report_page(searched(20, beside=False)))
    (part,) = (s for s in page.all("section") if s.attributes["id"] == "attacks")
    assert not part.all("svg")
    assert part.text.count("--beside-attacks") == 2
    assert "no attack was looked at" in page.all(cls="caution")[0].text


def test_a_supervised_search_has_the_half_that_it_did_not_choose_by() -> None:
    one = searched(20, beside=False, supervised=True, objective="attack-auc",
                   direction="maximize", unit="")  # fmt: skip
    trials = tuple(
        replace(t, measures={"auc_reported": 0.5 + 0.01 * t.trial}) if t.rank else t
        for t in one.trials
    )
    one = replace(one, trials=trials)
    picture = habitus.draw_search(one, "agreement")
    assert "did not choose by" in picture.title
    areas = {row[1]: row[3] for row in picture.table.rows}
    assert areas["5"] == "0.550"
    with pytest.raises(NoPicture, match="without --supervised"):
        habitus.draw_search(one, "attacks")


def test_the_source_s_picture_goes_by_validation_loss(found: SearchResult) -> None:
    picture = habitus.draw_search(found, "attacks")
    ranked = {t.trial: t for t in found.trials if t.beside is not None and t.rank is not None}
    order = [
        int(m.text) for m in picture.drawing.marks
        if m.tag == "text" and m.text.isdigit() and float(m.attributes["y"]) > 370
    ]  # fmt: skip
    medians = [ranked[trial].beside.held_out_median for trial in order]  # type: ignore[union-attr]
    assert medians == sorted(medians)
    row = picture.table.rows[0]
    beside = ranked[int(row[1])].beside
    assert beside is not None
    assert beside.attack_quartiles is not None
    assert [float(cell) for cell in row[2:5]] == pytest.approx(beside.attack_quartiles, rel=1e-3)


def test_curves_are_the_epochs_that_trials_told(found: SearchResult) -> None:
    table = habitus.draw_search(found, "curves").table
    first = next(t for t in found.trials if t.curve is not None)
    assert first.curve is not None
    told = [row for row in table.rows if row[0] == str(first.trial)]
    assert [int(row[2]) for row in told] == list(first.curve.epochs)
    assert [float(row[4]) for row in told] == pytest.approx(first.curve.held_out_loss, rel=1e-3)


def test_a_setting_that_is_not_always_tried_is_drawn_where_it_is(
    found: SearchResult, page: Element
) -> None:
    assert "not tried" in figure(page, "parallel").all("svg")[0].text
    with_it = sum(t.rank is not None and "dropout" in t.settings for t in found.trials)
    assert with_it < sum(t.rank is not None for t in found.trials)
    drawn = habitus.draw_search(found, "slice", "dropout").drawing.marks
    assert sum(m.tag == "circle" for m in drawn) == with_it - 1  # and the diamond


@pytest.mark.parametrize(
    ("n", "told"),
    [
        ({"n": 1}, "1 of 1 done"),
        ({"n": 12, "every_fails": True}, "No trial has come to a good end"),
        ({"n": 12, "n_run": 0}, "12 to go"),
        ({"n": 12, "n_run": 5}, "7 to go"),
        ({"n": 8, "text": SIMPLE, "curves": False}, "only networks are trained"),
    ],
)
def test_every_kind_of_search_has_a_report(n: dict[str, Any], told: str) -> None:
    text = " ".join(parsed(report_page(searched(**n))).text.split())
    assert told in text
    assert "NaN" not in text
    assert " inf" not in text


def test_failed_trials_are_told_with_their_reasons_and_logs(page: Element) -> None:
    (part,) = (s for s in page.all("section") if s.attributes["id"] == "failed")
    rows = rows_of(part)[1:]
    assert rows[0][0].startswith("took more memory than")
    assert sum(int(row[1]) for row in rows) == 6
    assert rows[0][3].startswith("logs/trial-0")


HOSTILE = (
    "</svg></script><script>alert(1)</script>", '" onload="alert(1)', "<img src=x onerror=a>",
    "@ink", "var(--ink)", "{{ 7 * 7 }}", "\u202enekot", "a" * 3000, "]]>", "&lt;b&gt;",
)  # fmt: skip


def test_hostile_text_stays_text() -> None:
    choices = ", ".join(json.dumps(text) for text in HOSTILE)
    text = CONDITIONAL.replace("epochs = 9", f"epochs = 9\nnote = {json.dumps(HOSTILE[0])}")
    text = text.replace('["64", "128", "200,200"]', f"[{choices}]")
    text = text.replace('"networks of all kinds"', json.dumps(HOSTILE[1] + HOSTILE[2]))
    one = searched(40, text=text, data=HOSTILE[0], search=HOSTILE[2], protocol=HOSTILE[3])
    trials = tuple(
        replace(t, reason=HOSTILE[0] if t.reason else "", notes=(HOSTILE[2],)) for t in one.trials
    )
    html = report_page(replace(one, trials=trials))
    page = parsed(html)
    assert not page.all("script")
    assert not page.all("img")
    assert "\u202e" not in html
    for element in page.all():
        assert not any(name.startswith("on") for name in element.attributes)
        assert element.attributes.get("fill", "") != "@ink"
    assert "<script>alert(1)</script>" in page.text
    for kind in ("parallel", "slice"):
        picture = habitus.draw_search(one, kind, "cells" if kind == "slice" else None)
        alone = parsed(picture.drawing.svg())
        assert not alone.all("script")


def test_ten_thousand_trials_make_a_page_that_can_be_opened() -> None:
    many = searched(10_000)
    many.__dict__["importance"] = {"rate": 0.7, "cells": 0.3}  # measured by itself below
    begin = time.monotonic()
    html = report_page(many)
    assert time.monotonic() - begin < 60  # 7 s on two busy cores
    assert len(html) < 1_500_000
    page = parsed(html)
    assert "10,000" in page.all("header")[0].text
    assert "Drawn are 300 of" in figure(page, "parallel").text


def test_importance_of_many_trials_goes_by_some_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from habitus.search import distributions

    many = searched(400, beside=False, curves=False)
    whole = many.importance
    monkeypatch.setattr(distributions, "MOST_TRIALS", 150)
    some = searched(400, beside=False, curves=False).importance
    assert some != whole
    assert max(some, key=some.__getitem__) == max(whole, key=whole.__getitem__)


def test_spearman_is_signed_by_which_way_is_better() -> None:
    values = [0.1, 0.4, 0.2, 0.9, 0.7, 0.3]
    less = agreement(values, [1 - v for v in values], less_is_better=True)
    more = agreement(values, [1 - v for v in values], less_is_better=False)
    assert less is not None
    assert more is not None
    assert less.rho == pytest.approx(1)
    assert less.ci95 == pytest.approx((1, 1))
    assert more.rho == pytest.approx(-1)
    assert agreement(values[:3], values[:3], less_is_better=False) is None
    assert agreement([1.0] * 6, values, less_is_better=False) is None


def test_the_interval_holds_zero_where_there_is_no_agreement() -> None:
    random = np.random.default_rng(1)
    found = agreement(random.random(40).tolist(), random.random(40).tolist(), less_is_better=True)
    assert found is not None
    assert found.ci95 is not None
    assert found.ci95[0] < 0 < found.ci95[1]
    assert found.ci95[0] < found.rho < found.ci95[1]


def test_pictures_have_names(found: SearchResult) -> None:
    for kind in KINDS:
        assert habitus.draw_search(found, kind)._repr_svg_().startswith("<svg")
    with pytest.raises(UsageError, match="there are: parallel"):
        habitus.draw_search(found, "pie")
    with pytest.raises(UsageError, match="name one of"):
        habitus.draw_search(found, "slice")
    with pytest.raises(UsageError, match="tries no setting 'x'"):
        habitus.draw_search(found, "slice", "x")


def test_a_picture_is_saved_as_one_that_stands_for_itself(
    found: SearchResult, tmp_path: Path
) -> None:
    habitus.draw_search(found, "importance").save(str(tmp_path / "a.svg"))
    text = (tmp_path / "a.svg").read_text("utf-8")
    assert "var(" not in text
    assert 'width="720"' in text
    from xml.etree import ElementTree

    assert ElementTree.fromstring(text).tag.endswith("svg")  # noqa: S314 - our own


def test_a_drawing_s_colours_are_those_of_the_card() -> None:
    style = (resources.files("habitus.evaluation.card") / "card.css").read_text("utf-8")
    light = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[0]
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", light))
    assert {name: colours[name] for name in PALETTE} == PALETTE
    drawing = Drawing(10, 10, "x")
    drawing.box(0, 0, 1, 1, "mark")
    assert "var(--mark)" in drawing.markup()
    assert colours["mark"] in drawing.svg()


def test_the_report_is_written_into_the_search_s_folder(tmp_path: Path) -> None:
    from habitus.search.run_folder import RunFolder

    one = searched(12, tmp_path)
    assert one.write_report() == tmp_path / "report.html"
    assert not RunFolder(tmp_path).is_run()  # it is a file of ours, and in nobody's way
    first = (tmp_path / "report.html").read_bytes()
    assert one.write_report().read_bytes() == first
