"""How well attacks are told by who may learn attacks: a bound of a kind, on `adfa-ld/dev` alone.

A classifier of whole traces learns normals and attacks, and judges folders (or types) of attacks
and sequences of normals that it did not learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache, partial
from typing import TYPE_CHECKING

import numpy as np
from common import WORK
from kept import Row, code_of, kept, version_of, work_of
from limits_data import RATES, SEED, Floats, Mask, dev
from limits_kinds import different_calls, shares
from scipy.sparse import csr_array

from habitus import TraceSet
from habitus.evaluation.metrics import roc
from habitus.traces.traceset import join

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROWS = WORK / "limits" / "bound"
N_PAIRS = 300
"""Pairs of calls that are features: those that most traces of the folds that are learned hold."""
FOLDS = {
    "folders": "folders of attacks, one of each type in five, and a fifth of the sequences",
    "types": "types of attack, one in six, and a sixth of the sequences",
}
CLASSIFIERS = ("boosted trees", "random forest", "logistic regression")


@cache
def every() -> TraceSet:
    """What is learned and judged in turn: `adfa-ld/dev`, and the training traces as normals."""
    return join([dev().judged, dev().training])


def attacks() -> Mask:
    """(n_traces,) which of them are attacks."""
    return np.concatenate([dev().attack, np.zeros(dev().training.n_traces, dtype=bool)])


def folds(by: str) -> NDArray[np.int64]:
    """(n_traces,) int64: which fold judges a trace; equal normals are in one, and so are folders.

    Training traces, and what equals one, are learned by all and judged by none: -1.
    """
    traces, n_judged = every(), dev().judged.n_traces
    found = np.full(traces.n_traces, -1)
    for i in np.flatnonzero(attacks()):
        info = traces.infos[i]
        number = int(info.group.rpartition("_")[2]) - 1  # attack folders end in their number
        found[i] = number if by == "folders" else dev().types.index(info.attack)
    sequences = traces.sequence_ids()
    drawn = np.random.default_rng(SEED).integers(found.max() + 1, size=sequences.max() + 1)
    unknown = ~attacks() & ~np.isin(sequences, sequences[n_judged:])
    found[unknown] = drawn[sequences[unknown]]
    return found


@cache
def pairs() -> csr_array:
    """(n_traces, n_names ** 2): how often each call follows each in a trace."""
    traces, n_names = every(), len(every().alphabet)
    rows = np.repeat(np.arange(traces.n_traces), traces.lengths)
    same = rows[1:] == rows[:-1]
    codes = traces.calls[:-1].astype(np.int64) * n_names + traces.calls[1:]
    ones = np.ones(int(same.sum()), dtype=np.float32)
    shape = (traces.n_traces, n_names**2)
    return csr_array((ones, (rows[1:][same], codes[same])), shape=shape)


def parts() -> dict[str, Mask]:
    """Attacks by whether their process's number stands in folders of several types, or of one."""
    return {"several": dev().n_types > 1, "one": dev().n_types == 1}


def features(learned: Mask) -> Floats:
    """(n_traces, n_features): shares of calls and of the commonest pairs, and three counts.

    Args:
        learned: which traces say what pairs are common.
    """
    traces = every()
    n_holding = np.bincount(pairs()[learned].indices, minlength=pairs().shape[1])
    chosen = np.argsort(-n_holding, kind="stable")[:N_PAIRS]
    lengths = np.maximum(traces.lengths, 1)
    return np.column_stack([
        np.sqrt(shares(traces)), np.sqrt(pairs()[:, chosen].toarray() / lengths[:, None]),
        np.log(lengths), different_calls(traces), different_calls(traces) / lengths,
    ])  # fmt: skip


def classifier(name: str) -> object:
    """With scikit-learn's defaults, but for what is named; nothing was chosen by its result."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if name == "boosted trees":
        return HistGradientBoostingClassifier(random_state=SEED)
    if name == "random forest":
        return RandomForestClassifier(300, random_state=SEED, class_weight="balanced_subsample")
    return make_pipeline(
        StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced")
    )


def rounds(by: str) -> Iterator[tuple[Mask, Mask]]:
    """What is learned and what is judged, round by round."""
    number, n_judged = folds(by), dev().judged.n_traces
    sequences = every().sequence_ids()
    for fold in range(number.max() + 1):
        judged = number == fold
        # An attack of another folder that is the same sequence would be known beforehand; what
        # equals a training trace is learned as one, and not again.
        learned = ~judged & ~np.isin(sequences, sequences[judged])
        learned[:n_judged] &= number[:n_judged] >= 0
        yield learned, judged


def measured(by: str, name: str) -> Row:
    """Areas over all rounds together: each trace has the probability of the round it is judged."""
    attack = attacks()
    probability = np.full(every().n_traces, np.nan)
    own = []
    for learned, judged in rounds(by):
        rows = features(learned)
        made = classifier(name)
        made.fit(rows[learned], attack[learned])  # type: ignore[attr-defined]
        probability[judged] = made.predict_proba(rows[judged])[:, 1]  # type: ignore[attr-defined]
        own.append(roc(probability[judged & ~attack], probability[judged & attack]).auc)
    values = probability[: dev().judged.n_traces]
    normals = dev().distinct
    curve = dev().roc(values, normals)
    return {
        "auc": curve.auc, "interval": list(dev().interval(values, normals)), "rounds": own,
        "detection": [curve.detection_at(rate)[0] for rate in RATES],
        "false_alarms": curve.false_alarms_at(0.9),
        **{
            part: roc(values[normals], values[chosen]).auc for part, chosen in parts().items()
        },
    }  # fmt: skip


def told_apart(name: str) -> Row:
    """How well the same classifier tells training normals from validation normals, in five rounds.

    No attack is in this: it is what a recording's own ways give away.
    """
    n_judged = dev().judged.n_traces
    validation = np.zeros(every().n_traces, dtype=bool)
    validation[:n_judged] = dev().distinct
    chosen = validation.copy()
    chosen[n_judged:] = True
    number = np.random.default_rng(SEED).integers(5, size=every().n_traces)
    probability = np.full(every().n_traces, np.nan)
    for fold in range(5):
        learned, judged = chosen & (number != fold), chosen & (number == fold)
        rows = features(learned)
        made = classifier(name)
        made.fit(rows[learned], validation[learned])  # type: ignore[attr-defined]
        probability[judged] = made.predict_proba(rows[judged])[:, 1]  # type: ignore[attr-defined]
    return {"auc": roc(probability[chosen & ~validation], probability[validation]).auc}


CODE = code_of("limits_data", "limits_kinds", within=("habitus.evaluation", "limits_")) + work_of(
    measured,
    rounds,
    parts,
    told_apart,
    features,
    classifier,
    folds,
    attacks,
    pairs.__wrapped__,
    every.__wrapped__,
)  # fmt: skip


def bound(by: str, name: str) -> Row:
    """Of one classifier; ``by`` nothing, of normals alone."""
    version = version_of(CODE, every(), pairs=N_PAIRS, by=by, name=name)
    make = partial(measured, by, name) if by else partial(told_apart, name)
    return kept(ROWS / f"{by or 'normals'}-{name}.json", version, make)
