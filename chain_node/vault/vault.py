"""Who may put, get and purge what, and what becomes of erased records. Other vaults: `replication.py`.

Every method runs in a worker thread and may block. The chain is the tombstone: a record revoked there is neither
taken nor given, whatever this vault missed while it was down. Source: docs/protocol.md, 9.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chain_node.core.crypto import address_of, sign_digest
from chain_node.core.errors import BadSignatureError
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32
from chain_node.vault.api import ChainReader, Follower
from chain_node.vault.binding import Binding, make_binding
from chain_node.vault.blob_store import BlobStore, Entry, Owner
from chain_node.vault.chain_view import BUREAU, ChainView, Member
from chain_node.vault.entitlement import Entitlement
from chain_node.vault.errors import VaultError, bad_request
from chain_node.vault.items import Item, PackContext, RecordContext
from chain_node.vault.limits import ANSWER_SIZE_BYTES_MAX, LOG_BLOCKS_MAX, PURGE_SIZE_BYTES_MAX
from chain_node.vault.lots import Lot, LotPart
from chain_node.vault.nonce_table import NonceTable
from chain_node.vault.peer_table import PeerTable
from chain_node.vault.purge_order import PurgeOrder, encode_order
from chain_node.vault.rights import RECORD_READERS, may_read_pack, may_read_record, may_write
from chain_node.vault.signed_request import Claim, verify_claim
from chain_node.vault.typed_data import (
    DeletionReceipt,
    PurgeReceipt,
    domain_separator,
    purge_receipt_digest,
    receipt_digest,
)

ETHEREUM_V_OFFSET = 27
"""What Ethereum's tools and contracts add to the recovery id of a signature."""


@dataclass(frozen=True, slots=True)
class Caller:
    """A member whose signed request was accepted."""

    account: Address
    member: Member
    claim: Claim


@dataclass(frozen=True, slots=True)
class Found:
    """One answer of a get: a blob, or why there is none."""

    blob: bytes | None
    reason: str | None


_FULL = Found(None, "answer_full: ask for it again in another request")


