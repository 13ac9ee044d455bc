"""Coverage-guided fuzzing of the readers; needs atheris (``pip install atheris``).

    NUMBA_DISABLE_JIT=1 python tests/fuzz/fuzz_readers.py strace -max_total_time=60 \
        tests/fuzz/corpus/strace

The first argument is a target of `invariants.TARGETS`, the rest are libFuzzer's. The compiled loops
run as plain Python, so that their branches are seen. What it finds becomes a file in ``corpus/``.
"""

from __future__ import annotations

import os
import sys
import warnings

os.environ.setdefault("NUMBA_DISABLE_JIT", "1")  # before anything imports numba

import atheris

with atheris.instrument_imports(include=["habitus"]):
    from invariants import TARGETS

    from habitus.traces.formats import adfa, native, plain, strace  # noqa: F401 - instrumented


def main() -> None:
    if len(sys.argv) < 2 or sys.argv[1] not in TARGETS:
        sys.exit(f"usage: fuzz_readers.py {'|'.join(TARGETS)} [libFuzzer's options] [corpus]")
    target = TARGETS[sys.argv.pop(1)]
    warnings.simplefilter("ignore", RuntimeWarning)  # hashes overflow, which numpy's scalars tell
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
