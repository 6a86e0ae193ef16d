"""Agreement on the next block. Pure: no clock, socket, disk, thread or random source.

Imports `chain_node.core` only. The one protocol is QBFT, in `qbft/`.
"""
