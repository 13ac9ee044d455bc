"""Damage in the middle of what is read: everything before it counts, and is delivered first.

A cut-off archive or a disk error must not take with it what was read before: whoever can damage one
file could otherwise hide all others. So a format sees an end where the damage is, delivers what it
holds, and only then is the damage told.
"""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

from habitus.errors import InputError
from habitus.files.inputfile import HEAD_BYTES, ArchiveDamage, InputFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from _typeshed import WriteableBuffer

    OnDamage = Callable[[InputError], None]
    OnFileDamage = Callable[[InputFile | None, InputError], None]
    """Hears of damage in a file, or without one of damage in the archive behind its last file."""


def sound_files(files: Iterator[InputFile], on_damage: OnFileDamage) -> Iterator[InputFile]:
    """Files that end where they are damaged, until their archive is; each damage is told once.

    A tar that cannot be read on within a member cannot be read on behind it, either: that is one
    damage, not two. Damage of the member alone says nothing of the archive.
    """
    is_told = False

    def sound(file: InputFile) -> InputFile:
        def told(error: InputError) -> None:
            nonlocal is_told
            is_told = isinstance(error, ArchiveDamage)
            on_damage(file, error)

        return until_damage(file, told)

    try:
        for file in files:
            is_told = False
            yield sound(file)
    except InputError as error:
        if not is_told:
            on_damage(None, error)


def until_damage(file: InputFile, on_damage: OnDamage) -> InputFile:
    """``file`` with an end where its content is damaged, which ``on_damage`` then hears of."""
    raw: io.RawIOBase = _UntilDamage(file.stream, on_damage)
    stream: io.BufferedReader = io.BufferedReader(raw, HEAD_BYTES)
    return replace(file, stream=stream)


class _UntilDamage(io.RawIOBase):
    def __init__(self, stream: io.BufferedReader, on_damage: OnDamage) -> None:
        self._stream = stream
        self._on_damage = on_damage
        self._is_damaged = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        if self._is_damaged:
            return 0
        try:
            return self._stream.readinto1(buffer)
        except InputError as error:
            self._is_damaged = True
            self._on_damage(error)
            return 0
