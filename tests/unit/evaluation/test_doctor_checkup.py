"""The check-up as a whole: parts, registry, schema, command, and what evaluations keep."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import numpy as np
import pytest
from adfa_tree import TRAINING, VALIDATION, adfa_tree
from examinations import examined, traces_of, with_infos
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

import habitus
from habitus.cli import commands  # noqa: F401 - registers them
from habitus.cli.app import app
from habitus.errors import InputError, ProtocolError
from habitus.evaluation.doctor.checkup import Checkup, checkup_of, findings_of
from habitus.evaluation.doctor.examination import examined_of
from habitus.evaluation.doctor.findings import MAX_EXAMPLE_CHARACTERS, SEVERITIES
from habitus.evaluation.doctor.registry import CHECKS
from habitus.evaluation.flows.doctor.checkup import KINDS as FLOW_KINDS
from habitus.evaluation.protocols import get_protocol
from habitus.traces.formats.native import write_native
from habitus.traces.traceset import Label, TraceSet

if TYPE_CHECKING:
    from collections.abc import Callable

PACKAGE = Path(habitus.__file__).parent
SCHEMA = json.loads((PACKAGE / "schemas" / "checkup.schema.json").read_text())
DOCUMENTED = (Path(__file__).parents[3] / "docs" / "reference" / "findings.md").read_text()


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(adfa_tree(tmp_path_factory.mktemp("data")))


def valid(checkup: Checkup) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(checkup.to_json())
    jsonschema.Draft202012Validator(SCHEMA).validate(read)
    return read


def run(*arguments: str, width: int | None = None) -> str:
    environment = {} if width is None else {"COLUMNS": str(width)}
    done = CliRunner(env=environment).invoke(app, ["data", "check", *arguments])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_every_kind_of_finding_is_documented_and_named_once() -> None:
    kinds = [*(kind for kind, _ in CHECKS), *FLOW_KINDS]
    assert len({kind.id for kind in kinds}) == len(kinds)
    assert re.findall(r"^## (.*)$", DOCUMENTED, re.MULTILINE) == [kind.id for kind in kinds]
    for kind in kinds:
        assert re.fullmatch(r"[a-z]+(-[a-z]+)*", kind.id)
        assert min(map(len, (kind.meaning, kind.effect, kind.remedy, kind.reason))) > 20
        if kind.warning is not None and kind.serious is not None:
            assert kind.warning < kind.serious


ROWS = st.lists(
    st.lists(
        st.sampled_from(["read", "exit_group", "execve", "x:1", "x:2", "i386:999"]), max_size=12
    ),
    max_size=5,
)


@settings(max_examples=40)
@given(learned=ROWS, normal=ROWS, attack=ROWS, unlabelled=ROWS)
def test_whatever_the_traces_every_check_holds(**parts: list[list[str]]) -> None:
    """Each finds only its own kind, counts within bounds, and the whole is valid."""
    if not any(parts.values()):
        return
    data = examined(formats=["adfa"], **parts)
    for kind, check in CHECKS:
        for finding in check(data):
            assert finding.id == kind.id
            assert 0 <= finding.count <= finding.out_of
            assert len(finding.examples) <= 5
    checkup = checkup_of(data, name="x", sha256="0" * 64)
    valid(checkup)
    assert [part.role for part in checkup.parts] == [role for role in parts if parts[role]]
    grades = [SEVERITIES.index(finding.severity) for finding in checkup.findings]
    assert grades == sorted(grades)


def test_parts_follow_split_and_label(tree: str) -> None:
    checkup = habitus.check(tree)
    assert [(p.name, p.role, p.traces) for p in checkup.parts] == [
        ("training", "learned", len(TRAINING)),
        ("validation", "normal", len(VALIDATION)),
        ("attack", "attack", 40),
    ]
    validation = checkup.parts[1]
    assert validation.distinct == len(set(VALIDATION))
    lengths = [len(trace.split()) for trace in VALIDATION]
    assert (validation.shortest, validation.longest) == (min(lengths), max(lengths))
    assert validation.median == np.median(lengths)
    assert validation.alphabet == len({call for trace in VALIDATION for call in trace.split()})
    assert checkup.parts[2].recordings == 20
    assert checkup.in_no_part == 0
    assert valid(checkup)["reading"]["n_traces"] == 73


def test_parts_of_a_protocol_are_what_it_learns_and_judges(tree: str) -> None:
    checkup = habitus.check(tree, protocol="adfa-ld/distinct")
    assert [(p.role, p.traces) for p in checkup.parts] == [
        ("learned", len(TRAINING)), ("normal", 21), ("attack", 40),
    ]  # fmt: skip
    assert checkup.in_no_part == len(VALIDATION) - 21
    assert checkup.protocol == "adfa-ld/distinct"
    assert "normals-equal-learned" not in {f.id for f in checkup.findings}


def test_what_a_protocol_leaves_out_is_in_no_finding() -> None:
    """Other programs' traces, and flaws of theirs, touch nothing that is learned or judged."""
    ours = {"normal": ["unm-ps:1 unm-ps:2", "unm-ps:2", "unm-ps:3"], "attack": ["unm-ps:4"]}
    others = {"normal": ["unm-lpr:1"] * 9, "attack": ["unm-lpr:1", "read"]}
    alone = examined_of(traces_of(**ours), protocol=get_protocol("unm/ps"))
    both = {role: [*others[role], *ours[role]] for role in ours}
    mixed = examined_of(traces_of(**both), protocol=get_protocol("unm/ps"))
    assert (alone.in_no_part, mixed.in_no_part, mixed.traces.n_traces) == (0, 11, 4)
    assert [(f.id, f.title) for f in findings_of(mixed)] == [
        (f.id, f.title) for f in findings_of(alone)
    ]
    assert "several-programs" in {f.id for f in findings_of(examined_of(traces_of(**both)))}


