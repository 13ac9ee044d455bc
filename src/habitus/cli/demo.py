"""``habitus demo``: the whole main job on the recordings that Habitus ships."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated

import typer

from habitus.cli.app import app, command

DETECTORS = ("stide", "ngram")


@command(app, "demo", "habitus demo\nhabitus demo -o models/")
def demo(
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Keep the models in this folder.")
    ] = None,
) -> None:
    """Train on shipped recordings, judge runs that training did not see, explain the strangest."""
    with tempfile.TemporaryDirectory(prefix="habitus-demo-") as temporary:
        _demo(output or Path(temporary))


def _demo(folder: Path) -> None:
    from habitus import api
    from habitus.cli.evaluate import print_results
    from habitus.cli.explain import print_explanation
    from habitus.cli.terminal import TerminalProgress, console, warn
    from habitus.datasets.source import DEMO, demo_path
    from habitus.models.files import save_model

    typer.echo(
        "Three programs (a web service, a build, a database client) were recorded with strace at\n"
        "ordinary work, and with intrusions in their midst. Habitus learns the ordinary alone.\n"
    )
    models = {}
    with TerminalProgress() as progress:
        for name in DETECTORS:
            typer.echo(f"$ habitus train {name} --data {DEMO} -o {folder / name}")
            model = api.train(name, DEMO, progress=progress)
            models[name] = save_model(model, folder / name)
            origin = model.provenance
            typer.echo(
                f"  {origin.n_traces:,} threads, {origin.n_calls:,} calls, in "
                f"{origin.train_seconds:.1f} s (threshold: {origin.calibrate_seconds:.1f} s)\n"
            )
        results = api.evaluate(models, DEMO, progress=progress)
        best = max(results.results, key=lambda result: result.auc).model
        judged, explanation = api.explain(models[best], demo_path(), progress=progress)
    typer.echo(f"$ habitus explain {folder / best} {demo_path()}")
    lines = api.source_lines(demo_path(), judged.info.source, explanation)
    print_explanation(console(), models[best], judged, explanation, lines)
    typer.echo(f"\n$ habitus evaluate {' '.join(str(folder / n) for n in DETECTORS)} --data {DEMO}")
    print_results(results)
    warn(f"note: {line}" for line in results.warnings)
    typer.echo(
        "What next: record a program of yours, several times, at its ordinary work,\n"
        "  strace -f -ttt -o recordings/run-1.strace PROGRAM\n"
        "  habitus train ngram --data recordings/ -o models/mine\n"
        "and then whenever you wonder what it is doing:\n"
        "  strace -f -ttt -o today.strace PROGRAM ; habitus detect models/mine today.strace\n"
        "  habitus explain models/mine today.strace"
    )
