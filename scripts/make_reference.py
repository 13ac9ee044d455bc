"""Generate the reference pages of the documentation from the program itself.

    python scripts/make_reference.py            writes docs/reference/
    python scripts/make_reference.py --check    exits 1 and names the pages that are out of date

The same program gives the same pages: nothing here depends on the machine, the time or the user.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reference_api import api_page
from reference_flows import flow_features_page
from reference_markdown import WIDTH, head, sentence, table
from reference_schemas import (
    alert_page,
    checkup_page,
    compare_page,
    drift_page,
    flow_alert_page,
    range_of,
    results_page,
)
from reference_search import search_page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

REFERENCE = Path(__file__).parent.parent / "docs" / "reference"


def main() -> int:
    """Write the pages, or compare them; the exit status."""
    made = {REFERENCE / name: f"{page().rstrip()}\n" for name, page in PAGES.items()}
    if "--check" not in sys.argv[1:]:
        REFERENCE.mkdir(parents=True, exist_ok=True)
        for path, text in made.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [p for p, t in made.items() if not p.is_file() or p.read_text(encoding="utf-8") != t]
    for path in stale:
        print(f"{path.relative_to(REFERENCE.parent.parent)}: out of date; run {sys.argv[0]}")
    return 1 if stale else 0


# Commands


def commands() -> Iterator[list[str]]:
    """Every command's words, the program itself first, groups before their commands."""
    import typer

    from habitus.cli import commands as registered  # noqa: F401 - registers them
    from habitus.cli.app import app

    def below(words: list[str], command: Any) -> Iterator[list[str]]:
        yield words
        for name, child in getattr(command, "commands", {}).items():
            yield from below([*words, name], child)

    yield from below([], typer.main.get_command(app))


def help_of(words: Sequence[str]) -> str:
    """What ``habitus WORDS --help`` prints."""
    from typer.testing import CliRunner

    from habitus.cli.app import app

    runner = CliRunner(env={"COLUMNS": str(WIDTH), "TERMINAL_WIDTH": str(WIDTH), "NO_COLOR": "1"})
    result = runner.invoke(app, [*words, "--help"], prog_name="habitus")
    if result.exit_code:
        raise SystemExit(f"habitus {' '.join(words)} --help: {result.output}")
    return "\n".join(line.rstrip() for line in result.output.strip().split("\n"))


def cli_page() -> str:
    """The help of every command."""
    parts = [
        head(
            "Commands",
            "the commands' own --help",
            "What every command prints for `--help`. Exit statuses are in\n"
            "[environment](environment.md#exit-status); aggregations (`mean`, `median`,\n"
            "`quantile:Q`, `worst:W`) are explained under [surprise](../explanation/surprise.md).",
        )
    ]
    for words in commands():
        name = " ".join(["habitus", *words])
        parts.append(f"\n## {name}\n\n```text\n{help_of(words)}\n```\n")
    return "".join(parts)


# Detectors, protocols, formats


def settings_page() -> str:
    """Every detector's settings."""
    from habitus.detectors import detector_names, get_detector
    from habitus.detectors.flow import flow_detector_names, get_flow_detector

    parts = [
        head(
            "Detectors and their settings",
            "the detectors' declarations",
            "Give a setting to `habitus train` as `--set name=value`, or to `habitus.train` in\n"
            "`settings`. A value outside its range is an error, and so is a name that is not here.",
        )
    ]
    names = [(name, "surprise", get_detector(name)().unit) for name in detector_names()]
    names += [(name, "score", get_flow_detector(name).score_unit) for name in flow_detector_names()]
    for name, what, unit in names:
        of_flows = what == "score"
        detector = get_flow_detector(name) if of_flows else get_detector(name)
        schema = detector.Settings.model_json_schema()
        rows = [
            (
                f"`{setting}`", of.get("type", "text"), f"`{of['default']}`", range_of(of),
                of["description"],
            )
            for setting, of in schema["properties"].items()
        ]  # fmt: skip
        judges = "Judges network flows. " if of_flows else ""
        folder = "flow-detectors" if of_flows else "detectors"
        parts.append(
            f"\n## {name}\n\n{sentence(detector.summary)} {judges}Unit of its {what}: {unit}.\n"
            f"[What it does, and when it fails](../{folder}/{name}.md).\n\n"
        )
        parts.append(table(("setting", "type", "default", "range", "meaning"), rows))
    return "".join(parts)


