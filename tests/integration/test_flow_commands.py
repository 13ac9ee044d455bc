"""The command line of flow models: learn, detect, explain, set a threshold, refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema
import pytest
from typer.testing import CliRunner

import habitus
from frames import ethernet, pcap
from habitus.cli import commands  # noqa: F401 - registers them
from habitus.cli.app import app
from habitus.flows.formats import get_flow_format
from labelled_captures import N_FLOWS, capture, write_captures

if TYPE_CHECKING:
    from command_line import Invoke

SCHEMA = Path(habitus.__file__).parent / "schemas" / "flow-alert.schema.json"
VALID = jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
ZEEK = get_flow_format("zeek").sample
LABELS = ["benign", "malicious"] * 6


@pytest.fixture(scope="session")
def captures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve captures, every other one malicious, and the table of their labels."""
    return write_captures(tmp_path_factory.mktemp("flows") / "captures", LABELS)


@pytest.fixture(scope="session")
def net(captures: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A logistic model of them; tests that change it copy it first."""
    folder = tmp_path_factory.mktemp("models") / "net"
    result = CliRunner().invoke(
        app, ["train", "logistic", "--data", str(captures), "-o", str(folder)]
    )
    assert result.exit_code == 0, result.output
    return folder


def test_training_tells_what_was_learned_and_what_to_expect(
    invoke: Invoke, captures: Path, tmp_path: Path
) -> None:
    arguments = ["train", "logistic", "--data", captures, "-o", tmp_path / "m", "--idle", "60"]
    done = invoke(*arguments)
    n = N_FLOWS * 6
    for told in (
        f"{2 * n} flows of 12 files, {n} benign and {n} malicious",
        "malicious: malicious; benign: benign",
        "a flow ends after 60 s of silence, and is cut after 1800 s",
        "when the probability of malicious is above 0.5",
        f"finds {n} of {n} malicious flows (100.0%; held out by whole files, 5 parts)",
        "area under the ROC 1.000, where each file weighs the same 1.000",
        "held out, by file",
    ):
        assert told in done.stdout, done.stdout
    told = json.loads(invoke(*arguments, "--json").stdout)
    assert told["provenance"]["extraction"]["idle_s"] == 60
    assert [row["n_found"] for row in told["by_file"]] == [0, N_FLOWS] * 6
    assert told["parameters"]["inputs"][0]["name"] == told["inputs"][0]


def test_each_detector_of_flows_is_trained_by_the_one_command(
    invoke: Invoke, captures: Path, tmp_path: Path
) -> None:
    for name, settings in (("boosting", ["--set", "min_flows=2"]), ("flow-outlier", [])):
        done = invoke("train", name, "--data", captures, "-o", tmp_path / name, *settings)
        assert f"detector  {name}" in done.stdout
    assert "set for 1 % of benign flows, on average" in done.stdout
    detected = invoke("detect", tmp_path / "flow-outlier", captures / "1.pcap", "--json", status=1)
    for line in detected.stdout.splitlines():
        record = json.loads(line)
        VALID.validate(record)
        assert record["habitus"]["unit"] == "nats"


def test_alerts_have_the_status_of_alerts_and_records_are_whole(
    invoke: Invoke, net: Path, captures: Path, tmp_path: Path
) -> None:
    output = tmp_path / "alerts.jsonl"
    done = invoke("detect", net, captures / "1.pcap", "-o", output, status=1)
    assert f"{N_FLOWS} alerts in {N_FLOWS} flows, {2 * N_FLOWS} packets" in done.stdout
    records = [json.loads(line) for line in output.read_text().splitlines()]
    assert len(records) == N_FLOWS
    for record in records:
        VALID.validate(record)
    first = records[0]
    assert (first["src_ip"], first["dest_port"], first["proto"]) == ("10.0.0.1", 53, "UDP")
    flow = first["habitus"]["flow"]
    assert (flow["first_frame"], flow["last_frame"], flow["line"]) == (1, 2, None)
    assert (flow["service_guess"], flow["forward"]["packets"]) == ("dns", 1)
    quiet = invoke("detect", net, captures / "0.pcap")
    assert quiet.stdout == f"0 alerts in {N_FLOWS} flows, {2 * N_FLOWS} packets\n"
    every = invoke("detect", net, captures / "0.pcap", "--all", "--json")
    assert [json.loads(line)["verdict"] for line in every.stdout.splitlines()] == [
        "normal"
    ] * N_FLOWS
    assert "0 alerts in" in every.stderr


def test_a_line_of_the_terminal_tells_who_why_and_where(
    invoke: Invoke, net: Path, captures: Path
) -> None:
    done = invoke("detect", net, captures / "1.pcap", status=1)
    line = done.stdout.splitlines()[0]
    assert line.startswith("ALERT       ")
    assert "UDP 10.0.0.1:1000 > 10.0.0.2:53 (dns?)" in line
    assert line.endswith("[1.pcap:1]")
    assert "(+" in line


def test_files_pipes_and_our_own_tables_are_judged_alike(
    invoke: Invoke, net: Path, captures: Path, tmp_path: Path
) -> None:
    scores = [record["score"] for record in habitus.detect_flows(net, captures / "1.pcap")]
    flows = tmp_path / "flows.parquet"
    invoke("flows", "extract", captures / "1.pcap", "-o", flows)
    for given, content in (
        (captures / "1.pcap", None),
        ("-", (captures / "1.pcap").read_bytes()),
        (flows, None),
        ("-", flows.read_bytes()),
    ):
        done = invoke("detect", net, given, "--json", stdin=content, status=1)
        assert [json.loads(line)["score"] for line in done.stdout.splitlines()] == scores
        assert "note:" not in done.stderr


def test_explaining_tells_of_every_feature(invoke: Invoke, net: Path, captures: Path) -> None:
    whole = json.loads(invoke("explain", net, captures, "--json").stdout)
    assert len(whole) == 1
    VALID.validate(whole[0])
    assert whole[0]["habitus"]["contributions"]["others"]["n_features"] == 0
    # Every capture has a flow of this ID.
    told = whole[0]["community_id"]
    same = json.loads(invoke("explain", net, captures, "--flow", told, "--json").stdout)
    assert {record["community_id"] for record in same} == {told}
    assert len(same) == 12
    (third,) = json.loads(
        invoke("explain", net, captures / "1.pcap", "--flow", "5", "--json").stdout
    )
    assert third["habitus"]["flow"]["first_frame"] == 5
    text = invoke("explain", net, captures / "1.pcap", "--flow", "5").stdout
    for told in (
        "ALERT: UDP 10.0.0.1:1002 > 10.0.0.2:53 (dns?)",
        "frames 5 to 6",
        "probability of malicious",
        "what speaks most for malice:",
        "below what 95 % of benign flows have (from ",
        "normal, 5 % to 95 %",
        "█",
        "together",
    ):
        assert told in text, text
    normal = invoke("explain", net, captures / "0.pcap").stdout
    assert normal.startswith("normal: UDP")


def test_a_threshold_is_set_anew_and_forecast(
    invoke: Invoke, net: Path, captures: Path, tmp_path: Path
) -> None:
    model = tmp_path / "net"
    shutil.copytree(net, model)
    done = invoke("model", "threshold", model, "--false-alarms", "10%", "--confidence", "90%")
    assert "set for 10 % of benign flows, 90% sure" in done.stdout
    other = write_captures(tmp_path / "other", ["benign"] * 4)
    (other / "0.pcap").write_bytes(capture(33, 150))
    done = invoke("model", "threshold", model, "--false-alarms", "20%", "--data", other)
    assert "on flows named later" in done.stdout
    told = json.loads(invoke("model", "forecast", model, "--flows", "500", "--json").stdout)
    assert told["expected"]["of_flows"] == 500
    assert told["expected"]["n_benign"] == 4 * N_FLOWS
    assert "of the next 500" in invoke("model", "forecast", model, "--flows", "500").stdout
    refused = invoke(
        "model", "threshold", model, "--false-alarms", "20%", "--data", captures, status=2
    )
    assert "is what the model has learned" in refused.stderr


def test_the_source_of_it_all_is_imported(invoke: Invoke, captures: Path, tmp_path: Path) -> None:
    folder = tmp_path / "parameters"
    folder.mkdir()
    for name, n in (("mean", 39), ("std", 39), ("weights", 39), ("intercept", 1)):
        (folder / f"{name}.txt").write_text("0.5\n" * n)
    done = invoke("model", "import-flowmeter", folder, "-o", tmp_path / "fm")
    assert "parameters that others have fitted" in done.stdout
    assert "labels follow the capture" in done.stderr
    flows = tmp_path / "flows.csv"
    invoke("flows", "extract", captures / "1.pcap", "-o", flows, "--columns", "flowmeter")
    done = CliRunner().invoke(app, ["detect", str(tmp_path / "fm"), str(flows)])
    assert f"in {N_FLOWS} flows" in done.output
    (folder / "std.txt").unlink()
    missing = invoke("model", "import-flowmeter", folder, "-o", tmp_path / "fm2", status=2)
    assert "std.txt: No such file" in missing.stderr


def test_flows_of_another_program_are_told_and_refused_where_they_say_too_little(
    invoke: Invoke, net: Path, captures: Path, tmp_path: Path
) -> None:
    (tmp_path / "few.csv").write_text(get_flow_format("habitus").sample)
    done = invoke("detect", net, tmp_path / "few.csv", status=2)
    assert "the one flow does not tell all that the model goes by; missing: " in done.stderr
    assert "it has learned flows that Habitus makes of captures" in done.stderr
    head, row = ZEEK.rstrip("\n").rsplit("\n", 1)
    cells = row.split("\t")
    rows = []
    for i in range(40):
        changed = [str(10 + i) if cell == "6" else cell for cell in cells]
        rows.append("\t".join([*changed, "Malicious" if i % 2 else "Benign"]))
    (tmp_path / "conn.log.labeled").write_text("\n".join([f"{head}\tlabel", *rows]) + "\n")
    invoke("train", "logistic", "--data", tmp_path / "conn.log.labeled", "-o", tmp_path / "z")
    done = CliRunner().invoke(app, ["detect", str(tmp_path / "z"), str(captures / "0.pcap")])
    assert done.exit_code in {0, 1}
    assert "the model has learned a table of flows, and 6 of these were made" in done.stderr
    (tmp_path / "conn.log").write_text(ZEEK)
    assert "and 1 of these were counted by zeek" in invoke(
        "detect", net, tmp_path / "conn.log"
    ).stderr  # fmt: skip


def test_damaged_captures_are_judged_as_far_as_they_are_sound(
    invoke: Invoke, net: Path, tmp_path: Path
) -> None:
    (tmp_path / "cut.pcap").write_bytes(capture(401, 5)[:-20])
    done = invoke("detect", net, tmp_path / "cut.pcap", status=1)
    assert "only read in part" in done.stderr
    (tmp_path / "arp.pcap").write_bytes(pcap([(0, ethernet(bytes(28), kind=0x0806))]))
    done = invoke("detect", net, tmp_path / "arp.pcap")
    assert "0 alerts in 0 flows" in done.stdout
    assert "holds no flow" in invoke("explain", net, tmp_path / "arp.pcap", status=2).stderr


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["train", "logistic", "--data", "CAPTURES", "-o", "m", "--rolling", "9"],
         "--rolling: is for detectors of traces of system calls, and logistic is one of flows"),
        (["train", "logistic", "--data", "CAPTURES", "-o", "m", "--resume"], "--resume: is for"),
        (["train", "logistic", "--data", "CAPTURES", "-o", "m", "--idle", "-3"], "--idle: "),
        (["train", "logistic", "--data", "CAPTURES", "-o", "m", "--false-alarms", "2/day"],
         "a budget of alarms by the day is for traces"),
        (["train", "logistic", "--data", "CAPTURES", "-o", "m", "--malicious", "bot"],
         "--malicious bot: nothing has this label"),
        (["train", "stide", "--data", "CAPTURES", "-o", "m", "--malicious", "x"],
         "--malicious: is for detectors of network flows, and stide is one of traces"),
        (["train", "absent", "--data", "CAPTURES", "-o", "m"],
         "of network flows: boosting, flow-outlier, logistic"),
        (["detect", "NET", "CAPTURES", "--decision", "trace"], "--decision: is for models of"),
        (["detect", "NET", "absent.pcap"], "no data set and no file is called 'absent.pcap'"),
        (["detect", "NET", "TRACES"], "this model is of network flows: it takes captures"),
        (["detect", "NGRAM", "CAPTURES"], "a packet capture"),
        (["explain", "NET", "CAPTURES", "--trace", "x"], "--trace: is for models of traces"),
        (["explain", "NGRAM", "TRACES", "--flow", "1"], "--flow: is for models of network flows"),
        (["explain", "NET", "CAPTURES", "--flow", "1:no="], "holds no flow with the Community ID"),
        (["explain", "NET", "CAPTURES", "--flow", "9999"], "holds no flow that begins with frame"),
        (["explain", "NET", "CAPTURES", "--flow", "web"], "--flow 'web': wanted a Community ID"),
        (["sample", "NET"], "a model of network flows (logistic)"),
        (["model", "draw", "NET", "-o", "x.html"], "a model of network flows (logistic)"),
        (["check-drift", "NET", "TRACES"], "a model of network flows (logistic)"),
        (["model", "forecast", "NET", "--days", "3"], "--days: a model of flows does not know"),
        (["model", "threshold", "NET", "--false-alarms", "1%", "--extrapolate"],
         "--extrapolate: is for detectors of traces"),
        (["model", "threshold", "NGRAM", "--false-alarms", "1%", "--malicious", "x"],
         "--malicious: is for models of network flows"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_what_to_do(
    invoke: Invoke, net: Path, model: Path, captures: Path, recordings: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], told: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    places = {"NET": net, "NGRAM": model, "CAPTURES": captures, "TRACES": recordings}
    done = invoke(*(places.get(one, one) for one in arguments), status=2)
    assert told in done.stderr
    assert not done.stdout


@pytest.mark.parametrize(
    ("labels", "detector", "told"),
    [
        (["benign"] * 3, "logistic", "all 18 flows are benign, and logistic learns to tell"),
        (["malicious"] * 3, "boosting", "all 18 flows are malicious, and boosting learns"),
        (["malicious"] * 3, "flow-outlier", "flow-outlier learns benign flows, at least 2"),
        (["web", "mail", "scan", "dos", "irc"], "logistic", "which labels are malicious? There"),
        (["background"] * 3, "logistic", "all 18 flows are benign"),
    ],
)
def test_labels_that_teach_nothing_are_told(
    invoke: Invoke, tmp_path: Path, labels: list[str], detector: str, told: str
) -> None:
    folder = write_captures(tmp_path / "set", labels)
    done = invoke("train", detector, "--data", folder, "-o", tmp_path / "m", status=2)
    assert told in done.stderr
    assert not (tmp_path / "m").exists()


def test_of_five_classes_two_may_be_malicious(invoke: Invoke, tmp_path: Path) -> None:
    folder = write_captures(tmp_path / "set", ["web", "benign", "scan", "dos", "irc"])
    done = invoke(
        "train", "logistic", "--data", folder, "-o", tmp_path / "m", "--malicious", "scan",
        "--malicious", "DOS",
    )  # fmt: skip
    assert "malicious: dos, scan; benign: benign, irc, web" in done.stdout


@pytest.mark.parametrize("text", ["", "path,label\n", "path,label\n0.pcap,benign\n"])
def test_empty_tables_and_one_flow_are_told(invoke: Invoke, tmp_path: Path, text: str) -> None:
    (tmp_path / "0.pcap").write_bytes(capture(20, 200, 1))
    (tmp_path / "labels.csv").write_text(text)
    arguments = ("train", "logistic", "--data", tmp_path / "labels.csv", "-o", tmp_path / "m")
    done = invoke(*arguments, status=2)
    told = {
        "": "labels.csv: empty",
        "path,label\n": "labels.csv: labels no file",
    }
    assert (
        told.get(text, "1 flow is benign, and logistic learns to tell two classes") in done.stderr
    )
