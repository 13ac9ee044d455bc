"""Protocols of flows: fixed ways to judge detectors that learn labelled flows.

Those called ``flows/...`` are for whatever is labelled; the others name the public data they are
for. Whatever a protocol judges, it fits detectors anew for each split.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from habitus.errors import ProtocolError, UsageError
from habitus.evaluation.flows import trials

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from habitus.evaluation.flows.trials import Trial
    from habitus.flows.labelled import LabelledFlows

    Plan = Callable[[LabelledFlows, int], Sequence[Trial]]

NDPI, ZEEK, SLIPS, STOPDDOS = "ndpi", "zeek-traces", "slips", "stopddos"
"""Sources of the labelled captures of test suites: the folders that they lie in."""
_FLOODS = (
    f"{STOPDDOS} is judged apart: two floods hold nine of ten flows, and are in no other figure"
)
_LABS = (
    "benign and malicious files come from different recordings: a model that recognises the "
    "recording looks brilliant by random rows"
)


@dataclass(frozen=True)
class FlowProtocol:
    """A fixed way to evaluate detectors of flows.

    Attributes:
        name, title: what it is called and what it is.
        plan: the trials, for labelled flows and a seed.
        caution: what to remember when reading its numbers.
        labels: who labels flows: what is read, or the address of an attacker in a recording.
        takes_other: whether ``--train-data`` may name what is learned from.
    """

    name: str
    title: str
    plan: Plan
    caution: str = ""
    labels: Literal["told", "attacker"] = "told"
    takes_other: bool = False


def get_flow_protocol(name: str) -> FlowProtocol:
    """The protocol of this name.

    Raises:
        UsageError: if there is none; the message lists those there are.
    """
    if name not in FLOW_PROTOCOLS:
        told = ", ".join(FLOW_PROTOCOLS)
        raise UsageError(f"no protocol of flows is called {name!r}; there are: {told}")
    return FLOW_PROTOCOLS[name]


def _gap(flows: LabelledFlows, seed: int) -> list[Trial]:
    """What flatters, and what holds: the difference is the finding."""
    found = [trials.random_rows(flows, seed), trials.files_held_out(flows, seed)]
    if len(set(flows.sources.astype(str).tolist())) > 1:
        # Where a source by itself is a class, files alone say what can be said.
        with suppress(ProtocolError):
            found += trials.sources_held_out(flows)
    return found


def _pcap_files(flows: LabelledFlows, seed: int) -> list[Trial]:
    own = _suites(flows)
    floods = trials.apart(flows, STOPDDOS)
    return [trials.files_held_out(flows, seed, own), *([floods] if floods else [])]


def _pcap_rows(flows: LabelledFlows, seed: int) -> list[Trial]:
    return [trials.random_rows(flows, seed, _suites(flows))]


def _pcap_sources(flows: LabelledFlows, seed: int) -> list[Trial]:
    del seed  # nothing is drawn
    _suites(flows)
    there = set(flows.sources.astype(str).tolist())
    if not {NDPI, ZEEK} <= there:
        raise ProtocolError(
            f"pcap/source: wanted flows of the sources {NDPI} and {ZEEK}, found "
            f"{', '.join(sorted(there))}: is this its data?"
        )
    found = [
        trials.source_held_out(flows, [NDPI], [ZEEK]),
        trials.source_held_out(flows, [ZEEK], [NDPI]),
    ]
    alone = [name for name in (SLIPS, STOPDDOS) if name in there]
    return [*found, *(trials.source_held_out(flows, [NDPI, ZEEK], [name]) for name in alone)]


def _suites(flows: LabelledFlows) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    return np.asarray(flows.sources.astype(str) != STOPDDOS, dtype=np.bool_)


def _attacker(flows: LabelledFlows, seed: int) -> list[Trial]:
    own, other = _recording_and_other(flows)
    found = [trials.hosts_held_out(flows, seed, own)]
    if other:
        recording = sorted(set(flows.sources.astype(str)[own].tolist()))
        found.append(trials.source_held_out(flows, other, recording, "one attacker"))
    return found


def _other(flows: LabelledFlows, seed: int) -> list[Trial]:
    del seed
    own, other = _recording_and_other(flows)
    if not other:
        raise ProtocolError("flows/other: --train-data must name what is learned from")
    judged = sorted(set(flows.sources.astype(str)[own].tolist()))
    return [trials.source_held_out(flows, other, judged)]


LEARNED_FROM = "learned from "
"""Begins the sources of flows that ``--train-data`` names."""


def _recording_and_other(
    flows: LabelledFlows,
) -> tuple[np.ndarray[tuple[int], np.dtype[np.bool_]], list[str]]:
    sources = flows.sources.astype(str)
    is_other = np.char.startswith(sources, LEARNED_FROM)
    return np.asarray(~is_other), sorted(set(sources[is_other].tolist()))


FLOW_PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        FlowProtocol(
            "flows/gap", "random rows beside files and sources held out: the gap is the finding",
            _gap,
        ),
        FlowProtocol(
            "flows/file", "whole files held out, five seeds",
            lambda flows, seed: [trials.files_held_out(flows, seed)],
        ),
        FlowProtocol(
            "flows/source", "each source held out in turn",
            lambda flows, seed: trials.sources_held_out(flows),  # noqa: ARG005
        ),
        FlowProtocol(
            "flows/time", "the first 70 % of each file's flows learned, the later ones judged",
            lambda flows, seed: [trials.later_flows(flows)],  # noqa: ARG005
            caution="the same recordings are learned and judged",
        ),
        FlowProtocol(
            "flows/random-rows", "single flows held out, five seeds: what flatters",
            lambda flows, seed: [trials.random_rows(flows, seed)],
            caution="shortcut-prone: flows of one recording are learned and judged",
        ),
        FlowProtocol(
            "flows/other", "learned from other data (--train-data), judged on these",
            _other, takes_other=True,
        ),
        FlowProtocol(
            "pcap/file", "captures of test suites: whole files held out, five seeds",
            _pcap_files, caution=_FLOODS,
        ),
        FlowProtocol(
            "pcap/source", "captures of test suites: learned of one suite, judged on another",
            _pcap_sources, caution="underpowered: Zeek's captures are six files, 128 flows",
        ),
        FlowProtocol(
            "pcap/random-rows", "captures of test suites: single flows held out, five seeds",
            _pcap_rows, caution=f"shortcut-prone: {_LABS}",
        ),
        FlowProtocol(
            "zeek/leave-one-out", "labelled connections of Zeek: each capture held out in turn",
            lambda flows, seed: [trials.each_file(flows)],  # noqa: ARG005
            caution="three captures of one laboratory: the same hosts, the same attacks",
        ),
        FlowProtocol(
            "lid-ds/flows", "a recording of LID-DS: the attacker's flows against other hosts'",
            _attacker, labels="attacker", takes_other=True,
            caution="one recording, one attacker: a demonstration, and no accuracy",
        ),
    )
}  # fmt: skip
