"""A `LinkListener` that writes down what happens, and a running transport around it."""

import asyncio
import random
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from chain_node.core.types import Hash32, Height
from chain_node.network.api import Link, NodeRecord, TlsKeyHash
from chain_node.network.frames import Frame, Goodbye, Hello
from chain_node.network.peer_book import BookLimits, PeerBook
from chain_node.network.tls_identity import TlsFiles
from chain_node.network.traffic import TransportLimits
from chain_node.network.transport import Transport

HELLO = Hello(
    version=1,
    chain_id=2024,
    genesis_hash=Hash32(b"g" * 32),
    height=Height(0),
    head_hash=Hash32(b"h" * 32),
    client_version="t",
)
FAST = TransportLimits(
    handshake_seconds=0.6, partial_seconds=0.3, stall_seconds=0.4, linger_seconds=0.5, check_seconds=0.02
)
FAST_BOOK = BookLimits(
    backoff_seconds_base=0.02, backoff_seconds_max=0.2, refused_backoff_seconds_max=0.5, stable_seconds=0.3
)


@dataclass
class MemoryListener:
    hello: Hello = HELLO
    links: list[Link] = field(default_factory=list)
    """Open now."""
    frames: list[Frame] = field(default_factory=list)
    downs: list[str] = field(default_factory=list)
    up_count: int = 0
    react: Callable[[Link, Frame], None] | None = None

    def make_hello(self) -> Hello:
        return self.hello

    def judge(self, tls_key_hash: TlsKeyHash, hello: Hello) -> NodeRecord | Goodbye | None:
        if hello.genesis_hash != self.hello.genesis_hash:
            return Goodbye("another genesis")
        return NodeRecord(tls_key_hash=tls_key_hash, validator=None, organisation=1, endpoint="")

    def on_link_up(self, link: Link, hello: Hello) -> None:
        self.up_count += 1
        self.links.append(link)

    def on_frame(self, link: Link, frame: Frame) -> None:
        self.frames.append(frame)
        if self.react is not None:
            self.react(link, frame)

    def on_link_down(self, link: Link, reason: str) -> None:
        self.links.remove(link)
        self.downs.append(reason)


@dataclass
class Node:
    transport: Transport
    listener: MemoryListener
    task: asyncio.Task[None]

    @property
    def endpoint(self) -> str:
        return f"127.0.0.1:{self.transport.bound_port}"


@asynccontextmanager
async def running(
    files: TlsFiles,
    *,
    static: tuple[str, ...] = (),
    listener: MemoryListener | None = None,
    limits: TransportLimits = FAST,
    book_limits: BookLimits = FAST_BOOK,
    port: int = 0,
) -> AsyncIterator[Node]:
    listener = listener or MemoryListener()
    book = PeerBook(static, random.Random(1), book_limits)
    transport = Transport(listener=listener, tls=files, listen=("127.0.0.1", port), book=book, limits=limits)
    task = asyncio.get_running_loop().create_task(transport.run())
    try:
        yield Node(transport, listener, task)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        transport.close()


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110  # any condition, not an event
            await asyncio.sleep(0.005)
