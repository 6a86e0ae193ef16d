"""Inviting a pack: a new pack key, sealed to those who map handles. Source: docs/protocol.md, 5; docs/adr/0004."""

from typing import TYPE_CHECKING

from client.sdk.chain import ChainClient
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.handle import key_commitment, new_pack_key
from client.sdk.hashing import keccak
from client.sdk.keystore import Identity
from client.sdk.policy.layout import DEFAULT_LAYOUT, Layout
from client.sdk.policy.on_chain import find_layout
from client.sdk.recipients import sealable_with
from client.sdk.role import Role
from client.sdk.vault_client import PackBlob, VaultClient

if TYPE_CHECKING:
    from client.roles.risk_control.store import PackKeyStore

_HANDLE_MAPPERS = (Role.BUREAU, Role.REGISTRAR)


def ensure_layout(chain: ChainClient, identity: Identity, layout: Layout) -> int:
    """Return the id of a layout with exactly these dimensions; defines it when there is none."""
    found = find_layout(chain, layout)
    if found is not None:
        return found
    arguments = [len(layout.dimensions), layout.to_bytes()]
    receipt = chain.send("AssetPackRegistry", "defineLayout", arguments, identity.account)
    return int(receipt.event("LayoutDefined").args["layoutId"])


def invite(
    chain: ChainClient,
    vault: VaultClient,
    identity: Identity,
    store: "PackKeyStore",
    *,
    originator: str,
    layout: Layout = DEFAULT_LAYOUT,
) -> int:
    """Invite an originator to submit a pack; returns the pack id.

    `layout` says which classes of its assets the chain will see: the rules of its screening are written over them.

    Raises:
        RefusedError: the originator has no proven encryption key, or the contract's reason.
    """
    pack_key = new_pack_key()
    commitment = key_commitment(pack_key)
    keys = KeyDirectory(chain)
    readers = [*sealable_with(keys, _HANDLE_MAPPERS), originator]
    subject = int.from_bytes(commitment[:8], "big")
    blob = keys.key_blob(readers, pack_key, label="pack-key", subject=subject, expires_at=0)
    layout_id = ensure_layout(chain, identity, layout)
    store.keep(pack_key)
    arguments = [originator, commitment, keccak(blob), layout_id]
    receipt = chain.send("AssetPackRegistry", "invite", arguments, identity.account)
    pack_id = int(receipt.event("PackInvited").args["packId"])
    vault.put([PackBlob(pack=pack_id, readers=readers, blob=blob)])
    return pack_id
