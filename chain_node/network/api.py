"""The seams of the network: who is at the other end, one connection, and what the node does with what arrives. No I/O.

`transport.py` makes links over TCP and TLS; the simulation makes them over a simulated wire. `Peers` serves both.
Everything here is called on the event loop and returns at once, but for what is `async`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NewType, Protocol

from chain_node.consensus.qbft.messages import Message
from chain_node.core.errors import InvalidInputError
from chain_node.core.types import Address, Block, Hash32, Height, Transaction
from chain_node.network.frames import ConsensusMessage, Frame, Goodbye, Hello, LateSeal

TlsKeyHash = NewType("TlsKeyHash", bytes)
"""sha256 of the DER SubjectPublicKeyInfo of a node's TLS key: what a node is called on the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRecord:
    """What the Consortium contract says of one node. Source: docs/protocol.md, 3 (`nodes`)."""

    tls_key_hash: TlsKeyHash
    validator: Address | None
    """Key the node signs blocks with; None for a node that only follows."""
    organisation: int
    """Id of the member that runs it."""
    endpoint: str
    """HOST:PORT where it listens for peers."""


class Link(Protocol):
    """One open, authenticated connection to another node."""

    @property
    def record(self) -> NodeRecord | None:
        """Whose node this is; None for one that cannot be judged yet: it has a certificate, and may only serve us."""
        ...

    @property
    def tls_key_hash(self) -> TlsKeyHash:
        """The key it has proven to have."""
        ...

    @property
    def is_outbound(self) -> bool:
        """Whether this node dialled."""
        ...

    @property
    def endpoint(self) -> str:
        """HOST:PORT of the other end of the connection, for people."""
        ...

    @property
    def misdeed_points(self) -> int:
        """What is counted against the peer."""
        ...

    def send(self, frame: Frame) -> None:
        """Queue a frame, by the priority of its type; a link whose queue overflows is closed."""
        ...

    def punish(self, reason: str, penalty: int) -> None:
        """Count a misdeed against the peer; at the limit the link is closed and the peer shut out for a while."""
        ...

    def close(self, goodbye: Goodbye) -> None:
        """Say why, then close; `on_link_down` follows."""
        ...


class LinkListener(Protocol):
    """Whoever is told of links and frames: `Peers`."""

    def make_hello(self) -> Hello:
        """What this node says first on a new connection."""
        ...

    def judge(self, tls_key_hash: TlsKeyHash, hello: Hello) -> NodeRecord | Goodbye | None:
        """Whether a node may come in: its record; a refusal; or None, taken for download only."""
        ...

    def on_link_up(self, link: Link, hello: Hello) -> None:
        """A link is open: both sides have judged the other."""
        ...

    def on_frame(self, link: Link, frame: Frame) -> None:
        """A frame has come; never Hello or Goodbye.

        Raises:
            InvalidInputError: the peer broke a rule; the caller punishes it.
        """
        ...

    def on_link_down(self, link: Link, reason: str) -> None:
        """A link is closed, whoever closed it."""
        ...


@dataclass(frozen=True, slots=True)
class HeadView:
    """The last block this node has."""

    height: Height
    block_hash: Hash32


class NodeServices(Protocol):
    """What `Peers` needs of the node it belongs to."""

    def head(self) -> HeadView:
        """The last imported block."""
        ...

    def node_records(self) -> Sequence[NodeRecord]:
        """Every node of the members, by the newest state."""
        ...

    def block_hash(self, height: Height) -> Hash32:
        """Hash of a block up to the head."""
        ...

    def encoded_block(self, height: Height) -> bytes:
        """Bytes of a block up to the head."""
        ...

    def own_seals(self) -> Sequence[LateSeal]:
        """This validator's seal of the head, if it has sealed it."""
        ...

    def waiting_transactions(self) -> Sequence[bytes]:
        """Transactions of the pool, encoded, each sender's in the order of nonces."""
        ...

    def known_transactions(self, hashes: Sequence[Hash32]) -> Sequence[Transaction | None]:
        """Transactions that wait here or came lately, by their hashes."""
        ...

    async def decode_transactions(self, encoded: Sequence[bytes]) -> Sequence[Transaction | InvalidInputError]:
        """Decode transactions, beside the event loop when they are many; for each one, or why it is none."""
        ...

    async def decode_message(self, frame: ConsensusMessage) -> Message:
        """Decode a consensus message with a large block beside the event loop; errors as `ConsensusMessage.decode`."""
        ...

    async def decode_blocks(self, encoded: Sequence[bytes]) -> list[Block]:
        """Decode blocks beside the event loop.

        Raises:
            InvalidInputError: one of them is malformed.
        """
        ...

    def on_message(self, message: Message) -> None:
        """A consensus message, decoded, its author recovered."""
        ...

    async def on_transactions(self, encoded: Sequence[bytes]) -> Sequence[bytes]:
        """Transactions from a peer; returns those that were new here and are to be passed on.

        Those that only the present state refuses are dropped.

        Raises:
            InvalidInputError: one of them can never be valid. What came before it was taken.
        """
        ...

    def on_seals(self, seals: Sequence[LateSeal]) -> Sequence[LateSeal]:
        """Late seals from a peer; returns those that were found good and are to be passed on.

        Raises:
            InvalidInputError: one of them is of nobody who may seal.
        """
        ...

    def on_links_changed(self, validators: tuple[Address, ...]) -> None:
        """The validators with which this node has a live link now, ascending."""
        ...

    async def import_blocks(self, blocks: Sequence[Block]) -> None:
        """Verify, execute and add blocks that follow the head, in order; those up to the head are skipped.

        Raises:
            InvalidInputError: one of them breaks a rule; those before it were added.
            UnavailableError: this node has halted and adds nothing.
        """
        ...

    def on_conflict(self, theirs: Block) -> None:
        """A peer has another block than ours at a height up to the head: halt, with the evidence.

        Raises:
            InvalidBlockError: it lacks a quorum of valid seals, so it proves nothing.
        """
        ...


class VaultExchange(Protocol):
    """The vault's side of a link: what vaults say to one another is opaque to the network."""

    def on_peer(self, record: NodeRecord, send: SendVaultMessage) -> None:
        """A member's node is there; `send` queues one message to it, at the lowest priority."""
        ...

    def on_vault_message(self, record: NodeRecord, payload: bytes) -> None:
        """A message of its vault.

        Raises:
            InvalidInputError: it cannot be read or may not be.
        """
        ...

    def on_peer_gone(self, record: NodeRecord) -> None:
        """The node is not there any more."""
        ...


class SendVaultMessage(Protocol):
    """Sends to one peer's vault."""

    def __call__(self, payload: bytes) -> None:
        """Queue a message of at most VAULT_MESSAGE_SIZE_BYTES_MAX bytes."""
        ...
