"""The whole job on the command line, from data to an explained alert, and what it ends with."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from command_line import NORMAL, STRANGE, write

import habitus
from habitus.cli.app import app
from habitus.flows.formats import flow_format_names

if TYPE_CHECKING:
    import typer
    from command_line import Invoke, Run

SCHEMAS = Path(habitus.__file__).parent / "schemas"


def checked(name: str, read: Any) -> Any:
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(read)
    return read


def records(text: str) -> list[Any]:
    return [checked("alert", json.loads(line)) for line in text.splitlines()]


def test_from_data_to_an_explained_alert(run: Run, recordings: Path, tmp_path: Path) -> None:
    """Every step in a process of its own, every answer parsed."""
    entry = json.loads(run("data", "add", "mine", recordings, "--json").stdout)
    assert entry["name"] == "mine"
    assert "is there already" in run("data", "add", "mine", recordings).stdout
    (listed,) = json.loads(run("data", "list", "--json").stdout)["data"]
    assert listed == entry
    trained = json.loads(
        run("train", "ngram", "--data", "mine", "-o", "m", "--set", "order=4",
            "--false-alarms", "20%", "--json").stdout
    )  # fmt: skip
    assert trained["settings"]["order"] == 4
    assert trained["provenance"]["data_sha256"] == entry["sha256"]
    done = run("evaluate", "m", "--data", "mine", "-o", "out", "--json")
    results = checked("results", json.loads(done.stdout))
    assert results["command"] == "habitus evaluate m --data mine -o out --json"
    assert results["results"][0]["trained_on_this"] is True
    assert json.loads((tmp_path / "out" / "results.json").read_text()) == results
    assert (tmp_path / "out" / "results.csv").exists()
    attacks = recordings / "attack"
    alerts = records(run("detect", "m", attacks, "--json", status=1).stdout)
    assert {record["verdict"] for record in alerts} == {"alert"}
    assert run("detect", "m", attacks, "-o", "alerts.jsonl", status=1).stdout.endswith("calls\n")
    kept = records((tmp_path / "alerts.jsonl").read_text())
    assert [r["score"] for r in kept] == [r["score"] for r in alerts]
    explained = checked("alert", json.loads(run("explain", "m", attacks, "--json").stdout))
    assert explained["score"] == max(r["score"] for r in alerts)
    assert explained["habitus"]["explanation"]["calls"]
    shown = json.loads(run("model", "show", "m", "--json").stdout)
    assert shown == {**trained, "model": "m"}
    verified = json.loads(run("model", "verify", "m", "--json").stdout)
    assert verified == {"model": "m", "digest": trained["digest"]}
    run("model", "verify", "m", "--digest", "0" * 64, status=2)
    stricter = json.loads(run("model", "threshold", "m", "--false-alarms", "0", "--json").stdout)
    assert stricter["digest"] != trained["digest"]
    assert stricter["decisions"][0]["threshold"] >= trained["decisions"][0]["threshold"]
    assert stricter["decisions"][0]["calibration"]["n_over"] == 0
    json.loads(run("data", "remove", "mine", "--json").stdout)
    assert json.loads(run("data", "list", "--json").stdout)["data"] == []
    assert recordings.is_dir()
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == ["alerts.jsonl", "home", "m", "out"]


def test_an_alert_ends_with_one_and_silence_with_zero(
    invoke: Invoke, model: Path, tmp_path: Path
) -> None:
    write(tmp_path / "normal.txt", f"{NORMAL} " * 4)
    write(tmp_path / "strange.txt", f"{STRANGE} " * 4)
    assert invoke("detect", model, tmp_path / "normal.txt").stdout.startswith("0 alerts in 1 trace")
    out = invoke("detect", model, tmp_path / "strange.txt", status=1).stdout
    assert out.startswith("ALERT")
    assert "strange.txt:1" in out
    assert "socket (never seen)" in out
    assert out.endswith("1 alert in 1 trace, 16 calls\n")


def test_all_gives_one_record_a_trace(
    invoke: Invoke, model: Path, recordings: Path, tmp_path: Path
) -> None:
    write(tmp_path / "short.txt", "openat")
    out = invoke("detect", model, recordings, tmp_path, "--all", "--json", status=1).stdout
    found = records(out)
    names = [record["habitus"]["trace"]["name"] for record in found]
    files = sorted(path.relative_to(recordings) for path in recordings.rglob("*.txt"))
    assert names == [*(f"{file}:1" for file in files), "short.txt:1"]
    assert all(isinstance(record["score"], float) for record in found)
    explained = {r["verdict"]: r["habitus"]["explanation"] is not None for r in found}
    assert explained == {"alert": True, "normal": False}


def test_a_trace_too_short_has_a_verdict_and_a_score(
    invoke: Invoke, recordings: Path, tmp_path: Path
) -> None:
    invoke("train", "stide", "--data", recordings, "-o", tmp_path / "m", "--set", "n=5")
    write(tmp_path / "short.txt", "socket")
    done = invoke("detect", tmp_path / "m", tmp_path / "short.txt", "--all", "--json")
    (record,) = records(done.stdout)
    assert (record["verdict"], record["score"]) == ("not_scoreable", 0.0)
    assert "1 too short to be scored" in done.stderr


@pytest.mark.parametrize("packing", ["folder", "zip", "tar.xz", "stdin"])
def test_the_same_alerts_from_any_packing(
    run: Run, invoke: Invoke, model: Path, recordings: Path, tmp_path: Path, packing: str
) -> None:
    attacks = recordings / "attack" / "shell"
    if packing == "stdin":
        lines = "".join((attacks / f"run-{i}.txt").read_text() for i in range(3))
        out = run("detect", model, "-", "--json", stdin=lines, status=1).stdout
    else:
        path = attacks
        if packing == "zip":
            path = Path(shutil.make_archive(str(tmp_path / "a"), "zip", attacks))
        elif packing == "tar.xz":
            path = Path(shutil.make_archive(str(tmp_path / "a"), "xztar", attacks))
        out = invoke("detect", model, path, "--json", status=1).stdout
    wanted = records(invoke("detect", model, attacks, "--json", status=1).stdout)
    assert [r["score"] for r in records(out)] == [r["score"] for r in wanted]


def test_several_places_are_judged_in_turn(invoke: Invoke, model: Path, recordings: Path) -> None:
    shell, miner = (recordings / "attack" / kind for kind in ("shell", "miner"))
    out = invoke("detect", model, shell, miner, "--json", status=1)
    assert "in 6 traces" in out.stderr
    sources = [record["habitus"]["trace"]["source"] for record in records(out.stdout)]
    assert sources == sorted(sources, key=lambda source: "miner" in source)


def test_an_explanation_shows_the_lines_of_the_source(
    invoke: Invoke, recordings: Path, tmp_path: Path
) -> None:
    for i in range(4):
        lines = [
            f"7  1700000000.{j:06} {c}(0) = 0"
            for j, c in enumerate((NORMAL + " ").split() * (i + 3))
        ]
        write(tmp_path / "normal" / f"run-{i}.strace", "\n".join(lines))
    strange = [*lines, '7  1700000009.000000 connect(3, "evil.example") = 0']
    write(tmp_path / "strange.strace", "\n".join(strange))
    invoke("train", "ngram", "--data", tmp_path / "normal", "-o", tmp_path / "m")
    out = invoke("explain", tmp_path / "m", tmp_path / "strange.strace", "--stretch", 3).stdout
    assert 'connect(3, "evil.example") = 0' in out
    assert str(len(strange)) in out
    assert "never seen" in out
    assert "nearest normal stretch" in out


def test_a_trace_is_explained_by_name(invoke: Invoke, model: Path, recordings: Path) -> None:
    named = invoke("explain", model, recordings, "--trace", "normal/run-3.txt:1", "--json").stdout
    record = checked("alert", json.loads(named))
    assert record["habitus"]["trace"]["name"] == "normal/run-3.txt:1"
    assert record["habitus"]["explanation"]["calls"]
    out = invoke("explain", model, recordings, "--trace", "nobody", status=2).stderr
    assert "'nobody'" in out
    assert "detect --all" in out


def test_two_models_side_by_side_where_one_cannot_score_a_kind(
    invoke: Invoke, recordings: Path, tmp_path: Path
) -> None:
    """STIDE cannot score attacks of four calls; the table says so and goes on."""
    folder = tmp_path / "data"
    shutil.copytree(recordings, folder)
    write(folder / "attack" / "tiny" / "run-0.txt", "socket connect")
    for name in ("ngram", "stide"):
        invoke("train", name, "--data", folder, "-o", tmp_path / name)
    for pair in (("ngram", "stide"), ("stide", "ngram")):
        out = invoke("evaluate", *(tmp_path / name for name in pair), "--data", folder).stdout
        (row,) = [line for line in out.splitlines() if "tiny (1)" in line]
        assert "-" in row.split()
        assert "trivial:" in out


def test_the_same_seed_trains_the_same_weights(
    invoke: Invoke, recordings: Path, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        invoke("train", "ngram", "--data", recordings, "-o", tmp_path / name, "--seed", 7)
    first, second = ((tmp_path / n / "weights.safetensors").read_bytes() for n in ("a", "b"))
    assert first == second


def test_a_threshold_from_other_traces(
    invoke: Invoke, model: Path, recordings: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "m"
    shutil.copytree(model, copy)
    fresh = tmp_path / "fresh"
    for i in range(10):
        write(fresh / f"run-{i}.txt", f"{NORMAL} stat " * (i + 2))
    out = invoke("model", "threshold", copy, "--false-alarms", "20%", "--data", fresh, "--json")
    calibration = json.loads(out.stdout)["decisions"][0]["calibration"]
    assert calibration["method"] == "other traces"
    assert (calibration["n_traces"], calibration["n_over"]) == (10, 1)


def commands_of(group: typer.Typer, *above: str) -> list[tuple[str, ...]]:
    found = [(*above, c.name or "") for c in group.registered_commands]
    for sub in group.registered_groups:
        found += commands_of(sub.typer_instance, *above, sub.name or "")  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize("names", commands_of(app), ids=" ".join)
def test_every_command_explains_itself_with_an_example(
    invoke: Invoke, names: tuple[str, ...]
) -> None:
    out = invoke(*names, "--help").stdout
    assert "Example:" in out
    assert f"habitus {' '.join(names)}" in out.partition("Example:")[2]
    assert invoke(*names, "-h").stdout == out


def test_every_command_is_in_the_overview() -> None:
    names = {names[0] for names in commands_of(app)}
    assert names >= {"data", "demo", "detect", "evaluate", "explain", "model", "train"}


def test_python_m_habitus_is_the_command(run: Run, tmp_path: Path) -> None:
    assert run("--version").stdout == f"habitus {habitus.__version__}\n"
    script = Path(sys.executable).with_name("habitus")
    done = subprocess.run(
        [script, "--version"], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout == f"habitus {habitus.__version__}\n"


def test_lists_are_json_for_programs(invoke: Invoke) -> None:
    listed = {
        name: {entry["name"] for entry in json.loads(invoke(name, "--json").stdout)}
        for name in ("detectors", "formats", "protocols")
    }
    flows = habitus.flow_detector_names()
    assert listed["detectors"] == {*habitus.detector_names(), *flows}
    assert listed["formats"] == {*habitus.format_names(), *flow_format_names()}
    assert {"adfa-ld", "adfa-ld/final", "folder"} <= listed["protocols"]
    for name, entries in listed.items():
        table = invoke(name).stdout
        assert all(entry in table for entry in entries)


def test_a_zip_within_the_home_is_read_in_place(
    invoke: Invoke, recordings: Path, tmp_path: Path
) -> None:
    path = tmp_path / "mine.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(recordings.rglob("*.txt")):
            archive.write(file, file.relative_to(recordings))
    invoke("data", "add", "mine", path)
    path.unlink()
    out = invoke("train", "ngram", "--data", "mine", "-o", tmp_path / "m", "--json").stdout
    assert json.loads(out)["provenance"]["part"] == "folder"