def test_a_protocol_that_finds_nothing_is_told() -> None:
    with pytest.raises(ProtocolError, match="is this its data set"):
        examined_of(traces_of(unlabelled=["a"]), protocol=get_protocol("adfa-ld"))
    with pytest.raises(InputError, match="no trace"):
        examined_of(TraceSet.from_names([]))


def test_a_protocol_that_leaves_known_normals_out_is_not_told_of_them() -> None:
    data = examined_of(
        traces_of(learned=["a b"], normal=["a b", "c d"], attack=["a b", "e"]),
        protocol=get_protocol("folder"),
    )
    assert [len(part) for part in data.parts] == [1, 1, 2]
    assert {"attacks-equal-learned"} == {f.id for f in findings_of(data) if "equal" in f.id}


def test_other_data_are_what_is_learned(tree: str, tmp_path: Path) -> None:
    other = tmp_path / "other.habitus"
    write_native(other, [traces_of(normal=["open mount"], attack=["bpf"])])
    checkup = habitus.check(tree, against=str(other))
    assert [(p.role, p.traces) for p in checkup.parts] == [
        ("learned", 1), ("normal", len(TRAINING)), ("normal", len(VALIDATION)), ("attack", 40),
    ]  # fmt: skip
    assert checkup.in_no_part == 0  # the other data's attack is none of these data's traces
    assert checkup.against is not None
    assert checkup.against.sha256 != checkup.sha256
    overlap = [f for f in checkup.findings if f.id == "little-overlap"]
    assert {f.parts[0] for f in overlap} == {"training", "validation", "attack"}


def test_the_same_data_give_the_same_checkup(tree: str) -> None:
    assert habitus.check(tree) == habitus.check(tree)


def test_the_schema_refuses_what_is_no_checkup(tree: str) -> None:
    read = valid(habitus.check(tree))
    validator = jsonschema.Draft202012Validator(SCHEMA)
    for name in read:
        assert not validator.is_valid({k: v for k, v in read.items() if k != name}), name
    finding = read["findings"][0]
    for wrong in ({"severity": "grave"}, {"count": -1}, {"id": "Not Kebab"}, {"extra": 1}):
        assert not validator.is_valid({**read, "findings": [{**finding, **wrong}]}), wrong


def test_the_command_prints_parts_then_findings_by_severity(tree: str) -> None:
    text = run(tree)
    assert text.index("validation") < text.index("Serious") < text.index("Warnings")
    assert "2 of 25 validation traces equal a learned trace" in text
    assert json.loads(run(tree, "--json")) == valid(habitus.check(tree))


