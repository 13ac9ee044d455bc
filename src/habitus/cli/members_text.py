"""What is said of an ensemble's members."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from habitus.detectors.base import SequenceDetector
    from habitus.ensembles.member import Member
    from habitus.ensembles.parts import MemberPart

DIGEST_SHOWN = 12


def member_rows(detector: SequenceDetector) -> list[tuple[str, str]]:
    """Labels and what stands beside them; none of a single detector."""
    rows = []
    for member in _members(detector):
        settings = member.detector.settings.model_dump(mode="json")
        told = " ".join([member.detector.name, *(f"{k}={v}" for k, v in settings.items())])
        digest = f", digest {member.digest[:DIGEST_SHOWN]}..." if member.digest else ""
        rows.append(("member", f"{member.name}: {told}, by its {_score(member)}{digest}"))
    return rows


def members_summary(detector: SequenceDetector) -> list[dict[str, Any]] | None:
    """The same for programs; None of a single detector."""
    summary = [
        {
            "member": member.name,
            "digest": member.digest,
            "detector": member.detector.name,
            "settings": member.detector.settings.model_dump(mode="json"),
            "aggregation": str(member.aggregation),
            "n_known_calls": len(member.detector.vocabulary),
        }
        for member in _members(detector)
    ]
    return summary or None


def print_members(out: Console, parts: Sequence[MemberPart]) -> None:
    """What each member makes of a trace, the largest part first."""
    from rich.text import Text

    from habitus.cli.terminal import printable

    out.print("what its members say:")
    for part in parts:
        share = "" if part.share is None else f"{part.share:.0%} of the score: "
        score = "no score" if part.score is None else f"{part.score:.4g} {part.unit}"
        line = f"  {share}{part.member} ({part.detector}), {score}"
        if part.first_call is not None and part.mean_surprise is not None:
            line += (
                f"; strangest from call {part.first_call + 1:,} "
                f"({part.mean_surprise:.3g} {part.surprise_unit})"
            )
        out.print(Text(printable(line)), soft_wrap=True)


def _members(detector: SequenceDetector) -> tuple[Member, ...]:
    from habitus.ensembles.ensemble import Ensemble

    return detector.members if isinstance(detector, Ensemble) else ()


def _score(member: Member) -> str:
    return "score of a trace" if member.is_whole else f"{member.aggregation} surprise"
