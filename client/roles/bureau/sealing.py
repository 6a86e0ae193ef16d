"""What a bureau's account key protects in its database: ids of subjects, keys and salts of records."""

import hmac
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from eth_account.signers.local import LocalAccount

from client.sdk.at_rest import database_key
from client.sdk.errors import KeystoreError, TamperedError

_NONCE_SIZE = 12
_CHECK = b"tranchain bureau database"


class DatabaseKey:
    """The key of one bureau database; the same account always has the same."""

    def __init__(self, account: LocalAccount):
        """Derive it from the account's key."""
        root = database_key(account, "bureau")
        self._lookup_key = _derived(root, b"lookup")
        self._seal = AESGCM(_derived(root, b"seal"))

    def subject(self, national_id: str) -> bytes:
        """Return the 32 bytes under which the database keeps a subject."""
        return hmac.digest(self._lookup_key, national_id.encode(), "sha256")

    def seal(self, plaintext: bytes, context: bytes) -> bytes:
        """Encrypt a value that belongs to `context` (and opens nowhere else)."""
        nonce = secrets.token_bytes(_NONCE_SIZE)
        return nonce + self._seal.encrypt(nonce, plaintext, context)

    def seal_each(self, plaintexts: Sequence[bytes], contexts: Sequence[bytes]) -> list[bytes]:
        """Encrypt each value for the context at its position."""
        pool, encrypt = secrets.token_bytes(_NONCE_SIZE * len(plaintexts)), self._seal.encrypt
        nonces = (pool[start : start + _NONCE_SIZE] for start in range(0, len(pool), _NONCE_SIZE))
        return [
            nonce + encrypt(nonce, plaintext, context)
            for nonce, plaintext, context in zip(nonces, plaintexts, contexts, strict=True)
        ]

    def open(self, sealed: bytes, context: bytes) -> bytes:
        """Decrypt a value of `context`; TamperedError when it was changed or belongs elsewhere."""
        try:
            return self._seal.decrypt(sealed[:_NONCE_SIZE], sealed[_NONCE_SIZE:], context)
        except InvalidTag as error:
            raise TamperedError(
                "bureau database", got="a sealed value that does not open", expected="its own"
            ) from error

    def check_value(self) -> bytes:
        """Return a value that a database keeps to tell its account from another."""
        return self.seal(_CHECK, b"check")

    def check(self, value: bytes) -> None:
        """Raise KeystoreError unless `value` was made with the same account."""
        try:
            self.open(value, b"check")
        except TamperedError as error:
            raise KeystoreError(
                "bureau database", got="another account", expected="the bureau account it was made with"
            ) from error


def _derived(root: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"tranchain bureau " + purpose).derive(root)
