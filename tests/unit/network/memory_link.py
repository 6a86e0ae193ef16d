"""Links between two listeners in one process: every frame goes through its bytes, after a delay on the loop's clock."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from chain_node.core.errors import InvalidInputError, RemoteProtocolError
from chain_node.network.api import LinkListener, NodeRecord, TlsKeyHash
from chain_node.network.frames import Frame, Goodbye, decode_payload, encode_frame

MISDEED_POINTS_MAX = 100


class MemoryLink:
    """One end. What is sent while `is_cut` is lost, as on a wire that nobody knows to be broken."""

    def __init__(self, owner: LinkListener, tls_key_hash: TlsKeyHash, record: NodeRecord | None, *, dialled: bool):
        self.owner = owner
        self.tls_key_hash = tls_key_hash
        self.record = record
        self.is_outbound = dialled
        self.endpoint = f"memory:{tls_key_hash.hex()[:8]}"
        self.misdeed_points = 0
        self.misdeeds: list[str] = []
        self.sent: list[Frame] = []
        self.goodbye: Goodbye | None = None
        self.is_open = True
        self.is_cut = False
        self.other: MemoryLink
        self.delay_seconds = 0.0

    def send(self, frame: Frame) -> None:
        self.sent.append(frame)
        if self.is_open and not self.is_cut:
            encoded = encode_frame(frame)
            asyncio.get_running_loop().call_later(self.delay_seconds, self.other.receive, encoded)

    def receive(self, encoded: bytes) -> None:
        if not self.is_open:
            return
        try:
            self.owner.on_frame(self, decode_payload(encoded[4], encoded[5:]))
        except InvalidInputError as error:
            self.punish(str(error), error.penalty if isinstance(error, RemoteProtocolError) else 20)

    def punish(self, reason: str, penalty: int) -> None:
        self.misdeeds.append(reason)
        self.misdeed_points += penalty
        if self.misdeed_points >= MISDEED_POINTS_MAX:
            self.close(Goodbye(reason))

    def close(self, goodbye: Goodbye) -> None:
        if not self.is_open:
            return
        self.goodbye = goodbye
        self._shut(f"closed here: {goodbye.reason}")
        asyncio.get_running_loop().call_soon(self.other._shut, f"closed by the peer: {goodbye.reason}")

    def _shut(self, reason: str) -> None:
        if self.is_open:
            self.is_open = False
            self.owner.on_link_down(self, reason)


def connect(
    dialler: tuple[LinkListener, TlsKeyHash], listener: tuple[LinkListener, TlsKeyHash], *, delay_seconds: float = 0.0
) -> tuple[MemoryLink, MemoryLink] | Goodbye:
    """Open a link between two nodes, each given with its key; or the refusal of the one that refuses."""
    (one, one_key), (two, two_key) = dialler, listener
    one_hello, two_hello = one.make_hello(), two.make_hello()
    by_one, by_two = one.judge(two_key, two_hello), two.judge(one_key, one_hello)
    for judgement in (by_one, by_two):
        if isinstance(judgement, Goodbye):
            return judgement
    assert not isinstance(by_one, Goodbye)
    assert not isinstance(by_two, Goodbye)
    ends = MemoryLink(one, two_key, by_one, dialled=True), MemoryLink(two, one_key, by_two, dialled=False)
    ends[0].other, ends[1].other = ends[1], ends[0]
    for end in ends:
        end.delay_seconds = delay_seconds
    one.on_link_up(ends[0], two_hello)
    two.on_link_up(ends[1], one_hello)
    return ends


async def until(condition: Callable[[], bool], seconds: float = 20.0) -> None:
    """Wait for what happens elsewhere."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - it happens in other threads, too
            await asyncio.sleep(0.005)
