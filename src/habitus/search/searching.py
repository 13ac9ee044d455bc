"""One search from its file to its last trial, in a folder that can be gone on with."""

from __future__ import annotations

import shutil
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from habitus.datasets.source import find_source
from habitus.engines.choosing import engine_of
from habitus.errors import UsageError
from habitus.learning.sole import sole_user
from habitus.search import flow_folds, preparing
from habitus.search.checks import check_beside, objective_of
from habitus.search.driver import Driver, TrialWork
from habitus.search.ledger import check_storage, cut_torn_line
from habitus.search.objectives import FOLD_AUC, OBJECTIVES
from habitus.search.parts import (
    ANOMALIES,
    parts_of,
    protocol_of,
    with_anomalies,
    with_beside,
    write_parts,
)
from habitus.search.plan import SearchPlan, read_search_file
from habitus.search.results import SearchResult, read_result, result_of
from habitus.search.run_folder import Run, RunFolder, check_same
from habitus.search.trial import TASK

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator
    from pathlib import Path

    from habitus.datasets.source import Source
    from habitus.progress import Progress
    from habitus.traces.report import ReadReport


def search(
    file: str | os.PathLike[str],
    data: str,
    output: str | os.PathLike[str],
    *,
    engine: str,
    jobs: int | None,
    resume: bool,
    supervised: bool,
    beside_attacks: bool,
    protocol: str | None,
    storage: str | None,
    device: str,
    format: str | None,  # noqa: A002 - the word users know from --format
    abi: str | None,
    strict: bool,
    progress: Progress,
    report: ReadReport,
) -> SearchResult:
    """Run a search, or what is left of it; arguments as of `habitus.run_search`."""
    plan = read_search_file(file)
    objective = objective_of(plan, supervised=supervised)
    if beside_attacks:
        check_beside(objective, supervised=supervised)
    folder = RunFolder(output)
    is_there = folder.is_run()
    if is_there and not resume:
        finished = read_result(folder.path).is_finished
        told = (
            f"a finished search stands here (habitus search show {folder.path})"
            if finished
            else "an unfinished search stands here: add --resume to go on with it"
        )
        raise UsageError(f"{folder.path}: {told}, or name another folder")
    if storage is not None:  # before anything is left in the folder
        check_storage(storage)
    source = find_source(data)
    is_flows = objective == FOLD_AUC
    run = Run.of(
        search=plan.name,
        storage=storage,
        detector=plan.file.detector,
        objective=objective,
        direction="maximize" if is_flows else OBJECTIVES[objective].direction,
        unit="" if is_flows else OBJECTIVES[objective].unit,
        # Labels are what flows are learned by: whoever chooses by them has seen them.
        supervised=supervised or is_flows,
        seed=plan.file.seed,
        n_trials=plan.n_trials,
        data=data,
        data_sha256=source.sha256,
        protocol=protocol,
        format=format,
        abi=abi,
        beside_attacks=beside_attacks,
    )
    with sole_user(folder.path, doing="searching"):
        if is_there:
            kept, kept_plan = folder.read()
            check_same(folder.path, kept, kept_plan, run, plan)
            run = kept
            cut_torn_line(folder.path)
            ledger = folder.ledger(run, plan, may_begin=True)
            before = result_of(folder, run, plan, ledger.records())
            if before.is_finished:
                return before
        with (
            closing(engine_of(engine, jobs, threads=plan.file.limits.threads)) as runner,
            _data(folder) as place,
        ):
            if is_flows:
                paths = flow_folds.write_flows(data, place, progress)
                work = TrialWork(flow_folds.TASK, flow_folds.PREPARE, flow_folds.WARM)
            else:
                paths = _write_traces(
                    source, place, plan, run, progress=progress, report=report, strict=strict
                )
                work = TrialWork(TASK, preparing.PREPARE, preparing.WARM)
            for name, path in paths.items():
                runner.share(name, path)
            if not is_there:  # from here on: data that cannot be searched leave no search
                folder.begin(run, plan)
                ledger = folder.ledger(run, plan, may_begin=True)
            Driver(run, plan, folder, ledger, runner, progress, work=work, device=device).go()
        return result_of(folder, run, plan, ledger.records())


@contextmanager
def _data(folder: RunFolder) -> Iterator[Path]:
    """Where trials read the data; taken away with the search's end, however it ends."""
    shutil.rmtree(folder.data, ignore_errors=True)  # a kill leaves it
    folder.data.mkdir(parents=True)
    try:
        yield folder.data
    finally:
        shutil.rmtree(folder.data, ignore_errors=True)


def _write_traces(
    source: Source,
    place: Path,
    plan: SearchPlan,
    run: Run,
    *,
    progress: Progress,
    report: ReadReport,
    strict: bool,
) -> dict[str, Path]:
    """The parts of the traces that trials of this objective want."""
    traces = source.read(
        format=run.format, abi=run.abi, strict=strict, progress=progress, report=report
    )
    chosen = protocol_of(
        traces, run.data, run.protocol, sees_attacks=run.supervised or run.beside_attacks
    )
    judging, seed = plan.file.judging, plan.file.seed
    parts = parts_of(traces, chosen, judging, seed, supervised=run.supervised)
    if ANOMALIES in OBJECTIVES[run.objective].parts:
        progress.stage("making synthetic anomalies")
        parts = with_anomalies(parts, judging, seed)
    if run.beside_attacks:
        parts = with_beside(parts, traces, chosen)
    return write_parts(parts, place)
