"""Secrets of a role's own database: encrypted under a key that the role's account key gives."""

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from eth_account.signers.local import LocalAccount


def database_key(account: LocalAccount, component: str) -> bytes:
    """Return the 32-byte key for secrets that `component` stores; the same account always gives the same key."""
    return HKDF(
        algorithm=hashes.SHA256(), length=32, salt=None, info=b"tranchain database " + component.encode()
    ).derive(bytes(account.key))
