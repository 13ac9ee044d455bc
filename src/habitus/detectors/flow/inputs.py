"""`Input`: one column of the matrix that models of flows compute with, and how it is made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

import polars as pl

from habitus.detectors.flow.flowmeter_features import (
    FLOWMETER_FEATURES,
    flowmeter_needs,
    flowmeter_unit,
)
from habitus.flows.features.declared import feature_named

_PROTOCOLS = {"tcp": (6,), "udp": (17,), "icmp": (1, 58)}
_ITEM = re.compile(r"(\w+)\[(\d{1,3})\]")
_AMOUNTS = {"packets", "bytes", "us", "ns", "1/s", "1/ns"}
_COUNTS = re.compile(
    r"(active|idle)_count|subflows|(forward|backward)_bulks|backward_to_forward_.*"
)


@dataclass(frozen=True)
class Input:
    """One column of the matrix.

    Attributes:
        name: ``packets``; ``protocol=tcp`` of a feature that makes several.
        feature: the feature that it is of: contributions are told by feature.
        unit: as the feature's.
        made: its numbers, of the table's columns.
        needs: those columns.
        kind: what they must hold.
        is_amount: whether it counts or measures something that has no upper end; what matters of
            such numbers is how many times as large one is as another.
        always_told: whether extraction always gives it: where it is null, another program left it
            out.
    """

    name: str
    feature: str
    unit: str
    made: pl.Expr
    needs: frozenset[str]
    kind: Literal["number", "list"] = "number"
    is_amount: bool = False
    always_told: bool = False


def inputs_of(feature: str) -> tuple[Input, ...]:
    """The columns that a feature makes: one, or several of a code.

    Raises:
        KeyError: if there is no such feature.
    """
    if feature == "protocol":
        return tuple(input_named(f"protocol={word}") for word in _PROTOCOLS)
    return (input_named(feature),)


@cache
def input_named(name: str) -> Input:
    """The column of this name.

    Raises:
        KeyError: if there is none.
    """
    if name in FLOWMETER_FEATURES:
        unit = flowmeter_unit(name)
        return Input(
            name, name, unit, pl.col(name), flowmeter_needs(name), is_amount=True,
            always_told=unit != "1/ns",
        )  # fmt: skip
    feature, _, word = name.partition("=")
    if feature == "protocol":
        is_it = pl.col(feature).is_in(_PROTOCOLS[word])
        return Input(name, feature, "", is_it, frozenset((feature,)), always_told=True)
    item = _ITEM.fullmatch(name)
    declared = feature_named(item[1] if item else name)
    is_amount = declared.unit in _AMOUNTS or _COUNTS.fullmatch(declared.name) is not None
    column, needs = pl.col(declared.name), frozenset((declared.name,))
    if declared.kind == "integers" and item:
        taken = column.list.get(int(item[2]), null_on_oob=True)
        return Input(name, name, declared.unit, taken, needs, "list", is_amount)
    if item or declared.kind in {"text", "integers"}:
        raise KeyError(name)
    return Input(
        name, name, declared.unit, column, needs, is_amount=is_amount,
        always_told=not declared.null,
    )  # fmt: skip
