"""Who may put, get and purge what, and what becomes of erased records.

Every method runs in a worker thread and may block. The chain is the tombstone: a record revoked there is neither
taken nor given, whatever this vault missed while it was down. Source: docs/protocol.md, 9.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chain_node.core.crypto import address_of, sign_digest
from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32
from chain_node.vault.api import ChainReader
from chain_node.vault.blob_store import BlobStore, Entry, Owner
from chain_node.vault.chain_view import (
    AUDITOR,
    BUREAU,
    EXCHANGE,
    ORIGINATOR,
    REGULATOR,
    RISK_CONTROL,
    TRUSTEE,
    ChainView,
    Member,
)
from chain_node.vault.errors import VaultError
from chain_node.vault.items import Item, PackContext, RecordContext
from chain_node.vault.limits import ANSWER_SIZE_BYTES_MAX, LOG_BLOCKS_MAX
from chain_node.vault.nonce_table import NonceTable
from chain_node.vault.signed_request import Claim, verify_claim
from chain_node.vault.typed_data import DeletionReceipt, domain_separator, receipt_digest

RECORD_READERS = (RISK_CONTROL, TRUSTEE, AUDITOR, REGULATOR)
ETHEREUM_V_OFFSET = 27
"""What Ethereum's tools and contracts add to the recovery id of a signature."""
PACK_WRITERS = (ORIGINATOR, RISK_CONTROL, BUREAU, EXCHANGE)


@dataclass(frozen=True, slots=True)
class Caller:
    """A member whose signed request was accepted."""

    account: Address
    member: Member


@dataclass(frozen=True, slots=True)
class Found:
    """One answer of a get: a blob, or why there is none."""

    blob: bytes | None
    reason: str | None


