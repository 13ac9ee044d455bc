"""Dividing traces into parts: by a protocol, or by what their files and folders say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from habitus.errors import ProtocolError
from habitus.evaluation.doctor.examined import Part
from habitus.evaluation.protocols import TRAINING
from habitus.traces.traceset import Label

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.evaluation.doctor.examined import Role
    from habitus.evaluation.protocols import Protocol
    from habitus.traces.traceset import TraceSet

    Mask = NDArray[np.bool_]


def parts_of(traces: TraceSet, *, has_other_learned: bool = False) -> tuple[Part, ...]:
    """Parts by split and label.

    Args:
        has_other_learned: that other data are the learned part; the training split of these is then
            one more normal part.
    """
    labels = traces.labels
    is_attack = labels == Label.ATTACK
    is_training = np.array([info.split == TRAINING for info in traces.infos], bool) & ~is_attack
    is_normal = (labels == Label.NORMAL) & ~is_training
    is_unlabelled = (labels == Label.UNKNOWN) & ~is_training
    return _filled(
        ("training", "normal" if has_other_learned else "learned", is_training),
        (_common_split(traces, is_normal) or "normal", "normal", is_normal),
        ("attack", "attack", is_attack),
        ("unlabelled", "unlabelled", is_unlabelled),
    )


def protocol_parts(traces: TraceSet, protocol: Protocol) -> tuple[Part, ...]:
    """Parts as a protocol learns and judges them; what it leaves out is in none.

    Raises:
        ProtocolError: if the protocol does not fit the traces.
    """
    learned, test = protocol.training(traces), protocol.test(traces)
    if not learned.any() and not test.any():
        raise ProtocolError(
            f"{protocol.name}: finds nothing to learn and nothing to judge: is this its data set?"
        )
    test = test & ~learned
    if protocol.leaves_out_known:
        sequences = traces.sequence_ids()
        is_known = np.isin(sequences, sequences[learned])
        test = test & ~(is_known & (traces.labels == Label.NORMAL))
    return _filled(
        ("training", "learned", learned),
        ("test normal", "normal", test & (traces.labels == Label.NORMAL)),
        ("test attack", "attack", test & (traces.labels == Label.ATTACK)),
    )


def only_parts(traces: TraceSet, parts: tuple[Part, ...]) -> tuple[TraceSet, tuple[Part, ...]]:
    """The traces that are in some part, in their order, and the parts of these."""
    is_in = np.zeros(traces.n_traces, dtype=bool)
    for part in parts:
        is_in[part.indices] = True
    place = np.cumsum(is_in) - 1  # (n_traces,) of each trace that stays, among those that do
    moved = tuple(replace(part, indices=place[part.indices]) for part in parts)
    return traces.select(is_in), moved


def _filled(*parts: tuple[str, Role, Mask]) -> tuple[Part, ...]:
    return tuple(Part(name, role, np.flatnonzero(mask)) for name, role, mask in parts if mask.any())


def _common_split(traces: TraceSet, mask: Mask) -> str:
    """The split that all these traces are in, such as ADFA-LD's ``validation``; else empty."""
    splits = {traces.infos[i].split for i in np.flatnonzero(mask)}
    return splits.pop() if len(splits) == 1 else ""
