"""What every part of the node agrees on: types, encodings, hashes, genesis, errors, limits.

No I/O: this package knows no clock, socket, disk, thread or random source, and imports nothing of the
rest of the node. Start with `types.py` (the words), then `codec.py` (their bytes) and `genesis.py` (the
parameters of one network). The hash of a block is a rule of consensus and lives there, not here.
"""
