"""Encryption keys on the chain: announcing, challenging, proving, and whose key may be sealed to.

Start with `KeyDirectory`. Source: docs/protocol.md, 4.
"""

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from client.sdk.chain import ChainClient, Receipt
from client.sdk.errors import InvalidInputError, RefusedError
from client.sdk.hashing import address_text, keccak
from client.sdk.hpke import KEY_LIFETIME_S, EncryptionKey, Label, SealInfo, encode_key_blob, seal
from client.sdk.keystore import Identity
from client.sdk.role import Role

_CONTRACT = "EncryptionKeys"
_NONCE_SIZE = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyStatus:
    """What the chain says of an account's present key."""

    account: str
    key_hash: bytes
    """Zero when no key was ever announced."""
    announced_at: int
    proven_at: int
    """Second; 0 while unproven."""

    @property
    def expires_at(self) -> int:
        """Second from which nobody seals to the key."""
        return self.announced_at + KEY_LIFETIME_S if self.announced_at else 0

    def problem(self, now: int) -> str | None:
        """Say why nobody may seal to the key at second `now`; None when one may."""
        if not self.announced_at:
            return "has announced no encryption key"
        if not self.proven_at:
            return "has not proven its encryption key"
        if now >= self.expires_at:
            return "has an encryption key older than 90 days"
        return None


class KeyDirectory:
    """The encryption keys of one chain's accounts. Public keys found are kept; their state is asked every time."""

    def __init__(self, chain: ChainClient):
        """Read and write through `chain`."""
        self._chain = chain
        self._public_keys: dict[bytes, bytes] = {}

    def status(self, account: str) -> KeyStatus:
        """Return the state of an account's present key."""
        key_hash, announced_at, proven_at = self._chain.call(_CONTRACT, "keyOf", address_text(account))
        return KeyStatus(
            account=address_text(account), key_hash=bytes(key_hash), announced_at=announced_at, proven_at=proven_at
        )

    def public_key(self, account: str) -> bytes:
        """Return the key to seal to; RefusedError when the account has none that is proven and young enough."""
        status = self.status(account)
        problem = status.problem(self._chain.block_second())
        if problem:
            raise RefusedError(
                "this client", f"{status.account} {problem}", "`tranchain keys` announces and proves one"
            )
        return self._announced(status)

    def sealable(self, role: Role) -> list[str]:
        """Return the accounts that have the role in force and a key to seal to, ascending by address."""
        now = self._chain.block_second()
        accounts = sorted(self._chain.call("Consortium", "accountsWithRole", int(role)), key=str.lower)
        return [account for account in accounts if self.status(account).problem(now) is None]

    def seal_to(
        self, accounts: Iterable[str], plaintext: bytes, *, label: Label, subject: int, expires_at: int
    ) -> dict[str, bytes]:
        """Seal the same bytes to each account; RefusedError for one without a usable key."""
        sealed = {}
        for account in accounts:
            info = self.seal_info(label, subject=subject, recipient=account, expires_at=expires_at)
            sealed[info.recipient] = seal(self.public_key(account), plaintext, info)
        return sealed

    def key_blob(
        self, accounts: Iterable[str], plaintext: bytes, *, label: Label, subject: int, expires_at: int
    ) -> bytes:
        """Seal the same bytes to each account and return them as one key blob for the vault."""
        return encode_key_blob(self.seal_to(accounts, plaintext, label=label, subject=subject, expires_at=expires_at))

    def seal_info(self, label: Label, *, subject: int, recipient: str, expires_at: int) -> SealInfo:
        """Return the `info` of a message on this chain."""
        return SealInfo(
            label=label,
            chain_id=self._chain.chain_id,
            registry=self._chain.registry,
            subject=subject,
            recipient=address_text(recipient),
            expires_at=expires_at,
        )

    def announce(self, key: EncryptionKey, account: LocalAccount) -> Receipt:
        """Announce a key; it replaces the account's earlier one and is unproven."""
        return self._chain.send(_CONTRACT, "announce", (key.public_key,), account)

    def challenge(self, target: str, challenger: LocalAccount) -> Receipt:
        """Seal a nonce to the announced key of another organisation's account, for it to prove that it holds it."""
        status = self.status(target)
        if not status.announced_at:
            raise InvalidInputError(f"{status.account} {status.problem(0)}")
        nonce = secrets.token_bytes(_NONCE_SIZE)
        info = self._challenge_info(status)
        sealed = seal(self._announced(status), nonce, info)
        return self._chain.send(_CONTRACT, "challenge", (status.account, sealed, keccak(nonce)), challenger)

    def prove(self, identity: Identity) -> Receipt:
        """Open the latest challenge to the account's present key and show its nonce.

        Raises:
            InvalidInputError: nobody challenged the key, or the sealed nonce does not open or is another.
            KeystoreError: the private key is not beside the account's keystore.
        """
        status = self.status(identity.address)
        events = self._chain.events(_CONTRACT, "KeyChallenged", filters={"account": identity.address})
        challenges = [event for event in events if event.args["keyHash"] == status.key_hash]
        if not challenges:
            raise InvalidInputError(
                f"key of {identity.address}", got="no challenge", expected="one (`tranchain keys challenge`)"
            )
        sealed, nonce_hash = challenges[-1].args["sealedNonce"], challenges[-1].args["nonceHash"]
        nonce = identity.encryption_key(status.key_hash).open(sealed, self._challenge_info(status))
        if keccak(nonce) != nonce_hash:
            raise InvalidInputError("challenge", got="a nonce with another hash", expected="that of its transaction")
        return self._chain.send(_CONTRACT, "prove", (nonce,), identity.account)

    def _challenge_info(self, status: KeyStatus) -> SealInfo:
        return self.seal_info("key-challenge", subject=0, recipient=status.account, expires_at=0)

    def _announced(self, status: KeyStatus) -> bytes:
        if status.key_hash not in self._public_keys:
            filters = {"account": status.account, "keyHash": status.key_hash}
            events = list(self._chain.events(_CONTRACT, "KeyAnnounced", filters=filters))
            self._public_keys[status.key_hash] = _checked_key(status, [event.args["publicKey"] for event in events])
        return self._public_keys[status.key_hash]


def _checked_key(status: KeyStatus, announced: Sequence[bytes]) -> bytes:
    for public_key in announced:
        if keccak(public_key) == status.key_hash:
            return bytes(public_key)
    raise RefusedError("this client", f"the node shows no announcement of the key of {status.account}")
