"""What is said of a model of flows: what it is, what it decides, and what to expect of it."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from habitus.evaluation.flows.metrics import Figures
    from habitus.models.flow_model import FlowModel

SHOWN_FILES = 20
N_TO_COME = 1000
NO_CHANCE = 0.6
"""An area below it is no better than chance, for the few files that there mostly are."""


def print_flow_model(model: FlowModel, name: str, *, as_json: bool) -> None:
    """Print a model of flows for a person, or as JSON."""
    from habitus.cli.terminal import in_lines, printable, table

    if as_json:
        typer.echo(jsonlib.dumps(flow_model_summary(model, name), indent=1, allow_nan=False))
        return
    for label, text in _rows(model, name):
        typer.echo(in_lines(f"{label:>13}  {printable(text)}"))
    rows = _by_file(model)
    if len(rows) > 1:
        shown = rows[:SHOWN_FILES]
        cells = [[printable(row[0]), *(_number(cell) for cell in row[1:])] for row in shown]
        headings = ("file", ">benign", ">of these alarms", ">malicious", ">of these found")
        table(headings, cells, title="held out, by file")
        if len(rows) > len(shown):
            typer.echo(f"and {len(rows) - len(shown):,} files more (--json)")


def flow_model_summary(model: FlowModel, name: str) -> dict[str, Any]:
    """The same for programs."""
    detector = model.detector
    parameters = getattr(detector, "parameters", None)
    return {
        "model": name,
        "digest": model.digest,
        "judges": "flows",
        "detector": detector.name,
        "settings": detector.settings.model_dump(mode="json"),
        "inputs": list(detector.inputs.names),
        "decision": model.decision.model_dump(mode="json"),
        "expected": expected_record(model),
        "by_file": [
            dict(zip(("file", "n_benign", "n_alarms", "n_malicious", "n_found"), row, strict=True))
            for row in _by_file(model)
        ],
        "provenance": model.provenance.model_dump(mode="json"),
        "notes": list(model.notes),
        "normal_ranges": {
            one.name: {
                "unit": one.unit, "low": one.low, "median": one.median, "high": one.high,
                "null_share": one.null_share,
            }
            for one in detector.ranges
        },
        "parameters": None if parameters is None else parameters(),
    }  # fmt: skip


def _rows(model: FlowModel, name: str) -> list[tuple[str, str]]:
    """Labels and what stands beside them."""
    origin, detector = model.provenance, model.detector
    settings = detector.settings.model_dump(mode="json")
    changed = {
        key: value for key, value in settings.items()
        if value != type(detector.settings).model_fields[key].default
    }  # fmt: skip
    told = " ".join([detector.name, *(f"{key}={value}" for key, value in changed.items())])
    rows = [
        ("model", name),
        ("digest", model.digest),
        ("detector", f"{told}, of {len(detector.inputs.names)} features"),
        ("learned from", f"{origin.data}: {_flows(model)}"),
    ]
    if origin.malicious:
        classes = f"malicious: {_words(origin.malicious)}; benign: {_words(origin.benign)}"
        rows.append(("labels", classes))
    if origin.n_left_out:
        left_out = f"{_count(origin.n_left_out)} without a label, or not learned by this detector"
        rows.append(("left out", left_out))
    if origin.extraction is not None:
        idle, active = origin.extraction.idle_s, origin.extraction.active_s
        ends = f"a flow ends after {idle:g} s of silence, and is cut after {active:g} s"
        rows.append(("packets", ends))
    rows.append(("alerts", _decision(model)))
    rows += [("expect", line) for line in flow_expectations(model)]
    calibration = getattr(detector, "calibration", None)
    figures = _figures(model)
    if calibration is not None:
        brier = "" if figures is None or figures.brier is None else _brier(figures)
        rows.append(("calibrated", f"{calibration.kind}{brier}"))
    took = f"{origin.train_seconds:.2f} s (held out {origin.calibrate_seconds:.2f} s)"
    rows.append(("trained", f"{origin.created}, seed {origin.seed}, in {took}"))
    return rows


def _flows(model: FlowModel) -> str:
    origin = model.provenance
    files = "1 file" if origin.n_files == 1 else f"{origin.n_files:,} files"
    if not model.detector.needs_labels:
        return f"{origin.n_benign:,} benign flows of {files}"
    if not origin.n_flows:
        return "parameters that others have fitted"
    return (
        f"{origin.n_flows:,} flows of {files}, {origin.n_benign:,} benign and "
        f"{origin.n_malicious:,} malicious"
    )


def _decision(model: FlowModel) -> str:
    decision = model.decision
    if model.detector.score_unit == "probability":
        told = f"when the probability of malicious is above {decision.threshold:.4g}"
    else:
        told = f"when the score is above {decision.threshold:.4g} {model.detector.score_unit}"
    if decision.budget is None:
        return told
    sure = decision.budget.confidence
    how = "on average" if sure is None else f"{sure:.0%} sure"
    return f"{told}, set for {decision.budget.alarms * 100:g} % of benign flows, {how}"


def flow_expectations(model: FlowModel, n_flows: int = N_TO_COME) -> list[str]:
    """What a model's decision will cost and find, in words."""
    from habitus.decisions.forecast import told

    population = model.population
    if population.method == "none":
        return ["nothing is known: no flow was held out"]
    how = "on flows named later" if population.method == "other flows" else (
        f"held out by {'whole files' if population.unit == 'file' else 'single flows'}, "
        f"{population.folds} parts"
    )  # fmt: skip
    lines = []
    threshold = model.decision.threshold
    if len(population.benign):
        rate = population.rate(threshold)
        low, high = rate.interval(n_flows)
        lines.append(
            f"false alarms: about {told(rate.expected * 100, 2)} % of benign flows; of the next "
            f"{n_flows:,}, {low:,} to {high:,} (95 %; {how})"
        )
    found, n = population.detection(threshold)
    if n:
        lines.append(f"finds {found:,} of {n:,} malicious flows ({found / n:.1%}; {how})")
    figures = _figures(model)
    if figures is not None and figures.auc is not None:
        lines.append(
            f"area under the ROC {figures.auc.flows:.3f}, where each file weighs the same "
            f"{figures.auc.files:.3f}"
        )
    return lines


