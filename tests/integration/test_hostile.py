"""Whatever is thrown at it: a clear message, the right status, and nothing half-written."""

from __future__ import annotations

import gzip
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from command_line import NORMAL, STRANGE, command_of, environment, write

from habitus.detectors.ngram import NGram

if TYPE_CHECKING:
    from command_line import Invoke, Run


def left_over(folder: Path) -> list[str]:
    """Everything below a folder that looks like half of something."""
    marks = (".partial", ".old", ".tmp")
    return [str(path) for path in folder.rglob("*") if path.name.endswith(marks)]


def truncated_zip(folder: Path) -> Path:
    path = folder / "cut.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", f"{NORMAL} " * 500)
    path.write_bytes(path.read_bytes()[:-30])
    return path


def climbing_zip(folder: Path) -> Path:
    path = folder / "climb.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../../escaped.txt", NORMAL)
    return path


def junk(folder: Path) -> Path:
    path = folder / "junk.bin"
    path.write_bytes(bytes(range(256)) * 40)
    return path


def cut_gzip(folder: Path) -> Path:
    path = folder / "cut.txt.gz"
    path.write_bytes(gzip.compress(os.urandom(3000).hex().encode())[:-200])
    return path


def empty_folder(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def empty_file(folder: Path) -> Path:
    (folder / "empty.txt").touch()
    return folder / "empty.txt"


def missing(folder: Path) -> Path:
    return folder / "nowhere"


HOSTILE = {
    truncated_zip: r"cut\.zip.*cut off or damaged",
    climbing_zip: r"climb\.zip.*points outside the archive",
    junk: r"junk\.bin: no format recognises it; formats: adfa, ",
    cut_gzip: r"cut\.txt\.gz.*(damaged or truncated|no trace)",
    empty_folder: r"empty.*no trace could be read",
    empty_file: r"empty\.txt.*no trace could be read",
    missing: r"nowhere",
}


@pytest.mark.parametrize("made", HOSTILE, ids=lambda made: made.__name__)
@pytest.mark.parametrize("command", ["detect", "explain", "train", "evaluate", "threshold"])
def test_unusable_input_is_told_by_name(
    invoke: Invoke, model: Path, tmp_path: Path, command: str, made: Any
) -> None:
    place = tmp_path / "place"
    place.mkdir()
    path = made(place)
    kept = tmp_path / "m"
    shutil.copytree(model, kept)
    before = {file.name: file.read_bytes() for file in kept.iterdir()}
    out = tmp_path / "out"
    arguments = {
        "detect": ["detect", kept, path, "-o", out],
        "explain": ["explain", kept, path],
        "train": ["train", "ngram", "--data", path, "-o", out],
        "evaluate": ["evaluate", kept, "--data", path, "-o", out],
        "threshold": ["model", "threshold", kept, "--false-alarms", "1%", "--data", path],
    }
    result = invoke(*arguments[command], status=2)
    first = result.stderr.splitlines()[0]
    assert first.startswith("habitus: ")
    assert re.search(HOSTILE[made], result.stderr, re.DOTALL)
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert not out.exists()
    assert not left_over(tmp_path)
    assert {file.name: file.read_bytes() for file in kept.iterdir()} == before
    assert not (tmp_path.parent / "escaped.txt").exists()


def test_hostile_input_in_a_process_of_its_own(run: Run, model: Path, tmp_path: Path) -> None:
    for made in (truncated_zip, junk, empty_folder, missing):
        done = run("detect", model, made(tmp_path), "-o", "out", status=2)
        assert done.stderr.startswith("habitus: ")
    done = run("detect", model, "-", stdin="", status=2)
    assert "no trace could be read" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_trace_of_one_call_is_judged(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    write(tmp_path / "one.txt", "socket")
    (record,) = invoke(
        "detect", model, tmp_path / "one.txt", "--json", status=1
    ).stdout.splitlines()
    assert json.loads(record)["habitus"]["trace"]["n_calls"] == 1
    assert "socket" in invoke("explain", model, tmp_path / "one.txt").stdout


def test_an_unreadable_file_is_told(
    invoke: Invoke, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permissions do not stop root, so that the system's refusal is played here."""
    write(tmp_path / "data" / "secret.txt", NORMAL)
    write(tmp_path / "data" / "open.txt", f"{NORMAL} " * 4)
    real = Path.open

    def refuse(self: Path, *arguments: Any, **options: Any) -> Any:
        if self.name == "secret.txt":
            raise PermissionError(13, "Permission denied", str(self))
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    result = invoke("detect", model, tmp_path / "data" / "secret.txt", status=2)
    assert "secret.txt: cannot be read: Permission denied" in result.stderr
    result = invoke("detect", model, tmp_path / "data")
    assert "1 left out" in result.stderr
    assert "secret.txt: cannot be read: Permission denied" in result.stderr
    invoke("detect", model, tmp_path / "data", "--strict")


def test_broken_lines_are_counted_or_under_strict_an_error(
    invoke: Invoke, model: Path, tmp_path: Path
) -> None:
    write(tmp_path / "some.txt", f"{NORMAL}\n{NORMAL} \x1b[31m!!\n{NORMAL} {NORMAL}")
    result = invoke("detect", model, tmp_path / "some.txt", "--format", "plain", status=1)
    assert "1 broken and passed over" in result.stderr
    assert "some.txt:2" in result.stderr
    assert "\x1b" not in result.output
    strict = invoke(
        "detect", model, tmp_path / "some.txt", "--format", "plain", "--strict", "-o",
        tmp_path / "out", status=2,
    )  # fmt: skip
    assert "some.txt:2" in strict.stderr
    assert not (tmp_path / "out").exists()


@pytest.fixture
def half_damaged(tmp_path: Path) -> Path:
    """A folder whose first files hold attacks, and whose last is a truncated archive."""
    folder = tmp_path / "half"
    for i in range(3):
        write(folder / f"a{i}.strace", "".join(f"7 {c}() = 0\n" for c in STRANGE.split() * 9))
    # Of another format: readers deliver traces in batches, which do not span formats.
    whole = gzip.compress("".join(f"{NORMAL} " * (i % 9) + "\n" for i in range(9_000)).encode())
    (folder / "b.txt.gz").write_bytes(whole[: len(whole) // 2])
    return folder


def test_a_damaged_file_in_a_folder_is_read_as_far_as_it_is_sound(
    invoke: Invoke, model: Path, half_damaged: Path, tmp_path: Path
) -> None:
    """Whoever can damage one file must not hide the others, nor what stands before the damage."""
    out = tmp_path / "out.jsonl"
    result = invoke("detect", model, half_damaged, "-o", out, status=1)
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert {record["verdict"] for record in records} == {"alert"}
    sources = {record["habitus"]["trace"]["source"] for record in records}
    assert str(half_damaged / "b.txt.gz") in sources
    assert len(sources) > 1
    assert re.search(r"left out: .*b\.txt\.gz: read only as far as it is sound", result.stderr)


def test_a_damaged_file_alone_keeps_the_alerts_before_the_damage(
    invoke: Invoke, model: Path, half_damaged: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    damaged = half_damaged / "b.txt.gz"
    result = invoke("detect", model, damaged, "-o", out, status=2)
    records = [json.loads(line) for line in out.read_text().splitlines()]
    assert records
    assert out.read_text().endswith("}\n")
    first, last = (line for line in result.stderr.splitlines() if "broken" not in line)
    assert re.search(r"^habitus: .*b\.txt\.gz.*(damaged|truncated)", first)
    assert last == f"{len(records)} records from before that are kept in {out}"
    assert not left_over(tmp_path)
    printed = invoke("detect", model, damaged, "--json", status=2)
    assert len(printed.stdout.splitlines()) == len(records)
    assert "records from before that were printed" in printed.stderr


def judging_ends_in(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let everything be judged, and then this happen."""
    from habitus import api

    real = api.judge

    def judge(*arguments: Any, **options: Any) -> Any:
        yield from real(*arguments, **options)
        raise error

    monkeypatch.setattr(api, "judge", judge)


def test_an_error_of_the_system_while_reading_keeps_the_alerts_before_it(
    invoke: Invoke, model: Path, recordings: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    judging_ends_in(OSError(5, "Input/output error", "worn-out-disk"), monkeypatch)
    out = tmp_path / "out.jsonl"
    result = invoke("detect", model, recordings, "-o", out, status=2)
    assert "worn-out-disk: cannot be read: " in result.stderr
    assert out.read_text().count("\n") >= 3


def test_ctrl_c_keeps_no_records(
    invoke: Invoke, model: Path, recordings: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    judging_ends_in(KeyboardInterrupt(), monkeypatch)
    out = tmp_path / "out.jsonl"
    out.write_text("old")
    invoke("detect", model, recordings, "-o", out, status=130)
    assert out.read_text() == "old"
    assert not left_over(tmp_path)


@pytest.mark.parametrize("arguments", [["--json"], []])
def test_a_closed_pipe_keeps_the_file_and_the_status(
    home: Path, model: Path, recordings: Path, tmp_path: Path, arguments: list[str]
) -> None:
    """As `--json -o file | head`: only the pipe is given up."""
    out = tmp_path / "out.jsonl"
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            command_of("detect", model, recordings, "--all", "-o", out, *arguments),
            stdout=writing, text=True, stderr=subprocess.PIPE, check=False, timeout=120,
            env=environment(home),
        )  # fmt: skip
    finally:
        os.close(writing)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "rror" not in done.stderr
    assert len(out.read_text().splitlines()) == 18


@pytest.mark.parametrize(
    "arguments", [["-o", "-"], ["-o", "/dev/stdout"], ["--json", "-o", "-"], ["--json"]]
)
def test_records_alone_are_on_standard_output(
    run: Run, model: Path, recordings: Path, arguments: list[str]
) -> None:
    done = run("detect", model, recordings, "--all", *arguments, status=1)
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 18
    assert "in 18 traces" in done.stderr


@pytest.mark.parametrize("command", ["train", "detect", "evaluate", "threshold", "add"])
def test_a_full_disk_leaves_nothing(
    invoke: Invoke, model: Path, recordings: Path, tmp_path: Path, command: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    kept, out = tmp_path / "m", tmp_path / "out"
    shutil.copytree(model, kept)
    before = {file.name: file.read_bytes() for file in kept.iterdir()}

    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("habitus.storage.os.fsync", full)
    arguments = {
        "train": ["train", "ngram", "--data", recordings, "-o", out],
        "detect": ["detect", kept, recordings, "-o", out],
        "evaluate": ["evaluate", kept, "--data", recordings, "-o", out],
        "threshold": ["model", "threshold", kept, "--false-alarms", "50%"],
        "add": ["data", "add", "mine", recordings],
    }
    result = invoke(*arguments[command], status=2)
    assert "No space left on device" in result.stderr
    assert "Traceback" not in result.output
    assert not left_over(tmp_path)
    assert not out.exists() or not list(out.iterdir())
    assert {file.name: file.read_bytes() for file in kept.iterdir()} == before
    data = tmp_path / "home" / "data"
    assert not data.exists() or not list(data.iterdir())


def test_a_device_is_written_and_not_replaced(
    run: Run, model: Path, recordings: Path, tmp_path: Path
) -> None:
    done = run("detect", model, recordings, "-o", "/dev/full", status=2)
    assert "/dev/full: No space left on device" in done.stderr
    assert Path("/dev/full").is_char_device()
    done = run("detect", model, recordings / "attack" / "shell", "-o", "/dev/stdout", status=1)
    assert len([line for line in done.stdout.splitlines() if line.startswith("{")]) == 3
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    run("detect", model, recordings / "attack" / "shell", "-o", "link", status=1)
    assert (tmp_path / "link").is_symlink()
    assert len((tmp_path / "real").read_text().splitlines()) == 3


@pytest.mark.parametrize(
    "arguments",
    [["detectors"], ["detect", "MODEL", "DATA", "--all", "--json"], ["explain", "MODEL", "DATA"]],
    ids=lambda arguments: arguments[0],
)
def test_full_standard_output_is_told(
    home: Path, model: Path, recordings: Path, arguments: list[str]
) -> None:
    places = {"MODEL": model, "DATA": recordings}
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            command_of(*(places.get(a, a) for a in arguments)), stdout=full, text=True,
            stderr=subprocess.PIPE, check=False, timeout=120, env=environment(home),
        )  # fmt: skip
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [["detectors"], ["detect", "MODEL", "DATA", "--all", "--json"], ["explain", "MODEL", "DATA"]],
    ids=lambda arguments: arguments[0],
)
def test_a_closed_pipe_ends_quietly_and_not_as_if_all_were_judged(
    home: Path, model: Path, recordings: Path, arguments: list[str]
) -> None:
    """As behind `| head`: whoever reads has had enough before the first line is written."""
    places = {"MODEL": model, "DATA": recordings}
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            command_of(*(places.get(a, a) for a in arguments)), stdout=writing, text=True,
            stderr=subprocess.PIPE, check=False, timeout=120, env=environment(home),
        )  # fmt: skip
    finally:
        os.close(writing)
    assert done.returncode == 141
    assert done.stderr == ""


def interrupted(process: subprocess.Popen[bytes]) -> bytes:
    """What a command says to Ctrl-C, which is pressed until it is heard.

    A signal just before a read does not wake it; the end of the pipe, or more data, does.
    """
    assert process.stderr is not None
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        if select.select([process.stderr], [], [], 5)[0]:
            return process.stderr.readline()
    return b""


def last_words(process: subprocess.Popen[bytes]) -> str:
    """What an interrupted command said."""
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130, said
    return said.decode()


def test_ctrl_c_while_detecting_from_a_pipe(home: Path, model: Path, tmp_path: Path) -> None:
    """The pipe takes no 4 MiB: once they are written, the command is in the midst of reading."""
    process = subprocess.Popen(
        command_of("detect", model, "-", "-o", "alerts.jsonl"), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(home), cwd=tmp_path,
    )  # fmt: skip
    assert process.stdin is not None
    line = (f"{NORMAL} " * 50 + "\n").encode()
    process.stdin.write(line * 4000)
    process.stdin.flush()
    assert interrupted(process) == (
        b"habitus: judging what was read until now; Ctrl-C again stops at once\n"
    )
    while process.poll() is None:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=5)
    assert last_words(process) == "habitus: interrupted; nothing was half-written\n"
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == []


def test_ctrl_c_that_ends_the_recorder_lets_what_was_recorded_be_judged(
    home: Path, model: Path, tmp_path: Path
) -> None:
    """As in a terminal, where it goes to the whole pipe: its writer ends, and so does the pipe."""
    process = subprocess.Popen(
        command_of("detect", model, "-", "-o", "found.jsonl"), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(home), cwd=tmp_path,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(f"{STRANGE}\n".encode() + f"{NORMAL}\n".encode() * 6_000)
    process.stdin.flush()
    assert interrupted(process).startswith(b"habitus: judging what was read")
    printed, said = process.communicate(timeout=120)
    assert process.returncode == 1, said
    assert b" in 6,001 traces" in printed


def test_a_bug_does_not_look_like_an_alert(
    run: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import sys, habitus.api as api\n"
        "def judge(*a, **k): raise ZeroDivisionError('oops')\n"
        "api.judge = judge\n"
        "sys.argv = ['habitus', 'detect', *sys.argv[1:]]\n"
        "from habitus.cli.app import run\nrun()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(model), str(model)],
        capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 70
    said = "habitus: a bug in Habitus, please report it: ZeroDivisionError: oops"
    assert done.stderr.endswith(f"{said}\n")


def test_a_model_that_knows_no_call_of_a_trace_says_so(
    run: Run, model: Path, tmp_path: Path
) -> None:
    (tmp_path / "other.txt").write_text("mount umount2 reboot\n" * 3)
    done = subprocess.run(
        command_of("detect", model, "other.txt"), capture_output=True, text=True, check=False,
        timeout=120, cwd=tmp_path,
    )  # fmt: skip
    assert "3 of 3 traces make no call that this model knows" in done.stderr


def test_training_from_a_pipe_is_refused_and_does_not_wait(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "data.txt")
    done = run("train", "ngram", "--data", "data.txt", "-o", "m", status=2)
    assert "write them to a file first" in done.stderr
    assert not (tmp_path / "m").exists()
    assert not left_over(tmp_path)


def test_ctrl_c_while_fitting(
    invoke: Invoke, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(NGram, "fit", interrupt)
    result = invoke("train", "ngram", "--data", recordings, "-o", tmp_path / "m", status=130)
    assert "interrupted" in result.stderr
    assert not (tmp_path / "m").exists()
    assert not left_over(tmp_path)


def test_ctrl_c_while_saving_keeps_the_old_model(
    invoke: Invoke, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "m"
    shutil.copytree(model, kept)
    before = {file.name: file.read_bytes() for file in kept.iterdir()}

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("habitus.storage.os.fsync", interrupt)
    invoke("model", "threshold", kept, "--false-alarms", "50%", status=130)
    assert {file.name: file.read_bytes() for file in kept.iterdir()} == before
    assert not left_over(tmp_path)


ESCAPES = "\x1b[2J\x1b[31m\x07\x9b1m"


def test_escape_sequences_never_reach_the_terminal(
    invoke: Invoke, recordings: Path, tmp_path: Path
) -> None:
    """Names of files, folders, traces, models and data sets may hold what steers a terminal."""
    hostile = tmp_path / f"data{ESCAPES}"
    for i in range(4):
        write(hostile / "normal" / f"run{ESCAPES}-{i}.txt", f"{NORMAL} " * (i + 2))
    write(hostile / "attack" / f"kind{ESCAPES}" / f"x{ESCAPES}.txt", f"{STRANGE} " * 4)
    write(hostile / "attack" / "shell" / "x.txt", f"{STRANGE} " * 5)
    (hostile / f"junk{ESCAPES}").write_bytes(b"\x00\x1b[31m" * 9)
    made = tmp_path / f"m{ESCAPES}"
    common: list[tuple[int, tuple[object, ...]]] = [
        (0, ("train", "ngram", "--data", hostile, "-o", made)),
        (0, ("evaluate", made, "--data", hostile, "-o", tmp_path / f"out{ESCAPES}")),
        (1, ("detect", made, hostile, "--all")),
        (1, ("detect", made, hostile, "--all", "--json")),
        (0, ("explain", made, hostile)),
        (0, ("explain", made, hostile, "--json")),
        (0, ("model", "show", made)),
        (0, ("model", "show", made, "--json")),
        (0, ("model", "verify", made)),
        (0, ("model", "threshold", made, "--false-alarms", "10%", "--data", hostile)),
        (0, ("data", "add", "mine", hostile)),
        (0, ("data", "add", "mine", hostile, "--json")),
        (0, ("data", "list")),
        (0, ("data", "list", "--json")),
        (2, ("data", "add", f"x{ESCAPES}", hostile)),
        (2, ("data", "remove", f"x{ESCAPES}")),
        (2, ("detect", made, f"nowhere{ESCAPES}")),
        (2, ("detect", f"nowhere{ESCAPES}", hostile)),
        (2, ("explain", made, hostile, "--trace", ESCAPES)),
        (2, ("train", f"x{ESCAPES}", "--data", hostile, "-o", made)),
        (2, ("train", "ngram", "--data", hostile, "-o", made, "--set", ESCAPES)),
        (2, ("train", "ngram", "--data", hostile, "-o", made, "--set", f"order={ESCAPES}")),
        (2, ("evaluate", made, "--data", hostile, "--protocol", ESCAPES)),
        (2, ("evaluate", made, "--data", hostile, "--aggregation", ESCAPES)),
        (2, ("detect", made, hostile, "--format", ESCAPES)),
    ]
    for status, arguments in common:
        output = invoke(*arguments, status=status).output
        for character in ESCAPES:
            assert character.isprintable() or character not in output, arguments


def test_a_name_forges_no_line(invoke: Invoke, model: Path, tmp_path: Path) -> None:
    name = "x\nALERT    99.0000  innocent.txt"
    write(tmp_path / "data" / name, f"{STRANGE} " * 4)
    out = invoke("detect", model, tmp_path / "data", status=1).stdout
    assert len([line for line in out.splitlines() if line.startswith("ALERT")]) == 1


FORGED = "x\nALERT    99.0000  innocent"


def test_a_name_forges_no_line_in_warnings_and_messages(
    invoke: Invoke, model: Path, tmp_path: Path
) -> None:
    data, empty, strict = tmp_path / "data", tmp_path / "empty", tmp_path / "s"
    for folder in (data, empty):
        folder.mkdir()
        (folder / f"{FORGED}.txt").touch()
        (folder / f"{FORGED}.bin").write_bytes(b"\x00\x01" * 20)
    write(data / "sound.txt", f"{STRANGE} " * 4)
    write(strict / f"{FORGED}.txt", f"{NORMAL}\n{NORMAL} !!\n{NORMAL} {NORMAL}")
    common: list[tuple[int, tuple[object, ...]]] = [
        (1, ("detect", model, data)),
        (1, ("detect", model, data, "--json")),
        (2, ("detect", model, empty)),
        (2, ("detect", model, tmp_path / FORGED)),
        (2, ("detect", tmp_path / FORGED, data)),
        (2, ("detect", model, strict, "--format", "plain", "--strict")),
        (1, ("detect", model, strict, "--format", "plain")),
        (0, ("explain", model, strict, "--format", "plain")),
        (2, ("explain", model, data, "--trace", FORGED)),
        (2, ("train", FORGED, "--data", data, "-o", tmp_path / "out")),
    ]
    for status, arguments in common:
        result = invoke(*arguments, status=status)
        forged = [line for line in result.output.splitlines() if line.startswith("ALERT    99.0")]
        assert not forged, arguments


def test_a_broken_plug_in_is_told_and_left_out(
    home: Path, model: Path, recordings: Path, tmp_path: Path
) -> None:
    write(tmp_path / "site" / "broken.py", "raise RuntimeError('no luck')")
    info = tmp_path / "site" / "broken_package-1.dist-info"
    write(info / "METADATA", "Metadata-Version: 2.1\nName: broken-package\nVersion: 1")
    write(info / "entry_points.txt", "[habitus.formats]\nodd = broken:ODD\n"
          "[habitus.detectors]\nodd = broken:Odd")  # fmt: skip
    site = {"PYTHONPATH": str(tmp_path / "site"), "PYTHONWARNINGS": ""}

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command_of(*arguments), capture_output=True, text=True, check=False, timeout=120,
            env=environment(home) | site, cwd=tmp_path,
        )  # fmt: skip

    told = "habitus: left out: the {} 'odd', which broken-package declares, cannot be imported: "
    for what, *arguments in (
        ("format", "detect", model, recordings / "normal" / "run-0.txt"),
        ("format", "formats"),
        ("detector", "detectors"),
    ):
        done = run(*arguments)
        assert done.returncode in {0, 1}, done.stderr
        assert done.stderr.count(told.format(what) + "RuntimeError: no luck\n") == 1
    done = run("train", "odd", "--data", recordings, "-o", "m")
    assert done.returncode == 2
    assert "the detector 'odd', which broken-package declares, cannot" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "nobody", "--data", "D", "-o", "O"), "stide"),
        (("train", "ngram", "--data", "D", "-o", "O", "--set", "order"), "name=value"),
        (("train", "ngram", "--data", "D", "-o", "O", "--set", "order=0"), "ngram: order"),
        (("train", "ngram", "--data", "D", "-o", "O", "--set", "x=1"), "there is no setting 'x'"),
        (("train", "ngram", "--data", "D", "-o", "O", "--set", "order=1", "--set", "order=2"),
         "each setting once"),
        (("train", "ngram", "--data", "D", "-o", "O", "--false-alarms", "lots"), "1% or 0.01"),
        (("train", "ngram", "--data", "D", "-o", "O", "--false-alarms", "100%"), "below 1"),
        (("train", "ngram", "--data", "D", "-o", "O", "--false-alarms", "nan"), "below 1"),
        (("train", "ngram", "--data", "D", "-o", "O", "--aggregation", "max"), "quantile:Q"),
        (("train", "ngram", "--data", "D", "-o", "O", "--protocol", "p"), "adfa-ld/distinct"),
        (("train", "ngram", "--data", "adfa-ld", "-o", "O"), "habitus data add adfa-ld FILE"),
        (("train", "ngram", "--data", "no-such", "-o", "O"), "no data set and no file"),
        (("evaluate", "O", "--data", "D"), "no model here"),
        (("detect", "O", "D"), "no model here"),
        (("detect", "M", "D", "--format", "pcap"), "adfa, auditd, falco, lid-ds"),
        (("detect", "M", "D", "--stretch", "0"), "stretch"),
        (("explain", "M", "D", "--stretch", "201"), "stretch"),
        (("nonsense",), "nonsense"),
    ],
)  # fmt: skip
def test_wrong_use_is_told_with_what_is_right(
    invoke: Invoke, model: Path, recordings: Path, tmp_path: Path, arguments: tuple[str, ...],
    message: str,
) -> None:  # fmt: skip
    places = {"D": recordings, "O": tmp_path / "out", "M": model}
    result = invoke(*(places.get(a, a) for a in arguments), status=2)
    assert message in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_place_that_cannot_take_the_model_is_told_before_the_work(
    invoke: Invoke, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def worked(*_: object, **__: object) -> None:
        pytest.fail("trained, although the model could not be kept")

    monkeypatch.setattr(NGram, "fit", worked)
    write(tmp_path / "file", "precious")
    write(tmp_path / "folder" / "file", "precious")
    for place in ("file", "folder"):
        result = invoke("train", "ngram", "--data", recordings, "-o", tmp_path / place, status=2)
        assert place in result.stderr
    assert (tmp_path / "file").read_text() == "precious\n"
