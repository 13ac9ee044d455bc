"""The card of flows: the gap first, nothing in it that a name could forge, and its numbers."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from labelled_sets import made_set

from habitus.evaluation.card.flow_curves import flow_roc_figure, reliability_figure
from habitus.evaluation.card.flow_figures import alarms_figure, gap_figure
from habitus.evaluation.card.flow_page import flow_card_page, gap_sentence
from habitus.evaluation.flows.evaluate import evaluate_flows
from habitus.evaluation.flows.judging import Contender
from habitus.evaluation.flows.protocols import get_flow_protocol
from habitus.flows.labelled import LabelledFile

if TYPE_CHECKING:
    from habitus.evaluation.flows.results import FlowResults

HOSTILE = "<script>alert(1)</script>\u202e.pcap"


@cache
def results() -> FlowResults:
    """Both ways of holding out, of flows in files with names that nobody should believe."""
    flows = made_set()
    files = (LabelledFile(HOSTILE, "<b>lab</b>", "</table>"), *flows.files[1:])
    given = replace(flows, files=files, name="<img src=x>")
    return evaluate_flows(
        given, get_flow_protocol("flows/gap"), [Contender("logistic"), Contender("flow-outlier")]
    )


def test_no_name_ends_up_as_markup() -> None:
    page = flow_card_page(results())
    body = page[page.index("<body>") : page.index("<script>")]
    for forged in ("<script>alert", "<img src=x>", "<b>lab", "\u202e", "</table>.pcap"):
        assert forged not in body
    assert "&lt;script&gt;alert(1)" in body
    assert "&lt;img src=x&gt;" in body


def test_the_gap_is_told_first() -> None:
    """Files of this set are drawn alike, so that the gap is small; it is told all the same."""
    sentence = gap_sentence(results())
    rows, files = results().trials[:2]
    name = sentence.split()[3]
    area = [
        next(r.figures.auc.files for r in trial.results if r.name == name and r.figures.auc)
        for trial in (rows, files)
    ]
    assert f"{area[0]:.3f}" in sentence
    assert f"{area[1]:.3f}" in sentence
    page = flow_card_page(results())
    assert page.index(sentence) < page.index('id="summary"') < page.index('id="trial-0"')
    assert "random rows (shortcut-prone)" in page


def test_figures_hold_the_numbers_of_the_results() -> None:
    trial = results().trials[0]
    logistic = trial.results[0].figures
    assert logistic.auc is not None
    gap = gap_figure(results().trials)
    assert gap is not None
    assert f"logistic {logistic.auc.files:.3f}" in gap.alternative
    assert [row[0] for row in gap.table.rows] == ["logistic", "flow-outlier", "one feature"]
    roc = flow_roc_figure(trial, "roc")
    assert roc is not None
    assert logistic.curve is not None
    at = float(np.interp(0.01, logistic.curve.fpr, logistic.curve.tpr))
    assert f"logistic: finds {at * 100:.1f} % at 1 % false alarms" in roc.alternative
    reliability = reliability_figure(trial, "reliability")
    assert reliability is not None
    assert len(reliability.table.rows) == len(logistic.reliability)
    alarms = alarms_figure(trial, "alarms")
    assert alarms is not None
    assert [row[0] for row in alarms.table.rows] == ["logistic", "flow-outlier", "one feature"]


def test_one_class_alone_leaves_out_what_needs_both() -> None:
    trial = results().trials[0]
    bare = [
        one.model_copy(
            update={
                "figures": one.figures.model_copy(
                    update={
                        "auc": None, "curve": None, "reliability": (), "alarms_per_hour": None,
                        "brier": None, "detection_at_budget": None,
                    }
                )
            }
        )
        for one in trial.results
    ]  # fmt: skip
    alone = trial.model_copy(update={"results": tuple(bare)})
    assert gap_figure([alone]) is None
    assert flow_roc_figure(alone, "a") is None
    assert reliability_figure(alone, "b") is None
    assert alarms_figure(alone, "c") is None
    page = flow_card_page(results().model_copy(update={"trials": (alone,)}))
    assert "Flows of one class alone were judged" in page
    assert gap_sentence(results().model_copy(update={"trials": (alone,)})) == ""
