"""An event loop whose clock jumps to the next timer instead of waiting for it."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _NoWait(selectors.SelectSelector):
    """A selector that tells the loop how long it would have waited."""

    waited = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout:
            self.waited += timeout
        return super().select(0)


class QuickLoop(asyncio.SelectorEventLoop):
    """For code that uses the loop's own clock only, and no threads."""

    def __init__(self) -> None:
        self._quick = _NoWait()
        super().__init__(self._quick)

    def time(self) -> float:
        return self._quick.waited


def play(scene: Coroutine[Any, Any, None], *, seconds_max: float = 300.0) -> None:
    """Run a scene to its end."""

    async def bounded() -> None:
        async with asyncio.timeout(seconds_max):
            await scene

    loop = QuickLoop()
    try:
        loop.run_until_complete(bounded())
    finally:
        loop.close()
