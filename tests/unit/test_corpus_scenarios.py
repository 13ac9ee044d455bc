"""Scenario files say what is recorded, and strace's lines become traces of names alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from habitus import Label, TraceInfo, TraceSet, read_traces

ROOT = Path(__file__).parents[2]
SAMPLE = ROOT / "corpus" / "sample"


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))
    # A folder of the fuzzing tests has the same name, and is no package.
    for name in [name for name in sys.modules if name.partition(".")[0] == "corpus"]:
        if getattr(sys.modules[name], "__file__", None) is None:
            del sys.modules[name]


def of_text(tmp_path: Path, text: str) -> list[Any]:
    from corpus.scenarios import read_scenarios

    (tmp_path / "family.toml").write_text(text)
    return read_scenarios(tmp_path)


def test_every_scenario_that_ships_can_be_read() -> None:
    from corpus.scenarios import read_scenarios

    variants = read_scenarios()
    assert len({variant.key for variant in variants}) == len(variants) > 1_500
    assert all("@" not in variant.run.split(" ")[0] for variant in variants)


def test_a_scenario_is_played_with_each_of_its_choices(tmp_path: Path) -> None:
    text = (
        '[s]\nrun = ["@p@ @o@ text.txt", "once"]\neach = { p = ["sort", "uniq"], o = ["", "-r"] }'
    )
    variants = of_text(tmp_path, text)
    assert [variant.run for variant in variants] == [
        "sort  text.txt", "sort -r text.txt", "uniq  text.txt", "uniq -r text.txt", "once",
    ]  # fmt: skip
    assert [variant.needs for variant in variants][2:] == [("uniq",), ("uniq",), ("once",)]
    assert {variant.group for variant in variants} == {"family/s"}
    assert variants[3].key == "family.s.04"


def test_a_first_word_that_a_shell_does_itself_needs_no_program(tmp_path: Path) -> None:
    lines = ["for f in *; do wc $f; done", "(ls) | wc", "./made", "A=1 ls", "cd x; ls", "ls>x"]
    variants = of_text(tmp_path, f"[s]\nrun = {json.dumps(lines)}")
    assert [variant.needs for variant in variants] == [(), (), (), (), (), ("ls",)]


def test_what_a_program_that_is_missing_leaves_out_is_told(tmp_path: Path) -> None:
    from corpus.scenarios import missing

    variants = of_text(tmp_path, '[s]\nrun = ["nosuchprogram -x", "ls"]\nneeds = ["nosuch2"]')
    assert missing(variants) == {"nosuch2": ["family/s"], "nosuchprogram": ["family/s"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[s]\nrun = 5", "run: must be text"),
        ("[s]\nsetup = 'x'", "says what to `run`"),
        ("[s]\nrun = 'x'\nseed = 1", r"unknown \['seed'\]"),
        ("[Big]\nrun = 'x'", "lower-case"),
        ("[s\nrun = 'x'", "is no TOML"),
        ("[s]\nrun = 'x'\neach = 'y'", "each must be a table"),
    ],
)
def test_a_wrong_scenario_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    from corpus.scenarios import ScenarioError

    with pytest.raises(ScenarioError, match=rf"family\.toml.*{said}"):
        of_text(tmp_path, text)


LINES = rb"""7 execve("/usr/bin/dash", ["dash", "-c", "x"], 0x7ffd) = 0
7 brk(NULL)   = 0x55
7 vfork( <unfinished ...>
8 execve("/nosuch/ls", ["ls"], 0x1) = -1 ENOENT (No such file or directory)
8 execve("/usr/bin/ls", ["ls"], 0x1 <unfinished ...>
7 <... vfork resumed>)  = 8
8 <... execve resumed>) = 0
8 openat(0xffffff9c, 0x7f, 0x80000, 0) = 3
8 exit_group(0) = ?
8 +++ exited with 0 +++
7 wait4(-1 <unfinished ...>
7 clone(0x1200011, 0) = 0x9
9 getuid() = 0
9 clone3(0x7f, 0x58 <unfinished ...>
12 gettid() = 0xc
9 <... clone3 resumed>) = 0xc
9 clone(0x1200011, 0) = 0xd
8 getpid() = 8
8 +++ killed by SIGKILL +++
7 exit_group(0) = ?
7 +++ exited with 0 +++
"""


def collected(**limits: int) -> Any:
    from corpus.calls import CallsOf

    found = CallsOf(**limits)
    for begin in range(0, len(LINES), 11):  # pieces end anywhere
        found.feed(LINES[begin : begin + 11])
    return found


def test_each_process_is_a_trace_of_names_and_a_number_that_comes_again_is_another() -> None:
    found = collected()
    names = {number: name.decode() for name, number in found.alphabet.items()}
    assert [(t.name, [names[call] for call in t.calls]) for t in found.kept] == [
        ("dash", ["execve", "brk", "vfork", "wait4", "clone", "exit_group"]),
        ("ls", ["execve", "execve", "openat", "exit_group"]),
        ("dash", ["getuid", "clone3", "clone"]),
        ("dash", ["gettid"]),
        ("unknown", ["getpid"]),
    ]
    assert found.paths == {"/usr/bin/dash", "/usr/bin/ls"}
    assert found.root_ended


def test_what_is_beyond_a_limit_is_counted() -> None:
    found = collected(max_calls=3, max_traces=2)
    assert [len(trace.calls) for trace in found.traces] == [3, 3]
    assert [trace.beyond for trace in found.traces] == [3, 1]
    assert (found.not_kept, found.n_calls) == (4, 15)


def test_the_same_run_makes_the_same_files_and_another_makes_others(tmp_path: Path) -> None:
    from corpus.inputs import make_inputs

    contents = []
    for name, run in (("a", 1), ("b", 1), ("c", 2)):
        make_inputs(tmp_path / name, run)
        files = [p for p in sorted((tmp_path / name).rglob("*")) if p.is_file()]
        contents.append([(p.relative_to(tmp_path / name), p.read_bytes()) for p in files])
    assert contents[0] == contents[1] != contents[2]


def test_the_hash_is_of_what_was_recorded_and_not_of_how_it_is_kept() -> None:
    from corpus.packing import corpus_digest
    from corpus.recording import digest_of

    infos = [TraceInfo("f/s/01-01/0001-ls", "corpus", Label.NORMAL)]
    one = TraceSet.from_names([["open", "read"]], infos=infos)
    other = TraceSet.from_names([["x"], ["open", "read"]], infos=infos * 2).select([1])
    assert digest_of(one) == digest_of(other)
    assert digest_of(one) != digest_of(TraceSet.from_names([["open"]], infos=infos))
    told = [
        {"family": "f", "scenario": "s", "variant": v, "run": 1, "sha256": str(v)} for v in (1, 2)
    ]
    assert corpus_digest(told) == corpus_digest(told[::-1]) != corpus_digest(told[:1])


def test_the_sample_is_what_its_manifest_says() -> None:
    from corpus.packing import corpus_digest

    manifest = json.loads((SAMPLE / "corpus.json").read_text())
    traces = read_traces(SAMPLE / "corpus.habitus.zst")
    assert (traces.n_traces, traces.n_calls) == (
        manifest["totals"]["traces"], manifest["totals"]["calls"],
    )  # fmt: skip
    assert corpus_digest(manifest["recordings"]) == manifest["sha256"]
    assert all(info.label == Label.NORMAL for info in traces.infos)
    assert sum(path.stat().st_size for path in SAMPLE.iterdir()) <= 200_000
    # Names of programs and calls alone: no path, no argument.
    text = (SAMPLE / "corpus.json").read_text()
    assert "/usr" not in text
    assert "/home" not in text
    assert all(name.replace("_", "").isalnum() for name in traces.alphabet)
