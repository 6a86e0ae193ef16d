"""The end of a pack, and of records: what risk control destroys, and what it says on the chain about it.

Source: docs/protocol.md, 5 and 9; docs/personal_data.md.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from client.sdk.chain import ChainClient, Receipt
from client.sdk.keystore import Identity
from client.sdk.pack.status import PackStatus, check_status
from client.sdk.vault_client import VaultClient

if TYPE_CHECKING:
    from client.roles.risk_control.store import PackKeyStore


def forget_pack(chain: ChainClient, vault: VaultClient, store: "PackKeyStore", pack_id: int) -> int:
    """Purge the blobs of a withdrawn or closed pack and destroy its key; returns how many blobs were purged.

    Raises:
        RefusedError: the pack is still needed, or the vault's reason.
    """
    pack = chain.call("AssetPackRegistry", "pack", pack_id)
    check_status(pack_id, pack.status, PackStatus.WITHDRAWN, PackStatus.CLOSED)
    purged = vault.purge(pack_id)
    store.destroy(bytes(pack.keyCommitment))
    return purged


def confirm_deletion(chain: ChainClient, identity: Identity, batch_id: int, indices: Sequence[int]) -> Receipt:
    """Say on the chain that this account, a past recipient, holds nothing of these revoked records any more."""
    return chain.send("CreditFileRegistry", "confirmDeletion", [batch_id, sorted(set(indices))], identity.account)
