"""Compile-once machine code for the fast loops (``*_kernels.py``), cached per user.

numba's cache is a pickle, so whoever can write the cache folder can run code as its reader. The
folder is therefore ours alone: owned by the effective user, mode 0700, or not used at all.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import stat
import time
import warnings
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

    Loop = Callable[..., Any]


_LINE_BYTES = 64
_KEPT_S = 14 * 24 * 3600


def kernel(function: Loop) -> Loop:
    """Compile a loop on first use and keep the machine code for the next process.

    ``HABITUS_BOUNDS_CHECK=1`` compiles with array bounds checks (the fuzz corpus is replayed so);
    ``NUMBA_DISABLE_JIT=1`` leaves the loop plain Python (coverage-guided fuzzing).
    """
    return _compiled(function)


def row_kernel(function: Loop) -> Loop:
    """As `kernel`, of a loop that calls others for every packet, and hands arrays to them.

    It keeps no count of who refers to an array, which took a third of the time in which packets are
    read. That is safe, as such loops neither make arrays nor keep any.
    """
    return _compiled(function, _nrt=False)


def inlined_kernel(function: Loop) -> Loop:
    """As `row_kernel`, of a step that is put into every loop that takes it.

    The compiler finds most of them too long for that; calls took a quarter of the time in which
    packets are read.
    """
    return _compiled(function, _nrt=False, forceinline=True)


def _compiled(function: Loop, **options: Any) -> Loop:
    import numba

    folder = _cache_folder()
    if folder is not None:
        numba.config.CACHE_DIR = str(folder)  # type: ignore[attr-defined]
    compiled: Loop = numba.njit(
        cache=folder is not None, nogil=True, boundscheck=_bounds_checked(), error_model="numpy",
        **options,
    )(function)  # fmt: skip
    return compiled


def rows(n: int, kind: np.dtype[np.void]) -> NDArray[np.void]:
    """(n,) of zeros of a structured kind, whose fields loops read as attributes.

    The first one begins with a line of the processor's cache. Plain Python, which fuzzing runs
    (``NUMBA_DISABLE_JIT=1``), can read fields so of records alone.
    """
    import numpy as np

    held = np.zeros(n * kind.itemsize + _LINE_BYTES, dtype=np.uint8)
    begin = -held.ctypes.data % _LINE_BYTES
    made = held[begin : begin + n * kind.itemsize].view(kind)
    return made.view(np.recarray) if os.environ.get("NUMBA_DISABLE_JIT") == "1" else made


@cache
def hash_multiplier() -> int:
    """A secret odd 64-bit multiplier, new in every process.

    Hash tables hold keys that whoever wrote a trace has chosen; with a secret multiplier nobody can
    choose keys that collide. No output depends on the order inside a table.
    """
    return secrets.randbits(64) | 1


def _bounds_checked() -> bool:
    return os.environ.get("HABITUS_BOUNDS_CHECK") == "1"


def kernel_sources() -> list[Path]:
    """All that machine code is made of: the loops, the constants of layouts, and this file."""
    loops = set(Path(__file__).parent.rglob("*_kernels.py"))
    layouts = {source.with_name("layout.py") for source in loops}
    return sorted(loops | {layout for layout in layouts if layout.is_file()} | {Path(__file__)})


def _remove_old(home: Path) -> None:
    """Remove machine code that nobody has used for long: every version leaves some."""
    for folder in home.glob("kernels-*"):
        info = folder.lstat()
        if stat.S_ISDIR(info.st_mode) and time.time() - info.st_mtime > _KEPT_S:
            shutil.rmtree(folder, ignore_errors=True)


@cache
def _cache_folder() -> Path | None:
    """The private folder for machine code, made if need be; None if it cannot be trusted."""
    import platformdirs

    from habitus.version import __version__

    # numba notices a changed file, but not a change in a file that this one calls.
    digest = hashlib.sha256(__version__.encode())
    for source in kernel_sources():
        digest.update(source.read_bytes())
    mode = "checked" if _bounds_checked() else "fast"
    folder = Path(platformdirs.user_cache_dir("habitus", appauthor=False))
    folder = folder / f"kernels-{digest.hexdigest()[:16]}-{mode}"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        info = folder.lstat()
        os.utime(folder)  # it is in use
        _remove_old(folder.parent)
    except OSError as error:
        _warn_no_cache(f"{folder}: {error.strerror or error}")
        return None
    private = stat.S_ISDIR(info.st_mode) and not info.st_mode & 0o077
    if not private or info.st_uid != os.geteuid():
        _warn_no_cache(f"{folder} is not a folder of this user alone (wanted: mode 0700)")
        return None
    return folder


def _warn_no_cache(reason: str) -> None:
    warnings.warn(
        f"compiled loops are not kept ({reason}); every start compiles them again", stacklevel=4
    )
