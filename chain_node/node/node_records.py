"""The members' nodes, as the Consortium contract lists them at the head.

Source: docs/protocol.md, 3 (`nodes`).
"""

from __future__ import annotations

import structlog
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError

from chain_node.core.types import Address
from chain_node.execution import CallRequest
from chain_node.network.api import NodeRecord, TlsKeyHash
from chain_node.node.chain import Chain
from chain_node.node.consortium_reading import ConsortiumReading
from chain_node.rpc import ChainBlock
from chain_node.txpool import CONSORTIUM

_log = structlog.get_logger("network")
_NODES = bytes.fromhex("5db82fa0")
_CALL_GAS = 50_000_000
_ZERO_ADDRESS = Address(bytes(20))


class NodeRecords:
    """The newest records."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._listed = ConsortiumReading(chain, self._ask)
        self._records: tuple[NodeRecord, ...] = ()
        self.on_head(chain.head())

    def newest(self) -> tuple[NodeRecord, ...]:
        """By the last block given; the same tuple as long as nothing has changed."""
        return self._records

    def on_head(self, head: ChainBlock) -> None:
        """Read what a new head says. In the worker, because it may execute the contract."""
        records = self._listed.at(head)
        if records != self._records:
            self._records = records
            _log.info("node_records_changed", height=head.height, count=len(records))

    def _ask(self, head: ChainBlock) -> tuple[NodeRecord, ...]:
        """What the contract answers; nothing where it knows no nodes, as in networks founded before it did."""
        result = self._chain.call(head, CallRequest(to=CONSORTIUM, gas=_CALL_GAS, data=_NODES))
        if result.status == 0:
            return ()
        try:
            (nodes,) = decode(["(bytes32,address,uint32,string)[]"], result.return_data)
        except (DecodingError, OverflowError, UnicodeDecodeError):
            return ()
        records = [
            NodeRecord(
                tls_key_hash=TlsKeyHash(key),
                validator=_address_or_none(validator),
                organisation=organisation,
                endpoint=endpoint,
            )
            for key, validator, organisation, endpoint in nodes
        ]
        return tuple(sorted(records, key=lambda record: record.tls_key_hash))


def _address_or_none(text: str) -> Address | None:
    address = Address(bytes.fromhex(text[2:]))
    return None if address == _ZERO_ADDRESS else address
