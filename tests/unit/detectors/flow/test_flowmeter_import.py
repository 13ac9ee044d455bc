"""FlowMeter's parameters give FlowMeter's scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import pytest

from habitus.detectors.flow.flowmeter_features import FLOWMETER_CSV, FLOWMETER_FEATURES
from habitus.detectors.flow.flowmeter_import import import_flowmeter, read_flowmeter_rows
from habitus.detectors.flow.logistic import Logistic
from habitus.errors import InputError
from habitus.flows.formats.flowmeter_twins import merge_reverse_twins
from habitus.flows.reading import read_flow_records

if TYPE_CHECKING:
    from pathlib import Path


def write_parameters(folder: Path, **changed: str) -> Path:
    parts = {
        "mean": "1.5\n" * 39, "std": "2e0\n" * 38 + "0\n", "weights": "0.25\n" * 39,
        "intercept": "-.5\n", **changed,
    }  # fmt: skip
    folder.mkdir(exist_ok=True)
    for name, text in parts.items():
        (folder / f"{name}.txt").write_text(text)
    return folder


def straight(folder: Path, csv: Path) -> np.ndarray:
    """Probabilities as FlowMeter's own code computes them, with numpy alone."""
    numbers = np.genfromtxt(csv, delimiter=",", skip_header=1)[:, 6:]
    divided = numbers[:, [1, 2, 3, 4, 9, 10]] / numbers[:, :1]
    mean, std, weight, base = (
        np.loadtxt(folder / f"{name}.txt") for name in ("mean", "std", "weights", "intercept")
    )
    z = ((np.hstack([numbers, divided]) - mean) / std) @ weight + base
    return np.asarray(1 / (1 + np.exp(-z)))


def test_scores_of_its_own_flows_are_its_own(test_data: Path) -> None:
    folder = test_data / "flowmeter"
    csv = folder / "webgoat_flow_stats.csv"
    model, rows = import_flowmeter(folder), read_flowmeter_rows(csv)
    wanted = straight(folder, csv)
    assert len(wanted) == 249
    assert np.abs(model.score(rows) - wanted).max() <= 1e-9
    # The same flows as tables of ours, converted there and back.
    ours = read_flow_records(csv, merge_twins=False)
    assert np.abs(model.score(ours) - wanted).max() <= 1e-9
    parts = model.contributions(rows)
    assert parts.features == FLOWMETER_FEATURES
    assert np.allclose(parts.totals(), model.uncalibrated(rows))
    # Its two rows of a flow, joined: another flow than it was fitted on, but one that it can score.
    joined = model.score(merge_reverse_twins(ours))
    assert np.isfinite(joined).all()
    assert len(joined) == 129
    assert "labels follow the capture" in " ".join(model.warnings())


def test_it_is_a_model_like_others(tmp_path: Path) -> None:
    model = import_flowmeter(write_parameters(tmp_path))
    clone = Logistic.with_settings(model.settings.model_dump(mode="json"))
    clone.restore(model.state())
    row = pl.DataFrame({name: [float(i)] for i, name in enumerate(FLOWMETER_CSV, 1)})
    assert clone.score(row).tolist() == model.score(row).tolist()
    assert clone.ranges == ()
    told = model.parameters()
    assert told["intercept"] == -0.5
    assert [one["name"] for one in told["inputs"]] == list(FLOWMETER_FEATURES)
    # Where nothing varied, FlowMeter divides by 1.
    assert told["inputs"][-1]["std"] == 1
    assert told["calibration"]["kind"] == "none"


def test_a_flow_that_lasted_no_time_is_scored_by_the_rest(tmp_path: Path) -> None:
    model = import_flowmeter(write_parameters(tmp_path))
    row = pl.DataFrame({name: [0.0] for name in FLOWMETER_CSV})
    parts = model.contributions(row)
    assert np.isfinite(model.score(row)).all()
    assert not parts.values[0, 33:].any()
    assert parts.values[0, :33].all()


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"mean": "1\n" * 38}, r"mean.txt: wanted 39 numbers, one a line, found 38"),
        ({"weights": "1\n" * 40}, r"weights.txt: wanted 39 numbers, one a line, found 40"),
        ({"intercept": ""}, r"intercept.txt: wanted 1 numbers, one a line, found 0"),
        ({"intercept": "nan"}, r"intercept.txt:1: wanted a number, found 'nan'"),
        ({"mean": "1\n" * 3 + "x y\n"}, r"mean.txt:4: wanted a number, found 'x y'"),
        ({"mean": "inf\n" * 39}, r"mean.txt:1: wanted a number, found 'inf'"),
        ({"weights": "1e300\n" * 39}, r"weights.txt:1: wanted a number, found '1e300'"),
        ({"std": "1e-300\n" * 39}, r"std.txt:1: wanted a number, found '1e-300'"),
        ({"std": "-1\n" * 39}, r"std.txt: a standard deviation is below 0"),
        ({"mean": "1\n" * 40_000}, r"mean.txt: larger than 65,536 bytes"),
    ],
)
def test_files_that_are_no_parameters_are_refused(
    tmp_path: Path, changed: dict[str, str], why: str
) -> None:
    with pytest.raises(InputError, match=why):
        import_flowmeter(write_parameters(tmp_path, **changed))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"mean.txt: No such file .*; FlowMeter's parameters are"):
        import_flowmeter(tmp_path)


def test_rows_that_are_not_flowmeters_are_refused(tmp_path: Path) -> None:
    csv = tmp_path / "rows.csv"
    csv.write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="it has no column flowDuration"):
        read_flowmeter_rows(csv)
    csv.write_text(",".join(FLOWMETER_CSV) + "\n" + ",".join(["1"] * 32 + ["much"]) + "\n")
    with pytest.raises(InputError, match="row 1: bwdIATMax: wanted a number, found 'much'"):
        read_flowmeter_rows(csv)
    csv.write_bytes(b'"')
    with pytest.raises(InputError):
        read_flowmeter_rows(csv)
    with pytest.raises(InputError, match="No such file"):
        read_flowmeter_rows(tmp_path / "missing.csv")
