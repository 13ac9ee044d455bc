"""When it goes by: gaps, times of activity and silences."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from habitus.flows.features.feature import Column, Feature
from habitus.flows.features.making import (
    LONG,
    NO_GAP,
    NO_PACKET,
    ONE_GAP,
    Make,
    moments,
    named,
)
from habitus.flows.features.rows import SCOPES, Moments, Rows, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def gaps() -> Iterator[Feature]:
    """How long it takes from packet to packet."""
    for scope in SCOPES:
        way = LONG[scope]
        yield Feature(
            named(scope, "duration_us"), "gaps", "number", "us",
            f"Time from the first packet {way} to the latest", "latest time - first time",
            "" if scope == "flow" else NO_PACKET, _duration(scope),
        )  # fmt: skip
        yield from moments(
            "gaps", _gaps_of(scope), named(scope, "gap"), "us",
            f"the time between packets {way} that follow each other", (NO_GAP, ONE_GAP),
        )  # fmt: skip


def _gaps_of(scope: Scope) -> Callable[[Rows], Moments]:
    return lambda rows: rows.gaps(scope)


def _duration(scope: Scope) -> Make:
    return lambda rows: Column(rows.duration_ns(scope) / 1e3, rows.total(scope, "packets") > 0)


def activity() -> Iterator[Feature]:
    """Times of activity, and the silences between them."""
    for name, word in (("active", "a time of activity"), ("idle", "a silence between two")):
        yield Feature(
            f"{name}_count", "activity", "integer", "", f"How often there was {word}", "count", "",
            _activity_count(name),
        )  # fmt: skip
        yield from moments(
            "activity", _activity_of(name), name, "us", f"how long {word} lasted",
            ("there is none", "there are fewer than two"),
        )  # fmt: skip
    yield Feature(
        "subflows", "activity", "integer", "", "Stretches between silences of a second",
        "1 + count of gaps above the setting subflow_s", "",
        lambda rows: Column(rows.flows["subflows"].astype(np.int64)),
    )  # fmt: skip


def _activity_of(name: str) -> Callable[[Rows], Moments]:
    return lambda rows: rows.activity(name)


def _activity_count(name: str) -> Make:
    return lambda rows: Column(rows.n_activity(name))
