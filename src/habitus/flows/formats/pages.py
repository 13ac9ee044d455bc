"""What a format reads and what it lacks, as Markdown: pages of the documentation are made of it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from habitus.flows.features.declared import features
from habitus.flows.flowtable import SOURCE, schema
from habitus.flows.formats.completing import completable
from habitus.flows.formats.mapping import told_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from habitus.flows.columns.columnset import ColumnSet
    from habitus.flows.formats.base import FlowFormat
    from habitus.flows.formats.mapping import Mapped

_UNITS = {1_000_000.0: "x 1,000,000", 1_000.0: "x 1,000", 1e-3: "/ 1,000"}


def lacks(mapping: Sequence[Mapped]) -> tuple[str, ...]:
    """The columns of ours that stay null for all that is read by a mapping, in their order."""
    known = completable(told_columns(mapping))
    return tuple(name for name in schema() if name != SOURCE and name not in known)


def mapping_table(mapping: Sequence[Mapped]) -> str:
    """Theirs, ours, and what lies between."""
    rows = []
    for one in mapping:
        said = [one.note, f"null where {one.null}" if one.null else ""]
        rows.append(
            (
                f"`{one.ours}`", ", ".join(f"`{name}`" for name in one.theirs),
                _UNITS.get(float(one.factor), ""), "; ".join(part for part in said if part),
            )
        )  # fmt: skip
    return _table(("Ours", "Theirs", "Factor", "Remarks"), rows)


def not_read_list(made: FlowFormat) -> str:
    """What of theirs is left alone."""
    return "".join(f"- {theirs}: {why}.\n" for theirs, why in made.not_read.items())


def lacks_list(mapping: Sequence[Mapped]) -> str:
    """What stays null, by group."""
    missing = set(lacks(mapping))
    groups: dict[str, list[str]] = {}
    for feature in features():
        if feature.name in missing:
            groups.setdefault(feature.group, []).append(feature.name)
    n_of = Counter[str](feature.group for feature in features())
    lines = []
    for group, names in groups.items():
        told = "all" if len(names) == n_of[group] else ", ".join(f"`{name}`" for name in names)
        lines.append(f"- {group}: {told}\n")
    return "".join(lines)


def written_table(chosen: ColumnSet) -> str:
    """What ``--columns`` writes otherwise than they do, and what it leaves out."""
    rows = [(f"`{out.theirs}`", out.note) for out in chosen.columns if out.note]
    left = "".join(f"- {theirs}: {why}.\n" for theirs, why in chosen.left_out.items())
    text = f"Undefined values are written as {chosen.undefined}.\n\n"
    text += _table(("Column", "As Habitus writes it"), rows)
    return text + (f"\nLeft out:\n\n{left}" if left else "")


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
