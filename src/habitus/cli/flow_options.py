"""Options about flows, which several commands have: how packets become flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from habitus.flows.tracker import TrackSettings

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
    int, typer.Option("--max-flows", min=1, help="Flows under way at a time; a kilobyte each.")
]
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
