"""Which vaults have confirmed that they hold no more what was taken back: their signed receipts, and who is missing.

Every node that the chain lists counts, if it was entitled to hold a copy; whether it ever announced a vault does not
matter, because silence is no proof. Source: docs/protocol.md, 11; docs/adr/0014.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chain_node.core.types import Address, Hash32
from chain_node.vault.binding import Binding
from chain_node.vault.chain_view import NodeEntry
from chain_node.vault.items import RecordContext
from chain_node.vault.typed_data import DeletionReceipt, PurgeReceipt
from chain_node.vault.vault import Caller, Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirmation:
    """What one vault says."""

    node: NodeEntry | None
    """None for a vault of no node on the chain: it runs alone."""
    vault: Address | None
    """None when its node has never announced one here."""
    binding: Binding | None
    receipts: Sequence[tuple[DeletionReceipt | PurgeReceipt, bytes] | None]
    """With signatures, in the order asked; None for one that is missing."""


def confirm_records(vault: Vault, caller: Caller, root: Hash32, indices: Sequence[int]) -> list[Confirmation]:
    """Receipts of all vaults for records; those that are missing are asked for, and may be here at the next call.

    Raises:
        VaultError: the caller has no business with them.
    """
    own = vault.receipts(caller, root, indices)
    batch = vault.view.batch(root)

    def is_expected(node: NodeEntry) -> bool:
        audience = vault.entitlement.audience(node.organisation)
        return batch is not None and audience.may_hold(RecordContext(root, 0), batch.organisation)

    answers = [
        Confirmation(
            node=node,
            vault=address,
            binding=binding,
            receipts=own
            if address == vault.address
            else [None if address is None else vault.peers.deletion(address, root, index) for index in indices],
        )
        for node, address, binding in _vaults(vault, is_expected)
    ]
    revoked = [index for index, signed in zip(indices, own, strict=True) if signed is not None]
    if vault.follower is not None and any(None in one.receipts for one in answers):
        vault.follower.on_receipts_wanted(root, revoked)
    return answers


def confirm_purge(vault: Vault, caller: Caller, pack: int) -> list[Confirmation]:
    """Receipts of all vaults for a purged pack, one each.

    Raises:
        VaultError: the caller has no business with them.
    """
    vault.check_may_ask_receipts(caller.member)
    own = vault.own_purge_receipt(pack)
    return [
        Confirmation(
            node=node,
            vault=address,
            binding=binding,
            receipts=[
                own if address == vault.address else None if address is None else vault.peers.purge(address, pack)
            ],
        )
        for node, address, binding in _vaults(vault, lambda _: True)
    ]


def _vaults(
    vault: Vault, is_expected: Callable[[NodeEntry], bool]
) -> list[tuple[NodeEntry | None, Address | None, Binding | None]]:
    """Nodes that have to confirm, with what is known of their vaults; this vault's own is always among them."""
    own = vault.binding
    found: list[tuple[NodeEntry | None, Address | None, Binding | None]] = []
    for node in vault.entitlement.nodes():
        is_own = own is not None and node.tls_key_hash == own.node
        binding = own if is_own else vault.peers.binding(node.tls_key_hash)
        if is_own or is_expected(node):
            found.append((node, None if binding is None else binding.vault, binding))
    if all(address != vault.address for _, address, _ in found):
        found.insert(0, (None, vault.address, own))
    return found
