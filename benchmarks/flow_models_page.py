"""The page of `flow_models.py`: headline, how it was done, the doctor, and each protocol."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from common import table

from habitus.evaluation.flows.doctor.checkup import FlowCheckup
from habitus.evaluation.flows.one_feature import ONE_FEATURE
from habitus.evaluation.flows.results import FlowFigures, FlowResult, FlowResults, FlowTrial, Rates

DETECTORS = ("logistic", "boosting", "flow-outlier")


def lines_of(
    rows: Mapping[tuple[str, str], FlowResults], doctored: Mapping[str, FlowCheckup]
) -> Iterator[str]:
    """The page, line by line."""
    yield from _headline(rows)
    yield from _how()
    yield from _doctor(doctored)
    for (data, protocol), results in rows.items():
        yield from _protocol(data, protocol, results)


def _headline(rows: Mapping[tuple[str, str], FlowResults]) -> Iterator[str]:
    yield "# Models of flows"
    yield ""
    yield "## What random rows make of it"
    yield ""
    yield (
        "Area under the ROC of the same detectors on the same flows. Held out are single flows, "
        "as most published results have it; whole captures; or the captures of one laboratory. "
        "**The gap is the finding: a model of these captures recognises captures.** Random rows "
        "are shortcut-prone: whatever tells recordings apart counts as skill. Files weigh equally, "
        "over flows in brackets."
    )
    yield ""
    by_rows, by_file = rows["pcap", "pcap/random-rows"], rows["pcap", "pcap/file"]
    by_source = rows["pcap", "pcap/source"].trials
    own, other = rows["shipped", "flows/random-rows"], rows["shipped", "flows/file"]
    lab, captured = rows["zeek", "flows/random-rows"], rows["zeek", "zeek/leave-one-out"]
    columns = [by_rows.trials[0], by_file.trials[0], by_source[1], by_source[0]]
    names = [*DETECTORS, ONE_FEATURE]
    yield "Captures of test suites (nDPI, Zeek, Slips):"
    yield ""
    yield from table(
        ("detector", "random rows", "by file", "by source, Zeek -> nDPI",
         "by source, nDPI -> Zeek"),
        [(_code(name), *(_area(trial, name) for trial in columns)) for name in names],
    )  # fmt: skip
    yield ""
    yield "Two sets in which benign and malicious flows were recorded together:"
    yield ""
    columns = [own.trials[0], other.trials[0], lab.trials[0], captured.trials[0]]
    yield from table(
        ("detector", "the shipped captures, random rows", "by file",
         "Zeek's labelled connections, random rows", "by capture"),
        [(_code(name), *(_area(trial, name) for trial in columns)) for name in names],
    )  # fmt: skip
    yield ""


def _how() -> Iterator[str]:
    yield "## How it was done"
    yield ""
    yield (
        "Defaults of every detector; nothing was chosen on what is judged. `one feature` is the "
        "baseline: of each training part the one feature that alone tells its classes apart best, "
        "and on which side; a detector that does not clear it has learned little else. "
        "`flow-outlier` learns the benign flows of training alone. AUC is over pairs of a benign "
        "and a malicious flow that one model judged. At 1 %: detection at no more than 1 % false "
        "alarms, whose threshold is taken from the judged flows, with the rate reached and what "
        "that is in false alarms an hour of capture. Own decision: a probability of .5, or, of "
        "`flow-outlier` and the baseline, what 99 % of the benign flows of training do not exceed. "
        "Intervals are 95 %, by drawing whole files anew, the classes apart; of fewer than two "
        "files of a class there is none. Brier: mean squared error of the probabilities, beside "
        "that of always saying the share of malicious flows. Hours leave out pauses of over an "
        "hour."
    )
    yield ""


def _doctor(doctored: Mapping[str, FlowCheckup]) -> Iterator[str]:
    yield "## What the data doctor says"
    yield ""
    yield (
        "The capture test: a model that has learned which *benign* capture a flow is of, on flows "
        "it has not seen. Where it can tell, labels that follow captures prove nothing."
    )
    yield ""
    lines = []
    for data, checkup in doctored.items():
        test = next((one for one in checkup.findings if one.id == "capture-test"), None)
        if test is not None:
            follow = f"{test.numbers['labels_follow']:.0%}"
            lines.append(
                (
                    _SETS[data], f"{test.count}", f"{test.numbers['auc']:.3f}",
                    f"{test.numbers['right']:.0%}", f"{test.numbers['chance']:.0%}", follow,
                )
            )  # fmt: skip
    yield from table(
        ("set", "benign captures", "area over pairs", "right about", "by guessing",
         "malicious files without a benign flow"),
        lines,
    )  # fmt: skip
    yield ""
    for data, checkup in doctored.items():
        yield f"Of {_SETS[data]} it also says:"
        yield ""
        for finding in checkup.findings:
            if finding.severity != "note" and finding.id != "capture-test":
                yield f"- {finding.severity}: {finding.title}"
        yield ""


_SETS = {
    "pcap": "labelled captures of test suites",
    "zeek": "Zeek's labelled connections of three captures of one laboratory",
    "lid-ds": "one recording of LID-DS 2021",
    "shipped": "the 14 captures that Habitus ships",
}


def _protocol(data: str, protocol: str, results: FlowResults) -> Iterator[str]:
    yield f"## {_SETS[data][0].upper()}{_SETS[data][1:]}: `{protocol}`"
    yield ""
    yield (
        f"{results.title[0].upper()}{results.title[1:]}. {results.n_benign:,} benign and "
        f"{results.n_malicious:,} malicious flows of {results.n_files} files."
        + (f" Remember: {results.caution}." if results.caution else "")
    )
    yield ""
    for trial in results.trials:
        yield from _trial(trial)
        if protocol == "pcap/file" and trial is results.trials[0]:
            yield from _sources(trial)
            yield from _reliability(trial)
    for warning in results.warnings:
        yield f"- {warning}"
    yield ""


def _trial(trial: FlowTrial) -> Iterator[str]:
    figures = trial.results[0].figures
    prone = "**Shortcut-prone.** " if trial.is_shortcut_prone else ""
    means = f", mean of {trial.n_runs} seeds" if trial.n_runs > 1 else ""
    yield f"### {trial.name}{means}"
    yield ""
    yield (
        f"{prone}Judged: {figures.n_benign:,} benign flows of {figures.n_benign_files} files "
        f"({figures.hours:.1f} h), {figures.n_malicious:,} malicious of "
        f"{figures.n_malicious_files}." + (f" Remember: {trial.caution}." if trial.caution else "")
    )
    yield ""
    if figures.auc_pooled is None:
        yield from table(
            ("detector", "detected at its own decision" if figures.n_malicious else "false alarms"),
            [
                (_code(r.name), _two(r.figures.detection or r.figures.false_alarms, "{:.1%}"))
                for r in trial.results
            ],
        )
        yield ""
        return
    yield from table(
        ("detector", "AUC", "95 %", "detected at 1 %", "95 %", "rate reached", "alarms/h",
         "detected at its own decision", "false alarms there", "alarms/h", "Brier", "of the share"),
        [_row(result) for result in trial.results],
    )  # fmt: skip
    yield ""
    if len(trial.results[0].splits) > 1 and trial.n_runs == 1:
        yield "AUC capture by capture, and the range:"
        yield ""
        names = [split.name for split in trial.results[0].splits]
        yield from table(
            ("detector", *names, "range"),
            [
                (
                    _code(r.name),
                    *(_number(split.auc) for split in r.splits),
                    _range([split.auc for split in r.splits if split.auc is not None]),
                )
                for r in trial.results
            ],
        )
        yield ""
    chosen = [note for r in trial.results if r.is_baseline for note in r.notes]
    if chosen:
        yield f"The one feature, as training chose it: {'; '.join(chosen)}."
        yield ""


def _row(result: FlowResult) -> tuple[str, ...]:
    f: FlowFigures = result.figures
    return (
        _code(result.name), _two(f.auc, "{:.3f}"), _interval(f.auc_ci95, "{:.2f}"),
        _two(f.detection_at_budget, "{:.1%}"), _interval(f.detection_at_budget_ci95, "{:.0%}"),
        _two(f.budget_reached, "{:.2%}"), _number(f.budget_alarms_per_hour, "{:.2f}"),
        _two(f.detection, "{:.1%}"), _two(f.false_alarms, "{:.1%}"),
        _number(f.alarms_per_hour, "{:.1f}"), _two(f.brier, "{:.3f}"),
        _two(f.brier_of_share, "{:.3f}"),
    )  # fmt: skip


def _sources(trial: FlowTrial) -> Iterator[str]:
    yield (
        "By source, files weighed equally, at each detector's own decision; a source of one class "
        "has one rate alone:"
    )
    yield ""
    rows = [
        (
            _code(result.name), source.name, f"{source.n_benign:,}", f"{source.n_malicious:,}",
            _number(source.auc), _number(source.detection, "{:.1%}"),
            _number(source.false_alarms, "{:.1%}"),
        )
        for result in trial.results
        for source in result.sources
    ]  # fmt: skip
    yield from table(
        ("detector", "source", "benign", "malicious", "AUC", "detected", "false alarms"), rows
    )
    yield ""


def _reliability(trial: FlowTrial) -> Iterator[str]:
    for result in trial.results:
        if not result.figures.reliability:
            continue
        yield (
            f"How often {_code(result.name)} is right (all seeds together): of flows with a "
            "probability in each tenth, what was said and what came of it:"
        )
        yield ""
        yield from table(
            ("probability", "flows", "files", "said", "malicious"),
            [
                (
                    f"{row.low:.1f} to {row.high:.1f}", f"{row.n_flows:,}", f"{row.n_files}",
                    f"{row.predicted.files:.2f} ({row.predicted.flows:.2f})",
                    f"{row.observed.files:.2f} ({row.observed.flows:.2f})",
                )
                for row in result.figures.reliability
            ],
        )  # fmt: skip
        yield ""


def _area(trial: FlowTrial, name: str) -> str:
    for result in trial.results:
        if result.name == name:
            return _two(result.figures.auc, "{:.3f}")
    return "-"


def _code(name: str) -> str:
    return "*one feature*" if name == ONE_FEATURE else f"`{name}`"


def _two(rates: Rates | None, form: str) -> str:
    return "-" if rates is None else f"{form.format(rates.files)} ({form.format(rates.flows)})"


def _interval(interval: tuple[float, float] | None, form: str) -> str:
    return "-" if interval is None else " to ".join(form.format(end) for end in interval)


def _number(value: float | None, form: str = "{:.3f}") -> str:
    return "-" if value is None else form.format(value)


def _range(values: Sequence[float]) -> str:
    return f"{min(values):.3f} to {max(values):.3f}" if values else "-"
