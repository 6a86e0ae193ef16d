"""Progress of commands that take long."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn


@contextmanager
def show_progress(verb: str, *, is_quiet: bool) -> Iterator[Callable[[int], None]]:
    """Show on standard error which block a command has come to; the block given is to be called with each height."""
    console = Console(stderr=True)
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=is_quiet or not console.is_terminal) as progress:
        task = progress.add_task(verb)
        yield lambda height: progress.update(task, description=f"{verb}: block {height}")
