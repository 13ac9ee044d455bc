"""Whose data they are is said once, when they are first used."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from habitus.datasets.entry import DataEntry
from habitus.datasets.home import DataHome, now
from habitus.datasets.known import KNOWN
from habitus.datasets.notices import first_use_notice, mark_shown
from habitus.datasets.trust import Fetched, TrustBook

if TYPE_CHECKING:
    from pathlib import Path

ADFA = KNOWN["adfa-ld"]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HABITUS_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_known_content_is_said_once(home: Path) -> None:
    assert first_use_notice(str(ADFA.sha256)) == [
        ADFA.title, f"terms: {ADFA.terms}", f"cite: {ADFA.citation}",
    ]  # fmt: skip
    assert first_use_notice(str(ADFA.sha256)) == []


def test_other_content_is_nobodys(home: Path) -> None:
    assert first_use_notice("0" * 64) == []
    assert not home.exists()


def test_what_was_fetched_without_a_published_digest_is_known_too(home: Path) -> None:
    fetched = Fetched(sha256="1" * 64, n_bytes=1, data_set="flowmeter-webgoat", first_seen=now())
    TrustBook(home).remember("https://a.example/x", fetched)
    assert first_use_notice("1" * 64)[0] == "FlowMeter's capture of attacks on WebGoat"


def test_a_folder_that_was_fetched_is_known_by_its_entry(home: Path, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"1 5\n")
    entry = DataEntry(
        name="unm-lpr", file="x", source="s", sha256="2" * 64, n_bytes=4, added=now(),
        addresses=("https://a.example/x",),
    )  # fmt: skip
    DataHome().take(entry, tmp_path / "x")
    assert first_use_notice("2" * 64)[0].startswith("UNM system calls: lpr")


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b"\xff", b"[" * 100_000])
def test_a_damaged_memory_only_shows_it_again(home: Path, damage: bytes) -> None:
    mark_shown("adfa-ld")
    (home / "terms-shown.json").write_bytes(damage)
    assert first_use_notice(str(ADFA.sha256))
    assert first_use_notice(str(ADFA.sha256)) == []


def test_a_home_that_cannot_be_written_to_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("HABITUS_HOME", str(tmp_path / "file" / "home"))
    for _ in range(2):
        assert first_use_notice(str(ADFA.sha256))[0] == ADFA.title
