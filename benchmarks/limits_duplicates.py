"""What duplicates add to the areas that are published of ADFA-LD."""

from __future__ import annotations

from functools import partial

import numpy as np
from common import WORK
from kept import Row, kept, version_of, work_of
from limits_data import Mask, adfa, alarmless, fitted, scores_of
from limits_kinds import CODE, DETECTORS

from habitus import Label
from habitus.evaluation.metrics import roc
from habitus.evaluation.protocols import get_protocol, training_part
from habitus.evaluation.protocols import test_part as judged_part

ROWS = WORK / "limits" / "duplicates"


def firsts(sequences: np.ndarray, among: Mask) -> Mask:
    """The first of each sequence among some traces."""
    places = np.flatnonzero(among)
    found = np.zeros(len(among), dtype=bool)
    found[places[np.unique(sequences[places], return_index=True)[1]]] = True
    return found


def measured(name: str) -> Row:
    """Areas on `adfa-ld` with copies, and without this or that kind of them."""
    protocol = get_protocol("adfa-ld")
    learned, judged = training_part(adfa(), protocol)[0], judged_part(adfa(), protocol)
    values = alarmless(scores_of(fitted(*DETECTORS[name], learned), judged))
    known = {bytes(digest) for digest in learned.sequence_digests()}
    is_known = np.array([bytes(digest) in known for digest in judged.sequence_digests()])
    sequences, attack = judged.sequence_ids(), judged.labels == Label.ATTACK
    numbers, copies = np.unique(sequences[~attack], return_counts=True)
    commonest = sequences == numbers[np.argmax(copies)]
    parts = {
        "all": ~attack,
        "unknown": ~attack & ~is_known,
        "once": firsts(sequences, ~attack),
        "without the commonest": ~attack & ~commonest,
        "distinct": firsts(sequences, ~attack & ~is_known),
    }
    row: Row = {"areas": {}, "n": {part: int(mask.sum()) for part, mask in parts.items()}}
    for part, mask in parts.items():
        row["areas"][part] = roc(values[mask], values[attack]).auc
    once = firsts(sequences, attack)
    row["areas"]["distinct, attacks too"] = roc(values[parts["distinct"]], values[once]).auc
    row["n_attacks"], row["n_attacks_once"] = int(attack.sum()), int(once.sum())
    row["commonest"] = {
        "n": int(copies.max()), "calls": int(judged.lengths[commonest & ~attack][0]),
        "auc": roc(values[commonest & ~attack], values[attack]).auc,
    }  # fmt: skip
    return row


_DONE = work_of(measured, firsts)


def duplicates(name: str) -> Row:
    """Of one detector."""
    version = version_of(CODE[name] + _DONE, adfa(), settings=DETECTORS[name][1])
    return kept(ROWS / f"{name}.json", version, partial(measured, name))
