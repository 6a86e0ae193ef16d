"""The vault as roles see it: blobs by hash over signed requests.

Start with `VaultClient`. Source: docs/protocol.md, 9.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import cbor2
import httpx
from eth_account.signers.local import LocalAccount

from client.sdk import signing
from client.sdk.errors import (
    ConfigError,
    DecodeError,
    InvalidInputError,
    RefusedError,
    RequestRefusedError,
    TamperedError,
    UnavailableError,
)
from client.sdk.hashing import address_bytes, address_text, keccak
from client.sdk.lot import lot_digest
from client.sdk.role import Role
from client.sdk.signed_request import RequestScope, sign_request

ITEMS_MAX = 10_000
REQUEST_SIZE_MAX = 64 * 2**20
"""Bytes of one request as the vault accepts them."""

_ITEM_OVERHEAD_SIZE = 1_200
"""Room for an item's other fields: 16 readers, roles, names."""
_GET_COUNT_DEFAULT = 2_500
_ATTEMPTS = 5
_UNAVAILABLE_STATUSES = (429, 502, 503, 504)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordBlob:
    """One encrypted credit record of a batch."""

    batch_root: bytes
    index: int
    blob: bytes

    def to_item(self) -> dict[str, Any]:
        """Return the item of a `put` request."""
        return {"kind": "record", "batch_root": self.batch_root, "index": self.index, "blob": self.blob}


@dataclass(frozen=True, slots=True, kw_only=True)
class PackBlob:
    """One blob of a pack: rows, keys, requests, bundles."""

    pack: int
    readers: Sequence[str] = ()
    """Addresses that may get it."""
    roles: Sequence[Role] = ()
    """Roles whose accounts may get it."""
    blob: bytes

    def to_item(self) -> dict[str, Any]:
        """Return the item of a `put` request."""
        readers = [address_bytes(each) for each in self.readers]
        roles = [int(role) for role in self.roles]
        return {"kind": "pack", "pack": self.pack, "readers": readers, "roles": roles, "blob": self.blob}


Blob = RecordBlob | PackBlob


