"""Tasks that nobody waits for. No I/O."""

from __future__ import annotations

import asyncio


def raise_fault(task: asyncio.Task[None]) -> None:
    """For `add_done_callback`: what our own code raised in a task goes to the event loop, which reports it."""
    if not task.cancelled():
        task.result()
