"""How kernels are compiled; the only module that knows Numba.

Numba's cache looks at the file of a kernel alone: after a change here, remove ``__pycache__``.
"""

# Numba has no types.
# mypy: disable-error-code="no-untyped-def, no-untyped-call, untyped-decorator"

from __future__ import annotations

import logging
from typing import Any

import numba
from llvmlite import ir
from numba.core import cgutils, event, types
from numba.extending import intrinsic

_log = logging.getLogger(__name__)

FAST = frozenset({"contract", "reassoc", "nsz", "arcp"})
"""Fast arithmetic, except that NaN and infinity keep their meaning: a failed pivot must show."""


def kernel(function=None, *, fastmath: Any = False, part: bool = False):
    """Compile a function when it is first called, and keep the result on disk where that works.

    Args:
        function: what to compile; None: return a decorator.
        fastmath: liberties that the compiler may take with arithmetic.
        part: whether it becomes a part of the kernels that call it. Otherwise a process that
            compiles calls the function as compiled by itself, and one that loads from the disk
            as compiled with its caller: other roundings, and other draws of a Gibbs chain.
    """
    if function is None:
        return lambda one: kernel(one, fastmath=fastmath, part=part)
    options: Any = {"nogil": True, "error_model": "numpy", "fastmath": fastmath and set(fastmath)}
    options["forceinline"] = part
    try:
        return numba.njit(cache=True, **options)(function)
    except RuntimeError:  # no folder can be written: compile in every process
        return numba.njit(**options)(function)


class _Announcement(event.Listener):
    """Logs that kernels are being compiled, when the first of a process is; not when loaded."""

    said = False

    def on_start(self, event: Any) -> None:
        ours = event.data["dispatcher"].py_func.__module__.startswith("tastemap.")
        if ours and not self.said:
            self.said = True
            _log.info("compiling the kernels, once after installing: up to 10 seconds")

    def on_end(self, event: Any) -> None:
        """Nothing is said."""


event.register("numba:compile", _Announcement())


def _prefetch(_, matrix, row, column):
    """Have ``matrix[row, column]`` brought to the cache, for a read to come.

    Rows are rated in no order the processor could guess. With the rows of ratings to come on
    their way, a sweep of 25 million ratings takes a fifth less.
    """

    def generate(context, builder, signature, arguments):
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        at = [
            context.cast(builder, argument, kind, types.intp)
            for argument, kind in zip(arguments[1:], signature.args[1:], strict=True)
        ]
        address = cgutils.get_item_pointer(
            context, builder, signature.args[0], array, at, wraparound=False
        )
        number, pointer = ir.IntType(32), ir.IntType(8).as_pointer()
        declared = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, declared, "llvm.prefetch.p0i8")
        # A read (0), to be kept in all caches (3), of data (1).
        hints = [ir.Constant(number, hint) for hint in (0, 3, 1)]
        builder.call(function, [builder.bitcast(address, pointer), *hints])
        return context.get_dummy_value()

    return types.void(matrix, row, column), generate


prefetch: Any = intrinsic(_prefetch)
