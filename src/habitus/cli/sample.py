"""``habitus sample``."""

from __future__ import annotations

import json as jsonlib
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer

from habitus.cli import options
from habitus.cli.app import app, command

if TYPE_CHECKING:
    from habitus.detectors.prediction import Drawn
    from habitus.models.model import Model

_LAST = 8
"""Calls told of those that drawn ones go on from."""


@command(
    app,
    "sample",
    "habitus sample models/lstm -n 100\n"
    "habitus sample models/lstm --after-calls 'socket connect' --temperature 0.5\n"
    "habitus sample models/ngram --after traces.tar.xz --trace 'web/run-3.strace#412' --json",
)
def sample(
    model: options.Model,
    after: Annotated[
        str | None, typer.Option("--after", help="Go on with a trace of this file or data set.")
    ] = None,
    trace: Annotated[
        str | None, typer.Option("--trace", help="Its name; by default the first with a call.")
    ] = None,
    after_calls: Annotated[
        str | None, typer.Option("--after-calls", help="Go on after these calls, with spaces.")
    ] = None,
    calls: Annotated[
        int, typer.Option("-n", "--calls", min=1, max=1_000_000, help="Calls to draw.")
    ] = 50,
    temperature: Annotated[
        float,
        typer.Option(
            "--temperature", min=0, max=100, help="Below 1 more of the likely; 0: nothing else."
        ),
    ] = 1.0,
    seed: options.Seed = 1,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Go on with a trace as a model expects it to: each call is drawn by its chance to be next.

    Without --after and --after-calls a trace is begun. It shows what a model takes for normal, one
    call a word; what is drawn holds no call that the model never saw. Of models that say how likely
    each call is.
    """
    from habitus.cli.terminal import TerminalProgress
    from habitus.detectors.prediction import drawn_calls, predictor_after
    from habitus.errors import UsageError
    from habitus.models.files import load_trace_model

    if after is not None and after_calls is not None:
        raise UsageError("--after and --after-calls both say what was before: give one of them")
    if trace is not None and after is None:
        raise UsageError("--trace names a trace of the data in --after, which are not given")
    loaded = load_trace_model(model)
    if after is None:
        before = _Before(tuple((after_calls or "").split()))
    else:
        from habitus.cli.one_trace import read_one_trace

        found = read_one_trace(after, trace, format=format, abi=abi, strict=strict)
        before = _Before(tuple(found.trace(0)), found.names[0])
    symbols = loaded.detector.vocabulary.symbols_of(before.calls)
    predictor = predictor_after(loaded.detector, symbols)
    drawn = []
    with TerminalProgress() as progress:
        progress.stage("drawing", calls)
        for call in islice(drawn_calls(predictor, temperature, seed=seed), calls):
            drawn.append(call)
            progress.advance(1)
    novel = [name for name in before.calls if name not in loaded.detector.vocabulary]
    if json:
        record = {
            "model": str(model),
            "digest": loaded.digest,
            "detector": loaded.detector.name,
            "temperature": temperature,
            "seed": seed,
            "after": {
                "trace": before.trace, "n_calls": len(before.calls), "n_novel_calls": len(novel),
                "last_calls": list(before.calls[-_LAST:]),
            },
            "calls": _records(loaded, drawn),
        }  # fmt: skip
        typer.echo(jsonlib.dumps(record))
    else:
        _print_drawn(loaded, before, novel, drawn)


@dataclass(frozen=True)
class _Before:
    """The calls that drawn ones go on from; ``trace`` is their trace's name, where it has one."""

    calls: tuple[str, ...]
    trace: str | None = None


def _records(model: Model, drawn: list[Drawn]) -> list[dict[str, Any]]:
    names = model.detector.vocabulary.names
    return [{"name": names[c.symbol], "chance": c.chance, "nats": c.nats} for c in drawn]


def _print_drawn(model: Model, before: _Before, novel: list[str], drawn: list[Drawn]) -> None:
    """The drawn calls alone to standard output, where `habitus detect` can read them as a trace."""
    from habitus.cli.terminal import counted, in_lines, printable, warn

    if before.calls:
        told = f"after {counted(len(before.calls), 'call')}, the last: "
        warn([told + " ".join(before.calls[-_LAST:])])
    if novel:
        names = list(dict.fromkeys(novel))
        more = ", ..." if len(names) > _LAST else ""
        told = ", ".join(names[:_LAST]) + more
        warn([f"{len(novel):,} of them the model has never seen: {told}"])
    known = model.detector.vocabulary.names
    typer.echo(in_lines(" ".join(printable(known[call.symbol]) for call in drawn)))
    mean = sum(call.nats for call in drawn) / len(drawn)
    warn([f"-log of their chances: {mean:.2f} nats a call"])
