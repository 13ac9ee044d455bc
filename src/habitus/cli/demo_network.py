"""The network act of ``habitus demo``: flows of the captures that Habitus ships."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from habitus.evaluation.flows.results import FlowResults
    from habitus.models.flow_model import FlowModel
    from habitus.progress import Progress

DETECTORS = ("logistic", "boosting", "flow-outlier")
EXPLAINED = "logistic"
LEARNED, JUDGED = "learned.csv", "judged.csv"


def show_network(folder: Path, progress: Progress) -> None:
    """The act for a person: learn half of the captures, judge the others, explain a flow.

    Args:
        folder: gets the captures and the models.
    """
    from habitus import api
    from habitus.cli.evaluate_flows import print_flow_results
    from habitus.cli.explain_flows import print_explained_flow
    from habitus.cli.terminal import console, warn

    typer.echo(
        "Two small networks were recorded at ordinary use, six times with attacks in its midst:\n"
        "scans, guessed passwords, data that leaves. Habitus learns the captures of odd numbers,\n"
        "of which it is told what is an attack (flow-outlier learns the rest alone), and judges\n"
        "those of even numbers.\n"
    )
    models, results = learned_and_judged(folder, progress, typer.echo)
    paths = " ".join(str(folder / name) for name in DETECTORS)
    typer.echo(f"$ habitus evaluate {paths} --data {folder / 'network' / JUDGED}")
    print_flow_results(results)
    warn(f"note: {line}" for line in results.warnings)
    capture = folder / "network" / "capture-02.pcap"
    typer.echo(f"\n$ habitus explain {folder / EXPLAINED} {capture}")
    for record in api.explain_flows(models[EXPLAINED], capture, progress=progress):
        print_explained_flow(console(), models[EXPLAINED], record)


def learned_and_judged(
    folder: Path, progress: Progress, say: Callable[[str], object]
) -> tuple[dict[str, FlowModel], FlowResults]:
    """Train every detector, telling ``say`` about it, and judge captures held out."""
    from habitus import api
    from habitus.evaluation.flows.doctor.checkup import check_flows
    from habitus.evaluation.flows.evaluate import evaluate_flow_models
    from habitus.flows.labelled_reading import read_labelled_flows
    from habitus.models.files import save_model

    captures = folder / "network"
    _unpack(captures)
    models = {}
    for name in DETECTORS:
        say(f"$ habitus train {name} --data {captures / LEARNED} -o {folder / name}")
        made = api.train_flows(name, captures / LEARNED, progress=progress)
        models[name] = save_model(made, folder / name)
        origin = models[name].provenance
        say(
            f"  {origin.n_flows:,} flows of {origin.n_files} captures, in "
            f"{origin.train_seconds:.1f} s (what to expect: {origin.calibrate_seconds:.1f} s)\n"
        )
    judged = read_labelled_flows(captures / JUDGED, progress=progress)
    return models, evaluate_flow_models(
        judged, models, findings=check_flows(judged, progress=progress).findings, progress=progress
    )


def _unpack(folder: Path) -> None:
    """The captures, and their labels in two tables: of odd numbers and of even ones."""
    from habitus.datasets.network import network_labels, unpack_network

    unpack_network(folder)
    truth = network_labels()
    is_odd = truth["capture"].str.extract(r"(\d+)\.pcap$").cast(int) % 2 == 1
    for name, rows in ((LEARNED, is_odd), (JUDGED, ~is_odd)):
        truth.filter(rows).write_csv(folder / name)
