"""What an ensemble fits itself: detectors and their settings, as a text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from habitus.decisions.scores import aggregation_of
from habitus.detectors import get_detector
from habitus.ensembles.member import Member
from habitus.errors import HabitusError, UsageError

if TYPE_CHECKING:
    from habitus.detectors.base import SequenceDetector

GIVEN = "given"
"""Said of an ensemble of models that were fitted before."""
EACH = "each"
"""Said of members of which each stands alone."""
MAX_MEMBERS = 64


@dataclass(frozen=True)
class Asked:
    """One detector to fit, with its settings as text."""

    text: str
    detector: str
    settings: tuple[tuple[str, str], ...]

    def unfitted(self) -> SequenceDetector:
        """The detector, to be fitted.

        Raises:
            UsageError: if there is no such detector or setting.
        """
        return get_detector(self.detector).with_settings(dict(self.settings))

    def member(self, fitted: SequenceDetector) -> Member:
        """The member that it becomes; its score of a trace is made as the detector has it."""
        return Member(self.text, fitted, aggregation_of(fitted))


def asked_members(text: str) -> tuple[Asked, ...]:
    """Read ``ngram:order=12+neighbours:n=3``; nothing of ``given``.

    >>> [one.detector for one in asked_members("ngram:order=12 + stide")]
    ['ngram', 'stide']

    Raises:
        UsageError: if it is no such text, or names what an ensemble cannot fit.
    """
    if text == GIVEN:
        return ()
    asked = []
    for part in text.split("+"):
        name, *pairs = part.strip().split(":")
        settings = tuple(pair.partition("=")[::2] for pair in pairs)
        one = Asked(part.strip(), name, settings)
        if name == "ensemble":
            raise UsageError("an ensemble is no member of another: name its members instead")
        if not one.unfitted().is_quick:
            raise UsageError(
                f"{name} takes long to fit, and members are fitted several times over: train it "
                "alone and give its model (`habitus train ensemble --of`)"
            )
        asked.append(one)
    texts = [one.text for one in asked]
    if len(set(texts)) < len(texts) or len(texts) > MAX_MEMBERS:
        raise UsageError(f"members are {MAX_MEMBERS} at most, and none stands twice")
    return tuple(asked)


def checked_text(text: str) -> str:
    """The text, if `asked_members` can read it; the error is one that settings tell.

    Raises:
        ValueError: if it cannot.
    """
    try:
        asked_members(text)
    except HabitusError as error:
        raise ValueError(str(error)) from None
    return text


def asked_groups(text: str) -> tuple[tuple[int, ...], ...]:
    """Read ``1+2,3,1+2+4``: which members stand together, by their place; nothing of ``each``.

    >>> asked_groups("1+2, 3"), asked_groups("each")
    (((0, 1), (2,)), ())

    Raises:
        UsageError: if it is no such text.
    """
    if text == EACH:
        return ()
    groups = []
    for part in text.split(","):
        places = [place.strip() for place in part.split("+")]
        if not all(place.isascii() and place.isdigit() and len(place) < 4 for place in places):
            raise UsageError(
                f"{part.strip()!r} is no group of members: their places, joined by +, as in "
                "1+2,3,1+2+4"
            )
        group = tuple(int(place) - 1 for place in places)
        if min(group) < 0 or max(group) >= MAX_MEMBERS or len(set(group)) < len(group):
            raise UsageError(
                f"{part.strip()!r}: places begin at 1, there are {MAX_MEMBERS} at most, and none "
                "stands twice in a group"
            )
        groups.append(group)
    if len({frozenset(group) for group in groups}) < len(groups) or len(groups) > MAX_MEMBERS:
        raise UsageError(f"groups are {MAX_MEMBERS} at most, and none stands twice")
    return tuple(groups)


def checked_groups(text: str) -> str:
    """The text, if `asked_groups` can read it; the error is one that settings tell.

    Raises:
        ValueError: if it cannot.
    """
    try:
        asked_groups(text)
    except HabitusError as error:
        raise ValueError(str(error)) from None
    return text