class Vault:
    """One vault: its store, its view of the chain, and the key that signs its deletion receipts."""

    def __init__(self, store: BlobStore, chain: ChainReader, private_key: bytes, registry: Address) -> None:
        self.chain_id = chain.chain_id()
        self.registry = registry
        self.address = address_of(private_key)
        self.vault_id = keccak(b"tranchain vault" + self.address)
        self.store = store
        self.view = ChainView(chain, registry)
        self.domain = domain_separator(self.chain_id, registry)
        self.entitlement = Entitlement(self.view, time.monotonic)
        self.peers = PeerTable(store)
        self.binding: Binding | None = None
        """Says whose node this vault is at, once that is known."""
        self.follower: Follower | None = None
        """Set by whoever connects this vault with others."""
        self._private_key = private_key
        self._nonces = NonceTable(store)
        store.bind_network(self.chain_id, registry)

    def bind(self, node_key: bytes, sign: Callable[[bytes], bytes]) -> Binding:
        """Bind this vault to its node: `sign` is ECDSA with SHA-256 by its TLS key, `node_key` that key in DER."""
        self.binding = make_binding(self.domain, self._private_key, self.address, node_key, sign)
        return self.binding

    def check_enrolled(self, account: Address) -> Member:
        """The member of an account that may act now, before anything of its request is read.

        Raises:
            VaultError: 403 `not_enrolled`.
        """
        member = self.view.member(account, self.view.head().timestamp)
        if member is None:
            raise VaultError(
                403, "not_enrolled", f"account 0x{account.hex()} is unknown, suspended or outside its validity"
            )
        return member

    def admit(self, claim: Claim, path: str, body: bytes, now: int) -> Caller:
        """Check the signature and membership of a request and use up its nonce.

        Raises:
            VaultError: 401, 403, 409 or 429.
        """
        verify_claim(claim, domain=self.domain, service=self.vault_id, path=path, body=body)
        member = self.check_enrolled(claim.account)
        self._nonces.take(claim.account, claim.nonce, deadline=claim.deadline, now=now)
        return Caller(claim.account, member, claim)

    def put(self, caller: Caller, items: Sequence[Item], lot: Lot) -> tuple[int, int]:
        """Keep blobs, all or none; gives (newly stored, already present)."""
        if not items:
            return 0, 0
        try:
            lot.verify(self.domain)
        except BadSignatureError as error:
            raise bad_request(f"signature: expected the caller's over the lot: {error}") from error
        self._check_put(caller, items)
        stored = self.store.put(
            Owner(caller.account, caller.member.organisation), items, LotPart(lot, range(lot.count))
        )
        self._tell()
        return stored, len(items) - stored

    def keep(self, owner: Owner, items: Sequence[Item], part: LotPart) -> int:
        """Keep items that were found to be their owner's, all or none; gives how many were new."""
        try:
            return self.store.put(owner, items, part)
        except VaultError as error:
            published = [item for item in items if self._is_published_by(owner, item)]
            if error.code != "other_context" or not self.store.make_way(owner, published):
                raise
        return self.store.put(owner, items, part)

    def _is_published_by(self, owner: Owner, item: Item) -> bool:
        batch = self.view.batch(item.context.batch_root) if isinstance(item.context, RecordContext) else None
        return batch is not None and batch.organisation == owner.organisation

    def get(self, caller: Caller, hashes: Sequence[Hash32]) -> list[Found]:
        """Blobs in the order asked, with a reason where there is none."""
        found: list[Found] = []
        size_bytes = 0
        for blob_hash in hashes:
            is_full = size_bytes > ANSWER_SIZE_BYTES_MAX
            one = _FULL if is_full else self._get_one(caller, blob_hash)
            size_bytes += len(one.blob or b"")
            found.append(_FULL if size_bytes > ANSWER_SIZE_BYTES_MAX else one)
        return found

    def purge(self, caller: Caller, body: bytes) -> int:
        """Forget all blobs of a pack that is withdrawn or closed; gives how many."""
        if len(body) > PURGE_SIZE_BYTES_MAX:
            raise bad_request(f"body: got {len(body)} bytes, expected at most {PURGE_SIZE_BYTES_MAX}")
        return self.carry_out(PurgeOrder(caller.claim, self.vault_id, body))

    def carry_out(self, order: PurgeOrder) -> int:
        """Purge as a verified order says, if who signed it may by the chain; gives how many blobs were forgotten."""
        pack = order.pack
        state = self.view.pack(pack)
        if state is None:
            raise VaultError(404, "no_such_pack", f"pack {pack} is not on the chain")
        if state.risk_control != order.claim.account:
            raise VaultError(403, "wrong_account", f"only the risk control of pack {pack} may purge it")
        if not state.is_over:
            raise VaultError(409, "pack_is_live", f"pack {pack} is neither withdrawn nor closed")
        count = self.store.purge_pack(pack, encode_order(order), self.view.head().timestamp)
        self._tell()
        return count

    def receipts(
        self, caller: Caller, root: Hash32, indices: Sequence[int]
    ) -> list[tuple[DeletionReceipt, bytes] | None]:
        """Signed receipts of records that were taken back; None for any other record."""
        self.check_may_ask_receipts(caller.member)
        return self.own_receipts(root, indices)

    def own_receipts(self, root: Hash32, indices: Sequence[int]) -> list[tuple[DeletionReceipt, bytes] | None]:
        """This vault's receipts, for whoever was found to be entitled to them."""
        self.view.head()
        batch = self.view.batch(root)
        if batch is not None:
            revoked = [index for index in indices if batch.is_revoked(index)]
            self._delete(root, [at for at in revoked if self.store.deletion_of(RecordContext(root, at)) is None])
        return [self._receipt(RecordContext(root, index)) for index in indices]

    def own_purge_receipt(self, pack: int) -> tuple[PurgeReceipt, bytes] | None:
        """This vault's receipt for a purged pack; None when it was not purged here."""
        purge = self.store.purge_of(pack)
        if purge is None:
            return None
        receipt = PurgeReceipt(pack=pack, count=purge.count, purged_at=purge.purged_at)
        return receipt, self._sign(purge_receipt_digest(self.domain, receipt))

    def check_may_ask_receipts(self, member: Member) -> None:
        """Refuse whoever has no business with deletion receipts.

        Raises:
            VaultError: 403 `wrong_role`.
        """
        if not member.has_role(BUREAU, *RECORD_READERS):
            raise _wrong_role("asking for deletion receipts", "BUREAU, RISK_CONTROL, TRUSTEE, AUDITOR or REGULATOR")

    def follow(self) -> int:
        """Carry out the revocations of the blocks since the last call; gives how many records were deleted."""
        head = self.view.head()
        first = self.store.followed_to() + 1
        deleted = 0
        while first <= head.number:
            last = min(first + LOG_BLOCKS_MAX - 1, head.number)
            for batch_id, indices in self.view.revocations(first, last):
                deleted += self._delete(self.view.batch_by_id(batch_id).root, indices)
            self.store.set_followed_to(last)
            first = last + 1
        return deleted

    def _check_put(self, caller: Caller, items: Sequence[Item]) -> None:
        roots: set[Hash32] = set()
        for item in items:
            if not may_write(caller.member, item.context):
                if isinstance(item.context, RecordContext):
                    raise _wrong_role("putting records", "BUREAU")
                raise _wrong_role("putting blobs of a pack", "ORIGINATOR, RISK_CONTROL, BUREAU, EXCHANGE or SERVICER")
            if isinstance(item.context, RecordContext):
                roots.add(item.context.batch_root)
        self._check_roots(caller, sorted(roots), items)

    def _check_roots(self, caller: Caller, roots: Sequence[Hash32], items: Sequence[Item]) -> None:
        batch_by_root = {root: self.view.batch(root) for root in roots}
        for item in items:
            if not isinstance(item.context, RecordContext):
                continue
            batch = batch_by_root[item.context.batch_root]
            if batch is None:
                continue
            if batch.organisation != caller.member.organisation:
                raise VaultError(403, "wrong_account", "the batch was published by another organisation")
            if batch.is_revoked(item.context.index):
                raise VaultError(409, "revoked", f"record {item.context.index} of its batch was revoked on the chain")

    def _get_one(self, caller: Caller, blob_hash: Hash32) -> Found:
        entry = self.store.find(blob_hash)
        if entry is None:
            return Found(None, "unknown: no such blob here")
        refusal = (
            self._refusal_of_record(caller, entry, entry.context)
            if isinstance(entry.context, RecordContext)
            else self._refusal_of_pack(caller, entry.context)
        )
        if refusal is not None:
            return Found(None, refusal)
        try:
            blob = self.store.open_entry(blob_hash, entry)
        except VaultError as error:
            return Found(None, str(error))
        return Found(blob, "deleted: the blob was forgotten" if blob is None else None)

    def _refusal_of_record(self, caller: Caller, entry: Entry, context: RecordContext) -> str | None:
        is_own = caller.member.organisation == entry.owner.organisation
        if not may_read_record(caller.member, entry.owner.organisation):
            return "forbidden: your roles may not read credit records"
        batch = self.view.batch(context.batch_root)
        if batch is None:
            return None if is_own and caller.member.has_role(BUREAU) else "unpublished: its batch is not on the chain"
        if batch.is_revoked(context.index):
            self._delete(context.batch_root, [context.index])
            return "revoked: the record was revoked on the chain"
        return None

    def _refusal_of_pack(self, caller: Caller, context: PackContext) -> str | None:
        if may_read_pack(caller.account, caller.member, context):
            return None
        return "forbidden: you are not among the readers named for this blob"

    def _delete(self, root: Hash32, indices: Sequence[int]) -> int:
        if not indices:
            return 0
        return self.store.delete_records(root, indices, self.view.head().timestamp)

    def _receipt(self, context: RecordContext) -> tuple[DeletionReceipt, bytes] | None:
        deletion = self.store.deletion_of(context)
        if deletion is None:
            return None
        blob_hash, deleted_at = deletion
        receipt = DeletionReceipt(
            batch_root=context.batch_root, index=context.index, blob_hash=blob_hash, deleted_at=deleted_at
        )
        return receipt, self._sign(receipt_digest(self.domain, receipt))

    def _sign(self, digest: Hash32) -> bytes:
        return as_ethereum(sign_digest(self._private_key, digest))

    def _tell(self) -> None:
        if self.follower is not None:
            self.follower.on_change()


def as_ethereum(signature: bytes) -> bytes:
    """A signature as Ethereum's tools and contracts take it."""
    return signature[:64] + bytes([signature[64] + ETHEREUM_V_OFFSET])


def _wrong_role(action: str, roles: str) -> VaultError:
    return VaultError(403, "wrong_role", f"{action} needs the role {roles}")
