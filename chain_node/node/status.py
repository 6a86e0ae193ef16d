"""What `tranchain-node status` shows, asked of a running node over its RPC."""

from __future__ import annotations

from typing import Any

import httpx

from chain_node.core.errors import UnavailableError

_TIMEOUT_SECONDS = 10
_CALLS: tuple[tuple[str, list[str]], ...] = (
    ("tranchain_nodeInfo", []),
    ("tranchain_getFinality", ["latest"]),
    ("qbft_getValidatorsByBlockNumber", ["latest"]),
    ("txpool_status", []),
    ("eth_getBlockByNumber", ["latest"]),
)


def read_status(url: str) -> dict[str, Any]:
    """Ask a node for its state.

    Raises:
        UnavailableError: nothing answers there, or not a node of ours.
    """
    batch = [
        {"jsonrpc": "2.0", "id": index, "method": method, "params": params}
        for index, (method, params) in enumerate(_CALLS)
    ]
    try:
        answers = httpx.post(url, json=batch, timeout=_TIMEOUT_SECONDS).raise_for_status().json()
        info, finality, validators, pool, block = (answer["result"] for answer in answers)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
        raise UnavailableError(f"a Tranchain node at {url} ({type(error).__name__})") from error
    return {
        "client": info["clientVersion"],
        "chain id": info["chainId"],
        "genesis": info["genesisHash"],
        "head": int(block["number"], 16),
        "head hash": block["hash"],
        "head timestamp": int(block["timestamp"], 16),
        "finality": f"{finality['finality']} ({len(finality['signers'])} of {finality['validatorCount']} seals)",
        "validators": validators,
        "this validator": f"{info['validator']} ({'in' if info['isValidator'] else 'not in'} the set)",
        "pool": f"{int(pool['pending'], 16)} pending, {int(pool['queued'], 16)} queued",
        "engine": info["engine"],
        "vault": info["vaultId"] or "none",
    }
