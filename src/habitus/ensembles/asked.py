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
