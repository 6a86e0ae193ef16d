"""Progress of work that takes longer than two seconds, on standard error."""

import time
from types import TracebackType

from rich.console import Console as RichConsole
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

SHOWN_AFTER_S = 2.0
"""Work that is done sooner shows nothing."""


class ProgressBar:
    """A bar that appears when its work has gone on for two seconds. Use as a context manager."""

    def __init__(self, rich: RichConsole, description: str, total: int | None, *, is_enabled: bool):
        """`total` is the number of steps, None when nobody knows it."""
        self._description, self._total = description, total
        self.done = 0
        self._is_enabled = is_enabled
        self._started = time.monotonic()
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=rich, transient=True)
        self.is_shown = False

    def advance(self, steps: int = 1) -> None:
        """Count steps as done."""
        self.done += steps
        if not self._is_enabled:
            return
        if not self.is_shown and time.monotonic() - self._started > SHOWN_AFTER_S:
            self._task = self._progress.add_task(self._description, total=self._total)
            self._progress.start()
            self.is_shown = True
        if self.is_shown:
            self._progress.update(self._task, completed=self.done)

    def __enter__(self) -> "ProgressBar":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.is_shown:
            self._progress.stop()
