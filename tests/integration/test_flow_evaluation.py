"""`habitus flows check` and `habitus evaluate` of flows, as a user types them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from frames import ACK, FIN, SYN, pcap, segment
from habitus.flows.labelled_reading import read_labelled_flows
from habitus.models.files import save_model
from habitus.models.flow_training import fit_flow_model

if TYPE_CHECKING:
    from pathlib import Path

    from command_line import Invoke

N_FILES, N_TALKS = 8, 24


def capture(number: int, ttl: int) -> bytes:
    """Conversations of one capture; lengths and pauses are drawn alike in all of them."""
    rng = np.random.default_rng(number)
    records, now = [], 10**18 + number * 10**13
    for talk in range(N_TALKS):
        ports = (2000 + talk, int(rng.choice([80, 443, 8080])))
        steps = [(SYN, False, 0), (SYN | ACK, True, 0), (ACK, False, int(rng.integers(1, 900)))]
        steps += [
            (ACK, bool(rng.integers(2)), int(rng.integers(0, 900)))
            for _ in range(int(rng.integers(1, 9)))
        ]
        for flags, back, size in [*steps, (FIN | ACK, False, 0), (FIN | ACK, True, 0)]:
            now += int(rng.integers(1, 10**8))
            payload = rng.bytes(size)
            frame = segment(flags, back=back, payload=payload, ttl=ttl, ports=ports)
            records.append((now, frame))
    return pcap(records)


@pytest.fixture
def leaking(tmp_path: Path) -> Path:
    """Captures whose label is their time to live, and nothing else."""
    folder = tmp_path / "captures"
    folder.mkdir()
    lines = ["path,label"]
    for number in range(N_FILES):
        malicious = number % 2 == 1
        (folder / f"{number}.pcap").write_bytes(capture(number, 128 if malicious else 64))
        lines.append(f"{number}.pcap,{'malicious' if malicious else 'benign'}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    return folder


def test_a_planted_time_to_live_is_named(invoke: Invoke, leaking: Path) -> None:
    done = invoke("flows", "check", leaking / "labels.csv", status=1)
    text = " ".join(done.stdout.split())
    assert "_ttl_m" in text
    assert "alone tells malicious flows from benign ones: AUC 1.000" in text
    assert "[one-column-tells]" in text
    told = json.loads(invoke("flows", "check", leaking, "--json", status=1).stdout)
    one = next(one for one in told["findings"] if one["id"] == "one-column-tells")
    assert one["severity"] == "serious"
    assert {example.partition(":")[0] for example in one["examples"][:4]} == {
        "forward_ttl_min", "forward_ttl_max", "backward_ttl_min", "backward_ttl_max",
    }  # fmt: skip


def test_data_check_leads_to_it(invoke: Invoke, leaking: Path) -> None:
    done = invoke("data", "check", leaking, status=2)
    assert f"habitus flows check {leaking}" in done.stderr


def test_a_protocol_judges_files_that_were_not_learned(
    invoke: Invoke, leaking: Path, tmp_path: Path
) -> None:
    """By time to live all are found; without it, as by default, nothing can be."""
    arguments = ("evaluate", "flows/gap", "--data", leaking, "--detector", "logistic")
    done = invoke(*arguments, "--set", "features=forward_ttl_min,packets", "--json")
    seen = json.loads(done.stdout)
    area = {trial["kind"]: trial["results"][0]["figures"]["auc"] for trial in seen["trials"]}
    assert area["file"]["files"] == pytest.approx(1)
    assert area["random rows"]["files"] == pytest.approx(1)
    assert "one-column-tells" in {one["id"] for one in seen["findings"]}
    done = invoke(*arguments, "-o", tmp_path / "results")
    assert "SHORTCUT-PRONE" in done.stdout
    kept = json.loads((tmp_path / "results" / "results.json").read_text())
    trial = next(trial for trial in kept["trials"] if trial["kind"] == "file")
    assert 0.2 < trial["results"][0]["figures"]["auc"]["files"] < 0.8
    card = (tmp_path / "results" / "report.html").read_text("utf-8")
    assert "alone tells malicious flows from benign ones" in card
    assert "shortcut-prone" in card
    assert (tmp_path / "results" / "results.csv").read_text().count("\n") == 5


def test_models_judge_as_they_are_and_what_they_learned_is_told(
    invoke: Invoke, leaking: Path, tmp_path: Path
) -> None:
    flows = read_labelled_flows(leaking / "labels.csv")
    save_model(fit_flow_model("logistic", flows), tmp_path / "net")
    done = invoke("evaluate", tmp_path / "net", "--data", leaking / "labels.csv", "--json")
    told = json.loads(done.stdout)
    (result,) = told["trials"][0]["results"]
    assert result["detector"] == "logistic"
    assert result["model_digest"]
    assert told["trials"][0]["kind"] == "nothing"
    assert "learned from these very flows" in done.stderr
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.pcap").write_bytes(capture(77, 64))
    (other / "labels.csv").write_text("path,label\na.pcap,benign\n")
    done = invoke("evaluate", tmp_path / "net", "--data", other)
    assert "learned from these" not in done.stderr
    assert "false alarms" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("flows/file", "--detector", "nonsense"), "flow detector"),
        (("flows/file", "--set", "c=1"), "--set is of one detector"),
        (("flows/file", "--aggregation", "mean"), "--aggregation is for models of traces"),
        (("flows/file", "flows/time"), "is a protocol of flows, and stands alone"),
        (("flows/other",), "--train-data must name what is learned from"),
        (("flows/source",), "all flows are of one source"),
        (("pcap/source",), "wanted flows of the sources ndpi and zeek-traces"),
    ],
)
def test_what_makes_no_sense_is_refused(
    invoke: Invoke, leaking: Path, arguments: tuple[str, ...], told: str
) -> None:
    done = invoke("evaluate", *arguments, "--data", leaking, status=2)
    assert told in done.stderr
    assert "Traceback" not in done.stderr
