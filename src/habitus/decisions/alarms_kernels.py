"""The fast loop that counts merged alarms at every threshold at once."""

from __future__ import annotations

from habitus.compiled import kernel

NEITHER = 0
BIRTH = 1
DEATH = -1


@kernel
def births_and_deaths(order, times, groups, merge, before, after, kinds):
    """What each moment is to the alarms of its group as the threshold falls to its score.

    Moments are taken away from the lowest score up, out of a chain in the order of time, so that
    each meets the neighbours that score higher. One with no such neighbour within ``merge`` begins
    an alarm; one with such neighbours on both sides, which are not so near to each other, makes two
    alarms one.

    Args:
        order: (n,) int64, moments from the lowest score up.
        times: (n,) int64, ascending within each group; ``groups`` (n,) int64, ascending.
        before, after: (n,) int64, room for the chain.
        kinds: (n,) int8, filled.
    """
    n = len(times)
    for i in range(n):
        before[i] = i - 1 if i > 0 and groups[i - 1] == groups[i] else -1
        after[i] = i + 1 if i + 1 < n and groups[i + 1] == groups[i] else -1
    for i in order:
        left = before[i]
        right = after[i]
        near_left = left >= 0 and times[i] - times[left] <= merge
        near_right = right >= 0 and times[right] - times[i] <= merge
        if not near_left and not near_right:
            kinds[i] = BIRTH
        elif near_left and near_right and times[right] - times[left] > merge:
            kinds[i] = DEATH
        else:
            kinds[i] = NEITHER
        if left >= 0:
            after[left] = right
        if right >= 0:
            before[right] = left