@dataclass(frozen=True, slots=True, kw_only=True)
class VaultInfo:
    """Which vault it is."""

    vault_id: bytes
    chain_id: int
    registry: str
    address: str
    """The account that signs the vault's deletion receipts."""
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PutResult:
    """What a vault did with the blobs of a `put`."""

    stored: int
    present: int
    """Blobs it held before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """The answer for one hash: a blob that was checked against it, or why there is none."""

    blob_hash: bytes
    blob: bytes | None
    reason: str | None


class VaultClient:
    """One account's connection to one vault. Not for use by several threads at once."""

    def __init__(self, url: str, account: LocalAccount, *, chain_id: int, registry: str, timeout_s: float = 60.0):
        """Use the vault at `url` (scheme, host, port); nothing is sent yet. The vault must serve the same registry."""
        if not url.startswith(("http://", "https://")):
            raise ConfigError("vault URL", got=url, expected="http:// or https://")
        self._account, self._chain_id, self._registry = account, chain_id, address_text(registry)
        self._http = httpx.Client(base_url=url.rstrip("/"), timeout=timeout_s)
        self._jitter = random.Random()  # noqa: S311  # spreads retries; nothing secret

    @cached_property
    def info(self) -> VaultInfo:
        """Which vault it is, asked once; RefusedError when it serves another chain or registry."""
        response = self._retried(lambda: self._http.get("/vault/v1/info"))
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

    def put(self, blobs: Iterable[Blob]) -> PutResult:
        """Store blobs, in as many requests as the limits ask. Storing the same blob again is harmless."""
        stored = present = 0
        for items in _split(blobs):
            answer = self._post("put", {"items": items, "signature": self._sign_lot(items)})
            stored += _integer(answer, "stored")
            present += _integer(answer, "present")
        return PutResult(stored=stored, present=present)

    def fetch(self, hashes: Sequence[bytes], *, per_request: int = _GET_COUNT_DEFAULT) -> Iterator[Fetched]:
        """Yield the answer for each hash in order; TamperedError for a blob that does not have its hash."""
        for start in range(0, len(hashes), min(per_request, ITEMS_MAX)):
            part = list(hashes[start : start + min(per_request, ITEMS_MAX)])
            answer = self._post("get", {"hashes": part})
            blobs, reasons = answer.get("blobs"), answer.get("reasons")
            if not (isinstance(blobs, list) and isinstance(reasons, list) and len(blobs) == len(reasons) == len(part)):
                raise DecodeError("vault answer", got="another shape", expected="one blob or reason for each hash")
            for blob_hash, blob, reason in zip(part, blobs, reasons, strict=True):
                if blob is not None and (not isinstance(blob, bytes) or keccak(blob) != blob_hash):
                    raise TamperedError(
                        f"blob {blob_hash.hex()[:16]}…", got="other bytes", expected="the committed ones"
                    )
                yield Fetched(blob_hash=blob_hash, blob=blob, reason=None if blob is not None else str(reason))

    def get(self, blob_hash: bytes) -> bytes:
        """Return one blob; RefusedError with the vault's reason when it gives none."""
        return self.get_all([blob_hash])[0]

    def get_all(self, hashes: Sequence[bytes]) -> list[bytes]:
        """Return all blobs; RefusedError with the vault's reason for the first that it does not give."""
        blobs = []
        for fetched in self.fetch(hashes):
            if fetched.blob is None:
                raise RefusedError("the vault", f"blob {fetched.blob_hash.hex()[:16]}…: {fetched.reason}")
            blobs.append(fetched.blob)
        return blobs

    def purge(self, pack: int) -> int:
        """Have the blobs of a withdrawn or closed pack deleted; returns how many were."""
        return _integer(self._post("purge", {"pack": pack}), "purged")

    def receipts(self, batch_root: bytes, indices: Sequence[int]) -> list[Any]:
        """Return the vault's signed deletion receipts for records of a batch."""
        answer = self._post("receipts", {"batch_root": batch_root, "indices": list(indices)})
        receipts = answer.get("receipts")
        if not isinstance(receipts, list):
            raise DecodeError("vault answer", got="another shape", expected="a list of receipts")
        return receipts

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def __enter__(self) -> "VaultClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sign_lot(self, items: Sequence[Mapping[str, Any]]) -> bytes:
        """Sign what a put brings, so that every vault that is handed a copy can check whose it is."""
        digest = lot_digest(self._account.address, items, chain_id=self._chain_id, registry=self._registry)
        return signing.sign_digest(self._account, digest)

    def _post(self, call: str, request: Mapping[str, Any]) -> dict[str, Any]:
        path, body = f"/vault/v1/{call}", cbor2.dumps(request)
        scope = RequestScope(chain_id=self._chain_id, registry=self._registry, service=self.info.vault_id)

        def attempt() -> httpx.Response:
            headers = sign_request(self._account, scope, path=path, body=body, now=int(time.time()))
            return self._http.post(path, content=body, headers={**headers, "Content-Type": "application/cbor"})

        response = self._retried(attempt)
        try:
            answer = cbor2.loads(response.content)
        except (cbor2.CBORError, ValueError) as error:
            raise DecodeError("vault answer", got="other bytes", expected="CBOR") from error
        if not isinstance(answer, dict):
            raise DecodeError("vault answer", got=type(answer).__name__, expected="a map")
        return answer

    def _retried(self, attempt: Callable[[], httpx.Response]) -> httpx.Response:
        """Try again while the vault is unavailable, each time signed anew; refusals are final."""
        why = ""
        for number in range(1, _ATTEMPTS + 1):
            try:
                response = attempt()
            except httpx.TransportError as error:
                why = "no answer in time" if isinstance(error, httpx.TimeoutException) else "no connection"
            else:
                if response.status_code not in _UNAVAILABLE_STATUSES:
                    return _accepted(response)
                why = f"HTTP {response.status_code}"
            if number < _ATTEMPTS:
                time.sleep(0.1 * 2**number * self._jitter.uniform(0.5, 1.5))
        raise UnavailableError("the vault", why)


def _accepted(response: httpx.Response) -> httpx.Response:
    if response.is_success:
        return response
    code, message = "http", f"HTTP {response.status_code}"
    try:
        is_cbor = "cbor" in response.headers.get("content-type", "")
        error = (cbor2.loads(response.content) if is_cbor else response.json())["error"]
        code, message = str(error["code"]), str(error["message"])
    except (ValueError, KeyError, TypeError, cbor2.CBORError):
        pass
    raise RequestRefusedError("the vault", message, status=response.status_code, code=code)


def _split(blobs: Iterable[Blob]) -> Iterator[list[dict[str, Any]]]:
    items: list[dict[str, Any]] = []
    size = 0
    for blob in blobs:
        blob_size = len(blob.blob) + _ITEM_OVERHEAD_SIZE
        if items and (len(items) == ITEMS_MAX or size + blob_size > REQUEST_SIZE_MAX):
            yield items
            items, size = [], 0
        items.append(blob.to_item())
        size += blob_size
    if items:
        yield items


def _integer(answer: Mapping[str, Any], key: str) -> int:
    value = answer.get(key)
    if not isinstance(value, int):
        raise DecodeError("vault answer", got=f"no {key}", expected="a count")
    return value
