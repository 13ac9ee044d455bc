"""Pack captures and labels into one archive, with a manifest beside it."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import lzma
import platform
import tarfile
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tracing import RecordingError

from network import truth
from network.namespaces import CLIENTS, SERVERS

if TYPE_CHECKING:
    from pathlib import Path

    from network.book import Flow
    from network.run import Run
    from network.truth import Seen

SCHEMA = 1
ARCHIVE, MANIFEST, LABELS = "network.tar.xz", "MANIFEST.json", "labels.csv"
LICENCE = "Apache-2.0; recorded by the Habitus project"
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 1 << 24}]


@dataclass(frozen=True)
class Recorded:
    """One finished run: the capture as a pcap file, and its flows, each known."""

    run: Run
    content: bytes
    seen: Seen
    flows: list[Flow]


def labels(recorded: list[Recorded]) -> bytes:
    """The table of labels, a row for each flow of each capture.

    Raises:
        RecordingError: if two flows of a capture have the same name.
    """
    table = io.StringIO()
    writer = csv.DictWriter(table, truth.COLUMNS, lineterminator="\n")
    writer.writeheader()
    for one in recorded:
        rows = [truth.row(one.run.member, flow) for flow in one.flows]
        if len({row["community_id"] for row in rows}) != len(rows):
            raise RecordingError(f"{one.run.member}: a Community ID stands for several flows")
        writer.writerows(rows)
    return table.getvalue().encode("ascii")


def archive(members: dict[str, bytes]) -> bytes:
    """All files in one archive; nothing in it depends on when it was packed or by whom."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name in sorted(members):
            member = tarfile.TarInfo(name)
            member.size = len(members[name])
            member.mode = 0o644
            tar.addfile(member, io.BytesIO(members[name]))
    return lzma.compress(packed.getvalue(), format=lzma.FORMAT_XZ, filters=FILTERS)


def manifest(recorded: list[Recorded], table: bytes) -> dict[str, Any]:
    """What is in the archive and how it came about."""
    members = [
        {
            "name": one.run.member,
            "seed": one.run.seed,
            "seconds": one.run.seconds,
            "attacks": [attack.name for attack in one.run.attacks],
            "packets": one.seen.n_packets,
            "flows": len(one.flows),
            "flows_by_label": dict(sorted(Counter(flow.label for flow in one.flows).items())),
            "sha256": hashlib.sha256(one.content).hexdigest(),
        }
        for one in recorded
    ]
    return {
        "schema": SCHEMA,
        "licence": LICENCE,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "system": f"{platform.system()} {platform.machine()}",
        "python_version": platform.python_version(),
        "clients": list(CLIENTS),
        "servers": list(SERVERS),
        "archive": ARCHIVE,
        "labels": {"name": LABELS, "sha256": hashlib.sha256(table).hexdigest()},
        "members": members,
    }


def write(recorded: list[Recorded], out: Path) -> None:
    """Write archive and manifest into the folder ``out``."""
    table = labels(recorded)
    packed = archive({LABELS: table} | {one.run.member: one.content for one in recorded})
    out.mkdir(parents=True, exist_ok=True)
    (out / ARCHIVE).write_bytes(packed)
    text = json.dumps(manifest(recorded, table), indent=1) + "\n"
    (out / MANIFEST).write_text(text, encoding="ascii")
    n_flows = sum(len(one.flows) for one in recorded)
    print(f"{out / ARCHIVE}: {len(packed)} bytes, {len(recorded)} captures, {n_flows} flows")
