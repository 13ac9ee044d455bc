"""Options about flows, which several commands have. Their defaults stand with the commands.

Those of tracking are `habitus.flows.tracker.TrackSettings`, which is too slow to import for --help;
a test holds them together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from habitus.flows.tracker import TrackSettings

Captures = Annotated[
    list[str],
    typer.Argument(help="Captures (pcap, pcapng), folders or archives of them, or - for stdin."),
]
Output = Annotated[
    str, typer.Option("-o", "--output", help="A .parquet, .csv or .jsonl file; - for stdout.")
]
Columns = Annotated[
    str, typer.Option("--columns", help="habitus, or as flowmeter, cicflowmeter or nfstream.")
]
To = Annotated[
    str | None, typer.Option("--to", help="parquet, csv or jsonl; by default by the name.")
]
Outer = Annotated[
    bool, typer.Option("--outer", help="Take the packets that carry tunnels, not those inside.")
]
Idle = Annotated[
    float, typer.Option("--idle", help="Seconds of silence after which a flow has ended.")
]
Active = Annotated[
    float, typer.Option("--active", help="Seconds after which a flow that goes on is cut.")
]
Linger = Annotated[
    float,
    typer.Option("--linger", help="Seconds that a flow closed by FIN or RST waits for stragglers."),
]
ByFlags = Annotated[
    bool, typer.Option("--flags/--no-flags", help="Whether FIN and RST end a flow of TCP.")
]
MaxFlows = Annotated[
    int,
    typer.Option(
        "--max-flows", min=1, max=1 << 28,
        help="Flows under way, for each capture read at a time; a kilobyte each.",
    ),
]  # fmt: skip
Activity = Annotated[
    float, typer.Option("--activity", help="Seconds of silence that are an idle time of a flow.")
]
Subflow = Annotated[
    float, typer.Option("--subflow", help="Seconds of silence that begin a subflow, or end a bulk.")
]
Jobs = Annotated[int | None, typer.Option("--jobs", min=1, help="Captures read side by side.")]
First = Annotated[
    int, typer.Option("--first", min=0, max=20, help="First packets kept one by one.")
]
Malicious = Annotated[
    list[str] | None,
    typer.Option("--malicious", help="Of flows: a label that means malicious; repeatable."),
]


def track_settings(**values: object) -> TrackSettings:
    """Settings that are checked, with an error that names the option."""
    from pydantic import ValidationError

    from habitus.errors import UsageError
    from habitus.flows.tracker import TrackSettings

    try:
        return TrackSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).removesuffix("_s").replace("_", "-")
        raise UsageError(f"--{name}: {first['msg'].lower()}, not {first['input']}") from None
