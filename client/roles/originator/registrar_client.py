"""Asking the registrar for the nullifiers and the attestation of a chunk. Source: docs/protocol.md, 6."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import cbor2
import httpx
from eth_account.signers.local import LocalAccount

from client.sdk.errors import DecodeError, RequestRefusedError, UnavailableError
from client.sdk.http_client import open_http
from client.sdk.signed_request import REGISTRAR_SERVICE, RequestScope, sign_request

ATTEST_PATH = "/registrar/v1/attest"
_ATTEMPTS = 5
_PATIENCE_STATUSES = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttestedChunk:
    """What the registrar says of a chunk."""

    nullifiers: tuple[bytes, ...]
    """One per row, 32 bytes."""
    signature: bytes
    """EIP-712 attestation, 65 bytes."""


class RegistrarClient:
    """An originator's connection to the registrar."""

    def __init__(self, url: str, account: LocalAccount, *, chain_id: int, registry: str, timeout_s: float = 30.0):
        """Use the registrar at `url`; nothing is sent yet."""
        self._account = account
        self._scope = RequestScope(chain_id=chain_id, registry=registry, service=REGISTRAR_SERVICE)
        self._http = open_http(url, timeout_s=timeout_s)

    def attest(self, *, pack_id: int, first_index: int, rows: Sequence[tuple[str, bytes, bytes]]) -> AttestedChunk:
        """Have one chunk attested; `rows` are (subject id, canonical row, salt) in index order.

        Raises:
            RequestRefusedError: the registrar's own reason.
            UnavailableError: it cannot be reached, or asks for patience too often.
        """
        body = cbor2.dumps({"pack": pack_id, "first_index": first_index, "rows": [list(row) for row in rows]})
        answer = cbor2.loads(self._post(body).content)
        match answer:
            case {"nullifiers": list(nullifiers), "signature": bytes(signature)} if len(nullifiers) == len(rows):
                return AttestedChunk(nullifiers=tuple(nullifiers), signature=signature)
        raise DecodeError("registrar's answer", got="another shape", expected="nullifiers and a signature")

    def _post(self, body: bytes) -> httpx.Response:
        why = ""
        for attempt in range(1, _ATTEMPTS + 1):
            headers = sign_request(self._account, self._scope, path=ATTEST_PATH, body=body, now=int(time.time()))
            try:
                response = self._http.post(
                    ATTEST_PATH, content=body, headers={**headers, "Content-Type": "application/cbor"}
                )
            except httpx.TransportError as error:
                why = type(error).__name__
            else:
                if response.status_code not in _PATIENCE_STATUSES:
                    return _accepted(response)
                why = f"HTTP {response.status_code}"
            if attempt < _ATTEMPTS:
                time.sleep(0.2 * 2**attempt)
        raise UnavailableError("the registrar", why)


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    try:
        error = response.json()["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError):
        code, message = "http", f"HTTP {response.status_code}"
    raise RequestRefusedError("the registrar", message, status=response.status_code, code=code)
