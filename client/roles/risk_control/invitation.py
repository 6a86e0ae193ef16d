"""Inviting a pack: a new pack key, sealed to those who map handles. Source: docs/protocol.md, 5; docs/adr/0004."""

from client.roles.risk_control.store import PackKeyStore
from client.sdk.chain import ChainClient
from client.sdk.handle import key_commitment, new_pack_key
from client.sdk.hashing import keccak
from client.sdk.hpke import SealInfo
from client.sdk.keystore import Identity
from client.sdk.recipients import public_key_of, public_keys_with, seal_to_each
from client.sdk.role import Role
from client.sdk.vault_client import PackBlob, VaultClient

_HANDLE_MAPPERS = (Role.BUREAU, Role.REGISTRAR)


def invite(chain: ChainClient, vault: VaultClient, identity: Identity, store: PackKeyStore, *, originator: str) -> int:
    """Invite an originator to submit a pack; returns the pack id.

    Raises:
        RefusedError: the originator has no proven encryption key, or the contract's reason.
    """
    pack_key = new_pack_key()
    commitment = key_commitment(pack_key)
    readers = public_keys_with(chain, _HANDLE_MAPPERS)
    readers[originator] = public_key_of(chain, originator)
    info = SealInfo(
        label="pack-key",
        chain_id=chain.chain_id,
        registry=chain.registry,
        subject=int.from_bytes(commitment[:8], "big"),
        recipient=originator,
        expires_at=0,
    )
    blob = seal_to_each(readers, pack_key, info)
    store.keep(pack_key)
    receipt = chain.send("AssetPackRegistry", "invite", [originator, commitment, keccak(blob)], identity.account)
    pack_id = int(receipt.event("PackInvited").args["packId"])
    vault.put([PackBlob(pack=pack_id, readers=sorted(readers), blob=blob)])
    return pack_id
