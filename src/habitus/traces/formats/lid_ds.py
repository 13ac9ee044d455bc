"""`lid-ds`: recordings of LID-DS 2019 and 2021, which are text of sysdig, with their ground truth.

Source: M. Grimmer, M. M. Röhling, D. Kreußel, S. Ganz, "A modern and sophisticated host based
intrusion detection data set", 2019; and its second edition, LID-DS 2021.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, ClassVar

from habitus.traces.formats.lid_ds_truth import (
    BrokenTruth,
    Truth,
    truth_of_json,
    truths_of_runs,
)
from habitus.traces.formats.sysdig import SysdigReader
from habitus.traces.formats.sysdig_layout import infer_layout
from habitus.traces.formats.sysdig_stamp_kernels import CLOCK, NANOSECONDS
from habitus.traces.merging import together
from habitus.traces.traceset import Label, TraceInfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.files.inputfile import InputFile
    from habitus.traces.formats.base import ReadOptions
    from habitus.traces.report import ReadReport
    from habitus.traces.traceset import TraceSet

GROUND_TRUTH = "ground truth"
RESOURCES = "resource records, not read"
CAPTURES = "captures, not read here"
WITHOUT_TRUTH = "recordings without ground truth"
BROKEN_TRUTH = "recordings with broken ground truth"
WITHOUT_START = "recordings whose ground truth does not tell when the exploit began"

_SPLITS = ("training", "validation", "test")
_KINDS_OF_TEST = ("normal", "normal_and_attack")
_RECORDING = re.compile(r"(?:^|/)[a-z]{1,40}_[a-z]{1,40}_\d{1,6}\.[a-z]{2,4}$")
_PCAP = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
_KEYS = re.compile(rb"""["'](?:exploit|exploit_name|recording_time)["']\s{0,9}:""")
_CLOCK_TOKEN = re.compile(rb"\S{1,20} +(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))? ")


class LidDsFormat:
    """Recordings of LID-DS: ``NAME.sc`` beside ``NAME.json``, or ``NAME.txt`` beside ``runs.csv``.

    Every trace bears the label of its recording, and when the attack on it began. The other files
    of the data set are counted, and not read as traces.
    """

    name: ClassVar[str] = "lid-ds"
    title: ClassVar[str] = "LID-DS 2019 and 2021, with ground truth"
    sample: ClassVar[str] = (
        "1631078867380460410 0 2902771 apache2 2902771 wait4 >\n"
        "1631078867380462154 0 2902771 apache2 2902771 wait4 <\n"
        "1631078867467692105 33 2902774 apache2 2902774 accept > flags=0\n"
        "1631078867467701544 33 2902774 apache2 2902774 accept < queuepct=0\n"
        "1631078867467766934 33 2902774 apache2 2902774 open >\n"
    )

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:  # noqa: ARG002
        if _kind_of_side_file(head, name):
            return 95
        layout = infer_layout(head)
        if layout is None or layout.before < 6 or layout.bracketed:
            return 0
        places = (layout.name, layout.thread, layout.time, layout.stamp)
        if places == (-1, -2, 0, NANOSECONDS):
            return 95 if name.endswith(".sc") else 90
        of_2019 = places == (1, -1, 1, CLOCK) and name.endswith(".txt")
        return 90 if of_2019 and _RECORDING.search(name) else 0

    def read(
        self,
        files: Iterator[InputFile],
        options: ReadOptions,  # noqa: ARG002 - sysdig writes names, never numbers
        report: ReadReport,
    ) -> Iterator[TraceSet]:
        reader = SysdigReader(report)
        yield from together((reader.names, batch) for batch in _batches(files, reader))


def _batches(files: Iterator[InputFile], reader: SysdigReader) -> Iterator[TraceSet]:
    truths = _Truths()
    for file in files:
        kind = _kind_of_side_file(file.head(), file.name)
        if kind:
            reader.report.notes[kind] += 1
            continue
        truth, note = truths.of(file)
        if note:
            reader.report.notes[note] += 1
        yield from reader.batches(file, _info(file, truth))


def _kind_of_side_file(head: bytes, name: str) -> str:
    """What a file of LID-DS is that holds no calls; nothing for any other file."""
    path = PurePosixPath(name)
    start = head.lstrip()
    if path.name == "runs.csv" and start.startswith(b"image_name"):
        return GROUND_TRUTH
    if path.suffix == ".json" and start.startswith(b"{") and len(set(_KEYS.findall(head))) >= 2:
        return GROUND_TRUTH
    if path.suffix == ".res" and start.startswith(b"timestamp,cpu_usage,"):
        return RESOURCES
    if path.suffix == ".pcap" and head.startswith(_PCAP) and _RECORDING.search(name):
        return CAPTURES
    return ""


class _Truths:
    """Finds the ground truth of recordings; a scenario's ``runs.csv`` is understood once."""

    def __init__(self) -> None:
        self._data: bytes | None = None
        self._runs: dict[str, tuple[Truth, int]] | None = None

    def of(self, file: InputFile) -> tuple[Truth | None, str]:
        """The truth of a recording, if there is any, and a note if something is wrong with it."""
        stem = PurePosixPath(file.name).stem
        try:
            if (data := file.beside(f"{stem}.json")) is not None:
                truth: Truth | None = truth_of_json(data)
            elif (data := file.beside("runs.csv")) is not None:
                truth = self._of_runs(data, stem, file)
            else:
                truth = None
        except BrokenTruth:
            return None, BROKEN_TRUTH
        if truth is None:
            return None, WITHOUT_TRUTH
        untimed = truth.label is Label.ATTACK and truth.attack_ns < 0
        return truth, WITHOUT_START if untimed else ""

    def _of_runs(self, data: bytes, stem: str, file: InputFile) -> Truth | None:
        if data != self._data:
            self._data, self._runs = data, None
            self._runs = truths_of_runs(data)
        if self._runs is None:
            raise BrokenTruth("as it was for the recording before")
        if stem not in self._runs:
            return None
        truth, after_ns = self._runs[stem]
        if truth.label is not Label.ATTACK:
            return truth
        begun_ns = _first_time(file.head())
        known = after_ns >= 0 and begun_ns >= 0
        folder = _parts(file.source)[-2:-1]  # where runs.csv lies is the scenario's folder
        return replace(
            truth,
            attack=folder[0].removesuffix(".zip") if folder else truth.attack,
            attack_ns=begun_ns + after_ns if known else -1,
        )


def _parts(source: str) -> list[str]:
    """The folders, archives and file that a source names."""
    return re.split(r"[/:]", source)


def _first_time(head: bytes) -> int:
    """The time of day, in nanoseconds, of a 2019 recording's first line; -1 if there is none."""
    first = _CLOCK_TOKEN.match(head)
    if first is None:
        return -1
    hours, minutes, seconds = (int(part) for part in first.groups()[:3])
    fraction = int((first[4] or b"0").ljust(9, b"0"))
    return ((hours * 60 + minutes) * 60 + seconds) * 1_000_000_000 + fraction


@dataclass(frozen=True)
class _Place:
    """Where in the data set a recording lies: ``SCENARIO/test/normal/NAME.zip:NAME.sc``."""

    scenario: str = ""
    split: str = ""

    @classmethod
    def of(cls, source: str) -> _Place:
        parts = _parts(source)
        stem = PurePosixPath(parts.pop()).stem
        if parts and parts[-1] == f"{stem}.zip":
            parts.pop()
        kind = parts.pop() if parts and parts[-1] in _KINDS_OF_TEST else ""
        if not parts or parts[-1] not in _SPLITS or (kind != "" and parts[-1] != "test"):
            return cls()
        split = parts.pop()
        return cls(parts[-1].removesuffix(".zip") if parts else "", split)


def _info(file: InputFile, truth: Truth | None) -> TraceInfo:
    """What is known of all traces of a recording."""
    place = _Place.of(file.source)
    info = TraceInfo(
        file.name,
        file.source,
        group=str(PurePosixPath(file.name).with_suffix("")),
        split=place.split,
    )
    if truth is None:
        return info
    attack = (place.scenario or truth.attack) if truth.label is Label.ATTACK else ""
    return replace(info, label=truth.label, attack=attack, attack_ns=truth.attack_ns)


FORMAT = LidDsFormat()
