"""Account keys and encryption keys at rest, both encrypted by one password.

An account `bureau` is the file `bureau.json` (Ethereum keystore, version 3, scrypt); its HPKE keys are files
`bureau.hpke-<first 8 hex digits of the key hash>.json` beside it. Files are created with mode 0600, never overwritten.
"""

import json
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from eth_account import Account
from eth_account.signers.local import LocalAccount

from client.sdk.errors import InvalidInputError, KeystoreError
from client.sdk.hashing import address_text
from client.sdk.hpke import EncryptionKey

SCRYPT_N_DEFAULT = 1 << 17
"""Work factor of new files; about half a second and 128 MB to open one."""
SCRYPT_N_DEMO = 1 << 12
"""For throw-away keys of demonstrations and tests; a few milliseconds."""

_SCRYPT_N_MAX = 1 << 20
_WRONG_PASSWORD = "wrong password"  # noqa: S105  # a sentence, not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """An unlocked account with its encryption keys."""

    path: Path
    """The account's keystore file."""
    account: LocalAccount
    encryption_keys: Mapping[bytes, EncryptionKey]
    """By key hash: the present key and earlier ones, so that older messages still open."""

    @property
    def address(self) -> str:
        """The account's checksummed address."""
        return str(self.account.address)

    def encryption_key(self, key_hash: bytes) -> EncryptionKey:
        """Return the key with this hash; KeystoreError when it is not beside the keystore."""
        if key_hash not in self.encryption_keys:
            raise KeystoreError(
                f"encryption key {key_hash.hex()[:8]} of {self.address}",
                got="no file",
                expected=f"one beside {self.path}",
            )
        return self.encryption_keys[key_hash]


def create_account(path: Path, password: str, *, scrypt_n: int = SCRYPT_N_DEFAULT) -> Identity:
    """Create a keystore file with a new account key."""
    account = Account.create(secrets.token_bytes(32))
    return import_account(path, bytes(account.key), password, scrypt_n=scrypt_n)


def import_account(path: Path, private_key: bytes, password: str, *, scrypt_n: int = SCRYPT_N_DEFAULT) -> Identity:
    """Create a keystore file for a known private key (32 bytes)."""
    document = Account.encrypt(private_key, password, kdf="scrypt", iterations=scrypt_n)
    _write_new(path, document)
    return Identity(path=path, account=Account.from_key(private_key), encryption_keys={})


def address_in(path: Path) -> str:
    """Return the account of a keystore file without unlocking it."""
    return _checksummed(_read(path), path)


def unlock(path: Path, password: str) -> Identity:
    """Open a keystore file and the encryption keys beside it.

    Raises:
        KeystoreError: a file is missing or not a keystore, or the password is wrong; one line, names the file.
    """
    document = _read(path)
    _checksummed(document, path)
    try:
        account = Account.from_key(Account.decrypt(document, password))
    except (ValueError, KeyError, TypeError) as error:
        wrong = "mac mismatch" in str(error).lower()
        raise KeystoreError(str(path), got=_WRONG_PASSWORD if wrong else "not a usable keystore") from error
    keys = (_open_key(each, password) for each in sorted(path.parent.glob(f"{path.stem}.hpke-*.json")))
    return Identity(path=path, account=account, encryption_keys={key.key_hash: key for key in keys})


def add_encryption_key(identity: Identity, password: str, *, scrypt_n: int = SCRYPT_N_DEFAULT) -> EncryptionKey:
    """Create an encryption key beside the account's keystore; `unlock` gives it from then on."""
    key = EncryptionKey.generate()
    salt, nonce = secrets.token_bytes(16), secrets.token_bytes(12)
    sealed = AESGCM(_stretch(password, salt, scrypt_n)).encrypt(nonce, key.to_bytes(), key.key_hash)
    document = {
        "version": 1,
        "key_hash": key.key_hash.hex(),
        "scrypt": {"n": scrypt_n, "r": 8, "p": 1, "salt": salt.hex()},
        "nonce": nonce.hex(),
        "ciphertext": sealed.hex(),
    }
    _write_new(identity.path.with_name(f"{identity.path.stem}.hpke-{key.key_hash.hex()[:8]}.json"), document)
    return key


def _open_key(path: Path, password: str) -> EncryptionKey:
    document = _read(path)
    try:
        scrypt = document["scrypt"]
        if not (isinstance(scrypt, dict) and (scrypt["r"], scrypt["p"]) == (8, 1) and scrypt["n"] <= _SCRYPT_N_MAX):
            raise ValueError("scrypt parameters")
        stretched = _stretch(password, bytes.fromhex(scrypt["salt"]), scrypt["n"])
        nonce, sealed = bytes.fromhex(str(document["nonce"])), bytes.fromhex(str(document["ciphertext"]))
        return EncryptionKey(AESGCM(stretched).decrypt(nonce, sealed, bytes.fromhex(str(document["key_hash"]))))
    except InvalidTag as error:
        raise KeystoreError(str(path), got=_WRONG_PASSWORD) from error
    except (KeyError, TypeError, ValueError) as error:
        raise KeystoreError(str(path), got="not a usable encryption key file") from error


def _stretch(password: str, salt: bytes, scrypt_n: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=scrypt_n, r=8, p=1).derive(password.encode())


def _checksummed(document: dict[str, object], path: Path) -> str:
    address = document.get("address")
    try:
        if isinstance(address, str) and "crypto" in document:
            return address_text(address)
    except InvalidInputError:
        pass
    raise KeystoreError(str(path), got="another kind of file", expected="an Ethereum keystore")


def _read(path: Path) -> dict[str, object]:
    try:
        document = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        raise KeystoreError(str(path), got="no such file", remedy="`tranchain admin account new` makes one") from error
    except (OSError, ValueError) as error:
        raise KeystoreError(str(path), got="a file that cannot be read", expected="a keystore in JSON") from error
    if not isinstance(document, dict):
        raise KeystoreError(str(path), got="another kind of file", expected="a keystore in JSON")
    return document


def _write_new(path: Path, document: Mapping[str, object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise KeystoreError(str(path), got="a file that exists", remedy="keys are never overwritten") from error
    except OSError as error:
        raise KeystoreError(str(path), got=f"a place that cannot be written ({error.strerror})") from error
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
