"""Fill the tables of docs/flow-formats/ from what the formats of flows declare.

python scripts/make_flow_formats.py            writes what stands between the marks
python scripts/make_flow_formats.py --check    exits 1 and names the pages that are out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

from habitus.flows.columns import column_set_names, get_columns
from habitus.flows.formats import flow_format_names, get_flow_format
from habitus.flows.formats.cicflowmeter_columns import PORT
from habitus.flows.formats.pages import (
    lacks_list,
    mapping_table,
    not_read_list,
    written_table,
)

PAGES = Path(__file__).parent.parent / "docs" / "flow-formats"


def parts_of(name: str) -> dict[str, str]:
    """What stands between each pair of marks of a format's page."""
    made = get_flow_format(name)
    parts = {
        "sample": f"```text\n{made.sample}```\n",
        "mapping": mapping_table(made.mapping),
        "not read": not_read_list(made),
        "lacks": lacks_list(made.mapping),
    }
    if name == "habitus":  # whose columns are ours, under our names
        return {mark: parts[mark] for mark in ("sample", "not read", "lacks")}
    if name == "cicflowmeter":
        parts["mapping of the port"] = mapping_table(PORT)
    if name in column_set_names():
        parts["written"] = written_table(get_columns(name))
    return parts


def filled(text: str, parts: dict[str, str]) -> str:
    """A page with what belongs between its marks."""
    for mark, content in parts.items():
        before, begin, rest = text.partition(f"<!-- {mark} -->\n")
        _, end, after = rest.partition("<!-- end -->\n")
        if not end:
            raise SystemExit(f"a page lacks its mark <!-- {mark} --> ... <!-- end -->")
        text = f"{before}{begin}\n{content}\n{end}{after}"
    return text


def main() -> int:
    """Write the pages, or compare them; the exit status."""
    stale = []
    for name in flow_format_names():
        path = PAGES / f"{name}.md"
        was = path.read_text(encoding="utf-8")
        now = filled(was, parts_of(name))
        if "--check" in sys.argv[1:]:
            stale += [path] * (was != now)
        else:
            path.write_text(now, encoding="utf-8")
    for path in stale:
        print(f"docs/flow-formats/{path.name}: out of date; run {sys.argv[0]}")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
