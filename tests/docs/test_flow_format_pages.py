"""Every format of flows has a page, and its tables are those of the program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from habitus.flows.formats import flow_format_names, get_flow_format
from habitus.flows.formats.pages import lacks

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "flow-formats"


def test_tables_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/make_flow_formats.py", "--check"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", flow_format_names())
def test_a_page_says_what_is_recognised_broken_and_wrong(name: str) -> None:
    text = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    for word in ("**Recognised**", "**Broken**", "## What it lacks", "## Known defects"):
        assert word in text, f"{name}: says nothing of {word}"
    assert text.startswith(f"# {name}\n")


def test_what_a_format_lacks_is_what_no_file_of_it_tells() -> None:
    zeek = lacks(get_flow_format("zeek").mapping)
    assert {"raw_bytes", "gap_mean_us", "syn_packets", "payload_entropy"} <= set(zeek)
    assert not {"packets", "ip_bytes", "end_ns", "packets_per_s", "source_ip"} & set(zeek)
    assert "raw_bytes" not in lacks(get_flow_format("nfstream").mapping)
