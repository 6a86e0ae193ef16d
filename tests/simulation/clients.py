"""Who sends transactions: each account one after the other, through any node that is up, again until it is included."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from chain_node.core import rlp
from chain_node.core.crypto import address_of, sign_digest
from chain_node.core.errors import ChainError
from chain_node.core.hashing import keccak
from chain_node.core.types import Address
from chain_node.txpool.permission import CONSORTIUM

if TYPE_CHECKING:
    from tests.simulation.world import World

_GAS = 100_000
_RETRY_MS = 1_000
"""A client that hears nothing tries another node, as the SDK does."""
_ELSEWHERE = Address(b"\x11" * 20)


class Client:
    """One account. `orders` are transactions to the Consortium that it sends before its own."""

    def __init__(self, world: World, index: int, *, is_busy: bool) -> None:
        self._world = world
        self._key = (1_000_000 + index).to_bytes(32, "big")
        self._rng = random.Random(f"{world.scenario.seed}/client/{index}")
        self.address = address_of(self._key)
        self.is_busy = is_busy
        self.orders: list[bytes] = []
        self._nonce = 0
        self._waiting: bytes | None = None
        self._tell_ms = 0

    def start(self) -> None:
        """Begin."""
        self._world.loop.call_later(0.05, self._tick)

    def _tick(self) -> None:
        now_ms = self._world.loop.now_us // 1000
        if self._waiting is not None and self._world.included_nonce(self.address) > self._nonce:
            self._nonce += 1
            self._waiting = None
        if self._waiting is None and (self.orders or self.is_busy):
            self._waiting = self._sign()
            self._tell_ms = now_ms
        if self._waiting is not None and now_ms >= self._tell_ms:
            self._tell_ms = now_ms + _RETRY_MS
            self._tell(self._waiting)
        self._world.loop.call_later(0.1, self._tick)

    def _tell(self, raw: bytes) -> None:
        nodes = [machine for machine in self._world.machines if machine.is_responsive]
        if not nodes:
            return
        machine = self._rng.choice(nodes)
        try:
            machine.enter(machine.node.intake.submit, raw)
        except ChainError as error:
            self._world.note(f"{machine.name} refuses a transaction: {error}")

    def _sign(self) -> bytes:
        order = self.orders.pop(0) if self.orders else None
        to, data = (CONSORTIUM, order) if order else (_ELSEWHERE, b"")
        fields = [rlp.scalar(self._nonce), b"", rlp.scalar(_GAS), to, b"", data]
        chain_id = self._world.genesis.chain_id
        digest = keccak(rlp.encode([*fields, rlp.scalar(chain_id), b"", b""]))
        signature = sign_digest(self._key, digest)
        v = 35 + 2 * chain_id + signature[64]
        r, s = (int.from_bytes(part, "big") for part in (signature[:32], signature[32:64]))
        return rlp.encode([*fields, rlp.scalar(v), rlp.scalar(r), rlp.scalar(s)])
