"""What comes of each capture of the test data, a line for each: a table that is kept beside this.

HABITUS_TEST_DATA=... python tests/golden/capture_table.py            writes captures.tsv
HABITUS_TEST_DATA=... python tests/golden/capture_table.py --check    exits 1, tells differences
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from habitus.errors import InputError
from habitus.flows.extracting import extract_flows
from habitus.flows.report import CaptureReport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

TABLE = Path(__file__).parent / "captures.tsv"
SUMS = (
    "forward_packets", "backward_packets", "forward_payload_bytes", "backward_payload_bytes",
    "duration_us", "subflows",
)  # fmt: skip
"""Features that are told as their sum over all flows of a capture."""
RARE = ("n_cut", "n_fragments", "n_orphans", "n_inside", "n_unopened", "n_turned", "n_midstream")
COLUMNS = ("capture", "packets", "in_flows", "flows", *SUMS, "ends", "rare", "unread", "damage")
"""``ends``: of flows, by reason; ``rare``: counts of the report that are not 0; ``unread``:
packets of no flow, by reason."""

Line = tuple[str, ...]


def captures(folder: Path) -> Iterator[Path]:
    """All files below a folder that are said to be captures."""
    yield from (p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix != ".csv")


def line_of(path: Path, name: str) -> Line:
    """What comes of one capture."""
    report, tables, damage = CaptureReport(), [], ""
    try:
        tables = list(extract_flows([path], n_jobs=1, report=report))
    except InputError as error:
        damage = error.args[0]
    # What is raised is in the report, too, where it is of the only file.
    told = dict.fromkeys(filter(None, [damage, *report.damaged]))
    damage = "; ".join(told).replace(f"{path}: ", "")
    packets, counts = report.packets, report.record()
    sums = [sum(round(table[feature].sum()) for table in tables) for feature in SUMS]
    ends: Counter[str] = Counter()
    for table in tables:
        ends.update(table["end_reason"].to_list())
    rare = {key.removeprefix("n_"): counts[key] for key in RARE if counts[key]}
    numbers = (packets.n_packets, packets.n_ok, report.n_flows, *sums)
    texts = (_listed(ends), _listed(rare), _listed(packets.reasons), damage)
    return (name, *map(str, numbers), *texts)


def _listed(counts: Mapping[str, int]) -> str:
    """Counts as text, in an order that does not depend on which was met first."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return "; ".join(f"{name} {n}" for name, n in ordered)


def lines_of(folder: Path) -> list[Line]:
    """What comes of all captures below a folder, by their paths in it."""
    return [line_of(path, path.relative_to(folder).as_posix()) for path in captures(folder)]


def kept() -> list[Line]:
    """The table that is kept."""
    head, *lines = TABLE.read_text(encoding="utf-8").splitlines()
    assert tuple(head.split("\t")) == COLUMNS
    return [tuple(line.split("\t")) for line in lines]


def differences(found: list[Line], expected: list[Line]) -> list[str]:
    """A line for each capture that is not what it was: which cells, and how."""
    new, old = ({line[0]: line for line in lines} for lines in (found, expected))
    told = [f"{name}: not in the table" for name in new if name not in old]
    told += [f"{name}: there is no such capture" for name in old if name not in new]
    for name in new.keys() & old.keys():
        cells = zip(COLUMNS, old[name], new[name], strict=True)
        changed = [f"{column} {was!r} -> {now!r}" for column, was, now in cells if was != now]
        told += [f"{name}: {', '.join(changed)}"] if changed else []
    return sorted(told)


def totals(lines: list[Line]) -> dict[str, int]:
    """The sums of all columns that are numbers."""
    columns = zip(*lines, strict=True)
    named = zip(COLUMNS, columns, strict=True)
    return {name: sum(map(int, cells)) for name, cells in named if cells[0].isdigit()}


def main() -> int:
    """Write the table, or compare with it."""
    found = lines_of(Path(os.environ["HABITUS_TEST_DATA"]) / "pcap")
    if "--check" in sys.argv[1:]:
        told = differences(found, kept())
        sys.stdout.writelines(f"{line}\n" for line in told)
        return int(bool(told))
    text = "".join("\t".join(line) + "\n" for line in [COLUMNS, *found])
    TABLE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
