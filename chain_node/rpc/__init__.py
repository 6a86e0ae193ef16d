"""JSON-RPC over HTTP and WebSocket, as Ethereum tools expect it.

`dispatcher.py` is pure over the seams of `queries.py`: bytes in, bytes out; methods are plain functions in tables
(`methods_*.py`). `http_app.py` and `websocket.py` put it on the network as an ASGI application. Hex strings exist in
this package and in config only. May import `txpool`, `execution`, `core`. Start reading with `dispatcher.py`.
"""

from chain_node.rpc.block_receipts import BlockReceipts
from chain_node.rpc.chain_block import ChainBlock, ReceiptsOf
from chain_node.rpc.dispatcher import METHODS, Dispatcher
from chain_node.rpc.http_app import HTTPOptions, Readiness, RPCApp
from chain_node.rpc.queries import (
    Backend,
    BlockFinality,
    ChainQueries,
    ConsensusQueries,
    Evidence,
    Limits,
    NextBlock,
    NodeInfo,
    Peer,
    TransactionIntake,
)
from chain_node.rpc.subscriptions import SubscriptionHub

__all__ = [
    "METHODS",
    "Backend",
    "BlockFinality",
    "BlockReceipts",
    "ChainBlock",
    "ChainQueries",
    "ConsensusQueries",
    "Dispatcher",
    "Evidence",
    "HTTPOptions",
    "Limits",
    "NextBlock",
    "NodeInfo",
    "Peer",
    "RPCApp",
    "Readiness",
    "ReceiptsOf",
    "SubscriptionHub",
    "TransactionIntake",
]
