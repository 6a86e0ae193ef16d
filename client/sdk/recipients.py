"""Whom a message can be sealed to: the proven, unexpired encryption keys of accounts. Source: docs/protocol.md, 4."""

from collections.abc import Iterable, Mapping

from client.sdk.chain import ChainClient
from client.sdk.errors import InvalidInputError, RefusedError
from client.sdk.hashing import address_text, keccak
from client.sdk.hpke import KEY_LIFETIME_S, SealInfo, encode_key_blob, seal
from client.sdk.keystore import Identity
from client.sdk.role import Role


def accounts_with(chain: ChainClient, roles: Iterable[Role]) -> list[str]:
    """Return the enrolled accounts that have any of the roles, ascending and distinct."""
    found = {
        address_text(account) for role in roles for account in chain.call("Consortium", "accountsWithRole", int(role))
    }
    return sorted(found)


def public_key_of(chain: ChainClient, account: str) -> bytes:
    """Return the encryption key to seal to; RefusedError when the account has none that is proven and unexpired."""
    key_hash, announced_at, proven_at = chain.call("EncryptionKeys", "keyOf", account)
    if not proven_at:
        raise RefusedError(
            account, "no proven encryption key", "its holder runs `tranchain keys announce`, then `prove`"
        )
    if chain.block_second() >= announced_at + KEY_LIFETIME_S:
        raise RefusedError(account, "an encryption key older than 90 days", "its holder announces and proves a new one")
    filters = {"account": account, "keyHash": bytes(key_hash)}
    for event in chain.events("EncryptionKeys", "KeyAnnounced", filters=filters):
        public_key = bytes(event.args["publicKey"])
        if keccak(public_key) == bytes(key_hash):
            return public_key
    raise InvalidInputError(f"encryption key of {account}", got="no announcement with its hash", expected="one")


def public_keys_with(chain: ChainClient, roles: Iterable[Role]) -> dict[str, bytes]:
    """Return the keys of all accounts with any of the roles; accounts without a usable key are left out."""
    keys = {}
    for account in accounts_with(chain, roles):
        try:
            keys[account] = public_key_of(chain, account)
        except RefusedError:
            continue
    return keys


def seal_to_each(public_key_by_account: Mapping[str, bytes], plaintext: bytes, info: SealInfo) -> bytes:
    """Return a key blob: `plaintext` sealed to each account; the recipient of `info` is replaced by each in turn."""
    sealed = {
        account: seal(public_key, plaintext, info.for_recipient(account))
        for account, public_key in public_key_by_account.items()
    }
    return encode_key_blob(sealed)


def open_sealed(identity: Identity, sealed: bytes, info: SealInfo) -> bytes:
    """Open a message with whichever of the identity's keys it was sealed to; the error of the last one otherwise."""
    failure: Exception = InvalidInputError(
        f"encryption key of {identity.address}", got="none beside the keystore", remedy="run `tranchain keys announce`"
    )
    for key in identity.encryption_keys.values():
        try:
            return key.open(sealed, info.for_recipient(identity.address))
        except InvalidInputError as error:
            failure = error
    raise failure
