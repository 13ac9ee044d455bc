"""Which features a model of flows may learn from: sets by name, and why some are left out."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from habitus.detectors.flow.flowmeter_features import FLOWMETER_FEATURES
from habitus.errors import UsageError
from habitus.flows.features.declared import features

if TYPE_CHECKING:
    from collections.abc import Iterator

    from habitus.flows.features.feature import Feature

DEFAULT, ALL, FLOWMETER = "default", "all", "flowmeter"
NO_NUMBER = "it is no number"
FIRST = "the first packets one by one are asked for by the setting first_packets"
_LEFT_OUT = (
    (r"(source|destination)_port", "ports name a service, and in labelled data often the attack"),
    (r"(first|last)_frame|(start|end)_ns", "where and when it stands in its capture"),
    (r"is_midstream|was_turned|is_continued|out_of_order", "how the capture was made or cut"),
    (r"ip_version|vlan|n_tunnels", "the network that was captured, not what a flow does"),
    (r"icmp_(type|code)", "a code, which is no amount"),
    (r"(.*_)?raw_.*", "link headers differ by capture, and ip_... and payload_... say the rest"),
    (r"(.*_)?ttl_.*", "how far away a host is, and its system: the shortcut of many data sets"),
    (r".*_window_.*|.*_header_min_bytes", "the habits of a host's system, not of the flow"),
    (r"(.*_)?transport_bytes", "the sum of header_bytes and payload_bytes"),
)


def why_left_out(name: str) -> str | None:
    """Why a feature of ours is not in the set ``default``; None if it is.

    Raises:
        KeyError: if there is no such feature.
    """
    return _reasons()[name]


@cache
def _reasons() -> dict[str, str | None]:
    return {feature.name: _why(feature) for feature in features()}


def _why(feature: Feature) -> str | None:
    if feature.kind == "text":
        return NO_NUMBER
    if feature.kind == "integers":
        return FIRST
    return next((why for names, why in _LEFT_OUT if re.fullmatch(names, feature.name)), None)


@cache
def feature_sets() -> dict[str, tuple[str, ...]]:
    """Every set by its name: default, all, flowmeter, and the default's parts by their group."""
    numbers = [f for f in features() if f.kind not in {"text", "integers"}]
    default = [f for f in numbers if why_left_out(f.name) is None]
    parts: dict[str, tuple[str, ...]] = {}
    for feature in default:
        parts[feature.group] = (*parts.get(feature.group, ()), feature.name)
    return {
        DEFAULT: tuple(f.name for f in default),
        ALL: tuple(f.name for f in numbers),
        FLOWMETER: FLOWMETER_FEATURES,
        **parts,
    }


def features_named(words: str, first_packets: int = 0) -> tuple[str, ...]:
    """The features that a setting names, in the order of the table.

    Args:
        words: sets and features, commas between them; one with ``-`` before it is taken out again.
        first_packets: so many of the first packets are features, too: size, direction and gap.

    Raises:
        UsageError: if a word names nothing, or nothing is left.
    """
    chosen: set[str] = set()
    for word in filter(None, (part.strip() for part in words.split(","))):
        if word.startswith("-"):
            chosen -= set(_of_word(word[1:].strip()))
        else:
            chosen |= set(_of_word(word))
    order = [name for name in (*feature_sets()[ALL], *FLOWMETER_FEATURES) if name in chosen]
    made = (*order, *_first(first_packets))
    if not made:
        raise UsageError(f"features={words}: that names no feature at all")
    return made


def _of_word(word: str) -> tuple[str, ...]:
    sets = feature_sets()
    if word in sets:
        return sets[word]
    if word in sets[ALL] or word in FLOWMETER_FEATURES:
        return (word,)
    why = _reasons().get(word)
    if why:
        raise UsageError(f"features: {word} cannot be learned from: {why}")
    raise UsageError(
        f"features: there is neither a set nor a feature {word!r}; sets: {', '.join(sets)}"
    )


def _first(n: int) -> Iterator[str]:
    for place in range(n):
        for feature in features():
            if feature.kind == "integers":
                yield f"{feature.name}[{place}]"
