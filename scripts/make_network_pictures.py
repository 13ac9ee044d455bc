"""Draw the pictures of "Understanding the network model".

    python scripts/make_network_pictures.py

One flow's log-odds feature by feature, learned and judged on the captures that Habitus ships; and
the gap between random rows and what is held out, read off docs/results/flow_models.md.
"""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

import numpy as np
from make_diagrams import CALM, IMAGES, LINE, PANEL, QUIET, STRANGE, TEXT, panel, text

from habitus.datasets.network import unpack_network
from habitus.detectors.flow.logistic import Logistic
from habitus.flows.labelled_reading import read_labelled_flows

HELD_OUT = "capture-05.pcap"
N_SHOWN = 7
RESULTS = Path(__file__).parent.parent / "docs" / "results" / "flow_models.md"
_ROW = re.compile(r"^\| (`[\w-]+`|\*one feature\*) \|(.*)\|$")


def judged_flow() -> tuple[str, float, list[tuple[str, float]], float, float]:
    """The surest attack of a capture that was held out.

    Returns:
        What it is; the base; what each feature adds, the largest first and the rest as one; the
        log-odds; the calibrated probability.
    """
    with tempfile.TemporaryDirectory() as folder:
        unpack_network(Path(folder) / "network")
        flows = read_labelled_flows(Path(folder) / "network")
    held_out = flows.file_names == HELD_OUT
    learned, judged = flows.select(~held_out), flows.select(held_out)
    model = Logistic.with_settings({})
    model.fit(learned.flows, learned.malicious, learned.file_names.astype(str), seed=1)
    scores = model.score(judged.flows)
    row = int(np.argmax(np.where(judged.malicious, scores, -1)))
    told = judged.flows.row(row, named=True)
    found = model.contributions(judged.flows[[row]])
    order = np.argsort(-np.abs(found.values[0]), kind="stable")
    steps = [
        (f"{found.features[i]} = {_shown(told[found.features[i]])}", float(found.values[0, i]))
        for i in order[:N_SHOWN].tolist()
    ]
    rest = float(found.values[0, order[N_SHOWN:]].sum())
    steps.append((f"the other {len(order) - N_SHOWN} features", rest))
    total = float(found.totals()[0])
    what = f"{told['source_ip']} asks {told['destination_ip']}, port {told['destination_port']}"
    return what, found.base, steps, total, float(scores[row])


def _shown(value: float | None) -> str:
    return "none" if value is None else f"{value:,.4g}"


def log_odds_picture() -> str:
    """A flow's log-odds as steps from the base to the sum."""
    what, base, steps, total, probability = judged_flow()
    left, width, top, height = 330, 560, 66, 30
    ends = [base]
    for _, added in steps:
        ends.append(ends[-1] + added)
    low, high = min(*ends, 0) - 1.4, max(*ends, 0) + 1.2

    def x(value: float) -> float:
        return left + (value - low) / (high - low) * width

    bottom = top + height * (len(steps) + 2)
    parts = [
        text(14, 30, f"{what}: probability {probability:.0%}", TEXT, 17, "start"),
        f'<path d="M{x(0):.1f} {top - 14}V{bottom}" stroke="{LINE}" stroke-dasharray="3 4"/>',
        text(x(0), bottom + 20, "log-odds 0: even", QUIET, 13),
    ]
    lines = [("base: a mean flow", base, 0.0, QUIET)]
    lines += [
        (name, end, start, STRANGE if end > start else CALM)
        for (name, _), start, end in zip(steps, ends, ends[1:], strict=False)
    ]
    lines.append(("sum", total, 0.0, TEXT))
    for row, (name, end, start, colour) in enumerate(lines):
        y = top + row * height
        near, far = sorted((x(start), x(end)))
        parts.append(text(left - 12, y + 15, name, TEXT, 13, "end"))
        parts.append(
            f'<rect x="{near:.1f}" y="{y}" width="{max(far - near, 1):.1f}" height="20" rx="2" '
            f'fill="{colour}"/>'
        )
        added = end - start
        # Beside the bar, on the side where it ends; a sign, so that colour alone tells nothing.
        side, anchor = (x(end) + 6, "start") if added >= 0 else (x(end) - 6, "end")
        parts.append(text(side, y + 15, f"{added:+.2f}", TEXT, 13, anchor))
    title = f"From base {base:.2f} to log-odds {total:.2f}, feature by feature"
    return panel(left + width + 70, bottom + 36, title, parts)


