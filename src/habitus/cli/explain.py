"""``habitus explain``."""

from __future__ import annotations

import json as jsonlib
from typing import TYPE_CHECKING, Annotated

import typer

from habitus.cli import options
from habitus.cli.app import app, command
from habitus.cli.layout import BARS

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from habitus.alerts.explanation import ExplainedCall, Explanation
    from habitus.alerts.judgement import TraceScore
    from habitus.models.model import Model

SOURCE_LINES = 4
LEAST_SHOWN = 0.005


@command(
    app,
    "explain",
    "habitus explain models/ngram suspicious.strace\n"
    "habitus explain models/ngram traces.tar.xz --trace 'web/run-3.strace#412' --json\n"
    "habitus explain models/net capture.pcap --flow 1:LQU9qZlK+B5F3KDmev6m5PMibrg=",
)
def explain(
    model: options.Model,
    file: Annotated[str, typer.Argument(help="A file, folder, archive or data set; - for stdin.")],
    trace: Annotated[
        str | None, typer.Option("--trace", help="A trace's name; by default the strangest.")
    ] = None,
    flow: Annotated[
        str | None,
        typer.Option(
            "--flow",
            help="A flow's Community ID, or the number of its first frame or of its line; by "
            "default the flow with the highest score.",
        ),
    ] = None,
    decision: options.Decision = None,
    stretch: options.Stretch = 20,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Show where and why a trace is strange, or what speaks for and against a flow.

    Of a trace its strangest stretch, call by call, what was expected there, and the nearest normal
    stretch. Of a flow what the features add that matter most, and which values are normal; where
    several flows have one Community ID, of each of them.
    """
    from habitus import api
    from habitus.alerts.record import alert_record
    from habitus.cli.shipped import threshold_notes
    from habitus.cli.terminal import TerminalProgress, console, warn, warn_of
    from habitus.errors import UsageError
    from habitus.models.files import load_model
    from habitus.models.flow_model import FlowModel
    from habitus.traces.report import ReadReport

    loaded = load_model(model)
    if isinstance(loaded, FlowModel):
        from habitus.cli.explain_flows import explain_of_flows, refuse_trace_options

        refuse_trace_options(model, {"--trace": trace, "--decision": decision, "--abi": abi})
        explain_of_flows(loaded, file, flow=flow, format=format, strict=strict, as_json=json)
        return
    if flow is not None:
        raise UsageError(f"--flow: is for models of network flows, and {model} is one of traces")
    report = ReadReport()
    with TerminalProgress() as progress:
        judged, explanation = api.explain(
            loaded, file, trace=trace, decision=decision, stretch_calls=stretch,
            format=format, abi=abi, strict=strict, progress=progress, report=report,
        )  # fmt: skip
    warn_of(report)
    warn(threshold_notes(loaded, model))
    if json:
        record = alert_record(loaded, judged)
        typer.echo(jsonlib.dumps(record, indent=1, allow_nan=False))
        return
    lines = api.source_lines(file, judged.info.source, explanation)
    print_explanation(console(), loaded, judged, explanation, lines)


def print_explanation(
    out: Console,
    model: Model,
    judged: TraceScore,
    explanation: Explanation,
    lines: dict[int, str],
) -> None:
    """Print a judged trace for a person: a verdict, the strip, the stretch, the nearest normal."""
    from rich.text import Text

    from habitus.cli.terminal import counted, printable

    out.print(Text(_headline(model, judged)), soft_wrap=True)
    scale = _scale(model, judged, explanation)
    strip = _strip(explanation.strip, scale)
    n_calls = explanation.calls_per_cell
    strip.append(f"  {n_calls} calls a cell" if n_calls > 1 else "  one call a cell")
    out.print(strip)
    first, last = explanation.calls[0].position, explanation.calls[-1].position
    out.print(f"\nstrangest stretch: {explanation.position_unit}s {first} to {last}")
    _print_calls(out, explanation, scale)
    if lines:
        out.print("what the source says where it is strangest:")
        strangest = sorted(explanation.calls, key=lambda call: -(call.surprise or 0.0))
        for call in sorted(strangest[:SOURCE_LINES], key=lambda call: call.position):
            line = f"{call.position}: {lines.get(call.position, '')}"
            out.print(Text(f"  {printable(line)}"), overflow="ellipsis", no_wrap=True)
    if explanation.members:
        from habitus.cli.members_text import print_members

        print_members(out, explanation.members)
    nearest = explanation.nearest_normal
    if nearest is not None:
        told = (
            f"nearest normal stretch ({counted(nearest.edits, 'edit')} for "
            f"{counted(len(explanation.calls), 'call')}): "
            f"{nearest.trace}, from call {nearest.first_call + 1}"
        )
        out.print(Text("\n" + printable(told)), soft_wrap=True)
        out.print(Text("[-only there-] ", "green").append("{+only here+}", "red"))
        out.print(_difference([c.name for c in explanation.calls], list(nearest.calls)))


def _headline(model: Model, judged: TraceScore) -> str:
    from habitus.cli.model_text import score_name
    from habitus.cli.terminal import counted, printable
    from habitus.decisions.scores import score_unit

    verdict = {
        "alert": "ALERT",
        "merged": "part of another alert",
        "normal": "normal",
        "not_scoreable": "too short to be scored",
    }
    lines = [f"{verdict[judged.verdict]}: {judged.info.name}, {counted(judged.n_calls, 'call')}"]
    if judged.info.source != judged.info.name:
        lines.append(f"in {judged.info.source}")
    decision = model.decisions[judged.decision]
    unit = score_unit(model.detector, decision.rule)
    if judged.scoreable:
        lines.append(
            f"{score_name(decision)}: {judged.score:.4g} {unit}, "
            f"threshold {decision.threshold:.4g}; {_rarity(model, judged)}"
        )
    if judged.n_novel:
        lines.append(f"{judged.n_novel:,} of its calls never seen in training")
    return "\n".join(map(printable, lines))  # a name forges no line


def _rarity(model: Model, judged: TraceScore) -> str:
    population, row = model.population, judged.decision
    above, n_traces = population.n_as_strange(row, judged.score), population.n_scored(row)
    if not n_traces:
        return "the model keeps no normal traces to hold that against"
    if above == 0:
        return f"stranger than all {n_traces:,} normal traces it was set on"
    return f"{above:,} of the {n_traces:,} normal traces it was set on are as strange"


def _scale(model: Model, judged: TraceScore, explanation: Explanation) -> float:
    """What is as strange as the threshold; of detectors of whole traces, half of the strangest.

    What those say of calls is on no scale with their threshold: it only tells where to look.
    """
    from habitus.detectors.whole import TraceDetector

    if not isinstance(model.detector, TraceDetector):
        return model.decisions[judged.decision].threshold
    surprises = (*explanation.strip, *(call.surprise for call in explanation.calls))
    return max((value for value in surprises if value is not None), default=0.0) / 2


def _heat(value: float | None, threshold: float) -> tuple[str, str]:
    """(bar, colour) of a surprise: height and colour say the same, for those without colours."""
    if value is None:
        return "·", "bright_black"
    ratio = max(0.0, value) / threshold if threshold > 0 else (2.0 if value > 0 else 0.0)
    bar = BARS[min(len(BARS) - 1, int(ratio * len(BARS) / 2))]
    colours = ((0.5, "green"), (1.0, "yellow"), (1.5, "dark_orange"))
    return bar, next((colour for limit, colour in colours if ratio <= limit), "red")


def _strip(means: tuple[float | None, ...], threshold: float) -> Text:
    from rich.text import Text

    strip = Text()
    for mean in means:
        strip.append(*_heat(mean, threshold))
    return strip


def _print_calls(out: Console, explanation: Explanation, scale: float) -> None:
    """The stretch as a table, or where that would break words, as a block for each call."""
    from rich import box
    from rich.table import Table

    from habitus.cli.layout import blocks_of, widths_of

    headings = [explanation.position_unit, "call", explanation.unit, "", "expected there"]
    rows = [_cells(call, scale) for call in explanation.calls]
    if not any(call.expected for call in explanation.calls):  # some detectors expect nothing
        headings, rows = headings[:-1], [row[:-1] for row in rows]
    plain = [[cell.plain for cell in row] for row in rows]
    widths = widths_of([headings, *plain], out.width)
    if widths is None:
        for line in blocks_of(headings, plain, "", out.width):
            typer.echo(line)
        return
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for i, (heading, width) in enumerate(zip(headings, widths, strict=True)):
        made.add_column(heading, justify="right" if i in {0, 2} else "left", width=width)
    for row in rows:
        made.add_row(*row)
    out.print(made)


def _cells(call: ExplainedCall, scale: float) -> tuple[Text, ...]:
    """Where a call stands, its name, its surprise as number and bar, what was expected."""
    from rich.text import Text

    from habitus.cli.terminal import novelty, printable

    name = Text(printable(call.name), style="bold red" if call.novel else "")
    if call.novel:
        name.append(f" ({novelty(call.read_as)})", style="red")
    expected = "  ".join(f"{n} {p:.0%}" for n, p in call.expected if p >= LEAST_SHOWN)
    return (
        Text(str(call.position)),
        name,
        Text("" if call.surprise is None else f"{call.surprise:.2f}"),
        Text(*_heat(call.surprise, scale)),
        Text(printable(expected)),
    )


def _difference(strange: list[str], normal: list[str]) -> Text:
    """Two stretches as one: what only the strange one has, and what only the normal one."""
    from difflib import SequenceMatcher

    from rich.text import Text

    from habitus.cli.terminal import printable

    text = Text()
    for kind, a, b, c, d in SequenceMatcher(a=normal, b=strange, autojunk=False).get_opcodes():
        if kind == "equal":
            text.append(printable(" ".join(normal[a:b]) + " "))
            continue
        if b > a:
            text.append(printable("[-" + " ".join(normal[a:b]) + "-] "), "green")
        if d > c:
            text.append(printable("{+" + " ".join(strange[c:d]) + "+} "), "red")
    return text
