"""The vault over HTTP: a Starlette application, embedded in the node's server or served alone.

Source: docs/protocol.md, 9. Logs name the call, the account, counts and the refusal; never a blob or a hash.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import cbor2
import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from chain_node.core.errors import ChainError, UnavailableError
from chain_node.core.types import Address
from chain_node.vault.api import ChainReader
from chain_node.vault.blob_store import BlobStore
from chain_node.vault.confirmations import Confirmation, confirm_purge, confirm_records
from chain_node.vault.errors import VaultError, bad_request
from chain_node.vault.items import parse_confirmations, parse_get, parse_purge, parse_put, parse_receipts
from chain_node.vault.limits import (
    BODY_SIZE_BYTES_MAX,
    BODY_TIMEOUT_SECONDS,
    FOLLOW_INTERVAL_SECONDS,
    REQUESTS_AT_ONCE_MAX,
)
from chain_node.vault.lots import make_lot
from chain_node.vault.signed_request import parse_claim
from chain_node.vault.typed_data import DeletionReceipt, PurgeReceipt
from chain_node.vault.vault import Caller, Vault, as_ethereum

VERSION = "1"
_log = structlog.get_logger("vault")

Call = Callable[[Vault, Caller, bytes], tuple[dict[str, Any], dict[str, int]]]
"""A call of the vault: its CBOR answer, and the counts that may be logged."""


def create_app(store: BlobStore, chain: ChainReader, vault_key: bytes, registry: Address) -> Starlette:
    """Application of one vault; `vault_key` is the 32-byte secp256k1 key that signs deletion receipts.

    Its lifespan follows the chain's revocations. A server that mounts it inside another application (whose lifespan
    does not reach it) runs `follow_forever(app.state.vault)` as a task instead. The store stays the caller's to close.

    Raises:
        UnavailableError: the chain does not answer.
        ConfigError: the store belongs to another network.
    """
    vault = Vault(store, chain, vault_key, registry)
    app = Starlette(routes=vault_routes(vault), lifespan=_lifespan)
    app.state.vault = vault
    return app


def vault_routes(vault: Vault) -> list[Route]:
    """Routes of one vault, for a server that has its own application."""
    gate = asyncio.Semaphore(REQUESTS_AT_ONCE_MAX)

    async def info(_: Request) -> Response:
        return JSONResponse(
            {
                "vault_id": f"0x{vault.vault_id.hex()}",
                "chain_id": vault.chain_id,
                "registry": f"0x{vault.registry.hex()}",
                "address": f"0x{vault.address.hex()}",
                "version": VERSION,
            }
        )

    def signed(name: str, call: Call) -> Route:
        return Route(f"/vault/v1/{name}", _endpoint(vault, gate, call), methods=["POST"], name=f"vault_{name}")

    return [
        Route("/vault/v1/info", info, methods=["GET"], name="vault_info"),
        signed("put", _put),
        signed("get", _get),
        signed("purge", _purge),
        signed("receipts", _receipts),
        signed("confirmations", _confirmations),
    ]


async def follow_forever(vault: Vault) -> None:
    """Carry out revocations as the chain grows, until cancelled."""
    while True:
        try:
            deleted = await run_in_threadpool(vault.follow)
            if deleted:
                _log.info("vault_records_deleted", count=deleted)
        except ChainError as error:
            # the chain is away, has no contracts yet, or the disk is full: what was missed is done at the next look
            _log.debug("vault_follow_waits", reason=str(error))
        await asyncio.sleep(FOLLOW_INTERVAL_SECONDS)


@contextlib.asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    task = asyncio.create_task(follow_forever(app.state.vault))
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def _endpoint(vault: Vault, gate: asyncio.Semaphore, call: Call) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        path = request.url.path
        account = request.headers.get("x-tranchain-account", "")[:42]
        try:
            now = int(time.time())
            claim = parse_claim(request.headers, now)
            await run_in_threadpool(vault.check_enrolled, claim.account)
            async with gate:
                body = await _read_body(request)
                answer, counts = await run_in_threadpool(
                    _run, vault, call, lambda: vault.admit(claim, path, body, now), body
                )
        except VaultError as error:
            _log.warning("vault_refused", path=path, account=account, code=error.code)
            return _error(error.status, error.code, error.message)
        except UnavailableError as error:
            _log.warning("vault_unavailable", path=path, account=account, reason=str(error))
            return _error(503, "chain_unavailable", f"{error}; try again")
        _log.info("vault_call", path=path, account=account, **counts)
        return Response(answer, media_type="application/cbor")

    return endpoint


def _run(vault: Vault, call: Call, admit: Callable[[], Caller], body: bytes) -> tuple[bytes, dict[str, int]]:
    answer, counts = call(vault, admit(), body)
    return cbor2.dumps(answer), counts


async def _read_body(request: Request) -> bytes:
    """The whole body, refused as soon as it is too large or comes too slowly."""
    parts: list[bytes] = []
    size_bytes = 0
    try:
        async with asyncio.timeout(BODY_TIMEOUT_SECONDS):
            async for part in request.stream():
                size_bytes += len(part)
                if size_bytes > BODY_SIZE_BYTES_MAX:
                    raise VaultError(413, "too_large", f"body: expected at most {BODY_SIZE_BYTES_MAX} bytes; send less")
                parts.append(part)
    except TimeoutError as error:
        raise VaultError(408, "too_slow", f"the body did not come within {BODY_TIMEOUT_SECONDS} s") from error
    except ClientDisconnect as error:
        raise bad_request("the connection ended before the body") from error
    return b"".join(parts)


def _put(vault: Vault, caller: Caller, body: bytes) -> tuple[dict[str, Any], dict[str, int]]:
    items, signature = parse_put(body)
    stored, present = vault.put(caller, items, make_lot(caller.account, signature, items))
    return {"stored": stored, "present": present}, {"stored": stored, "present": present}


def _get(vault: Vault, caller: Caller, body: bytes) -> tuple[dict[str, Any], dict[str, int]]:
    found = vault.get(caller, parse_get(body))
    answer = {"blobs": [one.blob for one in found], "reasons": [one.reason for one in found]}
    return answer, {"asked": len(found), "served": sum(one.blob is not None for one in found)}


def _purge(vault: Vault, caller: Caller, body: bytes) -> tuple[dict[str, Any], dict[str, int]]:
    pack = parse_purge(body)
    purged = vault.purge(caller, body)
    return {"purged": purged}, {"pack": pack, "purged": purged}


def _receipts(vault: Vault, caller: Caller, body: bytes) -> tuple[dict[str, Any], dict[str, int]]:
    root, indices = parse_receipts(body)
    answers = [_fields_of(signed) for signed in vault.receipts(caller, root, indices)]
    return {"receipts": answers}, {"asked": len(answers), "signed": sum(one is not None for one in answers)}


def _confirmations(vault: Vault, caller: Caller, body: bytes) -> tuple[dict[str, Any], dict[str, int]]:
    asked = parse_confirmations(body)
    found = confirm_purge(vault, caller, asked) if isinstance(asked, int) else confirm_records(vault, caller, *asked)
    confirmed = sum(None not in one.receipts for one in found)
    return {"vaults": [_fields_of_vault(one) for one in found]}, {"vaults": len(found), "confirmed": confirmed}


def _fields_of_vault(one: Confirmation) -> dict[str, Any]:
    node, binding = one.node, one.binding
    return {
        "node": None if node is None else node.tls_key_hash,
        "organisation": 0 if node is None else node.organisation,
        "endpoint": "" if node is None else node.endpoint,
        "vault": one.vault,
        "binding": None
        if binding is None
        else {
            "node_key": binding.node_key,
            "node_signature": binding.node_signature,
            "vault_signature": as_ethereum(binding.vault_signature),
        },
        "receipts": [_fields_of(signed) for signed in one.receipts],
    }


def _fields_of(signed: tuple[DeletionReceipt | PurgeReceipt, bytes] | None) -> dict[str, Any] | None:
    if signed is None:
        return None
    receipt, signature = signed
    if isinstance(receipt, PurgeReceipt):
        return {"count": receipt.count, "purged_at": receipt.purged_at, "signature": signature}
    return {"blob_hash": receipt.blob_hash, "deleted_at": receipt.deleted_at, "signature": signature}


def _error(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse({"error": {"code": code, "message": message}}, status_code=status)
