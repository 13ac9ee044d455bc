"""``habitus evaluate``."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from habitus.base import model_path
from habitus.cli import options
from habitus.cli.app import app, command

if TYPE_CHECKING:
    from habitus.evaluation.results import Result, Results


@command(
    app,
    "evaluate",
    "habitus evaluate models/ngram models/stide --data adfa-ld -o results/\n"
    "habitus evaluate models/ngram --data adfa-ld --protocol adfa-ld/dev --aggregation median\n"
    "habitus evaluate models/lstm --data adfa-ld --engine ray\n"
    "habitus evaluate models/net --data labels.csv\n"
    "habitus evaluate flows/file --detector logistic --data labels.csv -o results/",
)
def evaluate(
    models: Annotated[
        list[Path],
        typer.Argument(
            parser=model_path,
            help="Folders of models (base: the shipped one); or a protocol of flows.",
        ),
    ],
    data: options.Data,
    protocol: options.Protocol = None,
    aggregation: Annotated[
        str | None, typer.Option(help="Overrides the models': mean, median, quantile:Q, worst:W.")
    ] = None,
    decision: options.Decision = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="Folder for report.html (the card), results.json, results.csv."
        ),
    ] = None,
    seed: options.Seed = 1,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    detector: Annotated[
        list[str] | None,
        typer.Option("--detector", help="Of flows: fit and judge this one; again for more."),
    ] = None,
    setting: Annotated[
        list[str] | None, typer.Option("--set", help="A setting of --detector, as name=value.")
    ] = None,
    train_data: Annotated[
        str | None, typer.Option("--train-data", help="Of flows: learn from these instead.")
    ] = None,
    malicious: Annotated[
        list[str] | None, typer.Option("--malicious", help="Of flows: a label that means so.")
    ] = None,
    engine: options.Engine = None,
    jobs: options.Jobs = None,
    json: options.Json = False,
) -> None:
    """Measure how well models judge a data set's test part.

    No attack chooses anything: not the threshold, not the aggregation, not a setting.

    Models of flows judge the labelled flows of --data as they are. A protocol of flows (see
    `protocols`) instead fits detectors anew, so that what is judged was never learned.

    --engine scores the traces side by side; all else is done here, and is the same.
    """
    from habitus.cli import evaluate_flows
    from habitus.errors import UsageError

    if jobs is not None and engine is None:
        raise UsageError("--jobs: is how many jobs --engine runs at once: say which, as local")

    if evaluate_flows.is_of_flows(models):
        evaluate_flows.refuse_of_traces(
            {"--aggregation": aggregation, "--decision": decision, "--abi": abi,
             "--protocol": protocol, "--strict": strict, "--engine": engine}
        )  # fmt: skip
        evaluate_flows.evaluate(
            models, data, detectors=detector or [], settings=setting or [],
            train_data=train_data, malicious=malicious or [], format=format, seed=seed,
            output=output, json=json,
        )  # fmt: skip
        return
    evaluate_flows.refuse_of_flows(
        {"--detector": detector, "--set": setting, "--train-data": train_data,
         "--malicious": malicious}
    )  # fmt: skip
    from habitus import api
    from habitus.cli.terminal import TerminalProgress, printable, warn, warn_of
    from habitus.datasets.notices import first_use_notice
    from habitus.traces.report import ReadReport

    report = ReadReport()
    with TerminalProgress() as progress:
        results = api.evaluate(
            models,
            data,
            protocol=protocol,
            aggregation=aggregation,
            decision=decision,
            seed=seed,
            format=format,
            abi=abi,
            strict=strict,
            command=shlex.join(["habitus", *sys.argv[1:]]),
            engine=engine,
            jobs=jobs,
            progress=progress,
            report=report,
        )
    warn_of(report)
    for digest in dict.fromkeys(result.data_sha256 for result in results.results):
        warn(first_use_notice(digest))
    # First shown, then kept: a full disk must not cost the user what was computed.
    if json:
        typer.echo(results.to_json(), nl=False)
    else:
        print_results(results)
    warn(f"note: {line}" for line in results.warnings)
    for path in results.write(output) if output else []:
        typer.echo(f"wrote {printable(str(path))}", err=json)


def print_results(results: Results) -> None:
    """Print results: the detectors beside the trivial baseline, then the kinds of attack."""
    from habitus.cli.terminal import in_lines, printable, table
    from habitus.evaluation.card.parts import short_names

    first = results.results[0]
    names = short_names([result.model for result in results.results])
    best = max(first.baselines, key=lambda baseline: baseline.auc)
    rows = [_row(name, result) for name, result in zip(names, results.results, strict=True)]
    rows.append((f"trivial: {best.stranger} {best.name}", "", f"{best.auc:.4f}", *[""] * 5))
    judged = f"{first.n_normal:,} normal and {first.n_attack:,} attack {first.unit}s"
    caution = f" ({first.caution})" if first.caution else ""
    typer.echo(in_lines(f"{first.protocol}: {judged}{caution}"))
    columns = (
        "model", "score", ">AUC", ">95 %", ">at 0.1 % false", ">at 1 %", ">at 5 %", ">M calls/s",
    )  # fmt: skip
    table(columns, rows)
    for name, result in zip(names, results.results, strict=True):
        typer.echo(in_lines(printable(_at_threshold(name, result))))
    for finding in results.findings:
        told = f"{finding.severity}: {finding.title} [{finding.id}]"
        typer.echo(in_lines(printable(told)))
    if results.findings:
        told = shlex.join(["habitus", "data", "check", first.data, "--protocol", first.protocol])
        said = f"what these do to results, and what to do: {told}"
        typer.echo(in_lines(printable(said)))
    kinds = sorted({kind for result in results.results for kind in result.per_attack})
    if len(kinds) > 1:
        rows = [_kind_row(kind, results) for kind in kinds]
        table(("AUC by attack", *(f">{name}" for name in names)), rows)


def _kind_row(kind: str, results: Results) -> tuple[str, ...]:
    """One kind of attack: how many there are, and each model's area, if it can score any."""
    found = [result.per_attack.get(kind) for result in results.results]
    n = max(attack.n for attack in found if attack is not None)
    return (f"{kind} ({n})", *("-" if a is None else f"{a.auc:.3f}" for a in found))


def _row(name: str, result: Result) -> tuple[str, ...]:
    interval = result.auc_ci95
    return (
        name,
        result.decision.removeprefix("trace:"),
        f"{result.auc:.4f}",
        "-" if interval is None else f"{interval[0]:.3f}-{interval[1]:.3f}",
        *(f"{found.dr:.1%}" for found in result.dr_at_fpr.values()),
        f"{result.calls_per_second / 1e6:.1f}",
    )


def _at_threshold(name: str, result: Result) -> str:
    from habitus.cli.terminal import counted

    finds_most = f"{name}: finding 90 % costs {result.fpr_at_dr90:.1%} false alarms"
    at = result.at_threshold
    if at is None:
        return f"{finds_most}; its threshold is for another aggregation"
    said = (
        f"{finds_most}; its own threshold, set for {at.budget}, finds {at.dr:.1%} at {at.fpr:.2%} "
        f"of {result.unit}s ({counted(at.n_false_alarms, 'false alarm')}"
    )
    expected = at.expected_false_alarms_ci95
    if expected is None:
        return f"{said})"
    return f"{said}; {expected[0]:,} to {expected[1]:,} were to be expected of traces like learned)"
