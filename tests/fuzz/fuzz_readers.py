"""Coverage-guided fuzzing of the readers; needs atheris (``pip install atheris``).

    PYTHONPATH=tests python tests/fuzz/fuzz_readers.py strace -max_total_time=60 \
        tests/fuzz/corpus/strace

The first argument is a target of `invariants.TARGETS`, the rest are libFuzzer's. The compiled loops
run as plain Python, so that their branches are seen, and over `bytes` and plain rows, whose items
Python takes out several times faster than an array's. What it finds becomes a file in ``corpus/``;
`campaign.py` runs all targets.
"""

from __future__ import annotations

import os
import shlex
import sys
import warnings
from functools import cache
from typing import TYPE_CHECKING
from zlib import crc32

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # before anything imports numba

import atheris
import numpy as np

with atheris.instrument_imports(include=["habitus"]):
    import invariants
    import sampling

    from habitus.files import lines
    from habitus.flows import community, track_kernels, tracker
    from habitus.flows.formats import flow_format_names, get_flow_format
    from habitus.packets import (
        capture,
        interface_kernels,
        packets,
        record_kernels,
        tally_kernels,
    )
    from habitus.traces import interning, token_kernels, tokens
    from habitus.traces.formats import format_names, get_format

    for _name in format_names():
        get_format(_name)  # imported here, so that it is instrumented
    for _name in flow_format_names():
        get_flow_format(_name)

from plain_rows import Rows, over_rows

if TYPE_CHECKING:
    from collections.abc import Callable


def _quick_hash(text: bytes, begin: int, end: int, multiplier: np.uint64) -> np.uint64:
    return np.uint64(crc32(bytes(text[begin:end])))


def make_quick() -> None:
    """Put what plain Python does fast in the place of what is fast once compiled."""
    sampling.THOROUGH = False
    for module in (lines, tokens):
        module.as_text = bytes  # type: ignore[attr-defined]
    for module in (interning, token_kernels):
        module.name_hash = _quick_hash  # type: ignore[attr-defined]
    for module in (capture, packets, tracker):
        module.rows = Rows  # type: ignore[attr-defined]
    for module, name in (
        (record_kernels, "walk_pcap"), (record_kernels, "walk_pcapng"),
        (interface_kernels, "describe"), (packets, "dissect"), (tally_kernels, "tally"),
        (track_kernels, "track"),
    ):  # fmt: skip
        setattr(module, name, over_rows(getattr(module, name)))
    write_ids = community.write_ids
    # What it hashes, it fills as an array.
    community.write_ids = lambda flows, *rest: write_ids(
        Rows.of(flows.tolist(), flows.dtype), *rest
    )
    tracker.n_log_n_table = cache(tracker.n_log_n_table)
    # Hashes overflow, which numpy's scalars tell.
    np.seterr(over="ignore")
    warnings.simplefilter("ignore", RuntimeWarning)


def telling(target: Callable[[bytes], None]) -> Callable[[bytes], None]:
    """The same, but an input that breaks a promise is told: libFuzzer may end before it does so."""

    def tell(data: bytes) -> None:
        try:
            target(data)
        except BaseException:
            sys.stderr.write(f"input: {data.hex()}\n")
            raise

    return tell


def main() -> None:
    targets = invariants.TARGETS
    if len(sys.argv) < 2 or sys.argv[1] not in targets:
        sys.exit(f"usage: fuzz_readers.py {'|'.join(targets)} [libFuzzer's options] [corpus]")
    script, name, *options = sys.argv
    make_quick()
    # libFuzzer merges in a process of its own, which it starts by this as a command of the shell.
    atheris.Setup([shlex.join([sys.executable, script, name]), *options], telling(targets[name]))
    atheris.Fuzz()


if __name__ == "__main__":
    main()
