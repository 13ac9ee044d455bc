"""What calls never seen borrow of the probability of their kin, and what that costs.

A known call k that stands for n(k) calls never seen leaves them a share of its probability, an
equal part each:

    P'(k | h) = (1 - share) P(k | h)
    P'(u | h) = share / n(k) P(k | h)    for every u that is read as k

so that all of them together are as likely as k was before, and the sum stays what it was. A call
that stands for none, and one without kin, keeps what it had.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from habitus.traces.traceset import TraceSet
    from habitus.traces.vocabulary import Vocabulary

# On adfa-ld/dev the area is that of a closed vocabulary up to .05, and .0003 less at .1; the more
# is left, the fewer normals with an unseen call of known kin are alarms.
KIN_SHARE: float = Field(
    0.05, ge=0, le=0.5,
    description="of a known call's probability, left to calls never seen that it stands for; "
    "0: it stands for none",
)  # fmt: skip
"""The setting ``kin_share`` of detectors whose kin borrow of one another."""


def kept_shares(vocabulary: Vocabulary, share: float) -> NDArray[np.float64]:
    """(n_known,) float64: what each known call keeps of its probability."""
    return np.where(vocabulary.n_kin > 0, 1.0 - share, 1.0)


def borrowing_nats(
    traces: TraceSet, vocabulary: Vocabulary, share: float
) -> NDArray[np.float32] | float:
    """(n_calls,) float32: what each call costs on top of the symbol it is read as; 0.0 for none."""
    if not vocabulary.kin or not len(traces.calls):
        return 0.0
    return borrowing_prices(traces.alphabet, vocabulary, share)[traces.calls]


def borrowing_prices(
    alphabet: tuple[str, ...], vocabulary: Vocabulary, share: float
) -> NDArray[np.float32]:
    """(len(alphabet),) float32 nats: what each name costs on top of the symbol it is read as."""
    nats = -np.log(kept_shares(vocabulary, share))
    symbols = vocabulary.symbols_of(alphabet)
    prices = np.zeros(len(alphabet), dtype=np.float32)
    for i, name in enumerate(alphabet):
        if name in vocabulary:
            prices[i] = nats[symbols[i]]
        elif vocabulary.read_as(name):
            prices[i] = np.log(vocabulary.n_kin[symbols[i]] / share)
    return prices
