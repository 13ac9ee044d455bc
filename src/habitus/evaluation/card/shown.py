"""Traces worth a look, as the card shows them: facts, a heat strip, the strangest stretch."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from habitus.evaluation.card.parts import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from habitus.evaluation.result_parts import ShownTrace
    from habitus.evaluation.results import Result

LEAST_EXPECTED = 0.01
_LEVELS = (0.5, 1.0, 1.5)


@dataclass(frozen=True)
class Cell:
    """A bar of a strip: its place, its height up to 1, its colour's level; no level if empty."""

    place: int
    height: float
    level: int | None


@dataclass(frozen=True)
class CallRow:
    """One call of a stretch.

    Attributes:
        bar: its surprise as a `Cell`.
        expected: what was expected there, in words.
    """

    position: int
    name: str
    novel: bool
    surprise: str
    bar: Cell
    expected: str


@dataclass(frozen=True)
class Shown:
    """A trace on the card.

    Attributes:
        facts: short sentences.
        strip: the whole trace; ``strip_label`` says it in words.
        stretch: the strangest stretch; ``stretch_title`` says where it is.
        difference: (kind, calls) pieces that turn the nearest normal stretch into this one:
            ``same``, ``gone`` or ``new``.
    """

    name: str
    facts: tuple[str, ...]
    strip: tuple[Cell, ...] = ()
    strip_label: str = ""
    stretch_title: str = ""
    unit: str = ""
    position_unit: str = ""
    stretch: tuple[CallRow, ...] = ()
    nearest_title: str = ""
    difference: tuple[tuple[str, str], ...] = ()


def scale_of(result: Result) -> float | None:
    """The surprise that is half of a bar's height: the threshold; None if it is no measure of it.

    Where whole traces are scored, a call's surprise is on another scale than the score.
    """
    if result.aggregation == "whole" or result.at_threshold is None:
        return None
    threshold = result.at_threshold.threshold
    return threshold if threshold > 0 else None


def shown_of(trace: ShownTrace, result: Result) -> Shown:
    """What the card shows of a trace."""
    facts = _facts(trace, result)
    record = trace.explanation
    if record is None:
        return Shown(trace.name, facts)
    measure = scale_of(result)
    strip = _cells(record["strip"], measure)
    bars = _cells([call["surprise"] for call in record["calls"]], measure)
    nearest = record["nearest_normal"]
    first, last = record["calls"][0]["position"], record["calls"][-1]["position"]
    return Shown(
        name=trace.name,
        facts=facts,
        strip=strip,
        strip_label=_strip_label(strip, record, trace.n_calls),
        stretch_title=f"Strangest stretch: {record['position_unit']}s {first:,} to {last:,}",
        unit=record["unit"],
        position_unit=record["position_unit"],
        stretch=tuple(map(_row, record["calls"], bars)),
        nearest_title="" if nearest is None else _nearest_title(record, nearest),
        difference=() if nearest is None else _difference(record, nearest),
    )


def _facts(trace: ShownTrace, result: Result) -> tuple[str, ...]:
    is_normal = trace.label == "normal"
    others = result.n_attack if is_normal else result.n_normal
    what = "attacks" if is_normal else "normals"
    facts = [f"score {trace.score:.4g} {result.score_unit}"]
    if trace.attack:
        facts.append(trace.attack)
    facts.append(
        f"{trace.n_beyond:,} of {others:,} {what} score no {'higher' if is_normal else 'lower'}"
    )
    facts.append(counted(trace.n_calls, "call"))
    if trace.n_novel_calls:
        facts.append(f"{trace.n_novel_calls:,} of them never seen in training")
    if trace.n_equal > 1:
        facts.append(f"stands for {trace.n_equal:,} equal {result.unit}s")
    if trace.is_alert is not None:
        alarm = "raises a false alarm" if is_normal else "found"
        silent = "raises no alarm" if is_normal else "missed"
        facts.append(f"{alarm if trace.is_alert else silent} by its own threshold")
    return tuple(facts)


def _cells(values: Sequence[float | None], measure: float | None) -> tuple[Cell, ...]:
    """Bars, measured by half of the largest where nothing else measures them."""
    half = measure or max((value for value in values if value is not None), default=0.0) / 2
    return tuple(_cell(place, value, half) for place, value in enumerate(values))


def _cell(place: int, value: float | None, half: float) -> Cell:
    """A bar of full height is twice ``half``; height and colour say the same."""
    if value is None:
        return Cell(place, 0.0, None)
    ratio = value / half if half > 0 else (2.0 if value > 0 else 0.0)
    level = next((i for i, limit in enumerate(_LEVELS) if ratio <= limit), len(_LEVELS))
    return Cell(place, min(1.0, max(0.06, ratio / 2)), level)


def _strip_label(strip: tuple[Cell, ...], record: dict[str, Any], n_calls: int) -> str:
    high = sum(cell.level is not None and cell.level > 1 for cell in strip)
    per_cell = counted(record["calls_per_cell"], "call")
    return (
        f"Surprise along the {n_calls:,} calls, {per_cell} a bar: "
        f"{high} of {counted(len(strip), 'bar')} above half of the height"
    )


def _row(call: dict[str, Any], bar: Cell) -> CallRow:
    likely = [e for e in call["expected"] if e["probability"] >= LEAST_EXPECTED]
    surprise = call["surprise"]
    return CallRow(
        position=call["position"],
        name=call["name"],
        novel=call["novel"],
        surprise="-" if surprise is None else f"{surprise:.2f}",
        bar=bar,
        expected=", ".join(f"{e['name']} {e['probability']:.0%}" for e in likely) or "-",
    )


def _nearest_title(record: dict[str, Any], nearest: dict[str, Any]) -> str:
    return (
        f"Nearest normal stretch, {counted(nearest['edits'], 'edit')} for "
        f"{counted(len(record['calls']), 'call')}: {nearest['trace']}, from call "
        f"{nearest['first_call'] + 1:,}"
    )


def _difference(record: dict[str, Any], nearest: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    strange = [call["name"] for call in record["calls"]]
    normal = nearest["calls"]
    pieces = []
    for kind, a, b, c, d in SequenceMatcher(a=normal, b=strange, autojunk=False).get_opcodes():
        if kind == "equal":
            pieces.append(("same", " ".join(normal[a:b])))
            continue
        if b > a:
            pieces.append(("gone", " ".join(normal[a:b])))
        if d > c:
            pieces.append(("new", " ".join(strange[c:d])))
    return tuple(pieces)
