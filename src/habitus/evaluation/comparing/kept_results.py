"""Results that `habitus evaluate -o` kept in a folder, read again with their scores."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from pydantic import ValidationError

from habitus.errors import InputError
from habitus.evaluation.evaluate import FALSE_ALARM_RATES
from habitus.evaluation.metrics import roc
from habitus.evaluation.results import Result, Results
from habitus.evaluation.score_file import MAX_BYTES, SCORES_FILE, scores_from
from habitus.traces.traceset import Label
from habitus.version import __version__

if TYPE_CHECKING:
    from habitus.evaluation.unit_scores import UnitScores

RESULTS_FILE = "results.json"
_MAX_RESULTS_BYTES = 256 << 20
_AGAIN = "run `habitus evaluate ... -o` again"


def read_results(place: str | os.PathLike[str]) -> Results:
    """The results of a folder, or of its ``results.json``, with the scores beside them.

    Raises:
        InputError: if they are damaged, of another version, or do not belong together.
    """
    path = Path(place)
    path = path / RESULTS_FILE if path.is_dir() else path
    results = _results_from(_read(path, _MAX_RESULTS_BYTES), path)
    if results.scores_sha256 is None:
        raise InputError(f"{path}: was kept without the scores of single units; {_AGAIN}")
    models = [result.model for result in results.results]
    if len(set(models)) != len(models):
        raise InputError(f"{path}: two results of one model's name; evaluate them apart")
    beside = path.parent / SCORES_FILE
    scores = scores_from(_read(beside, MAX_BYTES), os.fspath(beside), models, results.scores_sha256)
    for result in results.results:
        _check_agreement(result, scores, path)
        _check_drawn(result, path)
    return results.model_copy(update={"scores": scores})


def _read(path: Path, limit: int) -> bytes:
    try:
        # No pipe is waited for.
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            info = os.fstat(handle)
            if not stat.S_ISREG(info.st_mode):
                raise InputError(f"{path}: not a regular file")
            if info.st_size > limit:
                raise InputError(
                    f"{path}: larger than any {path.name} of ours ({info.st_size:,} bytes)"
                )
            return file.read(info.st_size)
    except FileNotFoundError:
        raise InputError(
            f"{path}: there is no such file; results are kept by `habitus evaluate ... -o FOLDER`"
        ) from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _results_from(content: bytes, path: Path) -> Results:
    try:
        return Results.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        found = f"{where}: {first['msg']}" if where else first["msg"]
        raise InputError(
            f"{path}: no results of this version of Habitus, which is {__version__} "
            f"({_version_in(content)}{found}); {_AGAIN}"
        ) from error


def _version_in(content: bytes) -> str:
    """What other results say of themselves, if they say it in our words."""
    try:
        version = json.loads(content)["habitus_version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    return f"they are of {version}; " if isinstance(version, str) else ""


def _check_drawn(result: Result, path: Path) -> None:
    """Refuse a result whose parts do not fit together of which pictures are made."""
    rates = {f"{rate:g}" for rate in FALSE_ALARM_RATES}
    is_whole = bool(result.baselines) and set(result.dr_at_fpr) == rates
    for baseline in result.baselines:
        curve = baseline.roc
        is_whole &= (
            set(baseline.dr_at_fpr) == rates
            and len(curve.fpr) == len(curve.tpr) == len(curve.thresholds) > 1
        )
    if not is_whole:
        raise InputError(
            f"{path}: the result of {result.model} lacks baselines, or rates of 0.1, 1 and 5 % "
            f"false alarms; {_AGAIN}"
        )


def _check_agreement(result: Result, scores: UnitScores, path: Path) -> None:
    """Refuse scores that do not give the numbers beside them."""
    of_units = scores.scores[result.model]
    sides = [
        of_units[(scores.labels == label) & np.isfinite(of_units)]
        for label in (Label.NORMAL, Label.ATTACK)
    ]
    counts = tuple(map(len, sides))
    if counts != (result.n_normal, result.n_attack):
        raise InputError(
            f"{path}: tells of {result.n_normal} normal and {result.n_attack} attack "
            f"{result.unit}s judged by {result.model}, and {SCORES_FILE} of {counts[0]} and "
            f"{counts[1]}; one of the two was changed: {_AGAIN}"
        )
    area = roc(*sides).auc if all(counts) else np.nan
    if not abs(area - result.auc) < 1e-9:
        raise InputError(
            f"{path}: says that {result.model} has the AUC {result.auc:.6f}, and its scores in "
            f"{SCORES_FILE} give {area:.6f}; one of the two was changed: {_AGAIN}"
        )
