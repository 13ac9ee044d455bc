"""``habitus detectors``, ``habitus formats``, ``habitus protocols`` and ``habitus warm``."""

from __future__ import annotations

import json as jsonlib
from itertools import groupby, takewhile
from typing import TYPE_CHECKING, Annotated, Any

import typer

from habitus.cli import options
from habitus.cli.app import app, command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.detectors.base import SequenceDetector
    from habitus.detectors.flow.base import FlowDetector
    from habitus.evaluation.protocols import Protocol


@command(
    app, "detectors", "habitus detectors\nhabitus detectors lstm\nhabitus detectors lstm --json"
)
def detectors(
    name: Annotated[str | None, typer.Argument(help="Only this one, with its settings.")] = None,
    json: options.Json = False,
) -> None:
    """List the detectors; of one that is named, its settings and presets, too.

    JSON holds the settings of all. A preset is the settings of a published configuration (`habitus
    train --preset`).
    """
    from habitus.cli.terminal import in_lines, table
    from habitus.detectors import detector_names, get_detector
    from habitus.detectors.flow import flow_detector_names, get_flow_detector
    from habitus.detectors.kinds import judges
    from habitus.models.recipes import RECIPES

    listed = [
        {**_described(get_detector(each)), "judges": "traces"}
        for each in detector_names()
        if name in {None, each}
    ] + [
        {**_described(get_flow_detector(each)), "judges": "flows"}
        for each in flow_detector_names()
        if name in {None, each}
    ]
    if name is not None:
        judges(name)  # refuses a name that there is not
    if json:
        typer.echo(jsonlib.dumps(listed, indent=1))
        return
    if name is None:
        rows = [(d["name"], d["judges"], d["summary"], ", ".join(d["presets"])) for d in listed]
        table(("detector", "judges", "what it is", "presets"), rows)
        typer.echo(in_lines("settings, their defaults and presets: habitus detectors NAME"))
        for recipe, made in RECIPES.items():
            told = " ".join(f"{setting}={value}" for setting, value in made.settings.items())
            typer.echo(
                in_lines(f"recipe `train {recipe}`: {made.detector} {told} ({made.summary})")
            )
    else:
        _print_choices(listed[0])


def _print_choices(described: dict[str, Any]) -> None:
    """A detector's settings with their defaults, and its presets."""
    from habitus.cli.terminal import in_lines, table

    typer.echo(in_lines(f"{described['name']}: {described['summary']}"))
    settings = described["settings"].items()
    rows = [(f"{setting}={field['default']}", field["meaning"]) for setting, field in settings]
    if rows:
        table(("--set, and the default", "what it is"), rows)
    for preset, values in described["presets"].items():
        told = " ".join(f"{setting}={value}" for setting, value in values.items())
        typer.echo(in_lines(f"--preset {preset}: {told}"))


def _described(detector: type[SequenceDetector | FlowDetector]) -> dict[str, Any]:
    """What can be chosen of a detector."""
    settings = {
        setting: {"default": field.default, "meaning": field.description or ""}
        for setting, field in detector.Settings.model_fields.items()
    }
    presets = {name: dict(preset) for name, preset in detector.presets.items()}
    summary = detector.summary
    return {"name": detector.name, "summary": summary, "settings": settings, "presets": presets}


@command(app, "formats", "habitus formats --json")
def formats(json: options.Json = False) -> None:
    """List the formats of traces and of flows that can be read."""
    from habitus.cli.terminal import in_lines, table
    from habitus.flows.formats import flow_format_names, get_flow_format
    from habitus.traces.formats import format_names, get_format

    listed = [
        {"name": name, "title": found(name).title, "of": of}
        for of, names, found in (
            ("traces", format_names(), get_format),
            ("flows", flow_format_names(), get_flow_format),
        )
        for name in names
    ]
    if json:
        typer.echo(jsonlib.dumps(listed, indent=1))
        return
    table(("format", "of", "what it is"), [(f["name"], f["of"], f["title"]) for f in listed])
    typer.echo(in_lines("captures of packets, pcap and pcapng: habitus flows extract"))
    typer.echo(
        in_lines(
            "all of them also in folders, in zip and tar archives, and under gzip, xz, bz2, zstd"
        )
    )


@command(app, "protocols", "habitus protocols --json")
def protocols(json: options.Json = False) -> None:
    """List the evaluation protocols."""
    from habitus.cli.terminal import in_lines, table
    from habitus.evaluation.flows.protocols import FLOW_PROTOCOLS
    from habitus.evaluation.protocols import PROTOCOLS

    if json:
        listed = [
            {"name": p.name, "title": p.title, "unit": p.unit, "caution": p.caution}
            for p in PROTOCOLS.values()
        ]
        listed += [
            {"name": p.name, "title": p.title, "unit": "flow", "caution": p.caution}
            for p in FLOW_PROTOCOLS.values()
        ]
        typer.echo(jsonlib.dumps(listed, indent=1))
        return
    columns, rows, notes = ("protocol", "what it is", "remember"), [], []
    for family, alike in _families(list(PROTOCOLS.values())):
        title, caution = _common(alike)
        rows += [
            (p.name, p.title.removesuffix(title), p.caution.removeprefix(caution).lstrip("; "))
            for p in alike
        ]
        if title or caution:
            told = [f"each {title.lstrip(': ')}", f"remember of each: {caution}"]
            notes.append(f"{family}/*: {'; '.join(filter(None, told))}")
    table(columns, rows)
    for note in notes:
        typer.echo(in_lines(note))
    rows = [(p.name, p.title, p.caution) for p in FLOW_PROTOCOLS.values()]
    typer.echo(in_lines("of flows: habitus evaluate PROTOCOL --data LABELS"))
    table(("protocol of flows", "what it is", "remember"), rows)


def _families(protocols: list[Protocol]) -> Iterator[tuple[str, list[Protocol]]]:
    """(family, protocols of it) in order; what stands before the slash in names is the family."""
    for family, alike in groupby(protocols, key=lambda p: p.name.partition("/")[0]):
        yield family, list(alike)


def _common(protocols: list[Protocol]) -> tuple[str, str]:
    """How all titles end, and how all cautions begin, in whole parts; empty for one protocol."""
    if len(protocols) == 1:
        return "", ""
    ends = {title[len(title.partition(": ")[0]) :] for title in (p.title for p in protocols)}
    parts = zip(*(p.caution.split("; ") for p in protocols), strict=False)
    shared = takewhile(lambda alike: len(set(alike)) == 1, parts)
    return (ends.pop() if len(ends) == 1 else ""), "; ".join(alike[0] for alike in shared)


@command(app, "warm", "habitus warm")
def warm(json: options.Json = False) -> None:
    """Compile the fast loops now.

    Once after installing: no later command then waits for it.
    """
    from habitus.warm import compile_loops

    seconds = compile_loops()
    typer.echo(
        jsonlib.dumps({"seconds": seconds}) if json else f"fast loops ready in {seconds:.1f} s"
    )
