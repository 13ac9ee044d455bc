"""The ``habitus`` command and what all its commands share: errors, interrupts, exit codes."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from functools import wraps
from inspect import cleandoc
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import typer

from habitus.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

EXIT_ALERTS, EXIT_UNUSABLE, EXIT_INTERRUPTED = 1, 2, 130
EXIT_BUG = 70
"""As of sysexits.h: Python's own 1 would say that there is an alert."""
EXIT_CUT_OFF = 141
"""As of a program that SIGPIPE ends: 0 would say that everything was judged."""

app = typer.Typer(
    name="habitus",
    help=(
        "Learns how programs normally behave and says when, where and why they stop.\n\n"
        "Start with: habitus demo"
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def command(group: typer.Typer, name: str, example: str) -> Callable[[Any], Any]:
    """Register a command whose help ends with an example, and whose errors are one message."""

    def register(function: Callable[..., None]) -> Callable[..., None]:
        @wraps(function)
        def guarded(*arguments: Any, **options: Any) -> None:
            try:
                function(*arguments, **options)
            except Exception as error:  # noqa: BLE001 - sorted below; ours and bugs are raised on
                _stop(error)
            except KeyboardInterrupt:
                _fail("interrupted; nothing was half-written", EXIT_INTERRUPTED)

        text = "\n\n".join([cleandoc(function.__doc__ or ""), "Example:\n\n\b\n" + example])
        group.command(name, help=text)(guarded)
        return function

    return register


def run() -> None:
    """Read the arguments and run the command."""
    warnings.showwarning = _show_warning
    _open_closed_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal of few letters must not end in an error
            stream.reconfigure(errors="backslashreplace")
    try:
        from habitus.cli import commands  # noqa: F401 - registers them

        try:
            app()
        finally:
            sys.stdout.flush()  # here, where a full disk can be told; Python's exit only complains
    except KeyboardInterrupt:  # before the command itself has begun
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        mute_output()
        sys.exit(EXIT_CUT_OFF)
    except OSError as error:
        mute_output()
        print(f"habitus: {error.strerror or error}", file=sys.stderr)  # noqa: T201
        sys.exit(EXIT_UNUSABLE)
    except Exception as error:  # noqa: BLE001 - whatever it is, its status must not look like an alert
        traceback.print_exc()
        said = f"{type(error).__name__}: {error}"
        print(f"habitus: a bug in Habitus, please report it: {said}", file=sys.stderr)  # noqa: T201
        sys.exit(EXIT_BUG)


def _open_closed_streams() -> None:
    """Stand in for streams that were closed before we began, as a daemon's parent may do.

    Python has none of them then, and the first file opened would take the place of, say, standard
    output.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115


def _show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int,
    file: TextIO | None = None, line: str | None = None,
) -> None:  # fmt: skip
    """Show warnings meant for the user as one line, and others as Python does."""
    from habitus.cli.terminal import warn
    from habitus.learning.session import TrainingWarning
    from habitus.registry import PluginWarning

    if issubclass(category, (PluginWarning, TrainingWarning)):
        warn([f"habitus: {message}"])
        return
    text = warnings.formatwarning(message, category, filename, lineno, line)
    (file or sys.stderr).write(text)


def mute_output() -> None:
    """Whoever read our output has had enough, as `head` does; keep Python from complaining."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _stop(error: Exception) -> NoReturn:
    """End with a message and status 2 if the user can act on the error; raise it on otherwise."""
    from habitus.cli.terminal import printable
    from habitus.errors import HabitusError

    if isinstance(error, BrokenPipeError):
        mute_output()
        raise typer.Exit(EXIT_CUT_OFF)
    if isinstance(error, HabitusError):
        _fail(str(error))
    if isinstance(error, OSError) and error.strerror:
        try:
            sys.stdout.flush()
        except OSError:  # it was standard output that failed, and would fail again at the end
            mute_output()
        place = f"{printable(str(error.filename))}: " if error.filename else ""
        _fail(f"{place}{error.strerror}; nothing was half-written")
    if isinstance(error, MemoryError):
        _fail("not enough memory")
    raise error


def _fail(message: str, status: int = EXIT_UNUSABLE) -> NoReturn:
    from habitus.cli.terminal import printable_lines

    print(f"habitus: {printable_lines(message)}", file=sys.stderr)  # noqa: T201
    raise typer.Exit(status)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"habitus {__version__}")  # noqa: T201
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    """Options of the whole program."""
