"""``habitus data`` as a user runs it, against a server on this machine."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from typing import TYPE_CHECKING, Any

import pytest
from command_line import command_of, environment

from habitus.datasets.known import KNOWN
from local_server import LocalServer, redirect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from command_line import Invoke, Run

CAPTURE = b"\xd4\xc3\xb2\xa1" + bytes(range(252)) + bytes(range(256)) * 3_999
NAME = "flowmeter-webgoat"


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer() as made:
        made.files["/webgoat.pcap"] = CAPTURE
        yield made


def get_of(server: LocalServer, name: str = NAME) -> tuple[str, ...]:
    return ("data", "get", name, "--mirror", f"{server.address}/")


def test_a_set_is_fetched_used_told_of_and_removed(run: Run, server: LocalServer) -> None:
    done = run(*get_of(server))
    assert f"{NAME} fetched webgoat.pcap, 1,024,000 bytes, sha256 " in done.stdout
    assert "terms: no licence stated" in done.stdout
    assert "cite: Deepfence" in done.stdout
    assert "trusted on first use" in done.stderr
    assert "is there already, and unchanged" in run(*get_of(server)).stdout
    assert server.paths() == ["/webgoat.pcap"]

    told = run("data", "info", NAME).stdout
    for words in ("trusted on first use", f"{server.address}/webgoat.pcap", "terms ", "cite "):
        assert words in told
    info = json.loads(run("data", "info", NAME, "--json").stdout)
    assert info["entry"]["trust"] == "first use"
    assert info["path"].endswith("/webgoat.pcap")

    listed = json.loads(run("data", "list", "--json").stdout)
    assert [entry["name"] for entry in listed["data"]] == [NAME]
    assert {known["name"] for known in listed["known"]} == set(KNOWN) - {NAME}
    assert run("data", "remove", NAME).stdout == f"{NAME} removed\n"


def test_what_is_not_there_yet_is_told_with_how_to_get_it(run: Run) -> None:
    told = run("data", "info", "adfa-ld").stdout
    for words in ("2,381,193", *KNOWN["adfa-ld"].addresses, "habitus data get adfa-ld", "cite "):
        assert words in told
    info = json.loads(run("data", "info", "unm-lpr", "--json").stdout)
    assert (info["entry"], info["path"]) == (None, None)
    assert info["known"]["page"]["addresses"] == [
        "https://www.cs.unm.edu/~immsec/data/live-lpr.html"
    ]
    assert "habitus data get NAME" in run("data", "list").stdout
    assert "no data set is called 'x'" in run("data", "info", "x", status=2).stderr


def test_ones_own_come_first_and_the_public_ones_by_family(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "calls.txt").write_text("openat\n")
    invoke("data", "add", "shop", tmp_path / "calls.txt")
    lines = [line.split() for line in invoke("data", "list").stdout.splitlines()]
    names = [words[0] for words in lines if words]
    assert names.index("shop") < names.index("demo") < names.index("adfa-ld")
    assert ["unm-*", "(9)"] in [words[:2] for words in lines]
    assert len(lines) < 20
    listed = invoke("data", "list", "--all").stdout
    assert all(name in listed for name in KNOWN)


def test_the_shipped_recordings_are_told_of(invoke: Invoke) -> None:
    told = invoke("data", "info", "demo").stdout
    assert "recorded.tar.xz, a part of Habitus" in told
    info = json.loads(invoke("data", "info", "demo", "--json").stdout)
    assert (info["entry"], info["known"]) == (None, None)
    assert info["shipped"] == json.loads(invoke("data", "list", "--json").stdout)["shipped"][0]
    assert "cannot be removed" in invoke("data", "remove", "demo", status=2).stderr


def test_what_was_not_copied_is_said(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "set" / "empty").mkdir(parents=True)
    (tmp_path / "set" / "a.txt").write_text("openat\n")
    done = invoke("data", "add", "mine", tmp_path / "set", "--json")
    assert done.stderr == "left out of the copy: 1 thing: empty: an empty folder\n"
    assert json.loads(done.stdout)["left_out"]["count"] == 1
    assert "left out   empty: an empty folder" in invoke("data", "info", "mine").stdout


def test_another_file_under_a_known_name_is_said_to_be_so(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("openat\n")
    said = invoke("data", "add", "adfa-ld", tmp_path / "a.txt").stdout
    assert 0 < said.index("this is not the file known as adfa-ld") < said.index("terms: ")
    assert str(KNOWN["adfa-ld"].sha256) in said


def test_offline_there_is_one_error_and_no_traceback(run: Run, home: Path) -> None:
    done = run("data", "get", "adfa-ld", status=2)
    assert done.stdout == ""
    assert done.stderr.startswith("habitus: adfa-ld: ADFA-LD.zip could not be fetched\n")
    for address in KNOWN["adfa-ld"].addresses:
        assert f"  {address}: no connection: " in done.stderr
    assert "habitus data add adfa-ld PATH" in done.stderr
    assert not (home / "data").exists()


def test_a_redirect_to_a_file_reads_no_file(run: Run, server: LocalServer) -> None:
    server.bad["/webgoat.pcap"] = redirect("file:///etc/hostname")
    done = run(*get_of(server), status=2)
    assert "redirected to file:///etc/hostname: only http and https are followed" in done.stderr


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGINT])
def test_a_fetch_that_is_ended_goes_on_where_it_was(
    run: Run, home: Path, server: LocalServer, end: signal.Signals
) -> None:
    """Half of the file comes; then the server waits until the command has been ended."""
    ended = threading.Event()

    def half_and_wait(handler: Any) -> None:
        handler.give(CAPTURE, cut=len(CAPTURE) // 2)
        handler.wfile.flush()
        ended.wait(60)

    server.bad["/webgoat.pcap"] = half_and_wait
    process = subprocess.Popen(
        command_of(*get_of(server)), env=environment(home), stderr=subprocess.PIPE, text=True
    )
    parts = home / "downloads" / NAME / "parts"
    while not sum(path.stat().st_size for path in parts.glob("*.part")) >= len(CAPTURE) // 2:
        assert process.poll() is None
    process.send_signal(end)
    _, said = process.communicate(timeout=60)
    ended.set()
    if end == signal.SIGINT:
        assert process.returncode == 130
        assert said.startswith("what came is kept; the same command goes on from there\n")
    assert not (home / "data").exists()

    del server.bad["/webgoat.pcap"]
    run(*get_of(server))
    assert server.asked[-1] == ("/webgoat.pcap", f"bytes={len(CAPTURE) // 2}-", '"v1"')
    [fetched] = (home / "data" / NAME / "content").iterdir()
    assert fetched.read_bytes() == CAPTURE
    assert [path.name for path in (home / "downloads").iterdir()] == [f"{NAME}.lock"]


def test_whose_data_they_are_is_said_at_their_first_use(
    invoke: Invoke, recordings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under any path, and once."""
    from dataclasses import replace

    from habitus.storage import sha256_of_path

    adfa = KNOWN["adfa-ld"]
    ours = replace(adfa.files[0], sha256=sha256_of_path(recordings))
    monkeypatch.setitem(KNOWN, "adfa-ld", replace(adfa, files=(ours,)))
    train = ("train", "stide", "--data", recordings, "-o", tmp_path / "model")
    assert f"terms: {adfa.terms}\ncite: {adfa.citation}\n" in invoke(*train).stderr
    assert "terms: " not in invoke(*train).stderr
    assert "terms: " not in invoke("evaluate", tmp_path / "model", "--data", recordings).stderr


def test_evaluation_says_whose_data_they_are_too(
    invoke: Invoke, recordings: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from habitus.storage import sha256_of_path

    adfa = KNOWN["adfa-ld"]
    ours = replace(adfa.files[0], sha256=sha256_of_path(recordings))
    monkeypatch.setitem(KNOWN, "adfa-ld", replace(adfa, files=(ours,)))
    result = invoke("evaluate", model, "--data", recordings, "--json")
    assert f"cite: {adfa.citation}" in result.stderr
    json.loads(result.stdout)
