"""Blocks as they come: when each height was first seen at each node, and which transactions the first node has in it.

A transaction is committed when every node that is watched has its block. Blocks of the networks that this is for are
final; that all nodes have the same ones is checked afterwards (`client.bench.checks`).
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from client.bench.wire import Node

POLL_S = 0.02
"""Pause between two looks at a node: the resolution of latencies."""


@dataclass(slots=True)
class Blocks:
    """What was seen; times by time.perf_counter."""

    node_count: int
    first_height: int
    """Head before the load; blocks above it count."""
    height_by_number: dict[int, int] = field(default_factory=dict)
    """Height of the block that each committed transaction is in, by its number."""
    size_by_height: dict[int, int] = field(default_factory=dict)
    """Transactions in each block, whoever sent them."""
    hash_by_height: dict[int, str] = field(default_factory=dict)
    """At the first node."""
    seen_s: list[dict[int, float]] = field(init=False)
    """Of each node: when it was first seen to have a height."""

    def __post_init__(self) -> None:
        self.seen_s = [{} for _ in range(self.node_count)]

    def committed_s(self, height: int) -> float | None:
        """When the last of the nodes had the height; None while one has it not."""
        times = [seen.get(height) for seen in self.seen_s]
        return None if None in times else max(time_s for time_s in times if time_s is not None)

    def is_everywhere(self, height: int) -> bool:
        """Whether every node has the height."""
        return all(height in seen or height <= self.first_height for seen in self.seen_s)


class BlockWatch:
    """Looks at every node, and reads each new block of the first one."""

    def __init__(self, nodes: Sequence[Node], first_height: int):
        """Blocks above `first_height` are read; `expect` says which transactions to look for."""
        self._nodes = nodes
        self.blocks = Blocks(len(nodes), first_height)
        self._number_by_hash: dict[str, int] = {}
        self._read_height = first_height
        self._heads = [first_height] * len(nodes)
        self.last_found_s = time.perf_counter()
        """When a transaction was last found in a block."""

    def expect(self, hashes: Sequence[str]) -> None:
        """Look for these transactions; their number is their place."""
        self._number_by_hash = {each: number for number, each in enumerate(hashes)}

    @property
    def found_count(self) -> int:
        """How many of them are in blocks."""
        return len(self.blocks.height_by_number)

    def is_complete(self, wanted_count: int) -> bool:
        """Whether that many transactions are in blocks, and these blocks at every node."""
        if self.found_count < wanted_count:
            return False
        return self.blocks.is_everywhere(max(self.blocks.height_by_number.values(), default=self.blocks.first_height))

    async def run(self) -> None:
        """Look until cancelled; UnavailableError when a node ends."""
        await asyncio.gather(*(self._follow(index) for index in range(len(self._nodes))))

    async def _follow(self, index: int) -> None:
        node, seen = self._nodes[index], self.blocks.seen_s[index]
        while True:
            head = int(str(await node.ask("eth_blockNumber")), 16)
            now = time.perf_counter()
            for height in range(self._heads[index] + 1, head + 1):
                seen[height] = now
            self._heads[index] = max(head, self._heads[index])
            if index == 0:
                await self._read_up_to(head)
            await asyncio.sleep(POLL_S)

    async def _read_up_to(self, head: int) -> None:
        blocks = self.blocks
        while self._read_height < head:
            height = self._read_height + 1
            block = await self._nodes[0].ask("eth_getBlockByNumber", hex(height), False)
            if block is None:
                return  # it is announced and not readable yet
            self._read_height = height
            hashes = block["transactions"]
            blocks.size_by_height[height], blocks.hash_by_height[height] = len(hashes), block["hash"]
            for each in hashes:
                number = self._number_by_hash.pop(each, None)
                if number is not None:
                    blocks.height_by_number[number] = height
                    self.last_found_s = time.perf_counter()
