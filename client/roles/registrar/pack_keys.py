"""The keys of packs as the registrar gets them: sealed to it by risk control when a pack is invited.

Source: docs/protocol.md, 4 and 5.
"""

from client.sdk.chain import ChainClient
from client.sdk.errors import RequestRefusedError, TamperedError
from client.sdk.handle import key_commitment
from client.sdk.hpke import SealInfo, decode_key_blob
from client.sdk.keystore import Identity
from client.sdk.recipients import open_sealed
from client.sdk.vault_client import VaultClient

_KEYS_MAX = 64
"""Keys kept in memory at a time; never written anywhere."""


class PackKeys:
    """Opens pack keys and keeps the last few."""

    def __init__(self, chain: ChainClient, vault: VaultClient, identity: Identity):
        """Read commitments from `chain` and key blobs from `vault`. Not for several threads at once."""
        self._chain, self._vault, self._identity = chain, vault, identity
        self._key_by_pack: dict[int, bytes] = {}

    def of(self, pack_id: int) -> bytes:
        """Return the key of a pack.

        Raises:
            RequestRefusedError: it was not sealed to this registrar.
            TamperedError: what was sealed is not the key the chain commits to.
            RefusedError: the vault does not give the key blob.
        """
        if pack_id not in self._key_by_pack:
            if len(self._key_by_pack) >= _KEYS_MAX:
                self._key_by_pack.pop(next(iter(self._key_by_pack)))
            self._key_by_pack[pack_id] = self._open(pack_id)
        return self._key_by_pack[pack_id]

    def _open(self, pack_id: int) -> bytes:
        pack = self._chain.call("AssetPackRegistry", "pack", pack_id)
        commitment = bytes(pack.keyCommitment)
        sealed = decode_key_blob(self._vault.get_all([bytes(pack.keyBlob)])[0]).get(self._identity.address)
        if sealed is None:
            raise RequestRefusedError(
                "the registrar",
                f"the key of pack {pack_id} is not sealed to it; risk control invites again",
                status=422,
                code="no_pack_key",
            )
        info = SealInfo(
            label="pack-key",
            chain_id=self._chain.chain_id,
            registry=self._chain.registry,
            subject=int.from_bytes(commitment[:8], "big"),
            recipient=self._identity.address,
            expires_at=0,
        )
        pack_key = open_sealed(self._identity, sealed, info)
        if key_commitment(pack_key) != commitment:
            raise TamperedError(f"key of pack {pack_id}", got="another key", expected="the one the chain commits to")
        return pack_key
