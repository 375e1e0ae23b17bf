"""A progress bar for training, in terminals and notebooks."""

from __future__ import annotations

import html
import sys
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.progress import Progress

    from tastemap.training.history import Epoch


def progress_bar(label: str = "training") -> ProgressBar:
    """Show how training goes: pass it as ``on_epoch`` to a recipe's ``fit``.

    A terminal shows a bar, a notebook one line that is written over, anything else one line an
    epoch. All go to standard error, or to the notebook's output.

        recipe.fit(train, valid, on_epoch=tm.progress_bar())

    Args:
        label: what is in progress, such as the name of the model.

    Returns:
        What to call after each epoch. Used in a ``with`` statement it also shows the time before
        the first epoch ends, and leaves the terminal tidy whatever happens.
    """
    return ProgressBar(label, _display())


class ProgressBar:
    """Draws one training; made by `progress_bar`.

    Attributes:
        label: what is in progress.
    """

    def __init__(self, label: str, display: Display) -> None:
        self.label = label
        self._display = display

    def __call__(self, epoch: Epoch) -> None:
        """Show that an epoch has ended."""
        self._display.show(self.label, epoch)
        if epoch.phase == "fit" and epoch.number >= epoch.of:
            self._display.close()

    def __enter__(self) -> Self:
        self._display.begin(self.label)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._display.close()


class Display:
    """Where progress is shown: this one writes a line an epoch to standard error."""

    def begin(self, label: str) -> None:
        """Training begins."""

    def show(self, label: str, epoch: Epoch) -> None:
        """An epoch has ended."""
        sys.stderr.write(f"{_named(label, epoch)}: {_line(epoch)}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Training has ended; may be said more than once."""


class _Terminal(Display):
    """A bar that is drawn in place."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        console = Console(stderr=True, highlight=False)
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=max(8, min(24, console.width - 72))),
            TextColumn("{task.fields[text]}", markup=False),
            TimeElapsedColumn(),
            console=console,
        )
        # A training that stops early does not say so to its callback: when it lets go of the bar,
        # the terminal gets its cursor back.
        self._finalizer = weakref.finalize(self, _stop, self._progress)
        self._task: Any = None

    def begin(self, label: str) -> None:
        if self._task is None:
            self._task = self._progress.add_task(label, total=None, text="preparing")
            self._progress.start()

    def show(self, label: str, epoch: Epoch) -> None:
        self.begin(label)
        self._progress.update(
            self._task,
            description=_named(label, epoch),
            total=epoch.of,
            completed=epoch.number,
            text=_line(epoch),
            refresh=True,
        )

    def close(self) -> None:
        self._finalizer()


def _stop(progress: Progress) -> None:
    # A method that is solved in one go has shown no epoch: its empty bar goes.
    progress.live.transient = all(task.total is None for task in progress.tasks)
    progress.stop()


class _Notebook(Display):
    """A line that is written over; needs no widgets."""

    def __init__(self, display: Callable[..., Any]) -> None:
        self._display = display
        self._handle: Any = None

    def show(self, label: str, epoch: Epoch) -> None:
        share = 100 * epoch.number / max(epoch.of, 1)
        bar = (
            f'<progress max="100" value="{share:.0f}" style="width:12em"></progress> '
            f"{html.escape(_named(label, epoch))}: {html.escape(_line(epoch))}"
        )
        content = {"text/plain": f"{_named(label, epoch)}: {_line(epoch)}", "text/html": bar}
        if self._handle is None:
            self._handle = self._display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


def _named(label: str, epoch: Epoch) -> str:
    return label if epoch.phase == "fit" else f"{label} {epoch.phase}"


def _line(epoch: Epoch) -> str:
    parts = [f"{epoch.number}/{epoch.of}", f"training loss {epoch.training_loss:.4f}"]
    if epoch.validation_mse is not None:
        parts.append(f"validation {epoch.validation_mse:.4f}")
    return "  ".join(parts)


def _display() -> Display:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and type(shell).__name__ == "ZMQInteractiveShell":
        from IPython.display import display

        return _Notebook(display)
    return _Terminal() if sys.stderr.isatty() else Display()
