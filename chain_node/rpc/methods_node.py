"""Methods about the node itself, its pool and its peers. No I/O.

Nothing of `admin_` that changes the node: its operator has a command line.

Source: Ethereum execution-apis and EIP-1474 (eth, net, web3); geth (txpool, admin).
"""

from __future__ import annotations

from collections.abc import Callable

from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Height, Transaction
from chain_node.rpc.json_value import JsonObject, JsonValue
from chain_node.rpc.method import Call, Method
from chain_node.rpc.params import to_data, to_quantity
from chain_node.rpc.views import waiting_view


def _client_version(call: Call) -> JsonValue:
    return call.backend.node.client_version


def _sha3(call: Call) -> JsonValue:
    return to_data(keccak(call.params.data(0)))


def _net_version(call: Call) -> JsonValue:
    return str(call.backend.chain.chain_id)


def _peer_count(call: Call) -> JsonValue:
    return to_quantity(len(call.backend.consensus.peers()))


def _true(_call: Call) -> JsonValue:
    return True


def _syncing(call: Call) -> JsonValue:
    status = call.backend.status()
    if status.sync is None:
        return False
    head = to_quantity(status.head.number)
    return {"startingBlock": head, "currentBlock": head, "highestBlock": to_quantity(status.sync.target)}


def _no_accounts(_call: Call) -> JsonValue:
    return []


def _mining(call: Call) -> JsonValue:
    head = call.backend.chain.head()
    return call.backend.node.validator in call.backend.consensus.validators_of(Height(head.height + 1))


def _coinbase(call: Call) -> JsonValue:
    return to_data(call.backend.node.validator)


def _protocol_version(_call: Call) -> JsonValue:
    return "0x41"


def _zero(_call: Call) -> JsonValue:
    return "0x0"


def _pool_status(call: Call) -> JsonValue:
    pending, queued = call.backend.pool.content()
    return {
        "pending": to_quantity(sum(map(len, pending.values()))),
        "queued": to_quantity(sum(map(len, queued.values()))),
    }


def _pool_content(call: Call) -> JsonValue:
    return _describe_pool(call, waiting_view)


def _pool_inspect(call: Call) -> JsonValue:
    return _describe_pool(call, _inspect)


def _describe_pool(call: Call, describe: Callable[[Transaction], JsonValue]) -> JsonValue:
    pending, queued = call.backend.pool.content()

    def by_sender(side: dict[Address, list[Transaction]]) -> JsonObject:
        return {
            to_data(sender): {str(transaction.nonce): describe(transaction) for transaction in transactions}
            for sender, transactions in sorted(side.items())
        }

    return {"pending": by_sender(pending), "queued": by_sender(queued)}


def _pool_content_from(call: Call) -> JsonValue:
    sender = call.params.address(0)
    pending, queued = call.backend.pool.content()

    def by_nonce(side: dict[Address, list[Transaction]]) -> JsonObject:
        return {str(transaction.nonce): waiting_view(transaction) for transaction in side.get(sender, [])}

    return {"pending": by_nonce(pending), "queued": by_nonce(queued)}


def _admin_node_info(call: Call) -> JsonValue:
    node, status = call.backend.node, call.backend.status()
    host, _, port = (status.network.listen or "").rpartition(":")
    return {
        "id": to_data(node.validator),
        "name": node.client_version,
        "enode": "",
        "ip": host,
        "ports": {"discovery": 0, "listener": int(port or 0)},
        "listenAddr": status.network.listen or "",
        "protocols": {
            "qbft": {
                "network": status.chain_id,
                "genesis": to_data(node.genesis_hash),
                "head": status.head.hash,
                "number": to_quantity(status.head.number),
            }
        },
    }


def _admin_peers(call: Call) -> JsonValue:
    return [
        {
            "id": to_data(peer.tls_key_hash),
            "name": peer.client_version,
            "enode": "",
            "caps": [],
            "network": {"localAddress": "", "remoteAddress": peer.endpoint, "inbound": not peer.is_outbound},
            "protocols": {"qbft": {"number": to_quantity(peer.height)}},
        }
        for peer in call.backend.consensus.peers()
    ]


def _admin_data_directory(call: Call) -> JsonValue:
    return call.backend.status().disk.directory


def _inspect(transaction: Transaction) -> JsonValue:
    target = "contract creation" if transaction.to is None else to_data(transaction.to)
    return f"{target}: {transaction.value} wei + {transaction.gas} gas × {transaction.max_fee_per_gas} wei"


METHODS = {
    "web3_clientVersion": Method(_client_version),
    "web3_sha3": Method(_sha3),
    "net_version": Method(_net_version),
    "net_listening": Method(_true),
    "net_peerCount": Method(_peer_count),
    "eth_syncing": Method(_syncing),
    "eth_accounts": Method(_no_accounts),
    "eth_mining": Method(_mining),
    "eth_hashrate": Method(_zero),
    "eth_coinbase": Method(_coinbase),
    "eth_protocolVersion": Method(_protocol_version),
    "txpool_status": Method(_pool_status),
    "txpool_content": Method(_pool_content),
    "txpool_contentFrom": Method(_pool_content_from),
    "txpool_inspect": Method(_pool_inspect),
    "admin_nodeInfo": Method(_admin_node_info),
    "admin_peers": Method(_admin_peers),
    "admin_datadir": Method(_admin_data_directory),
}
