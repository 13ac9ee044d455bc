"""A format of one's own needs a class and one line."""

from __future__ import annotations

import tarfile
from typing import TYPE_CHECKING, ClassVar

import pytest

import habitus
import habitus.traces.formats
from habitus.errors import UsageError
from habitus.traces.traceset import TraceInfo, TraceSet

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from habitus.files.inputfile import InputFile
    from habitus.traces.formats.base import ReadOptions
    from habitus.traces.report import ReadReport


class ArrowFormat:
    """``#arrows`` and then a trace a line, calls joined by ``->``."""

    name: ClassVar[str] = "arrows"
    title: ClassVar[str] = "a trace a line, calls joined by arrows"
    sample: ClassVar[str] = "#arrows\nopen -> read -> close\n"

    def sniff(self, head: bytes, name: str, options: ReadOptions) -> int:  # noqa: ARG002
        return 100 if head.startswith(b"#arrows\n") else 0

    def read(
        self,
        files: Iterator[InputFile],
        options: ReadOptions,  # noqa: ARG002
        report: ReadReport,
    ) -> Iterator[TraceSet]:
        for file in files:
            rows, infos = [], []
            for number, line in enumerate(file.stream, 1):
                calls = line.decode("ascii", "replace").strip().split(" -> ")
                if number == 1 or not calls[0]:
                    continue
                if not all(call.isidentifier() for call in calls):
                    report.add_broken(f"{file.source}:{number}", "not calls joined by arrows")
                    continue
                rows.append(calls)
                infos.append(TraceInfo(f"{file.name}:{number}", file.source))
            yield TraceSet.from_names(rows, infos=infos)


@pytest.fixture
def _arrows_are_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    formats = habitus.traces.formats
    monkeypatch.setattr(formats._FORMATS, "_made", dict(formats._FORMATS._made))
    habitus.register_format(ArrowFormat())


@pytest.mark.usefixtures("_arrows_are_registered")
def test_a_format_of_ones_own_reads_beside_the_others(tmp_path: Path) -> None:
    (tmp_path / "normal").mkdir()
    (tmp_path / "normal" / "a.arrows").write_text("#arrows\nopen -> read -> close\n\n!! -> read\n")
    (tmp_path / "normal" / "b.txt").write_text("openat read close\n")
    reader = habitus.TraceReader(tmp_path)
    traces = habitus.traces.traceset.join(reader)
    assert [traces.trace(i) for i in range(traces.n_traces)] == [
        ["open", "read", "close"],
        ["openat", "read", "close"],
    ]
    assert traces.names == ("normal/a.arrows:2", "normal/b.txt:1")
    assert set(traces.labels) == {habitus.Label.NORMAL}
    assert dict(reader.report.formats) == {"arrows": 1, "plain": 1}
    assert reader.report.broken == [f"{tmp_path}/normal/a.arrows:4: not calls joined by arrows"]
    assert "arrows" in habitus.format_names()
    forced = habitus.read_traces(tmp_path / "normal" / "a.arrows", format="arrows")
    assert forced.n_traces == 1


@pytest.mark.usefixtures("_arrows_are_registered")
def test_every_part_of_habitus_takes_a_format_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Train, evaluate, judge, explain, check, convert and sample, from a folder and an archive."""
    monkeypatch.setenv("HABITUS_HOME", str(tmp_path / "home"))
    data = tmp_path / "data"
    for i in range(20):
        for folder, middle in (("normal", "read -> " * (i + 1)), ("attack", "ptrace -> " * i)):
            path = data / folder / f"run-{i}.arrows"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"#arrows\nopen -> {middle}close -> brk -> exit\n")
    model = habitus.train("stide", str(data), settings={"n": 2})
    results = habitus.evaluate({"stide": model}, str(data))
    assert results.results[0].n_attack == 20
    records = list(habitus.detect(model, data, all_traces=True))
    assert len(records) == 40
    _, explained = habitus.explain(model, data)
    assert "ptrace" in [call.name for call in explained.calls]
    assert {part.traces for part in habitus.check(str(data)).parts} == {20}
    with tarfile.open(tmp_path / "data.tar.gz", "w:gz") as archive:
        archive.add(data, "data")
    for place in (data, tmp_path / "data.tar.gz"):
        assert habitus.convert(place, tmp_path / "all.habitus").n_traces == 40
    assert habitus.sample(str(data), tmp_path / "some.txt", n_traces=10).n_traces == 10
    assert habitus.read_traces(tmp_path / "all.habitus").n_traces == 40


@pytest.mark.usefixtures("_arrows_are_registered")
def test_a_formats_name_is_taken_once() -> None:
    with pytest.raises(UsageError, match="'arrows'"):
        habitus.register_format(ArrowFormat())


def test_an_unknown_format_is_told_with_those_there_are(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"adfa, .*native, .*plain, .*strace"):
        habitus.read_traces(tmp_path, format="arrows")