def gap_rows(table: int) -> tuple[list[str], list[tuple[str, list[float | None]]]]:
    """The columns and rows of a table of the page's headline."""
    lines = RESULTS.read_text("utf-8").partition("## How it was done")[0].splitlines()
    starts = [i for i, line in enumerate(lines) if line.startswith("| detector |")]
    head = [cell.strip() for cell in lines[starts[table]].strip("|").split("|")][1:]
    rows = []
    for line in lines[starts[table] + 2 :]:
        found = _ROW.match(line)
        if found is None:
            break
        cells = [cell.strip() for cell in found[2].split("|")]
        values = [None if cell == "-" else float(cell.split()[0]) for cell in cells]
        rows.append((found[1].strip("`*"), values))
    return head, rows


def gap_picture() -> str:
    """Areas by what is held out: captures of test suites, and captures that hold both classes."""
    left, width, row_height, top = 150, 560, 44, 84
    parts, y = [], top
    sets = (
        (0, 0, "captures of test suites: a file is benign or malicious"),
        (1, 0, "the shipped captures: both in one capture"),
    )

    def x(value: float) -> float:
        return left + (value - 0.3) / 0.7 * width

    for table, column, name in sets:
        _, rows = gap_rows(table)
        parts.append(text(14, y - 18, name, TEXT, 15, "start"))
        bottom = y + row_height * len(rows) - 14
        parts.append(f'<path d="M{x(0.5):.1f} {y - 6}V{bottom}" stroke="{LINE}" '
                     'stroke-dasharray="3 4"/>')  # fmt: skip
        for detector, values in rows:
            by_rows, by_file = values[column], values[column + 1]
            if by_rows is None or by_file is None:
                continue
            middle = y + 12
            parts.append(text(left - 14, middle + 5, detector, TEXT, 14, "end"))
            parts.append(
                f'<path d="M{x(by_file):.1f} {middle}H{x(by_rows):.1f}" stroke="{QUIET}" '
                'stroke-width="3"/>'
            )
            parts.append(
                f'<circle cx="{x(by_rows):.1f}" cy="{middle}" r="7" fill="{PANEL}" '
                f'stroke="{STRANGE}" stroke-width="3"/>'
            )
            parts.append(f'<circle cx="{x(by_file):.1f}" cy="{middle}" r="8" fill="{CALM}"/>')
            near, far = sorted((by_rows, by_file))
            parts.append(text(x(near) - 14, middle + 5, f"{near:.2f}", QUIET, 13, "end"))
            parts.append(text(x(far) + 14, middle + 5, f"{far:.2f}", QUIET, 13, "start"))
            y += row_height
        y += 56
    parts += [
        f'<circle cx="24" cy="26" r="7" fill="{PANEL}" stroke="{STRANGE}" stroke-width="3"/>',
        text(40, 31, "area by random rows", TEXT, 14, "start"),
        f'<circle cx="244" cy="26" r="8" fill="{CALM}"/>',
        text(260, 31, "by whole files held out; dashed: chance", TEXT, 14, "start"),
    ]
    return panel(left + width + 70, y - 40, "Areas by random rows and by files held out", parts)


def main() -> None:
    """Write both pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    (IMAGES / "log-odds.svg").write_text(log_odds_picture())
    (IMAGES / "flow-gap.svg").write_text(gap_picture())


if __name__ == "__main__":
    main()
