"""Signed requests to the vault and the registrar: made here, and verified here for servers among the clients.

Source: docs/protocol.md, 9. The clock is an argument; the random source is the system's.
"""

import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass

from eth_account.signers.local import LocalAccount

from client.sdk import signing
from client.sdk.errors import InvalidInputError, RequestRefusedError
from client.sdk.hashing import address_text, keccak

ACCOUNT_HEADER = "X-Tranchain-Account"
NONCE_HEADER = "X-Tranchain-Nonce"
DEADLINE_HEADER = "X-Tranchain-Deadline"
SIGNATURE_HEADER = "X-Tranchain-Signature"

DEADLINE_MAX_S = 300
"""A deadline lies at most this far ahead of the server's clock."""

REGISTRAR_SERVICE = keccak(b"registrar")
"""The `service` of requests to a registrar; that of a vault is its id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestScope:
    """Where a signed request counts."""

    chain_id: int
    registry: str
    """Address of the ContractRegistry."""
    service: bytes
    """Vault id, or REGISTRAR_SERVICE; 32 bytes."""


def request_digest(scope: RequestScope, *, account: str, path: str, body: bytes, nonce: int, deadline: int) -> bytes:
    """Return what the account signs."""
    return signing.typed_digest(
        domain={
            "name": "Tranchain Vault",
            "version": "1",
            "chainId": scope.chain_id,
            "verifyingContract": scope.registry,
        },
        primary="Request",
        fields=[
            ("account", "address"),
            ("service", "bytes32"),
            ("path", "string"),
            ("bodyHash", "bytes32"),
            ("nonce", "uint256"),
            ("deadline", "uint256"),
        ],
        message={
            "account": account,
            "service": scope.service,
            "path": path,
            "bodyHash": keccak(body),
            "nonce": nonce,
            "deadline": deadline,
        },
    )


def sign_request(
    account: LocalAccount, scope: RequestScope, *, path: str, body: bytes, now: int, lifetime_s: int = 120
) -> dict[str, str]:
    """Return the headers of a signed request with a fresh nonce, good until `now + lifetime_s`."""
    nonce, deadline = secrets.randbits(256), now + lifetime_s
    digest = request_digest(scope, account=account.address, path=path, body=body, nonce=nonce, deadline=deadline)
    return {
        ACCOUNT_HEADER: account.address,
        NONCE_HEADER: str(nonce),
        DEADLINE_HEADER: str(deadline),
        SIGNATURE_HEADER: signing.sign_digest(account, digest).hex(),
    }


class RequestVerifier:
    """Verifies signed requests to one service and remembers their nonces until their deadlines pass. Thread-safe.

    Nonces live in memory, so a restarted server could take a request again within its deadline; what it serves to
    signed requests must therefore be idempotent.
    """

    def __init__(self, scope: RequestScope, *, nonce_count_max: int = 100_000):
        """Verify for `scope`; at most `nonce_count_max` unexpired nonces are held, beyond that requests wait."""
        self._scope = scope
        self._nonce_count_max = nonce_count_max
        self._deadline_by_nonce: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()

    def verify(self, headers: Mapping[str, str], *, path: str, body: bytes, now: int) -> str:
        """Return the account that signed the request; RequestRefusedError (status 401 or 429) says why not."""
        try:
            given = {name.lower(): value for name, value in headers.items()}
            account = address_text(given[ACCOUNT_HEADER.lower()])
            nonce, deadline = int(given[NONCE_HEADER.lower()]), int(given[DEADLINE_HEADER.lower()])
            signature = bytes.fromhex(given[SIGNATURE_HEADER.lower()].removeprefix("0x"))
            if not (0 <= nonce < 1 << 256 and 0 <= deadline < 1 << 256):
                raise ValueError("a number beyond 256 bits")
            digest = request_digest(self._scope, account=account, path=path, body=body, nonce=nonce, deadline=deadline)
            signer = signing.recover(digest, signature)
        except KeyError as error:
            raise _refused(f"header {error.args[0]} is missing", "unsigned") from None
        except (ValueError, OverflowError, InvalidInputError) as error:
            raise _refused("the signature headers cannot be read", "malformed") from error
        if signer != account:
            raise _refused(f"the signature is not that of {account} for this request", "bad_signature")
        if not now < deadline <= now + DEADLINE_MAX_S:
            raise _refused(f"the deadline is not within the next {DEADLINE_MAX_S} s", "deadline")
        self._take_nonce(account, nonce, deadline=deadline, now=now)
        return account

    def _take_nonce(self, account: str, nonce: int, *, deadline: int, now: int) -> None:
        with self._lock:
            if len(self._deadline_by_nonce) >= self._nonce_count_max:
                live = {key: until for key, until in self._deadline_by_nonce.items() if until > now}
                self._deadline_by_nonce = live
            if len(self._deadline_by_nonce) >= self._nonce_count_max:
                raise _refused("too many requests", "busy", status=429)
            if (account, nonce) in self._deadline_by_nonce:
                raise _refused("the nonce was used before", "replayed")
            self._deadline_by_nonce[account, nonce] = deadline


def _refused(why: str, code: str, *, status: int = 401) -> RequestRefusedError:
    return RequestRefusedError("the service", why, status=status, code=code)