def _figures(model: FlowModel) -> Figures | None:
    """Figures of the flows that were held out; None if there are none."""
    import numpy as np

    from habitus.evaluation.flows.judging import JudgedFlows
    from habitus.evaluation.flows.metrics import figures

    population = model.population
    if not len(population.scores):
        return None
    files = population.groups.astype("int64")
    return figures(
        JudgedFlows(
            scores=population.scores,
            malicious=population.malicious,
            alerts=model.decision.is_alert(population.scores),
            files=files,
            rows=files,
            # A classifier's scores were all made comparable by the final model's calibration.
            models=np.zeros(len(files), dtype=np.int64),
            is_probability=model.detector.score_unit == "probability",
        )
    )


def _brier(figures: Figures) -> str:
    brier, naive = figures.brier, figures.brier_of_share
    if brier is None or naive is None:
        return ""
    return (
        f"; mean squared error of probabilities held out (Brier) {brier.flows:.3f}, of saying the "
        f"share of malicious flows each time {naive.flows:.3f}"
    )


def chance_warnings(model: FlowModel) -> list[str]:
    """What to say of a model that tells files it has not learned apart no better than chance."""
    figures = _figures(model)
    if figures is None or figures.auc is None or figures.auc.files >= NO_CHANCE:
        return []
    said = (
        "of files held out it tells malicious ones from benign ones no better than chance (area "
        f"{figures.auc.files:.2f} where each file weighs the same): it has learned the files of "
        "training, and what it says of others means nothing"
    )
    return [said]


def expected_record(model: FlowModel, n_flows: int = N_TO_COME) -> dict[str, Any]:
    """What is to be expected, for programs; null where nothing was held out."""
    population, figures = model.population, _figures(model)
    threshold = model.decision.threshold
    n_benign = len(population.benign)
    rate = population.rate(threshold) if n_benign else None
    found, n_malicious = population.detection(threshold)
    auc = None if figures is None else figures.auc
    brier = None if figures is None else figures.brier
    return {
        "method": population.method,
        "unit": population.unit,
        "folds": population.folds,
        "n_benign": n_benign,
        "n_alarms": None if rate is None else rate.n_over,
        "false_alarm_rate": None if rate is None else rate.expected,
        "of_flows": n_flows,
        "alarms_ci95": None if rate is None else list(rate.interval(n_flows)),
        "n_malicious": n_malicious,
        "n_found": found,
        "auc": None if auc is None else auc.flows,
        "auc_by_file": None if auc is None else auc.files,
        "brier": None if brier is None else brier.flows,
    }


def _by_file(model: FlowModel) -> list[tuple[str, int, int, int, int]]:
    """(file, benign flows, alarms of them, malicious ones, those found) of flows held out."""
    import numpy as np

    population = model.population
    if population.method != "cross-fitting":
        return []
    alerts = model.decision.is_alert(population.scores)
    rows = []
    for number, file in enumerate(model.provenance.files):
        own = population.groups == number
        bad = population.malicious[own]
        sides = [(~bad).sum(), (alerts[own] & ~bad).sum(), bad.sum(), (alerts[own] & bad).sum()]
        rows.append((file.name, *np.array(sides).tolist()))
    return rows


def _number(count: object) -> str:
    return f"{count:,}"


def _count(n: int) -> str:
    return "1 flow" if n == 1 else f"{n:,} flows"


def _words(labels: tuple[str, ...]) -> str:
    more = len(labels) - 6
    return ", ".join(labels[:6]) + (f" and {more} more" if more > 0 else "")
