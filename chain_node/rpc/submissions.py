"""Single requests that send a transaction, gathered: what comes at once is decoded at once.

Decoding recovers a sender, which native code does on all cores when it gets many. Nothing waits for company: what
comes alone goes on in the next turn of the event loop. While some are being taken, the next ones gather.
Event loop only.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from chain_node.rpc.dispatcher import Request

Respond = Callable[[bytes], None]
"""Takes the answer to one request."""


class Submissions:
    """What waits to be submitted, with whom to tell."""

    def __init__(self, submit: Callable[[list[Request]], Awaitable[list[bytes]]]) -> None:
        """Take what answers many requests; it must not raise."""
        self._submit = submit
        self._waiting: list[tuple[Request, Respond]] = []
        self._task: asyncio.Task[None] | None = None

    def add(self, request: Request, respond: Respond) -> None:
        """Have a request answered together with others."""
        self._waiting.append((request, respond))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        try:
            while self._waiting:
                gathered, self._waiting = self._waiting, []
                answers = await self._submit([request for request, _ in gathered])
                for (_, respond), answer in zip(gathered, answers, strict=True):
                    respond(answer)
        finally:
            self._task = None
