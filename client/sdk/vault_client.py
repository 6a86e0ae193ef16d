"""The vaults as roles see them: blobs by hash over signed requests, one vault or several that replicate.

Start with `VaultClient`. Source: docs/protocol.md, 9 and 11.
"""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from eth_account.signers.local import LocalAccount

from client.sdk import signing
from client.sdk.ahead import ahead
from client.sdk.errors import ConfigError, DecodeError, RefusedError, TamperedError, UnavailableError
from client.sdk.hashing import address_bytes, keccak
from client.sdk.lot import lot_digest
from client.sdk.role import Role
from client.sdk.vault_confirmation import VaultConfirmation, decode_confirmations
from client.sdk.vault_endpoint import VaultEndpoint, VaultInfo

ITEMS_MAX = 10_000
REQUEST_SIZE_MAX = 64 * 2**20
"""Bytes of one request as the vault accepts them."""

_ITEM_OVERHEAD_SIZE = 1_200
"""Room for an item's other fields: 16 readers, roles, names."""
_GET_COUNT_DEFAULT = 2_500
_ATTEMPTS = 5
_PATIENCE_S = (0.1, 0.2, 0.4, 0.8, 1.5)
"""Waits for a blob that is on its way from another vault."""
_PERHAPS_ELSEWHERE = ("unknown", "unpublished", "tampered")
"""Reasons that another vault may not have, and this one not for long."""
_ASK_AGAIN = "answer_full"

Answer = TypeVar("Answer")


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
    """One account's connection to one vault, or to several that replicate. Use it from one thread at a time.

    Calls go to the first vault that answers. Blobs that it does not have are asked of the next ones, and waited for a
    little: replication may be bringing them.
    """

    def __init__(self, urls: str, account: LocalAccount, *, chain_id: int, registry: str, timeout_s: float = 60.0):
        """Use the vaults at these comma-separated URLs (scheme, host, port), all of one network; sends nothing yet."""
        self._account, self._chain_id, self._registry = account, chain_id, registry
        self._endpoints = [
            VaultEndpoint(url.strip(), account, chain_id=chain_id, registry=registry, timeout_s=timeout_s)
            for url in urls.split(",")
            if url.strip()
        ]
        if not self._endpoints:
            raise ConfigError("vault URL", got="nothing", expected="http:// or https://")
        self._jitter = random.Random()  # noqa: S311  # spreads retries; nothing secret

    @property
    def info(self) -> VaultInfo:
        """Which vault the first one is that answers; RefusedError when it serves another chain or registry."""
        return self._first(lambda endpoint: endpoint.info)

    def put(self, blobs: Iterable[Blob]) -> PutResult:
        """Store blobs, in as many requests as the limits ask. Storing the same blob again is harmless."""
        stored = present = 0
        for items in _split(blobs):
            answer = self._ask("put", {"items": items, "signature": self._sign_lot(items)})
            stored += _integer(answer, "stored")
            present += _integer(answer, "present")
        return PutResult(stored=stored, present=present)

    def fetch(self, hashes: Sequence[bytes], *, per_request: int = _GET_COUNT_DEFAULT) -> Iterator[Fetched]:
        """Yield the answer for each hash in order; TamperedError for a blob that does not have its hash."""
        waits = iter(_PATIENCE_S)
        for start in range(0, len(hashes), min(per_request, ITEMS_MAX)):
            part = list(hashes[start : start + min(per_request, ITEMS_MAX)])
            found = self._fetch_somewhere(part, waits)
            yield from (found[blob_hash] for blob_hash in part)

    def get(self, blob_hash: bytes) -> bytes:
        """Return one blob; RefusedError with the vault's reason when it gives none."""
        return self.get_all([blob_hash])[0]

    def get_all(self, hashes: Sequence[bytes]) -> list[bytes]:
        """Return all blobs; RefusedError with the vault's reason for the first that it does not give."""
        return [_given(fetched) for fetched in self.fetch(hashes)]

    def stream(self, hashes: Sequence[bytes], *, per_request: int = _GET_COUNT_DEFAULT) -> Iterator[bytes]:
        """Yield all blobs in order, the next request under way while those of the last one are worked on.

        At most two answers of `per_request` blobs are in memory. Use no other method before it has ended.

        Raises:
            RefusedError: the vault's reason for the first blob that it does not give.
        """
        size = min(per_request, ITEMS_MAX)
        parts = (self.get_all(hashes[start : start + size]) for start in range(0, len(hashes), size))
        for blobs in ahead(parts):
            yield from blobs

    def purge(self, pack: int) -> int:
        """Have the blobs of a withdrawn or closed pack deleted; returns how many were at the vault that was asked."""
        return _integer(self._ask("purge", {"pack": pack}), "purged")

    def confirm_records(self, batch_root: bytes, indices: Sequence[int]) -> list[VaultConfirmation]:
        """Return what every vault says of records that were taken back; nothing of it is verified yet."""
        answer = self._ask("confirmations", {"batch_root": batch_root, "indices": list(indices)})
        return decode_confirmations(answer, count=len(indices))

    def confirm_purge(self, pack: int) -> list[VaultConfirmation]:
        """Return what every vault says of a purged pack; nothing of it is verified yet."""
        return decode_confirmations(self._ask("confirmations", {"pack": pack}), count=1)

    def close(self) -> None:
        """Close the connections."""
        for endpoint in self._endpoints:
            endpoint.close()

    def __enter__(self) -> "VaultClient":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _sign_lot(self, items: Sequence[Mapping[str, Any]]) -> bytes:
        """Sign what a put brings, so that every vault that is handed a copy can check whose it is."""
        digest = lot_digest(self._account.address, items, chain_id=self._chain_id, registry=self._registry)
        return signing.sign_digest(self._account, digest)

    def _fetch_somewhere(self, hashes: Sequence[bytes], waits: Iterator[float]) -> dict[bytes, Fetched]:
        """Ask one vault after the other, and all again after each wait, while something is missing that may come."""
        found: dict[bytes, Fetched] = {}
        while True:
            for endpoint in self._endpoints:
                wanted = [each for each in hashes if each not in found or _may_come(found[each])]
                if not wanted:
                    return found
                try:
                    found |= _get(endpoint, wanted)
                except UnavailableError:
                    continue
            wanted = [each for each in hashes if each not in found or _may_come(found[each])]
            wait = next(waits, None) if wanted else None
            if wait is None:
                break
            time.sleep(wait * self._jitter.uniform(0.9, 1.1))
        if len(found) < len(set(hashes)):
            found |= self._first(lambda endpoint: _get(endpoint, [each for each in hashes if each not in found]))
        return found

    def _ask(self, call: str, request: Mapping[str, Any]) -> dict[str, Any]:
        return self._first(lambda endpoint: endpoint.ask(call, request))

    def _first(self, ask: Callable[[VaultEndpoint], Answer]) -> Answer:
        """Return the answer of the first vault that gives one, each call signed anew; refusals are final."""
        failure = UnavailableError("the vault", "not asked")
        for number in range(1, _ATTEMPTS + 1):
            for endpoint in self._endpoints:
                try:
                    return ask(endpoint)
                except UnavailableError as error:
                    failure = error
            if number < _ATTEMPTS:
                time.sleep(0.1 * 2**number * self._jitter.uniform(0.5, 1.5))
        raise failure


