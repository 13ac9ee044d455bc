"""FlowMeter's parameters as a model of ours, and its rows as they stand in its CSV.

Source: FlowMeter (github.com/deepfence/FlowMeter), ``ml/parameters``: means, standard deviations
and weights of 39 features in four text files, a number a line, and the intercept. Its program
computes 1 / (1 + exp(-(intercept + sum of weight * (x - mean) / std))).
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from habitus.detectors.flow.calibration import Calibration
from habitus.detectors.flow.flowmeter_features import FLOWMETER_CSV, FLOWMETER_FEATURES
from habitus.detectors.flow.inputs import input_named
from habitus.detectors.flow.linear import Linear
from habitus.detectors.flow.logistic import Logistic
from habitus.detectors.flow.matrix import FlowInputs
from habitus.errors import InputError

if TYPE_CHECKING:
    import os

PARAMETER_FILES = {"mean": 39, "std": 39, "weights": 39, "intercept": 1}
_MAX_BYTES = 1 << 16
_MOST = 1e30
"""Beyond it no mean and no weight makes sense; below it no sum becomes infinite."""
ONE_WAY = (
    "its authors fitted these parameters on rows of one direction each, every packet counted as "
    "backward, and its labels follow the capture: what it says of other flows is no finding"
)


def import_flowmeter(folder: str | os.PathLike[str]) -> Logistic:
    """The model that FlowMeter's four files of parameters hold.

    Its scores are FlowMeter's: a probability that nothing has calibrated. It scores tables with
    FlowMeter's own columns (`read_flowmeter_rows`) exactly as FlowMeter does, and tables of ours
    with what `flowmeter_features.flowmeter_table` makes of them. Where FlowMeter divides by a
    duration of 0 and gives no number, the feature adds nothing.

    Raises:
        InputError: if a file is missing, too large, or does not hold as many numbers as it must.
    """
    mean, std, weight, base = (
        _numbers(Path(folder) / f"{n}.txt", k) for n, k in PARAMETER_FILES.items()
    )
    if (std < 0).any():
        raise InputError(f"{Path(folder) / 'std.txt'}: a standard deviation is below 0")
    # As scikit-learn's scaler has it of columns that never change.
    std = np.where(std == 0, 1.0, std)
    inputs = [input_named(name) for name in FLOWMETER_FEATURES]
    made = Logistic.with_settings({"preset": "flowmeter", "class_weight": "none"})
    made.inputs = FlowInputs(inputs, np.array([not one.always_told for one in inputs]))
    none, ones = np.zeros(len(inputs)), np.ones(len(inputs))
    as_told = np.zeros(len(inputs), dtype=np.bool_)
    linear = Linear(as_told, mean, std, weight, none, ones, none, float(base[0]))
    made.use(linear, Calibration.none(), [ONE_WAY])
    return made


def _numbers(path: Path, n: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror or error}; FlowMeter's parameters are "
            f"{', '.join(f'{name}.txt' for name in PARAMETER_FILES)} in one folder"
        ) from None
    if len(content) > _MAX_BYTES:
        raise InputError(f"{path}: larger than {_MAX_BYTES:,} bytes; wanted {n} numbers")
    lines = content.decode("utf-8", "replace").splitlines()
    found = [_number(path, row, line) for row, line in enumerate(lines, 1) if line.strip()]
    if len(found) != n:
        raise InputError(f"{path}: wanted {n} numbers, one a line, found {len(found)}")
    return np.array(found)


def _number(path: Path, row: int, line: str) -> float:
    try:
        number = float(line)
    except ValueError:
        number = math.nan
    if not abs(number) <= _MOST or 0 < abs(number) < 1 / _MOST:
        raise InputError(f"{path}:{row}: wanted a number, found {line.strip()[:40]!r}")
    return number


def read_flowmeter_rows(path: str | os.PathLike[str]) -> pl.DataFrame:
    """FlowMeter's CSV as it stands there: its columns, its numbers as float64.

    `habitus.flows.reading` reads the same file as flows of ours, which is what most work needs;
    this is for numbers that must be FlowMeter's own.

    Raises:
        InputError: if the file cannot be read, lacks columns, or holds what is no number.
    """
    try:
        # Its bytes, not its name: a name could be a pattern or an address to polars.
        rows = pl.read_csv(Path(path).read_bytes(), infer_schema=False)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError(f"{path}: not a CSV file ({str(error).splitlines()[0]})") from None
    lacking = [name for name in FLOWMETER_CSV if name not in rows.columns]
    if lacking:
        raise InputError(f"{path}: not FlowMeter's CSV: it has no column {', '.join(lacking[:4])}")
    numbers = rows.select(
        pl.col(name).str.strip_chars().cast(pl.Float64, strict=False) for name in FLOWMETER_CSV
    )
    for name in FLOWMETER_CSV:
        wrong = numbers[name].is_null()
        if wrong.any():
            row = int(wrong.arg_max() or 0)
            raise InputError(
                f"{path}: row {row + 1}: {name}: wanted a number, found {str(rows[name][row])!r}"
            )
    return rows.with_columns(numbers)
