"""The nullifier key at rest: 32 random bytes in a file encrypted by a password (scrypt, AES-256-GCM).

Whoever has the key can find out which loans are pledged; whoever loses it can no longer recognise them. So it is
never overwritten, and belongs into a backup that is as well guarded as the original.
"""

import json
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from client.sdk.errors import KeystoreError
from client.sdk.hashing import keccak
from client.sdk.keystore import SCRYPT_N_DEFAULT

KEY_SIZE = 32
_CONTEXT = b"tranchain registrar key"
_SCRYPT_N_MAX = 1 << 20


def create_key_file(path: Path, password: str, *, scrypt_n: int = SCRYPT_N_DEFAULT) -> bytes:
    """Make a new key and its file; gives keccak(key), by which the key can be named without being told.

    Raises:
        KeystoreError: the file exists, or cannot be written.
    """
    key, salt, nonce = secrets.token_bytes(KEY_SIZE), secrets.token_bytes(16), secrets.token_bytes(12)
    sealed = AESGCM(_stretch(password, salt, scrypt_n)).encrypt(nonce, key, _CONTEXT)
    document = {
        "version": 1,
        "scrypt": {"n": scrypt_n, "r": 8, "p": 1, "salt": salt.hex()},
        "nonce": nonce.hex(),
        "ciphertext": sealed.hex(),
    }
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
    return keccak(key)


def open_key_file(path: Path, password: str) -> bytes:
    """Return the 32-byte key.

    Raises:
        KeystoreError: no such file, not a key file, or the wrong password.
    """
    try:
        document = json.loads(path.read_bytes())
        scrypt = document["scrypt"]
        if (document["version"], scrypt["r"], scrypt["p"]) != (1, 8, 1) or not 2 <= scrypt["n"] <= _SCRYPT_N_MAX:
            raise ValueError("parameters")
        stretched = _stretch(password, bytes.fromhex(scrypt["salt"]), scrypt["n"])
        return AESGCM(stretched).decrypt(
            bytes.fromhex(document["nonce"]), bytes.fromhex(document["ciphertext"]), _CONTEXT
        )
    except FileNotFoundError as error:
        raise KeystoreError(str(path), got="no such file", remedy="`tranchain registrar init` makes one") from error
    except InvalidTag as error:
        raise KeystoreError(str(path), got="wrong password") from error
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise KeystoreError(str(path), got="not a usable registrar key file") from error


def _stretch(password: str, salt: bytes, scrypt_n: int) -> bytes:
    return Scrypt(salt=salt, length=32, n=scrypt_n, r=8, p=1).derive(password.encode())
