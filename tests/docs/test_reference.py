"""What there is is documented, the generated pages are up to date, and links lead somewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import typer
import yaml

import habitus
from habitus.cli import commands  # noqa: F401 - registers them
from habitus.cli.app import app
from habitus.detectors import detector_names, get_detector
from habitus.detectors.flow import flow_detector_names, get_flow_detector
from habitus.evaluation.flows.protocols import FLOW_PROTOCOLS
from habitus.evaluation.protocols import PROTOCOLS
from habitus.traces.formats import format_names, get_format

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md"))
_LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(name: str, heading: str) -> str:
    """The part of a page below a heading of the second level; empty if there is none."""
    return f"{page(name)}\n## ".partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def command_words(command: Any, words: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield words, command
    for name, child in getattr(command, "commands", {}).items():
        yield from command_words(child, (*words, name))


COMMANDS = dict(command_words(typer.main.get_command(app), ("habitus",)))


def test_generated_pages_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/make_reference.py", "--check"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_commands_and_their_options_are_documented(words: tuple[str, ...]) -> None:
    text = section("reference/cli.md", " ".join(words))
    assert text, f"no section for {' '.join(words)}"
    for parameter in COMMANDS[words].params:
        for option in parameter.opts:
            assert option in text, f"{option} is missing"


@pytest.mark.parametrize("name", detector_names())
def test_detectors_are_documented(name: str) -> None:
    text = page(f"detectors/{name}.md")
    for heading in ("Idea", "Surprise", "Settings", "Unknown calls", "When it fails", "Measured"):
        assert f"\n## {heading}\n" in text, f"{name}: says nothing of {heading!r}"
    for setting in get_detector(name).Settings.model_fields:
        assert f"`{setting}`" in text
        assert f"`{setting}`" in section("reference/settings.md", name)


@pytest.mark.parametrize("name", flow_detector_names())
def test_detectors_of_flows_are_documented(name: str) -> None:
    text = page(f"flow-detectors/{name}.md")
    for heading in ("Idea", "Score", "Settings", "When it fails", "Measured"):
        assert f"\n## {heading}\n" in text, f"{name}: says nothing of {heading!r}"
    for setting in get_flow_detector(name).Settings.model_fields:
        assert f"`{setting}`" in text
        assert f"`{setting}`" in section("reference/settings.md", name)


@pytest.mark.parametrize("name", format_names())
def test_formats_are_documented(name: str) -> None:
    text = page(f"formats/{name}.md")
    assert get_format(name).sample in text
    for word in ("**Recognised**", "**A trace**", "**Labels**", "**Broken", "**Places and times"):
        assert word in text, f"{name}: says nothing of {word}"
    assert section("reference/formats.md", name)


@pytest.mark.parametrize("name", [*PROTOCOLS, *FLOW_PROTOCOLS])
def test_protocols_are_documented(name: str) -> None:
    assert section("reference/protocols.md", name)


def test_public_names_are_documented() -> None:
    headings = set(re.findall(r"^## (\w+)$", page("reference/api.md"), re.MULTILINE))
    assert headings == set(habitus.__all__)


def test_environment_variables_are_documented() -> None:
    read = re.compile(r"environ(?:\.get\(|\[)\s*\"([A-Z_]+)\"")
    sources = [p for top in ("src", "benchmarks", "tests") for p in (ROOT / top).rglob("*.py")]
    names = {name for source in sources for name in read.findall(source.read_text("utf-8"))}
    assert "HABITUS_HOME" in names
    text = page("reference/environment.md")
    # A test's own machine is no business of users.
    missing = {n for n in names - {"PATH", "HOME"} if f"`{n}`" not in text}
    assert not missing


def test_every_page_is_in_the_navigation() -> None:
    def pages(entries: list[Any]) -> Iterator[str]:
        for entry in entries:
            for target in entry.values():
                yield from [target] if isinstance(target, str) else pages(target)

    listed = list(pages(yaml.safe_load((ROOT / "mkdocs.yml").read_text("utf-8"))["nav"]))
    assert sorted(listed) == PAGES


@pytest.mark.parametrize("name", PAGES)
def test_links_lead_somewhere(name: str) -> None:
    prose = re.sub(r"^```.*?^```$", "", page(name), flags=re.MULTILINE | re.DOTALL)
    for target in _LINK.findall(prose):
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        found = (DOCS / name).parent / path if path else DOCS / name
        assert found.exists(), f"{name}: {target} leads nowhere"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", found.read_text("utf-8"), re.MULTILINE)
            assert anchor in map(slug, headings), f"{name}: {target}: no such heading"


def slug(heading: str) -> str:
    """The anchor that Markdown's table of contents gives to a heading."""
    kept = re.sub(r"[^\w\s-]", "", heading.lower()).strip()
    return re.sub(r"[-\s]+", "-", kept)
