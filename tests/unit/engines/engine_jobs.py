"""Jobs for the tests of engines: good ones, and every kind that ends badly."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from habitus.errors import MissingLibrary, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from habitus.engines.base import Context


def add(arguments: Mapping[str, Any], context: Context) -> Any:
    sys.stdout.write(f"adding {arguments['a']}\n")
    return {"sum": arguments["a"] + arguments["b"], "pid": os.getpid()}


def ask(arguments: Mapping[str, Any], context: Context) -> Any:
    return [context.ask({"n": n}) for n in range(arguments["times"])]


def read(arguments: Mapping[str, Any], context: Context) -> Any:
    return context.shared(arguments["name"]).to_pybytes().decode()


def environment(arguments: Mapping[str, Any], context: Context) -> Any:
    return os.environ.get(arguments["name"])


def sleep(arguments: Mapping[str, Any], context: Context) -> Any:
    began = time.time()
    time.sleep(arguments["seconds"])
    return os.getpid(), began, time.time()


def fail(arguments: Mapping[str, Any], context: Context) -> Any:
    kind = arguments["kind"]
    if kind == "own error":
        raise UsageError("this setting is not allowed")
    if kind == "bug":
        return {}["nothing"]
    if kind == "allocates":
        held = []
        while True:
            held.append(bytearray(os.urandom(1 << 20)) * 8)
    if kind == "loops":
        while True:
            pass
    if kind == "exits":
        sys.exit(1)
    if kind == "exits at once":
        os._exit(3)
    if kind == "crashes":
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(10)
    if kind == "is killed":
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(10)
    if kind == "full disk":
        Path("/dev/full").write_text("text" * 5000)
    raise AssertionError(kind)


def refuse(arguments: Mapping[str, Any], context: Context) -> Any:
    """As a place that lacks something, until its folder holds so many marks of attempts."""
    marks = Path(arguments["marks"])
    n = len(list(marks.iterdir()))
    if n < arguments["refusals"]:
        (marks / str(n)).touch()
        raise MissingLibrary("nosuch is not installed")
    return n


def prepare(arguments: Mapping[str, Any], context: Context) -> None:
    if arguments.get("refusals"):
        refuse(arguments, context)
    if arguments.get("kind"):
        fail(arguments, context)


def warm(arguments: Mapping[str, Any], context: Context) -> None:
    time.sleep(arguments["seconds"])


def nothing(arguments: Mapping[str, Any], context: Context) -> Any:
    return "done"


def prints(arguments: Mapping[str, Any], context: Context) -> Any:
    sys.stdout.write("the beginning\n")
    for n in range(arguments["lines"]):
        sys.stdout.write(f"line {n} of very many lines that say nothing at all\n")
        if n % 1000 == 0:
            sys.stdout.flush()
            time.sleep(arguments.get("pause", 0.0))
    sys.stdout.write("the end\n")
    return "done"


def elsewhere(arguments: Mapping[str, Any], context: Context) -> None:
    """As where one node of a cluster lacks something."""
    if dict(os.environ)["RAY_RAYLET_PID"] == str(arguments["raylet"]):
        raise MissingLibrary("it lacks what jobs need")
