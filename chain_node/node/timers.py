"""The timers of the consensus. Starting one replaces the one before; late ones are the machine's to drop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chain_node.consensus.qbft.effects import StartBlockTimer, StartCatchUpTimer, StartResendTimer, StartRoundTimer
from chain_node.consensus.qbft.events import (
    BlockTimerFired,
    CatchUpTimerFired,
    Event,
    ResendTimerFired,
    RoundTimerFired,
)
from chain_node.core.types import Address

Timer = StartBlockTimer | StartRoundTimer | StartResendTimer | StartCatchUpTimer


class Timers:
    """Timers on the running event loop."""

    def __init__(
        self, emit: Callable[[Event], None], clock_ms: Callable[[], int], has_transactions: Callable[[], bool]
    ) -> None:
        """`has_transactions` says whether a block that starts now would not be empty."""
        self._emit = emit
        self._clock_ms = clock_ms
        self._has_transactions = has_transactions
        self._block: StartBlockTimer | None = None
        self._handle_by_timer: dict[type | Address, asyncio.TimerHandle] = {}
        """By kind, the catch-up timers by author."""

    def start(self, effect: Timer) -> None:
        """Start the timer that an effect asks for."""
        match effect:
            case StartBlockTimer():
                self._block = effect
                self._check_block_timer()
            case StartRoundTimer():
                self._call_later(StartRoundTimer, effect.delay_ms, RoundTimerFired(effect.height, effect.round))
            case StartResendTimer():
                self._call_later(StartResendTimer, effect.delay_ms, ResendTimerFired(effect.height, effect.round))
            case StartCatchUpTimer():
                self._call_later(effect.author, effect.delay_ms, CatchUpTimerFired(effect.height, effect.author))

    def on_transaction(self) -> None:
        """A transaction came: a block that was only waiting for one can start."""
        if self._block is not None and self._clock_ms() >= self._block.earliest_ms:
            self._check_block_timer()

    def _check_block_timer(self) -> None:
        timer = self._block
        if timer is None:
            return
        now_ms = self._clock_ms()
        if now_ms >= timer.latest_ms or (now_ms >= timer.earliest_ms and self._has_transactions()):
            self._block = None
            self._emit(BlockTimerFired(timer.height))
            return
        due_ms = timer.earliest_ms if now_ms < timer.earliest_ms else timer.latest_ms
        self._replace(StartBlockTimer, due_ms - now_ms, self._check_block_timer)

    def _call_later(self, timer: type | Address, delay_ms: int, event: Event) -> None:
        self._replace(timer, delay_ms, lambda: self._emit(event))

    def _replace(self, timer: type | Address, delay_ms: int, action: Callable[[], None]) -> None:
        earlier = self._handle_by_timer.get(timer)
        if earlier is not None:
            earlier.cancel()
        self._handle_by_timer[timer] = asyncio.get_running_loop().call_later(delay_ms / 1000, action)
