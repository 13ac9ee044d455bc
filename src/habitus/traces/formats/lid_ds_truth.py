"""What LID-DS says of its recordings: a JSON file beside each (2021), or ``runs.csv`` (2019)."""

from __future__ import annotations

import csv
import json
import re
from dataclasses import dataclass
from decimal import Decimal, DecimalException

from habitus.traces.traceset import Label

MAX_SECONDS = 4_000_000_000
_DAY_SECONDS = 86_400
_WORDS = {"True": "true", "False": "false", "None": "null"}


class BrokenTruth(Exception):
    """Ground truth that is there and cannot be understood."""


@dataclass(frozen=True)
class Truth:
    """What is known of one recording.

    Attributes:
        label: `Label.ATTACK` if the recording holds an exploit.
        attack: what the exploit is called, for recordings that lie in no scenario's folder.
        attack_ns: when the first exploit began: nanoseconds since 1970 (2021), or since midnight of
            the day on which the recording began (2019); -1 if that is not told.
    """

    label: Label
    attack: str = ""
    attack_ns: int = -1


def truth_of_json(data: bytes) -> Truth:
    """The truth of a 2021 recording, from the JSON file beside it.

    Raises:
        BrokenTruth: if it is no such JSON. Single quotes, which some releases have, are no reason.
    """
    read = _object(data)
    exploit = read.get("exploit")
    if not isinstance(exploit, bool):
        raise BrokenTruth("exploit is neither true nor false")
    if not exploit:
        return Truth(Label.NORMAL)
    named = (read.get("image"), read.get("exploit_name"))
    attack = next((name for name in named if isinstance(name, str) and name), "exploit")
    times = read.get("time")
    begun = times.get("exploit") if isinstance(times, dict) else None
    absolute = [_nanoseconds(one.get("absolute")) for one in _dictionaries(begun)]
    return Truth(Label.ATTACK, attack, min((ns for ns in absolute if ns >= 0), default=-1))


def truths_of_runs(data: bytes) -> dict[str, tuple[Truth, int]]:
    """Per recording of a 2019 scenario, from its ``runs.csv``: the truth, and the exploit's start.

    The start is in nanoseconds after the recording's own, whole seconds as the file tells it; -1
    where there is none. ``attack_ns`` is not set: it takes the recording's first time.

    Raises:
        BrokenTruth: if it is no such table. Rows that are broken alone are left out.
    """
    try:
        rows = list(csv.reader(data.decode().splitlines(), skipinitialspace=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BrokenTruth(str(error)) from error
    header = [column.strip().lower() for column in rows[0]] if rows else []
    try:
        name, exploit = header.index("scenario_name"), header.index("is_executing_exploit")
        image, start = header.index("image_name"), header.index("exploit_start_time")
    except ValueError as error:
        raise BrokenTruth(f"runs.csv has no such column: {error}") from error
    found: dict[str, tuple[Truth, int]] = {}
    for row in rows[1:]:
        if len(row) < len(header):
            continue
        word = row[exploit].strip().lower()
        if word == "true":
            after = _nanoseconds(row[start], most=_DAY_SECONDS)
            found[row[name].strip()] = Truth(Label.ATTACK, row[image].strip()), after
        elif word == "false":
            found[row[name].strip()] = Truth(Label.NORMAL), -1
    return found


def _object(data: bytes) -> dict[str, object]:
    try:
        text = data.decode()
        try:
            read = json.loads(text, parse_float=Decimal)
        except json.JSONDecodeError:
            text = re.sub(r"\b(True|False|None)\b", lambda word: _WORDS[word[0]], text)
            read = json.loads(text.replace("'", '"'), parse_float=Decimal)
    except (ValueError, RecursionError, DecimalException) as error:
        raise BrokenTruth(str(error)) from error
    if not isinstance(read, dict):
        raise BrokenTruth("not a JSON object")
    return read


def _dictionaries(value: object) -> list[dict[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _nanoseconds(value: object, most: int = MAX_SECONDS) -> int:
    """Seconds, exactly as they are written, in nanoseconds; -1 for what is no time."""
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal):
        return -1
    try:
        seconds = Decimal(value)
        return int(seconds * 1_000_000_000) if 0 <= seconds <= most else -1
    except (DecimalException, ValueError):
        return -1
