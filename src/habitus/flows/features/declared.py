"""All features, in the order of the table's columns."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from habitus.flows.features import headers, payloads, timing, volume
from habitus.flows.features.identity import IDENTITY

if TYPE_CHECKING:
    from habitus.flows.features.feature import Feature


@cache
def features() -> tuple[Feature, ...]:
    """Every feature: the table, its documentation and all mappings are made of these."""
    groups = (
        timing.gaps, volume.volume, volume.sizes, timing.activity, volume.rates, headers.tcp,
        headers.network, payloads.content, payloads.bulk, payloads.first_packets,
    )  # fmt: skip
    return (*IDENTITY, *(feature for group in groups for feature in group()))


@cache
def feature_named(name: str) -> Feature:
    """One of them.

    Raises:
        KeyError: if there is none of that name.
    """
    return {feature.name: feature for feature in features()}[name]
