#!/usr/bin/env python3
"""Review a recording of flows: is it what the manifest says, what is in it, what tells attacks?

    python recording/review_network.py [FOLDER]

checks the archive in FOLDER against its manifest, its labels against the flows that Habitus makes
of its captures, and prints the tables for the README beside it. Needs Habitus to be installed.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
from network import telling
from network.pack import ARCHIVE, MANIFEST
from review import host_specific

from habitus.datasets.network import LABELS, network_flows, network_labels, unpack_network
from habitus.flows.report import CaptureReport

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDED = Path(__file__).resolve().parent.parent / "src" / "habitus" / "recorded" / "network"
N_SHOWN = 8


def wrong_files(folder: Path) -> Iterator[str]:
    """What is not as the manifest says, or tells of the machine that recorded it."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="ascii"))
    expected = {member["name"]: member["sha256"] for member in manifest["members"]}
    expected[LABELS] = manifest["labels"]["sha256"]
    with tempfile.TemporaryDirectory() as place:
        unpack_network(place, folder / ARCHIVE)
        contents = {path.name: path.read_bytes() for path in Path(place).iterdir()}
    if set(contents) != set(expected):
        yield "archive and manifest do not list the same members"
    for name, content in sorted(contents.items()):
        if hashlib.sha256(content).hexdigest() != expected.get(name):
            yield f"{name} is not what the manifest says"
        if told := host_specific(content.decode("latin-1")):
            yield f"{name} tells of this machine: {told}"


def wrong_flows(flows: pl.DataFrame, labels: pl.DataFrame, report: CaptureReport) -> Iterator[str]:
    """Where flows, packets and labels do not belong together, one to one."""
    if report.packets.n_ok != report.packets.n_packets:
        yield f"{report.packets.n_packets - report.packets.n_ok} packets belong to no flow"
    if flows["label"].null_count():
        yield f"{flows['label'].null_count()} flows without a label"
    if len(flows) != len(labels):
        yield f"{len(flows)} flows, and {len(labels)} labels"
    if odd := flows.filter(pl.col("is_midstream") | pl.col("was_turned")).height:
        yield f"{odd} flows of TCP whose beginning was not captured"


def print_captures(flows: pl.DataFrame) -> None:
    """A line for each capture."""
    print("| capture | packets | bytes | flows | of attacks | attacks |")
    print("|---|---:|---:|---:|---:|---|")
    for (name,), rows in flows.sort("capture").group_by("capture", maintain_order=True):
        attacks = rows.filter(pl.col("label") == "attack")
        kinds = ", ".join(sorted(set(attacks["activity"]))) or "none"
        print(
            f"| `{name}` | {rows['packets'].sum()} | {rows['raw_bytes'].sum()} | {len(rows)} "
            f"| {len(attacks)} | {kinds} |"
        )


def print_activities(flows: pl.DataFrame) -> None:
    """A line for each activity: its flows at their middle."""
    print("\n| label | activity | flows | packets | payload bytes | seconds | ends |")
    print("|---|---|---:|---:|---:|---:|---|")
    groups = flows.sort("label", "activity").group_by("label", "activity", maintain_order=True)
    for (label, activity), rows in groups:
        middle = rows.select(pl.col("packets", "payload_bytes", "duration_us").median())
        packets, payload, duration = middle.row(0)
        ends = rows["end_reason"].value_counts(sort=True).iter_rows()
        print(
            f"| {label} | {activity} | {len(rows)} | {packets:.0f} | {payload:.0f} "
            f"| {duration / 1e6:.3f} | {', '.join(f'{why} {n}' for why, n in ends)} |"
        )


def print_telling(flows: pl.DataFrame) -> None:
    """What tells attacks from ordinary use, by area under the curve; nothing of fewer than two."""
    attacked = flows.filter(pl.col("label") == "attack")["capture"].n_unique()
    if attacked < 2:
        return
    print("\n| what | column alone | AUC, mean of captures | least | most |")
    print("|---|---|---:|---:|---:|")
    print_tellings("places", telling.places(flows))
    print_tellings("behaviours", telling.behaviours(flows)[:N_SHOWN])
    print_tellings("behaviours", [telling.together(flows)])


def print_tellings(what: str, tellings: list[telling.Telling]) -> None:
    """A line for each."""
    for one in tellings:
        print(f"| {what} | `{one.column}` | {one.mean:.2f} | {one.least:.2f} | {one.most:.2f} |")


def main(folder: Path) -> int:
    report = CaptureReport()
    flows = network_flows(folder / ARCHIVE, report=report)
    labels = network_labels(folder / ARCHIVE)
    print_captures(flows)
    print_activities(flows)
    print_telling(flows)
    failures = [*wrong_files(folder), *wrong_flows(flows, labels, report)]
    for failure in failures:
        print(f"review: {failure}", file=sys.stderr)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else RECORDED))
