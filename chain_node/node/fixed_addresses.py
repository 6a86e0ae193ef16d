"""Addresses of the contracts in every Tranchain genesis; that of the Consortium is in `txpool/permission.py`.

Source: docs/protocol.md, 2.
"""

from chain_node.core.types import Address


def _fixed(number: str) -> Address:
    return Address(bytes.fromhex(number.zfill(40)))


ACCESS_MANAGER = _fixed("7c02")
CONTRACT_REGISTRY = _fixed("7c03")
CONSORTIUM_IMPLEMENTATION = _fixed("7c11")
CONTRACT_REGISTRY_IMPLEMENTATION = _fixed("7c13")
