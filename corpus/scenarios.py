"""Scenario files: what is recorded, a few lines of shell each, grouped by family of program.

A file of `scenarios/` is a family. A table of it is a scenario:

    [sort]
    run = ["sort @opt@ text.txt", "sort -m text.txt words.txt"]   # each line is a variant
    each = { opt = ["", "-r", "-n"] }                             # ... and each of these
    setup = "sort words.txt > sorted.txt"                         # before recording begins
    needs = ["sort"]                                              # besides the first words of run

All of it happens in a sandbox that vanishes at the end, so nothing is torn down by hand.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "scenarios"
RUNS = 4
SECONDS = 20.0
SHELLS = ("dash", "bash")
_KEYS = {"run", "each", "setup", "needs", "shell", "seconds", "runs"}
_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]*\Z")
# What a shell does itself. A variant that begins so says in `needs` what must be installed.
_OWN_WORDS = frozenset(
    ". : [ alias break case cd command echo eval exec exit export false for getopts hash if kill"
    " printf pwd read set shift test time times trap true type ulimit umask unset until wait while"
    " ( { !".split()
)


class ScenarioError(ValueError):
    """A scenario file that does not say what to record."""


@dataclass(frozen=True)
class Variant:
    """One way a scenario is played; a recording is one run of it."""

    family: str
    scenario: str
    number: int
    run: str
    setup: str
    needs: tuple[str, ...]
    shell: str
    seconds: float
    runs: int

    @property
    def key(self) -> str:
        """Its name in file names and manifests."""
        return f"{self.family}.{self.scenario}.{self.number:02}"

    @property
    def group(self) -> str:
        """What no split may tear apart: all variants and runs of a scenario."""
        return f"{self.family}/{self.scenario}"

    def shell_of(self, run: int) -> str:
        """The shell that plays it, in turn dash and bash unless the scenario names one."""
        return self.shell or SHELLS[run % len(SHELLS)]

    @property
    def definition(self) -> str:
        """A digest of all that decides what is recorded; a changed scenario is recorded anew."""
        text = "\0".join((self.run, self.setup, self.shell, str(self.seconds)))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_scenarios(folder: Path = FOLDER) -> list[Variant]:
    """Every variant of every scenario, in order of family, scenario and line.

    Raises:
        ScenarioError: if a file is no scenario file; it names the file and the table.
    """
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise ScenarioError(f"{folder}: holds no scenario files (*.toml)")
    return [variant for file in files for variant in _of_file(file)]


def _of_file(file: Path) -> list[Variant]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ScenarioError(f"{file}: is no TOML ({error})") from error
    found = []
    for name, table in tables.items():
        place = f"{file}: [{name}]"
        if not _NAME.match(name) or not _NAME.match(file.stem):
            raise ScenarioError(f"{place}: names are of lower-case letters, digits, '.', '+', '-'")
        if not isinstance(table, dict) or "run" not in table:
            raise ScenarioError(f"{place}: a scenario is a table that says what to `run`")
        if unknown := set(table) - _KEYS:
            raise ScenarioError(f"{place}: unknown {sorted(unknown)}; known are {sorted(_KEYS)}")
        found += _variants(file.stem, name, table, place)
    return found


def _variants(family: str, name: str, table: dict[str, Any], place: str) -> list[Variant]:
    lines = _texts(table["run"], f"{place}: run")
    each = table.get("each", {})
    if not isinstance(each, dict):
        raise ScenarioError(f'{place}: each must be a table, such as {{ opt = ["-a", "-b"] }}')
    choices = {word: _texts(values, f"{place}: each.{word}") for word, values in each.items()}
    played: list[str] = []
    for line in lines:
        words = [word for word in choices if f"@{word}@" in line]
        for values in itertools.product(*(choices[word] for word in words)):
            text = line
            for word, value in zip(words, values, strict=True):
                text = text.replace(f"@{word}@", value)
            played.append(text.strip())
    needs = tuple(_texts(table.get("needs", []), f"{place}: needs"))
    shell = str(table.get("shell", ""))
    return [
        Variant(
            family, name, number, run, str(table.get("setup", "")),
            tuple(dict.fromkeys((*needs, *_first_word(run), *([shell] if shell else [])))),
            shell, float(table.get("seconds", SECONDS)), int(table.get("runs", RUNS)),
        )
        for number, run in enumerate(played, 1)
    ]  # fmt: skip


def _texts(value: object, place: str) -> list[str]:
    values = [value] if isinstance(value, str) else value
    if not isinstance(values, list) or not all(isinstance(one, str) for one in values):
        raise ScenarioError(f"{place}: must be text, or a list of texts")
    return values


def _first_word(line: str) -> list[str]:
    word = re.split(r"[\s;&|<>()]", line, maxsplit=1)[0]
    made_here = not word or word in _OWN_WORDS or "/" in word or "=" in word
    return [] if made_here else [word]


def search_path() -> str:
    """Where programs are looked for: the system's folders, never the user's own."""
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/games", *map(str, versions)]
    return os.pathsep.join(folders)


def missing(variants: list[Variant]) -> dict[str, list[str]]:
    """Programs that are not installed, each with the scenarios that need it."""
    path = search_path()
    wanted = {program for variant in variants for program in variant.needs}
    absent = {program for program in wanted if shutil.which(program, path=path) is None}
    return {
        program: sorted({v.group for v in variants if program in v.needs})
        for program in sorted(absent)
    }
