"""Inviting a pack: a new pack key, sealed to those who map handles. Source: docs/protocol.md, 5; docs/adr/0004."""

from typing import TYPE_CHECKING

from client.sdk import canonical
from client.sdk.chain import ChainClient
from client.sdk.encryption_keys import KeyDirectory
from client.sdk.handle import key_commitment, new_pack_key
from client.sdk.hashing import keccak
from client.sdk.keystore import Identity
from client.sdk.pack.asset_row import BUCKETS_SIZE
from client.sdk.recipients import sealable_with
from client.sdk.role import Role
from client.sdk.vault_client import PackBlob, VaultClient

if TYPE_CHECKING:
    from client.roles.risk_control.store import PackKeyStore

DEFAULT_LAYOUT = canonical.encode(
    [
        1,
        [
            ["cuts", "term_months", list(range(13, 122, 12))],
            ["cuts", "rate_ppm", list(range(50_000, 1_000_001, 50_000))],
            ["cuts", "days_past_due", [1, 30, 60, 90]],
            ["groups", "region_code", []],
        ],
    ]
)
"""What the bucket bytes of `asset_row.bucket_bytes` say."""
_HANDLE_MAPPERS = (Role.BUREAU, Role.REGISTRAR)


def invite(
    chain: ChainClient, vault: VaultClient, identity: Identity, store: "PackKeyStore", *, originator: str
) -> int:
    """Invite an originator to submit a pack; returns the pack id.

    Raises:
        RefusedError: the originator has no proven encryption key, or the contract's reason.
    """
    pack_key = new_pack_key()
    commitment = key_commitment(pack_key)
    keys = KeyDirectory(chain)
    readers = [*sealable_with(keys, _HANDLE_MAPPERS), originator]
    subject = int.from_bytes(commitment[:8], "big")
    blob = keys.key_blob(readers, pack_key, label="pack-key", subject=subject, expires_at=0)
    store.keep(pack_key)
    layout_id = ensure_layout(chain, identity, dimension_count=BUCKETS_SIZE, document=DEFAULT_LAYOUT)
    arguments = [originator, commitment, keccak(blob), layout_id]
    receipt = chain.send("AssetPackRegistry", "invite", arguments, identity.account)
    pack_id = int(receipt.event("PackInvited").args["packId"])
    vault.put([PackBlob(pack=pack_id, readers=readers, blob=blob)])
    return pack_id


def ensure_layout(chain: ChainClient, identity: Identity, *, dimension_count: int, document: bytes) -> int:
    """Return the id of the layout with this document, defined now unless somebody has."""
    for event in chain.events("AssetPackRegistry", "LayoutDefined"):
        if bytes(event.args["document"]) == document:
            return int(event.args["layoutId"])
    receipt = chain.send("AssetPackRegistry", "defineLayout", [dimension_count, document], identity.account)
    return int(receipt.event("LayoutDefined").args["layoutId"])
