from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cbor2
import httpx
import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_utils import keccak
from starlette.applications import Starlette

from chain_node.core.types import Address
from chain_node.vault.app import create_app
from chain_node.vault.blob_store import BlobStore
from tests.unit.vault.memory_chain import REGISTRY, MemoryAccount, MemoryChain

VAULT_KEY = bytes([7]) * 32
_nonces = itertools.count(1)
_REQUEST_TYPES = {
    "Request": [
        {"name": "account", "type": "address"},
        {"name": "service", "type": "bytes32"},
        {"name": "path", "type": "string"},
        {"name": "bodyHash", "type": "bytes32"},
        {"name": "nonce", "type": "uint256"},
        {"name": "deadline", "type": "uint256"},
    ]
}
_LOT_TYPES = {"Lot": [{"name": "account", "type": "address"}, {"name": "itemsHash", "type": "bytes32"}]}


def _signed_fields(item: dict[str, Any]) -> list[Any]:
    blob_hash = keccak(item["blob"])
    if item["kind"] == "record":
        return [0, item["batch_root"], item["index"], blob_hash]
    return [1, item["pack"], sorted(set(item["readers"])), sorted(set(item["roles"])), blob_hash]


@dataclass
class Client:
    """Plain calls of an ASGI application without a socket."""

    app: Starlette

    def get(self, path: str) -> httpx.Response:
        return self._request("GET", path)

    def post(self, path: str, *, content: bytes, headers: Any) -> httpx.Response:
        return self._request("POST", path, content=content, headers=headers)

    def _request(self, method: str, path: str, **options: Any) -> httpx.Response:
        async def request() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://vault") as client:
                return await client.request(method, path, **options)

        return asyncio.run(request())


@dataclass
class Party:
    """A member with its own key, signing as any Ethereum wallet would."""

    signer: LocalAccount
    client: Client
    service: bytes
    chain_id: int = 170919
    registry: bytes = field(default=REGISTRY)

    @property
    def address(self) -> Address:
        return Address(bytes.fromhex(self.signer.address[2:]))

    @property
    def domain(self) -> dict[str, Any]:
        return {
            "name": "Tranchain Vault",
            "version": "1",
            "chainId": self.chain_id,
            "verifyingContract": f"0x{self.registry.hex()}",
        }

    def headers(
        self, path: str, body: bytes, *, nonce: int | None = None, deadline: int | None = None
    ) -> dict[str, str]:
        message = {
            "account": self.signer.address,
            "service": self.service,
            "path": path,
            "bodyHash": keccak(body),
            "nonce": next(_nonces) if nonce is None else nonce,
            "deadline": int(time.time()) + 60 if deadline is None else deadline,
        }
        signature = self.signer.sign_typed_data(self.domain, _REQUEST_TYPES, message).signature
        return {
            "X-Tranchain-Account": self.signer.address,
            "X-Tranchain-Nonce": str(message["nonce"]),
            "X-Tranchain-Deadline": str(message["deadline"]),
            "X-Tranchain-Signature": f"0x{signature.hex().removeprefix('0x')}",
        }

    def sign_lot(self, items: list[dict[str, Any]]) -> bytes:
        """Signature over items of a put."""
        digests = b"".join(keccak(cbor2.dumps(_signed_fields(item), canonical=True)) for item in items)
        message = {"account": self.signer.address, "itemsHash": keccak(digests)}
        return bytes(self.signer.sign_typed_data(self.domain, _LOT_TYPES, message).signature)

    def post(self, call: str, fields: Any, **options: int) -> Any:
        """The raw response of a signed call; well-formed items of a put are signed as a lot."""
        path = f"/vault/v1/{call}"
        if call == "put" and isinstance(fields, dict) and "signature" not in fields:
            with contextlib.suppress(TypeError, KeyError, AttributeError):
                fields = {**fields, "signature": self.sign_lot(fields["items"])}
        body = fields if isinstance(fields, bytes) else cbor2.dumps(fields)
        return self.client.post(path, content=body, headers=self.headers(path, body, **options))

    def ask(self, call: str, fields: Any) -> Any:
        """The decoded answer of a signed call that must succeed."""
        response = self.post(call, fields)
        assert response.status_code == 200, response.text
        return cbor2.loads(response.content)


@dataclass
class World:
    chain: MemoryChain
    store: BlobStore
    client: Client
    app: Any
    parties: dict[str, Party]

    def __getattr__(self, name: str) -> Party:
        return self.parties[name]


ROLES = {
    "bureau": (1, 1),
    "other_bureau": (5, 1),
    "originator": (4, 2),
    "risk": (3, 3),
    "trustee": (2, 7),
    "auditor": (1, 8),
    "regulator": (6, 12),
    "exchange": (2, 6),
}


@pytest.fixture
def data_directory(tmp_path: Path) -> Path:
    return tmp_path / "vault"


@pytest.fixture
def world(data_directory: Path) -> Iterator[World]:
    chain = MemoryChain()
    store = BlobStore(data_directory)
    app = create_app(store, chain, VAULT_KEY, REGISTRY)
    client = Client(app)
    parties = {}
    for number, (name, (organisation, role)) in enumerate(ROLES.items(), start=1):
        party = Party(Account.from_key(number.to_bytes(32, "big")), client, app.state.vault.vault_id)
        chain.accounts[party.address] = MemoryAccount(organisation, (role,))
        parties[name] = party
    parties["stranger"] = Party(Account.from_key(b"\x55" * 32), client, app.state.vault.vault_id)
    yield World(chain, store, client, app, parties)
    store.close()
