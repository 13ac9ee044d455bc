"""`prefetch`: ask for what will be needed soon, and go on without waiting for it."""

from __future__ import annotations

import os
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

_FOR_WRITING, _KEEP, _DATA = 1, 3, 1


@intrinsic
def _prefetch(_: Any, row: Any, at: Any) -> Any:
    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.gep(
            builder.bitcast(arguments[0], byte),
            [context.cast(builder, arguments[1], signature.args[1], types.intp)],
        )
        shape = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        fetch = cgutils.get_or_insert_function(builder.module, shape, "llvm.prefetch.p0i8")
        builder.call(fetch, [place, *(number(flag) for flag in (_FOR_WRITING, _KEEP, _DATA))])
        return context.get_dummy_value()

    return types.void(row, at), code


def _nothing(row: Any, at: int) -> None:
    """What plain Python does instead."""


prefetch: Any = _nothing if os.environ.get("NUMBA_DISABLE_JIT") == "1" else _prefetch
"""``prefetch(row, at)``: the line of the cache with the byte ``at`` of a record.

A hint alone: nothing that is reckoned depends on it, and no address is wrong.
"""
