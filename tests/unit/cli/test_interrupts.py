"""What Ctrl-C does while a pipe is read, and while there is none."""

from __future__ import annotations

import io
import os
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from habitus.cli.interrupts import pipe_outlives_interrupt

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Standard input is a pipe, as wherever another program starts us."""
    reads, writes = os.pipe()
    with os.fdopen(reads, "rb") as stream, os.fdopen(writes, "wb"):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(stream))
        yield


@pytest.mark.usefixtures("piped")
def test_the_first_ctrl_c_is_told_and_the_second_one_interrupts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    os.mkfifo(tmp_path / "pipe")
    before = signal.getsignal(signal.SIGINT)
    for named in (["-"], ["a.pcap", str(tmp_path / "pipe")]):
        with pipe_outlives_interrupt("writing flows of", named):
            signal.raise_signal(signal.SIGINT)
            said = capsys.readouterr().err
            assert said.startswith("habitus: writing flows of what was read until now; Ctrl-C ag")
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("piped")
def test_where_no_pipe_is_read_the_first_ctrl_c_interrupts(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.touch()
    for named in ([str(path), str(tmp_path)], [str(tmp_path / "nowhere")]):
        with pipe_outlives_interrupt("writing flows of", named), pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
