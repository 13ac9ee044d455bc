"""The results card: nothing from data breaks out, all can be read, all that must be said is."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adfa_tree import adfa_tree

import habitus
from habitus.datasets.source import Source
from habitus.evaluation.card.attack_figures import attack_figure
from habitus.evaluation.card.page import card_page
from habitus.evaluation.card.parts import (
    DASHES,
    PATTERNS,
    SYMBOLS,
    Figure,
    one_of,
    script_json,
    series,
)
from habitus.evaluation.card.score_figures import area_figure, histogram_figure
from habitus.evaluation.evaluate import evaluate_models
from habitus.evaluation.protocols import get_protocol
from habitus.evaluation.results import Results
from habitus.models.training import fit_model
from habitus.traces.report import ReadReport
from habitus.traces.traceset import Label, TraceInfo
from html_tree import Element, parsed, scripts_of

MAX_BYTES = 6_000_000
HOSTILE = (
    "</script><script>alert(1)</script>", "<img src=x onerror=alert(2)>", '" onfocus="alert(3)',
    "<a href='https://evil.example'>click</a>", "{{ 7 * 7 }}{% raw %}", "@ink", "%{customdata}",
    "line\u2028break\nforged: 1.000", "\u202egnirts", "$\\unicode{x}$",
    "-->]]></style></title><h1>forged</h1>", "raw \udcff byte",
)  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    tree = str(adfa_tree(tmp_path_factory.mktemp("data")))
    models = {
        "models/ngram": habitus.train("ngram", tree, settings={"order": 3}, false_alarms=0.2),
        "models/stide": habitus.train("stide", tree, settings={"n": 9}, false_alarms=0.2),
        "models/whole": habitus.train("neighbours", tree, false_alarms=0.2),
    }
    return habitus.evaluate(models, tree, command="habitus evaluate models/*")


@pytest.fixture(scope="module")
def html(results: Results) -> str:
    return card_page(results)


@pytest.fixture(scope="module")
def page(html: str) -> Element:
    return parsed(html)


@pytest.fixture(scope="module")
def hostile() -> str:
    """A card in which every text that data can choose was chosen badly."""
    random = np.random.default_rng(1)
    names, infos = [], []
    for i in range(60):
        text = HOSTILE[i % len(HOSTILE)]
        label = Label(int(i >= 40))
        infos.append(
            TraceInfo(f"{text}{i}", f"{text}/source", label, text if label else "", f"{text}{i}",
                      "" if i >= 20 else "training")
        )  # fmt: skip
        names.append([HOSTILE[k] for k in random.integers(0, 8 + 3 * label, 12)])
    traces = habitus.TraceSet.from_names(names, infos=infos)
    protocol = get_protocol("folder")
    model = fit_model("ngram", traces.select(np.arange(20)))
    report = ReadReport(n_files=3)
    for text in HOSTILE:
        report.add_broken(text, text)
        report.add_skipped(text, text)
    made = evaluate_models(
        dict.fromkeys(HOSTILE[:3], model), traces, Source(HOSTILE[0], Path("x"), "0" * 64),
        protocol, replicates=20, command=" ".join(HOSTILE), report=report,
    )  # fmt: skip
    return card_page(made)


def test_it_is_one_file_that_asks_for_nothing(html: str, page: Element) -> None:
    assert len(html.encode()) < MAX_BYTES
    policy = page.all("meta")[1].attributes
    assert policy["http-equiv"] == "Content-Security-Policy"
    assert "default-src 'none'" in (policy["content"] or "")
    ids = [e.attributes["id"] for e in page.all() if "id" in e.attributes]
    assert len(ids) == len(set(ids))
    for element in page.all():
        assert "src" not in element.attributes
        assert element.tag not in {"link", "iframe", "img", "object", "base"}
        if "href" in element.attributes:
            target = element.attributes["href"] or ""
            assert target.startswith("#")
            assert target[1:] in ids
    style = (resources.files("habitus.evaluation.card") / "card.css").read_text("utf-8")
    assert "url(" not in style
    assert "@import" not in style


@pytest.mark.parametrize("which", ["html", "hostile"])
def test_only_our_two_scripts_may_run(which: str, request: pytest.FixtureRequest) -> None:
    page = parsed(request.getfixturevalue(which))
    running, _ = scripts_of(page)
    assert len(running) == 2
    policy = page.all("meta")[1].attributes["content"] or ""
    allowed = re.search(r"script-src ([^;]*)", policy)
    assert allowed is not None
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(s.text.encode()).digest()).decode()}'"
        for s in running
    ]
    assert allowed[1].split() == hashes
    for element in page.all():
        assert not [name for name in element.attributes if name.startswith("on")]


def test_data_cannot_break_out_or_forge(hostile: str) -> None:
    page = parsed(hostile)
    assert len(page.all("h1")) == 1
    assert "forged" not in page.all("h1")[0].text
    assert not page.all("img")
    # The characters that turn, hide or break the writing are written as code.
    outside = "".join(e.text for e in page.all("body") for e in e.all("main"))
    assert not {"\u2028", "\u202e"} & set(hostile.replace(running_text(page), ""))
    assert "\\u2028break\\nforged" in outside
    assert "\\u202egnirts" in outside
    assert "raw \\xff byte" in outside
    assert "{{ 7 * 7 }}" in outside
    for name in HOSTILE[:4]:
        assert name in outside  # shown as text, whole


def running_text(page: Element) -> str:
    """The longest script that runs: plotly.js, whose letters are its own."""
    return max((script.text for script in scripts_of(page)[0]), key=len)


def test_figures_take_names_for_text(hostile: str) -> None:
    """Plotly reads some HTML, links among it, and templates: names must not be either."""
    _, figures = scripts_of(parsed(hostile))

    def texts(value: Any, key: str = "") -> list[tuple[str, str]]:
        if isinstance(value, dict):
            return [pair for k, v in value.items() for pair in texts(v, k)]
        if isinstance(value, list):
            return [pair for v in value for pair in texts(v, key)]
        return [(key, value)] if isinstance(value, str) else []

    for key, text in texts(figures):
        if key == "hovertemplate":
            assert not any(name[:8] in text for name in HOSTILE if name != "%{customdata}")
        else:
            assert "<" not in text, (key, text)
        if key.endswith("color"):
            assert re.fullmatch(r"@[a-z]+(-\d)?(/[\d.]+)?", text)


def test_every_model_has_a_row_of_its_own_whatever_it_is_called(results: Results) -> None:
    """Plotly finds rows in a JavaScript object, in which `constructor` is something else."""
    first = results.results[0]
    best = max(first.baselines, key=lambda baseline: baseline.auc)
    names = ["constructor", f"trivial: {best.stranger} {best.name}"]
    figure = area_figure(names, [first, first])
    rows = [row for drawn in figure.data for row in drawn["y"]]
    assert len(set(rows)) == len(rows) == 2 + len(first.baselines)
    assert not {"constructor", "toString"} & set(rows)


def test_a_unit_from_a_file_is_no_html(results: Results) -> None:
    unit = "<a href='https://evil.example'>nats</a>"
    forged = results.results[0].model_copy(update={"score_unit": unit})
    assert "<" not in histogram_figure("m", forged, 0).layout["xaxis"]["title"]["text"]


def test_baselines_are_said_to_be_the_first_models_where_others_have_their_own(
    results: Results,
) -> None:
    ngram, stide = results.results[:2]
    assert ngram.n_attack != stide.n_attack
    other = stide.model_copy(update={"baselines": ngram.baselines})
    said = "The baselines are those on what one can score"
    assert said in area_figure(["one", "two"], [ngram, stide]).note
    assert said not in area_figure(["one", "two"], [ngram, other]).note


def test_types_of_attack_that_are_not_drawn_or_listed_are_told_of(results: Results) -> None:
    first = results.results[0]
    one = next(iter(first.per_attack.values()))

    def of_many(n: int) -> Figure:
        many = {f"kind {i:03}": one for i in range(n)}
        return attack_figure(["m"], [first.model_copy(update={"per_attack": many})])

    assert "Drawn are" not in of_many(40).note
    assert "Drawn are the first 40 of 41 types" in of_many(41).note
    assert of_many(200).table.caption == "By type of attack"
    assert of_many(201).table.caption == "By type of attack, the first 200 of 201"
    assert len(of_many(201).table.rows) == 200


def test_no_text_ends_a_script_element() -> None:
    for text in HOSTILE:
        held = script_json({text: [text]})
        assert not set("<>&\u2028\u2029") & set(held)
        assert json.loads(held) == {text: [text]}


def test_every_figure_has_words_and_numbers(page: Element) -> None:
    figures = page.all("figure")
    assert len(figures) == len(scripts_of(page)[1]) == 8
    for figure in figures:
        (plot,) = figure.all("div", "plot")
        assert plot.attributes["role"] == "img"
        told = plot.attributes["aria-label"] or ""
        assert len(re.findall(r"\d", told)) > 3, told
        (details,) = figure.all("details")
        assert len(details.all("tr")) > 2
        assert figure.all("figcaption")[0].text
    for strip in page.all("svg"):
        assert strip.attributes["role"] == "img"
        assert strip.attributes["aria-label"]


def test_no_two_models_look_alike() -> None:
    looks = {(series(n), one_of(DASHES, n), one_of(SYMBOLS, n)) for n in range(36)}
    assert len(looks) == 36
    assert len({one_of(PATTERNS, n) for n in range(6)}) == 6


def test_tables_say_what_their_cells_are(page: Element) -> None:
    for table in page.all("table"):
        assert table.all("caption")[0].text.strip()
        heads = table.all("thead")[0].all("th")
        assert all(head.attributes.get("scope") == "col" for head in heads)
        for row in table.all("tbody")[0].all("tr"):
            assert len(row.all("th")) == 1
            assert row.all("th")[0].attributes.get("scope") == "row"
            assert len(row.all("td")) == len(heads) - 1
    for region in page.all("div", "wide"):
        assert region.attributes["tabindex"] == "0"
        assert region.attributes["aria-label"]


def test_it_can_be_walked_through(page: Element) -> None:
    assert page.all("html")[0].attributes["lang"] == "en"
    assert page.all("a")[0].attributes["href"] == "#main"
    levels = [int(e.tag[1]) for e in page.all() if re.fullmatch(r"h[1-6]", e.tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later - earlier <= 1 for earlier, later in pairwise(levels))
    assert all(e.text.strip() for e in page.all() if re.fullmatch(r"h[1-6]", e.tag))


def test_it_says_what_the_results_say(page: Element, results: Results) -> None:
    told = " ".join(page.all("main")[0].text.split())
    for warning in results.warnings:
        assert warning in told
    for finding in results.findings:
        assert finding.title in told
        assert finding.effect in told
        assert finding.remedy in told
    for result in results.results:
        assert f"{result.auc:.3f}" in told
        assert result.data_sha256 in told
        for trace in (*result.strangest_normals, *result.most_normal_attacks):
            assert trace.name in told
    assert "habitus evaluate models/*" in told
    assert "this model scores whole traces" in told


def test_a_detector_that_does_not_clear_counting_is_told_so_near_the_top(
    results: Results,
) -> None:
    first = results.results[0]
    best = 0.75
    trivial = first.baselines[0].model_copy(update={"auc": best})
    for auc, interval, said in (
        (best - 0.01, (0.1, 1.0), "does not clear the trivial baseline"),
        (best, (0.1, 1.0), "does not clear the trivial baseline"),
        (1.0, (best - 0.01, 1.0), "not shown to clear the trivial baseline"),
        (1.0, None, "not shown to clear the trivial baseline"),
    ):
        update = {"auc": auc, "auc_ci95": interval, "baselines": (trivial,)}
        judged = first.model_copy(update=update)
        page = parsed(card_page(results.model_copy(update={"results": (judged,)})))
        (tile,) = page.all("li", "tile")
        assert tile.all("p", "verdict")[0].text.strip("✓✗~ \n") == said


def test_results_read_back_make_the_same_card(results: Results, html: str) -> None:
    assert card_page(Results.model_validate_json(results.to_json())) == html


def test_what_could_not_be_measured_is_said_and_not_drawn(results: Results) -> None:
    first = results.results[0]
    detections = {
        rate: found.model_copy(update={"dr_ci95": None}) for rate, found in first.dr_at_fpr.items()
    }
    curves = {
        name: getattr(first, name).model_copy(update={"band": None}) for name in ("roc", "pr")
    }
    bare = first.model_copy(
        update=curves | {"auc_ci95": None, "dr_at_fpr": detections, "at_threshold": None}
    )
    page = parsed(card_page(results.model_copy(update={"results": (bare,), "findings": ()})))
    told = page.all("main")[0].text
    assert "AUC, no interval" in " ".join(told.split())
    assert "Its own threshold is for another" in told
    assert "its own maximum" in told.replace("each strip's", "its")
    assert "The data doctor found nothing serious" in told
    assert '"fill":"toself"' not in "".join(s.text for s in page.all("script")[:-2])


def test_a_name_of_any_length_does_not_drown_the_rest(results: Results) -> None:
    first = results.results[0]
    name = "begin" + "x" * 3_000_000 + "end"
    traces = tuple(t.model_copy(update={"name": name}) for t in first.strangest_normals)
    folders = tuple(f.model_copy(update={"name": name}) for f in first.per_folder)
    long = first.model_copy(update={"strangest_normals": traces, "per_folder": folders})
    html = card_page(results.model_copy(update={"results": (long,)}))
    assert len(html.encode()) < MAX_BYTES
    heading = next(e.text for e in parsed(html).all("h4") if e.text.startswith("begin"))
    assert heading.endswith("end")
