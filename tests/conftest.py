"""What all tests share: public data sets, where they are at hand, and repeatable properties."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"

# How fast a machine is decides no test.
settings.register_profile(
    "repeatable",
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("repeatable")

# The networks of tests are so small that a second thread only waits; commands that tests start
# inherit this. It has to stand before PyTorch is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What a script runs in its background ignores Ctrl-C, and so would the commands that tests start
# and interrupt: they inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of public data sets, from HABITUS_TEST_DATA."""
    named = os.environ.get("HABITUS_TEST_DATA")
    if not named or not Path(named).is_dir():
        message = "HABITUS_TEST_DATA does not name a folder of data sets"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    return Path(named)


@pytest.fixture(autouse=True)
def no_internet(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test reaches the internet: neither in this process nor, by its proxies, in others."""
    real = socket.getaddrinfo

    def local_only(host: Any, *arguments: Any, **options: Any) -> Any:
        if host not in {"127.0.0.1", "localhost", "::1", None}:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", local_only)
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody listens there
    monkeypatch.delenv("HABITUS_MIRROR", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")


_unlisted_skips: list[str] = []


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """A test that does not run proves nothing: a skip must stand in allowed_skips.txt."""
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason not in _allowed_skips():
            _unlisted_skips.append(f"{report.nodeid}: {reason}")


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _unlisted_skips and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for skip in _unlisted_skips:
        terminalreporter.write_line(f"skipped, and not in tests/allowed_skips.txt: {skip}")


def _allowed_skips() -> set[str]:
    lines = (Path(__file__).parent / "allowed_skips.txt").read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


@pytest.fixture
def benchmark_script(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Any]]:
    """Imports a script of benchmarks, which are no package; forgotten again after the test."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    yield importlib.import_module
    for name in set(sys.modules) - before:
        if (BENCHMARKS / f"{name}.py").exists():
            del sys.modules[name]
