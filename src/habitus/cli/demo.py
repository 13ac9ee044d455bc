"""``habitus demo``: the whole main job on the recordings that Habitus ships."""

from __future__ import annotations

import json as jsonlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from habitus.cli import options
from habitus.cli.app import app, command

if TYPE_CHECKING:
    from collections.abc import Callable

    from habitus.evaluation.results import Results
    from habitus.models.model import Model
    from habitus.progress import Progress

DETECTORS: dict[str, dict[str, object]] = {
    "stide": {},
    "ngram": {},
    # Small and short, for nobody waits gladly: its defaults learn for minutes.
    "lstm": {"cells": "48", "embedding": 16, "epochs": 12},
}
EXPLAINED = "ngram"
NEXT = """
What next: record a program of yours, several times, at its ordinary work,
  mkdir recordings
  strace -f -ttt -o recordings/run-1.strace PROGRAM
  habitus train ngram --data recordings/ -o models/mine
and then whenever you wonder what it is doing:
  strace -f -ttt -o today.strace PROGRAM
  habitus detect models/mine today.strace
  habitus explain models/mine today.strace
Or learn what your network does on a quiet day, and look at another:
  tcpdump -w quiet.pcap
  habitus train flow-outlier --data quiet.pcap -o models/network
  habitus detect models/network today.pcap"""


@command(app, "demo", "habitus demo\nhabitus demo -o models/")
def demo(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Keep the models in this folder.")
    ] = None,
    json: options.Json = False,
) -> None:
    """Do the whole job on the recordings that Habitus ships.

    It learns normal runs of programs, judges runs it has not seen, and explains the strangest
    thread; then it does the same with flows between two networks. At last the model that ships
    judges the programs, of which it has learned nothing.
    """
    from habitus.cli.demo_network import learned_and_judged, show_network
    from habitus.cli.terminal import TerminalProgress

    with tempfile.TemporaryDirectory(prefix="habitus-demo-") as made, TerminalProgress() as bar:
        folder = output or Path(made)
        if json:
            traces = _trained_and_judged(folder, bar, str)[1].to_json()
            flows = learned_and_judged(folder, bar, str)[1].to_json()
            told = {"traces": jsonlib.loads(traces), "flows": jsonlib.loads(flows)}
            typer.echo(jsonlib.dumps(told, indent=1))
            return
        typer.echo("I. What programs ask of the system\n")
        _show(folder, bar)
        typer.echo("\nII. What hosts say to each other\n")
        show_network(folder, bar)
        typer.echo("\nIII. Without data\n")
        _show_base(bar)
        typer.echo(NEXT)


def _trained_and_judged(
    folder: Path, progress: Progress, say: Callable[[str], object]
) -> tuple[dict[str, Model], Results]:
    """Train every detector, telling ``say`` about it, and judge the runs held out."""
    from habitus import api
    from habitus.datasets.home import DEMO
    from habitus.models.files import save_model

    models = {}
    for name, settings in DETECTORS.items():
        options = "".join(f" --set {setting}={value}" for setting, value in settings.items())
        say(f"$ habitus train {name} --data {DEMO} -o {folder / name}{options}")
        made = api.train(name, DEMO, settings=settings, progress=progress)
        models[name] = save_model(made, folder / name)
        origin = models[name].provenance
        say(
            f"  {origin.n_traces:,} threads, {origin.n_calls:,} calls, in "
            f"{origin.train_seconds:.1f} s (threshold: {origin.calibrate_seconds:.1f} s)\n"
        )
    return models, api.evaluate(models, DEMO, progress=progress)


def _show(folder: Path, progress: Progress) -> None:
    """The demo for a person."""
    from habitus import api
    from habitus.cli.evaluate import print_results
    from habitus.cli.explain import print_explanation
    from habitus.cli.terminal import console, warn
    from habitus.datasets.home import DEMO

    typer.echo(
        "Three programs (a web service, a build, a database client) were recorded with strace at\n"
        "ordinary work, and with intrusions in their midst. Habitus learns the ordinary alone.\n"
    )
    models, results = _trained_and_judged(folder, progress, typer.echo)
    typer.echo(f"$ habitus explain {folder / EXPLAINED} {DEMO}")
    judged, explanation = api.explain(models[EXPLAINED], DEMO, progress=progress)
    lines = api.source_lines(DEMO, judged.info.source, explanation)
    print_explanation(console(), models[EXPLAINED], judged, explanation, lines)
    typer.echo(f"\n$ habitus evaluate {' '.join(str(folder / n) for n in DETECTORS)} --data {DEMO}")
    print_results(results)
    warn(f"note: {line}" for line in results.warnings)


def _show_base(progress: Progress) -> None:
    """The model that ships, on what it never learned."""
    from habitus import api
    from habitus.cli.shipped import threshold_notes
    from habitus.cli.terminal import counted, in_lines, warn
    from habitus.datasets.home import DEMO
    from habitus.models.files import load_trace_model

    base = load_trace_model("base")
    typer.echo(
        in_lines(
            "The model `base` ships with Habitus. It has learned what about a thousand other "
            "programs do, so that it can judge before anything was recorded: what is strange here, "
            "compared with them.\n"
        )
    )
    typer.echo(f"$ habitus detect base {DEMO}")
    judged = list(api.judge(base, DEMO, progress=progress))
    n_alerts = sum(trace.is_alert for trace in judged)
    typer.echo(f"  {counted(n_alerts, 'alert')} in {counted(len(judged), 'trace')}")
    warn(threshold_notes(base, "base"))
