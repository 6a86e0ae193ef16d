"""An asyncio event loop whose time moves only when nothing else can happen.

There is no selector and no thread: timers run in order of (time, order of making), and what an executor is given runs
on the loop after the time that the executor says it takes. The same calls give the same run, always.

Everything that is scheduled belongs to the `Incarnation` (one life of one simulated machine) whose context it was
scheduled from. When that life ends, its timers never fire and its tasks are cancelled.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

_T = TypeVar("_T")
_MICROSECONDS = 1_000_000


class PowerLost(BaseException):
    """The machine on which this code runs has just crashed."""


class Incarnation:
    """One life of a machine, from start to crash."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive = True
        self.frozen_until_us = 0
        self.tasks: dict[asyncio.Task[Any], None] = {}
        self.context = contextvars.copy_context()
        self.context.run(OWNER.set, self)

    def end(self) -> None:
        """Crash: nothing that was begun goes on."""
        self.is_alive = False
        for task in list(self.tasks):
            task.cancel()


OWNER: contextvars.ContextVar[Incarnation | None] = contextvars.ContextVar("owner", default=None)


class Worker:
    """Stands for a thread pool with one thread: takes one thing at a time, each for a simulated while."""

    def __init__(self, duration_us: Callable[[], int]) -> None:
        self.duration_us = duration_us
        self.busy_until_us = 0


class VirtualLoop(asyncio.AbstractEventLoop):
    """See the module's description. Exceptions of callbacks end the simulation; a task's owner sees to its own."""

    def __init__(self) -> None:
        self.now_us = 0
        self.steps = 0
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[tuple[int, int, asyncio.TimerHandle]] = []
        self._sequence = 0
        self._is_closed = False

    def time(self) -> float:
        """Seconds since the simulation began."""
        return self.now_us / _MICROSECONDS

    def run_until(self, condition: Callable[[], bool], deadline_us: int) -> bool:
        """Run until the condition holds (true) or the time has come (false)."""
        previous = events._get_running_loop()
        events._set_running_loop(self)
        try:
            while not condition():
                if not self._ready and not self._advance(deadline_us):
                    self.now_us = max(self.now_us, deadline_us)
                    return condition()
                self._run_ready()
        finally:
            events._set_running_loop(previous)
        return True

    def call_soon(
        self, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Run a callback after those that are ready."""
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: Any,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        """Run a callback after so many seconds."""
        return self._call_at_us(self.now_us + max(0, round(delay * _MICROSECONDS)), callback, args, context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Run a callback at a time of `time()`."""
        return self._call_at_us(round(when * _MICROSECONDS), callback, args, context)

    def run_in_executor(self, executor: Any, func: Callable[..., _T], *args: Any) -> asyncio.Future[_T]:
        """Run a function on the loop, once the worker is through with what came before and with this."""
        future: asyncio.Future[_T] = self.create_future()
        if not isinstance(executor, Worker):
            raise TypeError(f"the simulation has no threads; got the executor {executor!r}")
        executor.busy_until_us = max(executor.busy_until_us, self.now_us) + executor.duration_us()
        self._call_at_us(executor.busy_until_us, _work, (future, func, args), None)
        return future

    def create_future(self) -> asyncio.Future[Any]:
        """A future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Coroutine[Any, Any, _T], *, name: str | None = None, context: contextvars.Context | None = None
    ) -> asyncio.Task[_T]:
        """A task of the incarnation whose code is running."""
        owner = OWNER.get() if context is None else context.get(OWNER)
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        if owner is not None:
            owner.tasks[task] = None
            task.add_done_callback(lambda done: owner.tasks.pop(done, None))
        return task

    def is_running(self) -> bool:
        """Whether anything runs on it: always, as far as its own code can tell."""
        return True

    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._is_closed

    def close(self) -> None:
        """Forget what is left."""
        self._is_closed = True
        self._ready.clear()
        self._timers.clear()

    def get_debug(self) -> bool:
        """Never."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What asyncio would only log, such as a task's exception that nobody took, ends the simulation."""
        error = context.get("exception")
        if isinstance(error, PowerLost):
            return
        raise RuntimeError(context.get("message")) from error

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Nothing to count; cancelled timers are skipped when their time comes."""

    def _call_at_us(
        self, when_us: int, callback: Callable[..., object], args: tuple[Any, ...], context: contextvars.Context | None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when_us / _MICROSECONDS, callback, args, self, context)
        self._sequence += 1
        heapq.heappush(self._timers, (when_us, self._sequence, handle))
        return handle

    def _advance(self, deadline_us: int) -> bool:
        """Make the next timer ready, moving the clock; false if there is none up to the deadline."""
        while self._timers and self._timers[0][0] <= deadline_us:
            when_us, sequence, handle = heapq.heappop(self._timers)
            owner = handle._context.get(OWNER)
            if owner is not None and owner.frozen_until_us > when_us:
                heapq.heappush(self._timers, (owner.frozen_until_us, sequence, handle))
            elif not handle._cancelled and (owner is None or owner.is_alive):
                self.now_us = max(self.now_us, when_us)
                self._ready.append(handle)
                return True
        return False

    def _run_ready(self) -> None:
        handle = self._ready.popleft()
        if handle._cancelled:
            return
        self.steps += 1
        with suppress(PowerLost):
            handle._context.run(handle._callback, *handle._args)


def _work(future: asyncio.Future[_T], func: Callable[..., _T], args: tuple[Any, ...]) -> None:
    """Do a piece of a worker's work, even if nobody waits for it any more: threads cannot be cancelled."""
    try:
        result = func(*args)
    except PowerLost:
        raise
    except BaseException as error:
        if not future.done():
            future.set_exception(error)
    else:
        if not future.done():
            future.set_result(result)
