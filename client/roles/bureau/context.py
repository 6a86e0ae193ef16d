"""What every activity of a bureau works with."""

from collections.abc import Sequence
from dataclasses import dataclass

from client.roles.bureau.store import BureauStore
from client.sdk.chain import ChainClient
from client.sdk.errors import RefusedError
from client.sdk.keystore import Identity
from client.sdk.vault_client import VaultClient

DAY_S = 86_400
CREDIT_FILES = "CreditFileRegistry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bureau:
    """One bureau account with its database, its chain and the vaults it keeps ciphertext in."""

    identity: Identity
    store: BureauStore
    chain: ChainClient
    vaults: Sequence[VaultClient]
    """At least one; every blob goes to all of them, requests are read from the first that has them."""

    def organisation(self) -> int:
        """Return the id of the bureau's organisation; RefusedError when its account is not enrolled."""
        organisation = int(self.chain.call("Consortium", "organisationOf", self.identity.address))
        if not organisation:
            raise RefusedError("the consortium", f"account {self.identity.address} is not enrolled")
        return organisation

    def today(self) -> int:
        """Return the day of the latest block."""
        return self.chain.block_second() // DAY_S

    def fetch(self, blob_hash: bytes) -> bytes:
        """Return a blob from the first vault that gives it; the refusal of the last one otherwise."""
        return self.fetch_all([blob_hash])[0]

    def fetch_all(self, hashes: Sequence[bytes]) -> list[bytes]:
        """Return blobs from the first vault that gives them all; the refusal of the last one otherwise."""
        failure = RefusedError("the vault", "no vault is configured")
        for vault in self.vaults:
            try:
                return vault.get_all(hashes)
            except RefusedError as error:
                failure = error
        raise failure