def test_the_command_reads_on_narrow_terminals(tree: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import rich.console

    made: Callable[..., Any] = rich.console.Console.__init__

    def narrow(self: Any, **options: Any) -> None:
        made(self, **{**options, "width": 50})

    monkeypatch.setattr(rich.console.Console, "__init__", narrow)
    lines = run(tree).splitlines()
    assert max(len(line) for line in lines[1:]) <= 50  # the first names the data and its digest


@pytest.mark.parametrize("options", [[], ["--json"]])
def test_what_is_left_out_of_the_other_data_is_told(tmp_path: Path, options: list[str]) -> None:
    for name, last in (("own", ""), ("other", "@@@ nonsense\n")):
        (tmp_path / f"{name}.strace").write_text(f"7 read(3) = 0\n7 close(3) = 0\n{last}")
    own, other = str(tmp_path / "own.strace"), str(tmp_path / "other.strace")
    done = CliRunner().invoke(app, ["data", "check", own, "--against", other, *options])
    assert done.exit_code == 0, done.output
    assert "1 broken and passed over" in done.stderr
    assert "other.strace:3" in done.stderr


def test_unusable_data_end_with_status_two(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    for arguments in ([str(empty)], [str(tmp_path / "nowhere")], [str(empty), "--protocol", "x"]):
        done = CliRunner().invoke(app, ["data", "check", *arguments])
        assert done.exit_code == 2, done.output
        assert not done.stdout


def test_names_from_files_steer_no_terminal_and_forge_no_line(tmp_path: Path) -> None:
    evil = "normal/\x1b[2J\n  * all is well [x]" + "z" * 2000
    traces = with_infos(traces_of(normal=["a", "a"]), name=[evil, evil], group=[evil, evil])
    path = tmp_path / "evil.habitus"
    write_native(path, [replace(traces, infos=tuple(replace(i, source="s") for i in traces.infos))])
    text = run(str(path))
    assert "\x1b" not in text
    assert not re.search(r"^\s*\* all is well", text, re.MULTILINE)
    assert "control character" in text
    checkup = habitus.check(str(path))
    longest = max(len(example) for f in checkup.findings for example in f.examples)
    assert longest <= MAX_EXAMPLE_CHARACTERS
    valid(checkup)


def test_an_evaluation_keeps_what_is_grave_and_prints_it(tree: str, tmp_path: Path) -> None:
    model = habitus.train("ngram", tree, settings={"order": 3}, false_alarms=0.2)
    results = habitus.evaluate({"m": model}, tree)
    wanted = habitus.check(tree, protocol="adfa-ld").findings
    grave = [f.id for f in wanted if f.severity != "note" and f.id != "wrong-call-table"]
    assert [f.id for f in results.findings if f.id != "wrong-call-table"] == grave
    assert "normals-equal-learned" in grave
    read = json.loads(results.to_json())
    schema = json.loads((PACKAGE / "schemas" / "results.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(read)
    habitus.save_model(model, tmp_path / "model")
    shown = CliRunner().invoke(app, ["evaluate", str(tmp_path / "model"), "--data", tree]).stdout
    for finding in results.findings:
        assert f"{finding.severity}: {finding.title} [{finding.id}]" in " ".join(shown.split())


def test_an_evaluation_knows_whose_numbers_the_user_said_they_are(tree: str) -> None:
    model = habitus.train("ngram", tree, abi="x86_64", settings={"order": 3}, false_alarms=0.2)
    in_evaluation, in_check = (
        [f.title for f in findings if f.id == "wrong-call-table"]
        for findings in (
            habitus.evaluate({"m": model}, tree, abi="x86_64").findings,
            habitus.check(tree, abi="x86_64", protocol="adfa-ld").findings,
        )
    )
    assert in_evaluation == in_check
    assert in_check[0].startswith("read as x86_64 numbers")


def test_a_large_hostile_alphabet_takes_no_time() -> None:
    """Every trace makes calls of its own: no statistic of a single call is worth a look."""
    rows = [[f"c{i * 20 + k}" for k in range(20)] for i in range(3000)]
    data = examined(learned=rows[:1000], normal=rows[1000:2000], attack=rows[2000:])
    assert "little-overlap" in {f.id for f in findings_of(data)}
    assert data.traces.labels[-1] == Label.ATTACK