class Vault:
    """One vault: its store, its view of the chain, and the key that signs its deletion receipts."""

    def __init__(self, store: BlobStore, chain: ChainReader, private_key: bytes, registry: Address) -> None:
        self.chain_id = chain.chain_id()
        self.registry = registry
        self.address = address_of(private_key)
        self.vault_id = keccak(b"tranchain vault" + self.address)
        self._private_key = private_key
        self._store = store
        self._view = ChainView(chain, registry)
        self._nonces = NonceTable(store)
        self._domain = domain_separator(self.chain_id, registry)
        store.bind_network(self.chain_id, registry)

    def check_enrolled(self, account: Address) -> Member:
        """The member of an account that may act now, before anything of its request is read.

        Raises:
            VaultError: 403 `not_enrolled`.
        """
        member = self._view.member(account, self._view.head().timestamp)
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
        verify_claim(claim, domain=self._domain, service=self.vault_id, path=path, body=body)
        member = self.check_enrolled(claim.account)
        self._nonces.take(claim.account, claim.nonce, deadline=claim.deadline, now=now)
        return Caller(claim.account, member)

    def put(self, caller: Caller, items: Sequence[Item]) -> tuple[int, int]:
        """Keep blobs, all or none; gives (newly stored, already present)."""
        self._check_put(caller, items)
        stored = self._store.put(Owner(caller.account, caller.member.organisation), items)
        return stored, len(items) - stored

    def get(self, caller: Caller, hashes: Sequence[Hash32]) -> list[Found]:
        """Blobs in the order asked, with a reason where there is none."""
        found: list[Found] = []
        size_bytes = 0
        for blob_hash in hashes:
            one = self._get_one(caller, blob_hash)
            size_bytes += len(one.blob or b"")
            if size_bytes > ANSWER_SIZE_BYTES_MAX:
                one = Found(None, "answer_full: ask for it again in another request")
            found.append(one)
        return found

    def purge(self, caller: Caller, pack: int) -> int:
        """Forget all blobs of a pack that is withdrawn or closed; gives how many."""
        state = self._view.pack(pack)
        if state is None:
            raise VaultError(404, "no_such_pack", f"pack {pack} is not on the chain")
        if state.risk_control != caller.account:
            raise VaultError(403, "wrong_account", f"only the risk control of pack {pack} may purge it")
        if not state.is_over:
            raise VaultError(409, "pack_is_live", f"pack {pack} is neither withdrawn nor closed")
        return self._store.purge_pack(pack)

    def receipts(
        self, caller: Caller, root: Hash32, indices: Sequence[int]
    ) -> list[tuple[DeletionReceipt, bytes] | None]:
        """Signed receipts of deleted records; None for a record this vault never held or still holds."""
        if not caller.member.has_role(BUREAU, *RECORD_READERS):
            raise _wrong_role("asking for deletion receipts", "BUREAU, RISK_CONTROL, TRUSTEE, AUDITOR or REGULATOR")
        batch = self._view.batch(root)
        if batch is not None:
            self._delete(root, [index for index in indices if batch.is_revoked(index)])
        return [self._receipt(RecordContext(root, index)) for index in indices]

    def follow(self) -> int:
        """Carry out the revocations of the blocks since the last call; gives how many records were deleted."""
        head = self._view.head()
        first = self._store.followed_to() + 1
        deleted = 0
        while first <= head.number:
            last = min(first + LOG_BLOCKS_MAX - 1, head.number)
            for batch_id, indices in self._view.revocations(first, last):
                deleted += self._delete(self._view.batch_by_id(batch_id).root, indices)
            self._store.set_followed_to(last)
            first = last + 1
        return deleted

    def _check_put(self, caller: Caller, items: Sequence[Item]) -> None:
        roots: set[Hash32] = set()
        packs: set[int] = set()
        for item in items:
            if isinstance(item.context, RecordContext):
                roots.add(item.context.batch_root)
            else:
                packs.add(item.context.pack)
        if roots and not caller.member.has_role(BUREAU):
            raise _wrong_role("putting records", "BUREAU")
        if packs and not caller.member.has_role(*PACK_WRITERS):
            raise _wrong_role("putting blobs of a pack", "ORIGINATOR, RISK_CONTROL, BUREAU or EXCHANGE")
        for pack in sorted(packs):
            if self._store.is_purged(pack):
                raise VaultError(409, "purged", f"pack {pack} was purged; it takes no more blobs")
        self._check_roots(caller, sorted(roots), items)

    def _check_roots(self, caller: Caller, roots: Sequence[Hash32], items: Sequence[Item]) -> None:
        batch_by_root = {root: self._view.batch(root) for root in roots}
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
        entry = self._store.find(blob_hash)
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
            blob = self._store.open_entry(blob_hash, entry)
        except VaultError as error:
            return Found(None, str(error))
        return Found(blob, "deleted: the blob was forgotten" if blob is None else None)

    def _refusal_of_record(self, caller: Caller, entry: Entry, context: RecordContext) -> str | None:
        is_own = caller.member.has_role(BUREAU) and caller.member.organisation == entry.owner.organisation
        if caller.member.has_role(ORIGINATOR) or not (is_own or caller.member.has_role(*RECORD_READERS)):
            return "forbidden: your roles may not read credit records"
        batch = self._view.batch(context.batch_root)
        if batch is None:
            return None if is_own else "unpublished: its batch is not on the chain"
        if batch.is_revoked(context.index):
            self._delete(context.batch_root, [context.index])
            return "revoked: the record was revoked on the chain"
        return None

    def _refusal_of_pack(self, caller: Caller, context: PackContext) -> str | None:
        if caller.account in context.readers or caller.member.has_role(*context.roles):
            return None
        return "forbidden: you are not among the readers named for this blob"

    def _delete(self, root: Hash32, indices: Sequence[int]) -> int:
        if not indices:
            return 0
        return self._store.delete_records(root, indices, self._view.head().timestamp)

    def _receipt(self, context: RecordContext) -> tuple[DeletionReceipt, bytes] | None:
        deletion = self._store.deletion_of(context)
        if deletion is None:
            return None
        blob_hash, deleted_at = deletion
        receipt = DeletionReceipt(
            batch_root=context.batch_root, index=context.index, blob_hash=blob_hash, deleted_at=deleted_at
        )
        signature = sign_digest(self._private_key, receipt_digest(self._domain, receipt))
        return receipt, signature[:64] + bytes([signature[64] + ETHEREUM_V_OFFSET])


def _wrong_role(action: str, roles: str) -> VaultError:
    return VaultError(403, "wrong_role", f"{action} needs the role {roles}")
