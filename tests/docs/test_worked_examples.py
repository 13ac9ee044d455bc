"""What the explanations reckon by hand is what Habitus reckons."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import numpy as np
import pytest

from habitus import Budget, TraceSet, fit_model
from habitus.decisions.forecast import TailRate
from habitus.decisions.threshold import choose_threshold, finest_share

ROOT = Path(__file__).parents[2]
EXPLANATION = ROOT / "docs" / "explanation"
PAGE = (EXPLANATION / "understanding.md").read_text("utf-8")
TRACES = {
    name: calls.split()
    for name, calls in re.findall(r"^([A-D])   ([a-z]+(?:  [a-z]+)*)", PAGE, re.MULTILINE)
}
LEARNED, JUDGED = (TraceSet.from_names([TRACES[name] for name in names]) for names in ("AB", "CD"))


def test_its_traces_are_found() -> None:
    assert {name: len(calls) for name, calls in TRACES.items()} == {"A": 4, "B": 5, "C": 6, "D": 6}


def test_the_shares_of_new_windows() -> None:
    model = fit_model("stide", LEARNED, settings={"n": 3})
    assert model.scores(JUDGED).tolist() == [0.25, 1.0]


def test_the_surprises() -> None:
    """Without smoothing a Markov chain counts as the page does; what was never seen costs 1 %."""
    model = fit_model("markov", LEARNED, settings={"order": 1, "strength": 1e-9, "kin_share": 0})
    for name, told in {"A": 0.14, "B": 0.38, "C": 0.52, "D": 2.76}.items():
        surprise = model.detector.surprise(TraceSet.from_names([TRACES[name]]))[1:]
        if name == "D":  # socket, connect and what follows: no count tells of them
            surprise[1:4] = -np.log(0.01)
        assert float(surprise.mean()) == pytest.approx(told, abs=0.005)
        assert f"{told} for {name}" in PAGE


def test_the_base_rate() -> None:
    rows = re.findall(
        r"^\| ([\d.]+) % \| ([\d,]+) \| (\d+) \| 1 of ([\d,]+) \|$", PAGE, re.MULTILINE
    )
    assert len(rows) == 3
    for share, n_false, n_true, one_of in rows:
        alerts = float(share) / 100 * 1e6
        assert int(n_false.replace(",", "")) == round(alerts)
        assert int(one_of.replace(",", "")) == round((alerts + int(n_true)) / int(n_true))


def test_four_of_a_hundred() -> None:
    """The worked example of the page on thresholds, said as it stands there."""
    scores, counts = np.arange(100.0), np.ones(100, dtype=np.int64)
    usual = choose_threshold(scores, counts, Budget.parse("5%")).rate
    sure = choose_threshold(scores, counts, Budget.parse("5%", confidence=0.95)).rate
    low, high = usual.quantile(0.025), usual.quantile(0.975)
    enough = next(n for n in range(1, 1000) if finest_share(n, 0.95) <= 0.01)
    told = " ".join((EXPLANATION / "thresholds.md").read_text("utf-8").split())
    for words in (
        f"{usual.n_over + 1}/101 = {usual.expected:.2%}",
        f"{usual.n_over + 2}/101 = {TailRate(100, usual.n_over + 1, 1).expected:.2%}",
        f"between {low:.1%} and {high:.1%}",
        f"at most {sure.quantile(0.95):.1%} in 95",
        f"With two it would be {TailRate(100, sure.n_over + 1, 1).quantile(0.95):.1%}",
        f"sure of 1% takes {enough} traces",
        "next 50 normal traces, {} to {} raise".format(*usual.interval(50)),
    ):
        assert words.replace("%", " %") in told
    assert (usual.n_over, sure.n_over) == (4, 1)


def test_the_diagrams_are_up_to_date() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "make_diagrams.py"))
    images = ROOT / "docs" / "images"
    assert (images / "surprise.svg").read_text("utf-8") == script["surprise_diagram"]()
    assert (images / "base-rate.svg").read_text("utf-8") == script["base_rate_diagram"]()
