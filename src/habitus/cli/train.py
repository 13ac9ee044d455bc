"""``habitus train``."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from habitus.base import model_path
from habitus.cli import options
from habitus.cli.app import EXIT_INTERRUPTED, app, command
from habitus.cli.flow_options import Malicious

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.learning.session import Session
    from habitus.models.model import Model


@command(
    app,
    "train",
    "habitus train ngram --data adfa-ld -o models/ngram --set order=12\n"
    "habitus train stide --data recordings/ -o models/stide --false-alarms 0.5%\n"
    "habitus train ngram --data recordings/ -o models/live --rolling 200 --false-alarms 2/day\n"
    "habitus train lstm --data adfa-ld -o models/lstm --preset kim2016-200\n"
    "habitus train lstm --data adfa-ld -o models/lstm --preset kim2016-200 --resume\n"
    "habitus train ensemble --of models/ngram models/lstm --data adfa-ld -o models/both\n"
    "habitus train best --data adfa-ld -o models/best\n"
    "habitus train logistic --data captures/labels.csv -o models/net\n"
    "habitus train boosting --data conn.log.labeled -o models/zeek --false-alarms 0.1%\n"
    "habitus train --from runs/lstm#1 -o models/best\n"
    "habitus train ngram --from models/ngram --data recordings/ -o models/mine",
)
def train(
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", parser=model_path, metavar="<path>", help="The model's folder."
        ),
    ],
    detector: Annotated[
        str | None,
        typer.Argument(help="A detector's name (see `habitus detectors`), or `best`: a recipe."),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            help="A data set's name (see `data list`), or a file or folder; with --from RUN#1 "
            "by default the search's.",
        ),
    ] = None,
    models: Annotated[
        list[Path] | None,
        typer.Argument(help="More models, after the one of --of."),
    ] = None,
    of: Annotated[
        list[Path] | None,
        typer.Option("--of", help="Of ensemble: a trained model that is to be a member."),
    ] = None,
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="A trained model's folder: start from what it has learned. Or RUN#1: with the "
            "settings of a search's best trial (RUN#trial-7: one by its number).",
        ),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="A setting, as name=value; repeatable.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Settings of a published configuration (see `habitus detectors NAME`)."),
    ] = None,
    aggregation: Annotated[
        str | None,
        typer.Option(
            help="A trace's score: mean, median, quantile:Q or worst:W; else the detector's own."
        ),
    ] = None,
    rolling: Annotated[
        list[str] | None,
        typer.Option(
            help="Also judge the last W calls after every call: W or W:AGGREGATION; repeatable."
        ),
    ] = None,
    false_alarms: Annotated[
        str | None,
        typer.Option(
            help="Budget of the threshold: a share of normal traces or flows, or of traces 2/day; "
            "by default 1%, but of a classifier a probability of .5."
        ),
    ] = None,
    confidence: options.Confidence = None,
    merge: options.Merge = None,
    extrapolate: options.Extrapolate = False,
    calibrate: Annotated[
        str | None,
        typer.Option(help="Set thresholds by cross-fitting:FOLDS, or on held-out:SHARE of traces."),
    ] = None,
    protocol: options.Protocol = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Makes every random choice; by default 1, or the trial's."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a training that did not end.")
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(help="What a network is trained on: cpu (the default), cuda or cuda:1."),
    ] = None,
    malicious: Malicious = None,
    idle: Annotated[
        float | None,
        typer.Option(help="Of captures: seconds of silence after which a flow has ended (120)."),
    ] = None,
    active: Annotated[
        float | None,
        typer.Option(help="Of captures: seconds after which a flow that goes on is cut (1800)."),
    ] = None,
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Train a detector on normal traces, or on labelled network flows, and keep the model.

    Its thresholds are set for a false-alarm budget on normal traces that were not learned, and what
    is to be expected of them is told before they are used. Of a data set with a protocol
    (see `habitus protocols`), the protocol's training part is learned; of other data, everything
    that does not lie in a folder named attack.

    A detector that trains a network keeps what it has learned so far beside the output, in
    OUTPUT.unfinished: Ctrl-C makes a model of it, and after that, or after a crash, the same
    command with --resume goes on where it was.

    An ensemble fits its members itself (`--set members=`), or is made of trained models (`--of`):
    those stay as they are, and it is settled on the normal traces that they have not learned.
    `best` is an ensemble, too: of the members, combined in the way, that find most on adfa-ld/dev.

    With --from MODEL it starts from what another model has learned: an n-gram model mixes that with
    its own by a weight that it learns on the normal traces, too, and lstm begins with its weights.

    A detector of flows (logistic, boosting, flow-outlier) learns from a table of labels
    (path,label[,group]) or a folder or archive that holds one, or from flows that carry labels,
    such as Zeek's conn.log.labeled. Captures become flows first, and the model remembers how.
    """
    from habitus import api
    from habitus.cli.model_text import print_model
    from habitus.cli.terminal import TerminalProgress, warn, warn_of
    from habitus.cli.train_asked import asked_of, base_at
    from habitus.cli.train_ensemble import made_of, refuse_misplaced
    from habitus.cli.train_flows import refuse_others, train_on_flows
    from habitus.datasets.notices import first_use_notice
    from habitus.detectors.kinds import judges
    from habitus.models.files import refuse_unusable_place, save_model
    from habitus.traces.report import ReadReport

    refuse_unusable_place(output)
    settings = options.settings([*(set_ or []), *([f"preset={preset}"] if preset else [])])
    base = base_at(from_)
    asked = asked_of(
        detector, data, settings, from_, base, seed, protocol, aggregation, format, abi
    )
    kind = judges(asked.detector)
    given = {
        "--aggregation": aggregation, "--rolling": rolling, "--calibrate": calibrate,
        "--protocol": protocol, "--merge": merge, "--extrapolate": extrapolate,
        "--resume": resume, "--device": device, "--abi": abi, "--malicious": malicious,
        "--idle": idle, "--active": active, "--of": of or models,
    }  # fmt: skip
    refuse_others(asked.detector, kind, given)
    is_set = kind == "traces" or (false_alarms, confidence) != (None, None)
    budget = options.budget(
        false_alarms or "1%", confidence, 60.0 if merge is None else merge, extrapolated=extrapolate
    )
    if kind == "flows":
        train_on_flows(
            asked.detector, asked.data, output, settings=asked.settings,
            malicious=malicious or (), budget=budget if is_set else None, idle=idle,
            active=active, format=asked.format, seed=asked.seed, strict=strict, as_json=json,
        )  # fmt: skip
        return
    members = [*(of or []), *(models or [])]
    if members:
        options_of_fitting = {
            "--aggregation": aggregation, "--calibrate": calibrate, "--preset": preset,
            "--resume": resume, "--device": device, "--from": from_,
        }  # fmt: skip
        refuse_misplaced(detector or asked.detector, members, options_of_fitting, settings)
    session = None if members else _session(asked.detector, output, device or "cpu", resume=resume)
    report = ReadReport()
    with _telling_what_is_kept(session), TerminalProgress() as progress:
        if members:
            made = made_of(
                members, asked, rolling=rolling or [], budget=budget, strict=strict,
                progress=progress, report=report,
            )  # fmt: skip
        else:
            made = api.train(
                asked.detector, asked.data, settings=asked.settings, protocol=asked.protocol,
                aggregation=asked.aggregation, rolling=rolling or [], false_alarms=budget,
                calibration=calibrate, seed=asked.seed, session=session, base=base,
                format=asked.format, abi=asked.abi, strict=strict, progress=progress, report=report,
            )  # fmt: skip
        progress.stage("saving the model")
        saved = save_model(made, output)
    was_interrupted = _was_interrupted(saved)
    if session is not None and not was_interrupted:
        session.clear()
    warn_of(report)
    warn(first_use_notice(saved.provenance.data_sha256))
    warn(saved.warnings())
    print_model(saved, str(output), as_json=json)
    if was_interrupted:
        warn([f"interrupted: {output} is what was learned until then", *_way_on(session)])
        raise typer.Exit(EXIT_INTERRUPTED)


