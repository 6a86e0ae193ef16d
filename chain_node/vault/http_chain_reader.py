"""The chain over standard JSON-RPC, for a vault that runs alone. Source: the Ethereum JSON-RPC specification."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from chain_node.core.errors import UnavailableError
from chain_node.core.types import Address, Hash32
from chain_node.vault.api import ChainHead, ChainLog
from chain_node.vault.errors import CallRevertedError

_TIMEOUT_SECONDS = 10.0
_REVERTED = 3
"""Error code of a reverted call in every widespread node."""


class HTTPChainReader:
    """`ChainReader` over `eth_chainId`, `eth_getBlockByNumber`, `eth_call` and `eth_getLogs`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._client = httpx.Client(timeout=_TIMEOUT_SECONDS)

    def chain_id(self) -> int:
        """Chain id of the network."""
        return int(self._request("eth_chainId", []), 16)

    def head(self) -> ChainHead:
        """The newest block."""
        block = self._request("eth_getBlockByNumber", ["latest", False])
        return ChainHead(
            int(block["number"], 16), Hash32(bytes.fromhex(block["hash"][2:])), int(block["timestamp"], 16)
        )

    def call(self, to: Address, data: bytes) -> bytes:
        """Answer of a view function on the newest state."""
        call = {"to": f"0x{to.hex()}", "data": f"0x{data.hex()}"}
        return bytes.fromhex(self._request("eth_call", [call, "latest"])[2:])

    def logs(self, address: Address, topic: Hash32, from_number: int, to_number: int) -> Sequence[ChainLog]:
        """Events of one contract in a range of blocks."""
        entries = self._request(
            "eth_getLogs",
            [
                {
                    "address": f"0x{address.hex()}",
                    "topics": [f"0x{topic.hex()}"],
                    "fromBlock": hex(from_number),
                    "toBlock": hex(to_number),
                }
            ],
        )
        return [
            ChainLog(
                tuple(bytes.fromhex(one[2:]) for one in entry["topics"]),
                bytes.fromhex(entry["data"].removeprefix("0x")),
            )
            for entry in entries
        ]

    def _request(self, method: str, params: list[Any]) -> Any:
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        try:
            answer = self._client.post(self._url, json=body).json()
        except (httpx.HTTPError, ValueError) as error:
            raise UnavailableError(f"the chain at {self._url} ({type(error).__name__})") from error
        failure = answer.get("error")
        if failure is not None:
            if failure.get("code") == _REVERTED or "revert" in str(failure.get("message", "")):
                data = failure.get("data")
                raise CallRevertedError(bytes.fromhex(data[2:]) if isinstance(data, str) else b"")
            raise UnavailableError(f"{method} ({failure.get('message')})")
        if answer.get("result") is None:
            raise UnavailableError(f"{method} (no result)")
        return answer["result"]
