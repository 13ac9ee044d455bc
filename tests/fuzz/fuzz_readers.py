"""Coverage-guided fuzzing of the readers; needs atheris (``pip install atheris``).

    NUMBA_DISABLE_JIT=1 python tests/fuzz/fuzz_readers.py strace -max_total_time=60 \
        tests/fuzz/corpus/strace

The first argument is a target of `invariants.TARGETS`, the rest are libFuzzer's. The compiled loops
run as plain Python, so that their branches are seen, and over `bytes`, whose items Python takes out
several times faster than an array's. What it finds becomes a file in ``corpus/``; `campaign.py`
runs all targets.
"""

from __future__ import annotations

import os
import sys
import warnings
from zlib import crc32

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # before anything imports numba

import atheris
import numpy as np

with atheris.instrument_imports(include=["habitus"]):
    import invariants

    from habitus.files import lines
    from habitus.traces import interning, token_kernels, tokens
    from habitus.traces.formats import format_names, get_format

    for _name in format_names():
        get_format(_name)  # imported here, so that it is instrumented


def _quick_hash(text: bytes, begin: int, end: int, multiplier: np.uint64) -> np.uint64:
    return np.uint64(crc32(bytes(text[begin:end])))


def main() -> None:
    targets = invariants.TARGETS
    if len(sys.argv) < 2 or sys.argv[1] not in targets:
        sys.exit(f"usage: fuzz_readers.py {'|'.join(targets)} [libFuzzer's options] [corpus]")
    target = targets[sys.argv.pop(1)]
    invariants.THOROUGH = False
    for module in (lines, tokens):
        module.as_text = bytes  # type: ignore[attr-defined]
    for module in (interning, token_kernels):
        module.name_hash = _quick_hash  # type: ignore[attr-defined]
    warnings.simplefilter("ignore", RuntimeWarning)  # hashes overflow, which numpy's scalars tell
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
