"""The fast loop of the hidden Markov model (see `habitus.detectors.hmm`).

It neither allocates nor raises.
"""

from __future__ import annotations

import numpy as np

from habitus.compiled import kernel


@kernel
def forward(calls, begin, end, offsets, trace, start, transition, emission, state, room, out):
    """Surprise (nats) of ``calls[begin:end]`` by the scaled forward recursion.

    Args:
        trace, state: where the calls before left off: the trace's index, and the chance of each
            hidden state at the next call, given them. It is overwritten by that of the call after.
        start: (n_states,) the chance of each hidden state at a trace's first call.
        transition: (n_states, n_states) the chance of a state (column) after another (row).
        emission: (n_symbols + 1, n_states) the chance of a call in each state; the last row is
            that of every call that is not in the vocabulary.
        room: (n_states,) to work in.

    Returns:
        The trace to go on from.
    """
    unknown = len(emission) - 1
    for i in range(begin, end):
        while i >= offsets[trace + 1]:
            trace += 1
            state[:] = start
        chances = emission[min(np.int64(calls[i]), unknown)]
        chance = 0.0
        for s in range(len(state)):
            room[s] = state[s] * chances[s]
            chance += room[s]
        out[i] = -np.log(chance)
        state[:] = 0.0
        for s in range(len(room)):
            share = room[s] / chance
            if share > 0.0:
                for t in range(len(state)):
                    state[t] += share * transition[s, t]
    return trace
