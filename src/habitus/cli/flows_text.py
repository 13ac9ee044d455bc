"""How commands print what they wrote of flows, and what is in captures."""

from __future__ import annotations

import json as jsonlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from habitus.flows.summary import CaptureSummary


def print_written(record: dict[str, Any], told: str, *, as_json: bool, is_stdout: bool) -> None:
    """What a file of flows holds.

    Args:
        record: the same for programs, with its ``path`` and ``kind``.
        is_stdout: whether standard output is that file, and holds nothing else.
    """
    from habitus.cli.terminal import printable

    if as_json:
        typer.echo(jsonlib.dumps(record, indent=1))
        return
    typer.echo(printable(f"wrote {record['path']} ({record['kind']}): {told}"), err=is_stdout)


def print_info(found: CaptureSummary, *, as_json: bool) -> None:
    """What is in captures, for a person or a program."""
    from habitus.cli.terminal import counted, warn
    from habitus.flows.summary import link_name, protocol_name

    if as_json:
        typer.echo(jsonlib.dumps(found.record(), indent=1))
        return
    packets = found.report.packets
    rows = [
        ("captures", f"{found.report.n_captures:,}"),
        ("packets", f"{packets.n_packets:,}, of which {packets.n_ok:,} belong to flows"),
        ("bytes on the wire", f"{packets.n_bytes:,}"),
        ("time", _time(packets.first_ns, packets.last_ns, found.report.n_captures)),
        ("links", _commonest(packets.links, link_name)),
        ("protocols", _commonest(found.protocols, lambda key: protocol_name(*key))),
    ]
    rows += [
        (label, counted(count, "packet") + what)
        for label, count, what in (
            ("VLAN", found.n_vlan, ""), ("tunnels", packets.n_inside, " inside"),
            ("fragments", packets.n_fragments, ""),
            ("cut off", packets.n_cut, " of which only a part was captured"),
        )
        if count
    ]  # fmt: skip
    width = max(len(label) for label, _ in rows)
    for label, told in rows:
        typer.echo(f"{label:{width}}  {told}")
    warn(found.report.warnings())


def _commonest(counts: Counter[Any], name: Callable[[Any], str]) -> str:
    shown = counts.most_common(6)
    told = ", ".join(f"{name(key)} {count:,}" for key, count in shown)
    n_more = len(counts) - len(shown)
    return f"{told} and {n_more} more" if n_more else told or "none"


def _time(first_ns: int | None, last_ns: int | None, n_captures: int) -> str:
    if first_ns is None or last_ns is None:
        return "none"
    try:
        began = datetime.fromtimestamp(first_ns // 1_000_000_000, UTC)
    except (OverflowError, ValueError, OSError):
        began = None
    told = f"{began:%Y-%m-%d %H:%M:%S} UTC" if began else "an impossible date"
    over = f", over {n_captures:,} captures" if n_captures > 1 else ""
    return f"{(last_ns - first_ns) / 1e9:,.3f} s from {told}{over}"
