"""Errors that a person can act on.

Every error that Habitus raises on purpose is a :class:`HabitusError`. Its text names the file and
the place, what was expected, what stood there, and what to do. The command line prints that text
alone and ends with status 2; anything else that escapes is a defect of ours.
"""

from __future__ import annotations


class HabitusError(Exception):
    """Base of every error raised on purpose; its text is meant for the user.

    Args:
        lines: the lines of its text. A newline within one comes from data, a file's name perhaps,
            and is escaped: no name shall forge a line.
    """

    def __init__(self, *lines: str) -> None:
        super().__init__(*lines)

    def __str__(self) -> str:
        return "\n".join(str(line).replace("\n", "\\n") for line in self.args)


class UsageError(HabitusError):
    """A command, function or setting was asked for something it does not do."""


class MissingLibrary(UsageError):
    """A library that is asked for is not installed here."""


class InputError(HabitusError):
    """Traces, archives or other input that cannot be read as what they claim to be."""


class DataHomeError(HabitusError):
    """A named data set that is missing, damaged or already stands for other content."""


class ModelError(HabitusError):
    """A model directory that is damaged, incomplete, altered or from another version."""


class ProtocolError(HabitusError):
    """Data that an evaluation protocol cannot be applied to."""