def _session(detector: str, output: Path, device: str, *, resume: bool) -> Session | None:
    """The surroundings of a training that may take long; None where no network is trained."""
    from habitus.detectors import get_detector
    from habitus.detectors.neural.network_detector import NetworkDetector
    from habitus.errors import UsageError
    from habitus.learning.session import Session

    if not issubclass(get_detector(detector), NetworkDetector):
        if resume or device != "cpu":
            raise UsageError(
                f"{detector} trains no network, so that there is nothing to resume or to run on a "
                "device: leave --resume and --device out"
            )
        return None
    # A place such as `.` has no name of its own.
    named = output if output.name not in {"", ".."} else output.resolve()
    unfinished = named.with_name(f"{named.name}.unfinished")
    return Session(unfinished, resume=resume, device=device, keeps_interrupted=True)


@contextmanager
def _telling_what_is_kept(session: Session | None) -> Iterator[None]:
    """Where no model comes of it, say what is not lost."""
    from habitus.cli.terminal import warn

    try:
        yield
    except (KeyboardInterrupt, MemoryError, OSError):
        warn(_way_on(session))
        raise


def _way_on(session: Session | None) -> list[str]:
    """How to go on from a checkpoint; nothing if there is none."""
    if session is None or session.checkpoints is None or not session.checkpoints.is_dir():
        return []
    folder = session.checkpoints
    return [f"{folder}: the training as it stood; the same command with --resume goes on from it"]


def _was_interrupted(model: Model) -> bool:
    from habitus.detectors.neural.network_detector import NetworkDetector
    from habitus.learning.history import Stopped

    detector = model.detector
    return isinstance(detector, NetworkDetector) and (
        detector.history.stopped is Stopped.INTERRUPTED
    )
