"""Which organisation's nodes may hold what: those of an organisation with an account that may read it.

Source: docs/protocol.md, 11.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cbor2

from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32
from chain_node.vault.chain_view import BUREAU, ChainView, Member, NodeEntry
from chain_node.vault.items import PackContext, RecordContext
from chain_node.vault.limits import AUDIENCE_SECONDS
from chain_node.vault.rights import RECORD_READERS, may_read_pack, may_read_record


@dataclass(frozen=True, slots=True)
class Audience:
    """The accounts of an organisation that may act, at some height."""

    height: int
    accounts: tuple[tuple[Address, Member], ...]

    @property
    def digest(self) -> Hash32:
        """Changes when what the organisation is entitled to may have changed."""
        return keccak(cbor2.dumps([[account, one.organisation, one.roles] for account, one in self.accounts]))

    def may_hold(self, context: RecordContext | PackContext, owner_organisation: int) -> bool:
        """Whether one of the accounts may read such a blob of that owner."""
        if isinstance(context, RecordContext):
            return any(may_read_record(member, owner_organisation) for _, member in self.accounts)
        return any(may_read_pack(account, member, context) for account, member in self.accounts)

    def may_ask_receipts(self) -> bool:
        """Whether one of the accounts has business with deletion receipts."""
        return any(member.has_role(BUREAU, *RECORD_READERS) for _, member in self.accounts)


class Entitlement:
    """Audiences of organisations, read from the chain and remembered for a moment. Safe for several threads."""

    def __init__(self, view: ChainView, clock: Callable[[], float]) -> None:
        """`clock` counts seconds from anywhere."""
        self._view = view
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[int, tuple[float, Audience]] = {}
        self._nodes: tuple[float, Sequence[NodeEntry]] | None = None

    def nodes(self) -> Sequence[NodeEntry]:
        """Nodes of the members, ascending by key."""
        now = self._clock()
        with self._lock:
            if self._nodes is not None and now < self._nodes[0] + AUDIENCE_SECONDS:
                return self._nodes[1]
        self._view.head()
        nodes = self._view.nodes()
        with self._lock:
            self._nodes = (now, nodes)
        return nodes

    def own_audience(self, node: Hash32) -> Audience:
        """Accounts of the organisation whose node it is; none as long as the chain does not list the node."""
        organisation = next((one.organisation for one in self.nodes() if one.tls_key_hash == node), None)
        if organisation is None:
            return Audience(self._view.head().number, ())
        return self.audience(organisation)

    def audience(self, organisation: int) -> Audience:
        """The organisation's accounts; may block."""
        now = self._clock()
        with self._lock:
            read_at, audience = self._known.get(organisation, (0.0, None))
        if audience is not None and now < read_at + AUDIENCE_SECONDS:
            return audience
        head = self._view.head()
        members = (
            (account, self._view.member(account, head.timestamp)) for account in self._view.accounts_of(organisation)
        )
        found = tuple((account, member) for account, member in members if member is not None)
        audience = Audience(head.number, found)
        with self._lock:
            self._known[organisation] = (now, audience)
        return audience

    def owner_of(self, context: RecordContext | PackContext, writer_organisation: int) -> int:
        """Organisation whose blob it is: a published batch says so itself, else that of who put it."""
        batch = self._view.batch(context.batch_root) if isinstance(context, RecordContext) else None
        return writer_organisation if batch is None else batch.organisation

    def organisation_of_writer(self, account: Address) -> int:
        """Organisation of an account whose time may be over; 0 when it is suspended or unknown."""
        writer = self._view.writer(account)
        return 0 if writer is None else writer.organisation
