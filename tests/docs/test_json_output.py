"""Every command that takes --json runs, and every key that it prints is on the page of them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
from typer.testing import CliRunner

from frames import SYN, A, B, ethernet, ip4, pcap, segment, udp
from habitus.cli import commands  # noqa: F401 - registers them
from habitus.cli.app import app
from habitus.flows.formats import get_flow_format

if TYPE_CHECKING:
    from collections.abc import Iterator

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
PAGE = (REFERENCE / "json-output.md").read_text("utf-8")
NORMAL, STRANGE = "openat read close brk ", "socket connect dup2 execve "

SEARCH = """
detector = "ngram"
method = "grid"
[space]
order = [1, 2, 3, 4, 5]
"""

NETWORKS = """
detector = "lstm"
method = "grid"
[settings]
epochs = 2
cells = "4"
[space]
embedding = [4]
"""

# Run in this order in one folder: what earlier ones leave there, later ones use.
RUNS = {
    "warm": [],
    "data add": ["mine", "recordings"],
    "data list": [],
    "data info": ["unm-lpr"],
    "data check": ["recordings"],
    "data sample": ["recordings", "-o", "sample.txt"],
    "convert": ["recordings", "-o", "all.habitus"],
    "train": ["ngram", "--data", "mine", "-o", "model", "--false-alarms", "20%"],
    "evaluate": ["model", "--data", "mine", "-o", "results"],
    "compare": ["results", "results"],
    "detect": ["model", "recordings"],
    "check-drift": ["model", "recordings"],
    "explain": ["model", "recordings"],
    "sample": ["model", "-n", "3"],
    "model show": ["model"],
    "model import-flowmeter": ["parameters", "-o", "imported"],
    "model verify": ["model"],
    "model threshold": ["model", "--false-alarms", "10%"],
    "model forecast": ["model", "--traces", "50"],
    "model draw": ["chain"],
    "search run": ["search.toml", "--data", "mine", "-o", "run"],
    "search show": ["run"],
    "search files": [],
    "flows extract": ["talk.pcap", "-o", "flows.csv"],
    "flows convert": ["eve.json", "-o", "records.csv"],
    "flows check": ["captures"],
    "flows features": [],
    "flows info": ["talk.pcap"],
    "detectors": [],
    "formats": [],
    "protocols": [],
    "demo": [],
    "data remove": ["mine"],
}
ALSO = {
    "evaluate": [["flows/gap", "--detector", "logistic", "--data", "captures"]],
    "data info": [["demo"], ["mine"], ["adfa-ld"]],
    "train": [
        ["markov", "--data", "mine", "-o", "chain", "--false-alarms", "20%"],
        ["lstm", "--data", "mine", "-o", "lstm", "--set", "epochs=1", "--set", "cells=8"],
        ["logistic", "--data", "talks/labels.csv", "-o", "net"],
        ["boosting", "--data", "talks", "-o", "trees", "--false-alarms", "10%"],
    ],
    "detect": [["net", "talks", "--all"]],
    "explain": [["net", "talks/0.pcap"]],
    "model show": [["net"], ["trees"]],
    "search run": [
        ["search.toml", "--data", "mine", "-o", "beside", "--beside-attacks"],
        ["networks.toml", "--data", "mine", "-o", "networks"],
    ],
    "model threshold": [["net", "--false-alarms", "20%"]],
    "model forecast": [["net", "--flows", "50"]],
}
ALERTING = {"detect", "flows check"}
"""Commands that have something to say of what they are given here, and say it by status 1."""
NOT_RUN = {"data get": "needs a server; it prints an entry, as `data add` does"}


def commands_of(command: Any, *words: str) -> Iterator[str]:
    if any("--json" in parameter.opts for parameter in command.params):
        yield " ".join(words)
    for name, child in getattr(command, "commands", {}).items():
        yield from commands_of(child, *words, name)


def section(heading: str) -> str:
    """The part of the page below a heading, with what it refers to."""
    parts = re.split(r"^#{2,3} (.*)$", PAGE, flags=re.MULTILINE)
    found = dict(zip(parts[1::2], parts[2::2], strict=True))
    anchors = {re.sub(r"\W+", "-", name.lower()): text for name, text in found.items()}
    text = found[heading]
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        name, _, anchor = target.partition("#")
        text += anchors[anchor] if not name else (REFERENCE / name).read_text("utf-8")
    return text


def paths_of(value: Any, above: str = "") -> Iterator[str]:
    """Every key as the page writes it: `a.b`, `a[].b`."""
    if isinstance(value, list):
        for item in value:
            yield from paths_of(item, f"{above}[]" if above else "")
    elif isinstance(value, dict):
        for key, inner in value.items():
            path = f"{above}.{key}" if above else key
            yield path
            yield from paths_of(inner, path)


def undocumented(value: Any, text: str) -> set[str]:
    """The paths of which a text tells neither the whole, nor the end, nor what is within."""
    told = set(re.findall(r"`([\w.\[\]*]+)`", text))
    told |= {path[: end.start()] for path in told for end in re.finditer(r"\[\]\.|\.", path)}
    names = [re.escape(path).replace(r"\*", r"[^.\[]+") for path in told]
    known = re.compile(rf"(?:.*\.)?(?:{'|'.join(names)})")
    return {path for path in paths_of(value) if not known.fullmatch(path)}


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """What each command printed."""
    folder = tmp_path_factory.mktemp("json")
    for i in range(12):
        write(folder / "recordings" / "normal" / f"run-{i}.txt", NORMAL * (3 + i))
    for i in range(3):
        write(folder / "recordings" / "attack" / "shell" / f"run-{i}.txt", STRANGE * (2 + i))
        write(folder / "recordings" / "attack" / "miner" / f"run-{i}.txt", NORMAL + "futex " * 9)
    (folder / "recordings" / "empty").mkdir()
    arp = ethernet(bytes(28), kind=0x0806)
    (folder / "search.toml").write_text(SEARCH)
    (folder / "networks.toml").write_text(NETWORKS)
    (folder / "talk.pcap").write_bytes(pcap([(0, segment(SYN)), (1, arp)]))
    labels = ["path,label"]
    (folder / "talks").mkdir()
    for i in range(6):
        made = [frame for port in range(5) for frame in talk(1000 + port, 5 if i % 2 else 900)]
        (folder / "talks" / f"{i}.pcap").write_bytes(pcap(made))
        labels.append(f"{i}.pcap,{'benign' if i % 2 else 'malicious'}")
    (folder / "talks" / "labels.csv").write_text("\n".join(labels))
    (folder / "parameters").mkdir()
    for name, n in (("mean", 39), ("std", 39), ("weights", 39), ("intercept", 1)):
        (folder / "parameters" / f"{name}.txt").write_text("1.5\n" * n)
    (folder / "eve.json").write_text(get_flow_format("suricata").sample)
    labels = ["path,label,group"]
    (folder / "captures").mkdir()
    for i in range(4):
        frames = [
            (k * 10**7 + back * (k + 1) * 10**5,
             segment(SYN, back=bool(back), ports=(1000 + k, 80), payload=bytes(k * (1 + i % 2))))
            for k in range(12) for back in (0, 1)
        ]  # fmt: skip
        (folder / "captures" / f"{i}.pcap").write_bytes(pcap(frames))
        labels.append(f"{i}.pcap,{('benign', 'malicious')[i % 2]},{('here', 'there')[i // 2]}")
    write(folder / "captures" / "labels.csv", "\n".join(labels))
    values: dict[str, list[Any]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("HABITUS_HOME", str(folder / "home"))
        for words, arguments in RUNS.items():
            for given in [arguments, *ALSO.get(words, [])]:
                result = CliRunner().invoke(app, [*words.split(), *given, "--json"])
                assert result.exit_code == (words in ALERTING), result.output
                text = result.stdout
                lines = text.splitlines() if words == "detect" else [text]
                values.setdefault(words, []).extend(json.loads(line) for line in lines)
        quiet = CliRunner().invoke(
            app, ["detect", "model", "recordings/normal/run-3.txt", "--json"]
        )
        assert (quiet.exit_code, quiet.stdout) == (0, "")
        wrong = CliRunner().invoke(app, ["data", "info", "nothing", "--json"])
        assert (wrong.exit_code, wrong.stdout) == (2, "")
        assert wrong.stderr.startswith("habitus: no data set is called 'nothing'")
    return values


def talk(port: int, n_bytes: int) -> list[tuple[int, bytes]]:
    """A question and its answer, after which nothing more is said."""
    asked, answered = udp(port, 53, bytes(n_bytes)), udp(53, port, bytes(2 * n_bytes + port % 7))
    return [
        (port * 1000, ethernet(ip4(asked, 17, A, B))),
        (port * 1000 + 500, ethernet(ip4(answered, 17, B, A))),
    ]


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n")


def test_every_command_with_json_is_on_the_page_and_run_here() -> None:
    named = set(commands_of(typer.main.get_command(app)))
    assert named == set(RUNS) | set(NOT_RUN)
    for words in named:
        assert section(f"habitus {words}").strip()


@pytest.mark.parametrize("words", RUNS)
def test_every_key_is_on_the_page(printed: dict[str, list[Any]], words: str) -> None:
    assert printed[words]
    text = section(f"habitus {words}")
    for value in printed[words]:
        assert sorted(undocumented(value, text)) == []


def test_a_key_that_is_missing_would_be_found() -> None:
    told = "| `a` | `b.*` | `c[].d` |"
    assert undocumented({"a": 1, "b": {"x": 1}, "c": [{"d": 1, "e": 2}]}, told) == {"c[].e"}
    assert undocumented({"f": {"a": 1, "g": 2}}, told) == {"f", "f.g"}
