"""One vault at one URL: its identity, and single signed calls. Source: docs/protocol.md, 9."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cbor2
import httpx
from eth_account.signers.local import LocalAccount

from client.sdk.errors import (
    ConfigError,
    DecodeError,
    InvalidInputError,
    RefusedError,
    RequestRefusedError,
    UnavailableError,
)
from client.sdk.hashing import address_text
from client.sdk.http_client import open_http
from client.sdk.signed_request import RequestScope, sign_request

_UNAVAILABLE_STATUSES = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultInfo:
    """Which vault it is."""

    vault_id: bytes
    chain_id: int
    registry: str
    address: str
    """The account that signs the vault's deletion receipts."""
    version: str


class VaultEndpoint:
    """One account's connection to one vault; every call is tried once."""

    def __init__(self, url: str, account: LocalAccount, *, chain_id: int, registry: str, timeout_s: float):
        """Use the vault at `url` (scheme, host, port); nothing is sent yet."""
        if not url.startswith(("http://", "https://")):
            raise ConfigError("vault URL", got=url, expected="http:// or https://")
        self._account, self._chain_id, self._registry = account, chain_id, address_text(registry)
        self._http = open_http(url, timeout_s=timeout_s)

    @cached_property
    def info(self) -> VaultInfo:
        """Which vault it is, asked once.

        Raises:
            RefusedError: it serves another chain or registry.
            UnavailableError: it does not answer.
        """
        response = self._accepted("GET", "/vault/v1/info")
        try:
            document = response.json()
            info = VaultInfo(
                vault_id=bytes.fromhex(document["vault_id"].removeprefix("0x")),
                chain_id=int(document["chain_id"]),
                registry=address_text(document["registry"]),
                address=address_text(document["address"]),
                version=str(document["version"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError, InvalidInputError) as error:
            raise DecodeError("vault info", got="another document", expected="that of docs/protocol.md, 9") from error
        if (info.chain_id, info.registry) != (self._chain_id, self._registry):
            raise RefusedError("this client", f"the vault serves chain {info.chain_id} with registry {info.registry}")
        return info

    def ask(self, call: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answer to one freshly signed call.

        Raises:
            RequestRefusedError: the vault says no, and would say so again.
            UnavailableError: it does not answer, or not now.
        """
        path, body = f"/vault/v1/{call}", cbor2.dumps(request)
        scope = RequestScope(chain_id=self._chain_id, registry=self._registry, service=self.info.vault_id)
        headers = sign_request(self._account, scope, path=path, body=body, now=int(time.time()))
        headers |= {"Content-Type": "application/cbor"}
        response = self._accepted("POST", path, content=body, headers=headers)
        try:
            answer = cbor2.loads(response.content)
        except (cbor2.CBORError, ValueError) as error:
            raise DecodeError("vault answer", got="other bytes", expected="CBOR") from error
        if not isinstance(answer, dict):
            raise DecodeError("vault answer", got=type(answer).__name__, expected="a map")
        return answer

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def _accepted(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **options)
        except httpx.TransportError as error:
            why = "no answer in time" if isinstance(error, httpx.TimeoutException) else "no connection"
            raise UnavailableError("the vault", why) from error
        if response.status_code in _UNAVAILABLE_STATUSES:
            raise UnavailableError("the vault", f"HTTP {response.status_code}")
        if response.is_success:
            return response
        code, message = "http", f"HTTP {response.status_code}"
        try:
            is_cbor = "cbor" in response.headers.get("content-type", "")
            refusal = (cbor2.loads(response.content) if is_cbor else response.json())["error"]
            code, message = str(refusal["code"]), str(refusal["message"])
        except (ValueError, KeyError, TypeError, cbor2.CBORError):
            pass
        raise RequestRefusedError("the vault", message, status=response.status_code, code=code)
