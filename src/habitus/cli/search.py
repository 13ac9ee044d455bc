"""``habitus search``: run a search, show what it has found."""

from __future__ import annotations

import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from habitus.cli import options
from habitus.cli.app import EXIT_INTERRUPTED, app, command

if TYPE_CHECKING:
    from habitus.search.results import SearchResult


class SearchGroup(TyperGroup):
    """A group in which ``search FILE`` means ``search run FILE``."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that is named, or `run` where none is."""
        if args and args[0] not in self.commands:
            args = ["run", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Options may stand before the file, too."""
        if args and args[0].startswith("-") and args[0] not in {"-h", "--help"}:
            args = ["run", *args]
        return super().parse_args(ctx, args)


group = typer.Typer(
    cls=SearchGroup,
    help="Try settings of a detector side by side, and rank them.\n\n"
    "`habitus search FILE` is short for `habitus search run FILE`.",
    no_args_is_help=True,
)
app.add_typer(group, name="search")


@command(
    group,
    "run",
    "habitus search ngram-grid --data adfa-ld -o runs/ngram\n"
    "habitus search run my-search.toml --data recordings/ -o runs/mine --jobs 4\n"
    "habitus search my-search.toml --data recordings/ -o runs/mine --jobs 4 --resume\n"
    "habitus search lstm-tpe --data adfa-ld -o runs/lstm --engine ray",
)
def run(
    file: Annotated[
        str, typer.Argument(help="A search file (TOML), or the name of one that Habitus ships.")
    ],
    data: options.Data,
    output: Annotated[Path, typer.Option("-o", "--output", help="The search's folder.")],
    engine: Annotated[
        str, typer.Option(help="Where trials run: local, or ray (RAY_ADDRESS, or a local cluster).")
    ] = "local",
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Trials at once; by default one for each processor.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with a search that did not end.")
    ] = False,
    supervised: Annotated[
        bool, typer.Option("--supervised", help="Let labelled attacks rank configurations.")
    ] = False,
    beside_attacks: Annotated[
        bool,
        typer.Option(
            "--beside-attacks",
            help="Score the protocol's labelled test traces by each trial, too: they rank nothing.",
        ),
    ] = False,
    protocol: options.Protocol = None,
    storage: Annotated[
        str | None,
        typer.Option(help="The URL of a database to keep trials in; by default the folder."),
    ] = None,
    device: Annotated[
        str, typer.Option(help="What networks are trained on: cpu, cuda or cuda:1.")
    ] = "cpu",
    format: options.Format = None,
    abi: options.Abi = None,
    strict: options.Strict = False,
    json: options.Json = False,
) -> None:
    """Try the settings that a search file asks for, and rank them.

    Each trial trains on some of the normal traces and is judged by others, without any attack
    unless --supervised is said. A trial that crashes, hangs or takes too much memory is one failed
    trial. What has ended is kept: after Ctrl-C, a kill or a power cut the same command with
    --resume runs only what is left.

    `habitus train --from FOLDER#1` trains a model with the best settings that were found.
    """
    from habitus import api
    from habitus.cli.search_text import print_search
    from habitus.cli.terminal import TerminalProgress, warn, warn_of
    from habitus.errors import UsageError
    from habitus.traces.report import ReadReport

    report = ReadReport()
    try:
        with TerminalProgress() as progress:
            found = api.run_search(
                file,
                data,
                output,
                engine=engine,
                jobs=jobs,
                resume=resume,
                supervised=supervised,
                beside_attacks=beside_attacks,
                protocol=protocol,
                storage=storage,
                device=device,
                format=format,
                abi=abi,
                strict=strict,
                progress=progress,
                report=report,
            )
    except KeyboardInterrupt:
        warn([f"interrupted: {output} keeps the trials that ended; --resume goes on with it"])
        raise typer.Exit(EXIT_INTERRUPTED) from None
    warn_of(report)
    # First shown, then drawn: a full disk must not cost the user what was found.
    print_search(found, as_json=json)
    _write_report(found, as_json=json)
    if found.best is None:
        reasons = [trial.reason for trial in found.trials if trial.reason]
        first = f"; the first failed because: {reasons[0]}" if reasons else ""
        raise UsageError(f"{output}: no trial came to a good end{first}")


@command(
    group,
    "show",
    "habitus search show runs/ngram\nhabitus search show runs/ngram --json\n"
    "habitus search show runs/ngram --report",
)
def show(
    folder: Annotated[Path, typer.Argument(help="The search's folder.")],
    report: Annotated[
        bool, typer.Option("--report", help="Also write the folder's report.html anew.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Show what a search has found, while it runs or afterwards.

    --report draws it: settings side by side and one by one, what moves the objective, learning
    curves, and what attacks say where they were looked at. `habitus search run` writes the same
    page when it has ended.
    """
    from habitus import api
    from habitus.cli.search_text import print_search

    found = api.load_search(folder)
    print_search(found, as_json=json)
    if report:
        _write_report(found, as_json=json)


def _write_report(found: SearchResult, *, as_json: bool) -> None:
    from habitus.cli.terminal import printable

    typer.echo(printable(f"wrote {found.write_report()}"), err=as_json)


@command(group, "files", "habitus search files\nhabitus search files ngram-grid > my-search.toml")
def files(
    name: Annotated[str | None, typer.Argument(help="Print this one.")] = None,
    json: options.Json = False,
) -> None:
    """List the search files that Habitus ships, or print one to begin with."""
    from habitus.cli.terminal import table
    from habitus.errors import UsageError
    from habitus.search.plan import read_search_file, shipped_searches

    shipped = shipped_searches()
    if name is not None:
        if name not in shipped:
            raise UsageError(f"no search {name!r} is shipped; there are: {', '.join(shipped)}")
        typer.echo(shipped[name].read_text(encoding="utf-8"), nl=False)
        return
    plans = {key: read_search_file(path) for key, path in shipped.items()}
    rows = [(k, p.file.detector, p.file.method, str(p.n_trials)) for k, p in plans.items()]
    if json:
        keys = ("name", "detector", "method", "n_trials", "title")
        found = [
            dict(zip(keys, (*row[:3], int(row[3]), plans[row[0]].file.title), strict=True))
            for row in rows
        ]
        typer.echo(jsonlib.dumps(found, indent=1))
        return
    titles = [plan.file.title for plan in plans.values()]
    table(
        ("name", "detector", "method", ">trials", "what it is"),
        [(*row, title) for row, title in zip(rows, titles, strict=True)],
    )
