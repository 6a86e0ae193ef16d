"""Block commits for tests of stores: small, different at every height, and recognisable."""

from chain_node.core.hashing import keccak
from chain_node.core.types import Address, Hash32, Height, StateChanges
from chain_node.storage import BlockCommit, StoreIdentity

IDENTITY = StoreIdentity(genesis_hash=Hash32(b"\x01" * 32), engine_name="some engine")


def address(number: int) -> Address:
    """An address above those of precompiled contracts."""
    return Address((0x1000 + number).to_bytes(20, "big"))


def make_commit(height: int, *, node_count: int = 5, node_size_bytes: int = 100) -> BlockCommit:
    nodes = {keccak(b"node %d %d" % (height, i)): bytes((i % 256,)) * node_size_bytes for i in range(node_count)}
    return BlockCommit(
        height=Height(height),
        block_hash=keccak(b"block %d" % height),
        block=b"block bytes %d" % height,
        receipts=[b"receipt %d %d" % (height, i) for i in range(3)],
        transaction_hashes=[keccak(b"transaction %d %d" % (height, i)) for i in range(3)],
        changes=StateChanges(nodes=nodes, codes={keccak(b"code %d" % height): b"code %d" % height}),
        logs_bloom=height.to_bytes(256, "big"),
        log_addresses=[address(height % 3), address(100)],
    )
