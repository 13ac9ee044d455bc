"""Which of a data set's labels are malicious: by the words everybody uses, or as the user says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from habitus.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

BENIGN = ("benign", "normal", "legitimate")
MALICIOUS = ("malicious", "attack", "malware")
UNLABELLED = ("", "-", "(empty)", "background", "unknown", "unlabelled", "unlabeled")
"""What stands for no label. Background is traffic that nobody has looked at."""
_SHOWN = 8
_FIRST_WORD = re.compile(r"[a-z]+")


def first_word(label: str) -> str:
    """``malicious`` of ``Malicious-synthetic``: what follows says which kind."""
    found = _FIRST_WORD.match(label.strip().lower())
    return "" if found is None else found[0]


@dataclass(frozen=True)
class Classes:
    """The labels of a data set, sorted.

    Attributes:
        benign, malicious: as they are written there.
    """

    benign: tuple[str, ...]
    malicious: tuple[str, ...]


def classes_of(
    counts: Mapping[str, int], where: str, malicious: Sequence[str] = (), what: str = "flows"
) -> Classes:
    """Which labels are malicious.

    Named ones are, and all others are benign. Without names, all labels must begin with words that
    all use (`BENIGN`, `MALICIOUS`), or be two of which one does.

    Args:
        counts: how many of ``what`` have each label, those without one left out.
        where: the file or data set, for errors.
        malicious: what the user names; letters' case does not count.

    Raises:
        UsageError: if a named one is not there, or if it must be said which are malicious.
    """
    labels = sorted(counts)
    if malicious:
        wanted = {name.strip().lower() for name in malicious}
        there = {label.lower() for label in labels}
        absent = [name for name in malicious if name.strip().lower() not in there]
        if absent:
            raise UsageError(
                f"{where}: --malicious {absent[0]}: nothing has this label; there are "
                f"{_counted(counts, what)}"
            )
        return _split(labels, (label for label in labels if label.lower() in wanted))
    benign = [label for label in labels if first_word(label) in BENIGN]
    known = [label for label in labels if first_word(label) in MALICIOUS]
    others = [label for label in labels if label not in {*benign, *known}]
    if not others:
        return _split(labels, known)
    if len(labels) == 2 and len(benign) == 1:
        return _split(labels, others)
    if len(labels) == 2 and len(known) == 1:
        return _split(labels, known)
    example = " ".join(f"--malicious {_quoted(label)}" for label in [*known, *others][:2])
    raise UsageError(
        f"{where}: which labels are malicious? There are {_counted(counts, what)}",
        f"benign and malicious are known by themselves (or normal and attack); of other labels say "
        f"which are malicious, all others are benign: {example}",
    )


def _split(labels: Iterable[str], malicious: Iterable[str]) -> Classes:
    chosen = tuple(malicious)
    return Classes(tuple(label for label in labels if label not in chosen), chosen)


def _counted(counts: Mapping[str, int], what: str) -> str:
    """The commonest labels, and how many have each."""
    order = sorted(counts, key=lambda label: (-counts[label], label))
    told = [f"{label} ({counts[label]:,} {what})" for label in order[:_SHOWN]]
    n_more = len(order) - len(told)
    return ", ".join(told) + (f" and {n_more} more" if n_more > 0 else "")


def _quoted(label: str) -> str:
    return f"'{label}'" if " " in label else label