def protocols_page() -> str:
    """Every evaluation protocol."""
    from habitus.evaluation.flows.protocols import FLOW_PROTOCOLS
    from habitus.evaluation.protocols import PROTOCOLS

    text = """
A protocol says which traces are learned, which are judged, and what must be said about the result.
`habitus train` and `habitus evaluate` take the one that fits the data; `--protocol` names another.
Why there are several for one data set: [ADFA-LD](../explanation/adfa-ld.md). How to use them:
[evaluate honestly](../how-to/evaluate-honestly.md). Those that judge flows stand below the others:
`habitus evaluate NAME --data LABELS` fits detectors anew for each of their splits."""
    parts = [head("Protocols", "habitus.evaluation.protocols", text)]
    for protocol in PROTOCOLS.values():
        by = {"sequence": "a distinct sequence", "group": "a recording"}
        attacks = {**by, "group": "a folder or recording"}[protocol.attack_clusters]
        final = "yes, every run is recorded" if protocol.is_final else "no"
        known = "left out" if protocol.leaves_out_known else "judged like the others, and counted"
        rows = [
            ("judges", f"{protocol.unit}s"),
            ("normals equal to a training trace", known),
            (
                "one independent observation",
                f"normals: {by[protocol.normal_clusters]}; attacks: {attacks}",
            ),
            ("scored only once a release", final),
            ("remember", protocol.caution or "your data decide what the numbers are worth"),
        ]
        parts.append(f"\n## {protocol.name}\n\n{sentence(protocol.title)}\n\n")
        parts.append(table(("", ""), rows))
    for of_flows in FLOW_PROTOCOLS.values():
        labelled = "the ground truth names the attacker"
        rows = [
            ("judges", "flows; files weigh equally, flows in brackets"),
            ("who labels", labelled if of_flows.labels == "attacker" else "the data"),
            ("remember", of_flows.caution or "your data decide what the numbers are worth"),
        ]
        parts.append(f"\n## {of_flows.name}\n\n{sentence(of_flows.title)}\n\n")
        parts.append(table(("", ""), rows))
    return "".join(parts)


def formats_page() -> str:
    """Every format, with its sample."""
    from habitus.traces.formats import format_names, get_format

    text = """
Each file is recognised by its content; where two formats are equally sure, reading stops with an
error that asks for `--format`. All of them are also read in folders, in zip and tar archives, and
under gzip, xz, bzip2 and zstd."""
    parts = [head("Formats", "the formats' declarations", text)]
    for name in format_names():
        made = get_format(name)
        title = sentence(made.title)
        parts.append(f"\n## {name}\n\n{title} [More](../formats/{name}.md).\n")
        if made.sample:
            parts.append(f"\n```text\n{made.sample.rstrip()}\n```\n")
    return "".join(parts)


def findings_page() -> str:
    """Every kind of finding of the data doctor."""
    from habitus.evaluation.doctor.registry import CHECKS
    from habitus.evaluation.flows.doctor.checkup import KINDS

    text = """
What `habitus data check` can find, in the order in which it tells findings of one severity; and
what `habitus evaluate` says of the data, notes left out. A *serious* finding can turn a conclusion
round, a *warning* moves numbers, a *note* is to be known. How to use them:
[check data](../how-to/check-data.md). Those of `habitus flows check` stand last, from
[one-column-tells](#one-column-tells) on."""
    parts = [head("Findings", "the checks' declarations", text)]
    for kind in (*(kind for kind, _ in CHECKS), *KINDS):
        steps = [("warning", kind.warning), ("serious", kind.serious)]
        grades = [
            f"{name} from {step:g} on" if step else f"always a {name}, at least"
            for name, step in steps
            if step is not None
        ]
        rows = [
            ("found", kind.meaning),
            ("effect", kind.effect),
            ("remedy", kind.remedy),
            ("severity", f"{'; '.join(grades) or 'always a note'}: {kind.reason}"),
        ]
        parts.append(f"\n## {kind.id}\n\n")
        parts.append(table(("", ""), rows))
    return "".join(parts)


PAGES: dict[str, Callable[[], str]] = {
    "cli.md": cli_page,
    "settings.md": settings_page,
    "protocols.md": protocols_page,
    "formats.md": formats_page,
    "api.md": api_page,
    "alert-record.md": alert_page,
    "flow-alert-record.md": flow_alert_page,
    "results.md": results_page,
    "compare.md": compare_page,
    "checkup.md": checkup_page,
    "drift.md": drift_page,
    "findings.md": findings_page,
    "flow-features.md": flow_features_page,
    "search-file.md": search_page,
}

if __name__ == "__main__":
    sys.exit(main())
