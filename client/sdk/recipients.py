"""Whom a message is sealed to by role, and opening what was sealed to oneself. Source: docs/protocol.md, 4."""

from collections.abc import Iterable

from client.sdk.encryption_keys import KeyDirectory
from client.sdk.errors import InvalidInputError
from client.sdk.hpke import SealInfo
from client.sdk.keystore import Identity
from client.sdk.role import Role


def sealable_with(keys: KeyDirectory, roles: Iterable[Role]) -> list[str]:
    """Return the accounts that have any of the roles and a key to seal to, ascending and distinct."""
    return sorted({account for role in roles for account in keys.sealable(role)})


def open_sealed(identity: Identity, sealed: bytes, info: SealInfo) -> bytes:
    """Open a message with whichever of the identity's keys it was sealed to; the error of the last one otherwise."""
    failure = InvalidInputError(
        f"encryption key of {identity.address}", got="none beside the keystore", remedy="run `tranchain keys announce`"
    )
    for key in identity.encryption_keys.values():
        try:
            return key.open(sealed, info)
        except InvalidInputError as error:
            failure = error
    raise failure
