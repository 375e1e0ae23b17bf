"""A progress bar for training and tuning, in terminals and notebooks."""

from __future__ import annotations

import html
import sys
import time
import weakref
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

if TYPE_CHECKING:
    from rich.progress import Progress

    from tastemap.evaluation.tuning import TuningStep
    from tastemap.training.history import Epoch


def progress_bar(label: str = "training") -> ProgressBar:
    """Show how training goes: pass it as ``on_epoch`` to a recipe's ``fit``.

    A terminal shows a bar, a notebook one line that is written over, anything else, such as a log,
    a line for every tenth of the work, or every minute. All go to standard
    error, or to the notebook's output.

        recipe.fit(train, valid, on_epoch=tm.progress_bar())

    It shows how tuning goes as well, trial by trial: ``tm.tune(recipe, train, on_trial=...)``.

    Args:
        label: what is in progress, such as the name of the model.

    Returns:
        What to call after each epoch or trial. Used in a ``with`` statement it also shows the
        time before the first of them ends, and leaves the terminal tidy whatever happens.
    """
    return ProgressBar(label, _display())


class ProgressBar:
    """Draws one training or tuning; made by `progress_bar`.

    Attributes:
        label: what is in progress.
    """

    def __init__(self, label: str, display: Display) -> None:
        self.label = label
        self._display = display

    def __call__(self, ended: Epoch | TuningStep) -> None:
        """Show that an epoch or a trial has ended."""
        step = _step(self.label, ended)
        self._display.show(step)
        if step.last:
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


class Step(NamedTuple):
    """How far the work is, in words and numbers.

    Attributes:
        label: what is in progress.
        done, of: how much of how much.
        text: what is to be seen of it.
        last: whether nothing is to come.
    """

    label: str
    done: float
    of: float
    text: str
    last: bool


_QUIET = 60
"""Seconds after which a log gets a line though no tenth of the work has ended."""


class Display:
    """Where progress is shown: this one writes a line to standard error for each tenth of it."""

    _shown: tuple[str, int] | None = None
    """Label and tenth of the last line."""
    _at = 0.0
    """When it was written."""

    def begin(self, label: str) -> None:
        """The work begins."""

    def show(self, step: Step) -> None:
        """A step has ended."""
        tenth = step.label, int(10 * step.done / max(step.of, 1))
        now = time.monotonic()
        if tenth == self._shown and now - self._at < _QUIET and not step.last:
            return
        self._shown, self._at = tenth, now
        sys.stderr.write(f"{step.label}: {step.text}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """All is done; may be said more than once."""


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

    def show(self, step: Step) -> None:
        self.begin(step.label)
        self._progress.update(
            self._task,
            description=step.label,
            total=step.of,
            completed=step.done,
            text=step.text,
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

    def show(self, step: Step) -> None:
        share = 100 * step.done / max(step.of, 1)
        bar = (
            f'<progress max="100" value="{share:.0f}" style="width:12em"></progress> '
            f"{html.escape(step.label)}: {html.escape(step.text)}"
        )
        content = {"text/plain": f"{step.label}: {step.text}", "text/html": bar}
        if self._handle is None:
            self._handle = self._display(content, raw=True, display_id=True)
        else:
            self._handle.update(content, raw=True)


def _step(label: str, ended: Epoch | TuningStep) -> Step:
    from tastemap.training.history import Epoch

    if isinstance(ended, Epoch):
        parts = [f"{ended.number}/{ended.of}", f"training loss {ended.training_loss:.4f}"]
        if ended.validation_mse is not None:
            parts.append(f"validation {ended.validation_mse:.4f}")
        named = label if ended.phase == "fit" else f"{label} {ended.phase}"
        last = ended.phase == "fit" and ended.number >= ended.of
        return Step(named, ended.number, ended.of, "  ".join(parts), last)
    trial = ended.trial
    parts = [f"{ended.trials}/{ended.of}" if ended.of else f"{ended.trials} trials"]
    parts.append(trial.state if trial.value is None else f"{ended.measure} {trial.value:.4f}")
    if ended.best is not None:
        parts.append(f"best {ended.best:.4f}")
    return Step(label, ended.share, 1, "  ".join(parts), ended.share >= 1)


def _display() -> Display:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None and type(shell).__name__ == "ZMQInteractiveShell":
        from IPython.display import display

        return _Notebook(display)
    return _Terminal() if sys.stderr.isatty() else Display()
