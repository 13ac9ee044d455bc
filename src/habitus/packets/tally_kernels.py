"""The fast loop that counts what came of packets."""

from __future__ import annotations

import numpy as np

from habitus.compiled import row_kernel
from habitus.packets.layout import Fragment, Status

OK = int(Status.OK)
ORPHAN = int(Fragment.ORPHAN)

# Places in the array of what is counted.
N_BYTES = 0
N_OK = 1
N_FRAGMENTS = 2
N_ORPHANS = 3
N_INSIDE = 4
N_CUT = 5
FIRST_NS = 6
LAST_NS = 7
N_OTHER_LINKS = 8
N_TALLIES = 9


@row_kernel
def tally(records, packets, n, tallies):
    """Count packets, of which there is one at least.

    Args:
        tallies: (N_TALLIES,) int64, filled: the two times, and sums; of links, how many records are
            not of the first one's.
    """
    tallies[:] = 0
    first, last, link = records[0].time_ns, records[0].time_ns, records[0].link
    for i in range(n):
        record, packet = records[i], packets[i]
        first, last = min(first, record.time_ns), max(last, record.time_ns)
        tallies[N_BYTES] += np.int64(record.wire)
        tallies[N_CUT] += record.captured < record.wire
        tallies[N_OTHER_LINKS] += record.link != link
        if packet.status == OK:
            tallies[N_OK] += 1
            tallies[N_FRAGMENTS] += packet.fragment != 0
            tallies[N_ORPHANS] += packet.fragment == ORPHAN
            tallies[N_INSIDE] += packet.n_tunnels != 0
    tallies[FIRST_NS], tallies[LAST_NS] = first, last