def _get(endpoint: VaultEndpoint, hashes: Sequence[bytes]) -> dict[bytes, Fetched]:
    """Return one vault's answer for each hash."""
    found: dict[bytes, Fetched] = {}
    part = list(hashes)
    while part:
        answer = endpoint.ask("get", {"hashes": part})
        blobs, reasons = answer.get("blobs"), answer.get("reasons")
        if not (isinstance(blobs, list) and isinstance(reasons, list) and len(blobs) == len(reasons) == len(part)):
            raise DecodeError("vault answer", got="another shape", expected="one blob or reason for each hash")
        for blob_hash, blob, reason in zip(part, blobs, reasons, strict=True):
            if blob is not None and (not isinstance(blob, bytes) or keccak(blob) != blob_hash):
                raise TamperedError(f"blob {blob_hash.hex()[:16]}…", got="other bytes", expected="the committed ones")
            found[blob_hash] = Fetched(blob_hash=blob_hash, blob=blob, reason=None if blob is not None else str(reason))
        full = [each for each in part if (found[each].reason or "").startswith(_ASK_AGAIN)]
        if len(full) == len(part):
            break  # not even one fits
        part = full
    return found


def _given(fetched: Fetched) -> bytes:
    if fetched.blob is None:
        raise RefusedError("the vault", f"blob {fetched.blob_hash.hex()[:16]}…: {fetched.reason}")
    return fetched.blob


def _may_come(fetched: Fetched) -> bool:
    return fetched.reason is not None and fetched.reason.startswith(_PERHAPS_ELSEWHERE)


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
