"""How much memory a piece of work takes, whatever library takes it."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Self

_SELF = Path("/proc/self")


class PeakMemory:
    """Measures, in a ``with`` statement, what the work adds to the memory of the process.

    The kernel of Linux keeps the highest resident memory of a process, and can be told to begin
    anew. Python's own `tracemalloc` sees nothing of what JAX or compiled code takes.

    Attributes:
        bytes: the highest resident memory during the work less that at its beginning; None on
            other systems, or where the kernel does not let a process ask.
    """

    bytes: int | None = None

    def __enter__(self) -> Self:
        try:
            (_SELF / "clear_refs").write_text("5")  # begin the high-water mark anew
            self._before = _resident("VmRSS")
        except (OSError, LookupError):
            self._before = None
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._before is not None:
            self.bytes = max(0, _resident("VmHWM") - self._before)

    _before: int | None = None


def _resident(name: str) -> int:
    """A line of the process's status, in bytes."""
    lines = (_SELF / "status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(found[name].split()[0]) * 1024
